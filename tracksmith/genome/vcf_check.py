"""A second reader for a finished VCF: cyvcf2, in a process of its own.

cyvcf2 ends the interpreter on some malformed columns, which an annotated VCF
keeps as its source had them. In a process of its own that is an answer.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tracksmith.errors import TracksmithError
from tracksmith.genome.fasta import Notify, silent

__all__ = ["verify_vcf"]

_READER = """
import json, sys
from cyvcf2 import VCF
path, *keys = sys.argv[1:]
records, annotated = 0, dict.fromkeys(keys, 0)
for record in VCF(path, gts012=False, lazy=True):
    records += 1
    for key in keys:
        annotated[key] += record.INFO.get(key) is not None
print(json.dumps([records, annotated]))
"""


def verify_vcf(
    path: Path, records: int, annotated: dict[str, int], notify: Notify = silent
) -> bool:
    """Read a finished VCF with cyvcf2 and compare what is in it with what was written.

    Parameters
    ----------
    path
        The bgzipped VCF.
    records
        Records written.
    annotated
        By INFO key: how many records were given a value.

    Returns
    -------
    verified
        False where cyvcf2 cannot read the file, as it could not read the
        source either; ``notify`` is told.

    Raises
    ------
    TracksmithError
        Another number of records or annotations reads back.
    """
    counts = _read(path, list(annotated))
    if counts is None:
        notify(
            f"{path} was written whole, but htslib cannot read it: columns that were kept as they "
            "are in the source are malformed. bcftools and others will refuse it."
        )
        return False
    if counts != (records, annotated):
        raise TracksmithError(
            f"{path} does not read back as it was written: {counts[0]} records instead of "
            f"{records}, annotations {counts[1]} instead of {annotated}."
        )
    return True


def _read(path: Path, keys: Sequence[str]) -> tuple[int, dict[str, int]] | None:
    command = [sys.executable, "-c", _READER, str(path), *keys]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return None
    records, annotated = json.loads(done.stdout.splitlines()[-1])
    return records, annotated
