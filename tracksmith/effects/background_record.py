"""Among what effects are ranked: read from an option, recorded in the plan of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tracksmith.effects.background_file import read_background
from tracksmith.errors import InputError, UsageError
from tracksmith.genome.aliases import ContigNames, read_aliases
from tracksmith.genome.bed import read_bed
from tracksmith.genome.contigs import Contigs
from tracksmith.genome.fasta import Notify
from tracksmith.genome.start_sites import read_start_sites
from tracksmith.genome.vcf import VariantFile
from tracksmith.runs.codec import decode, encode
from tracksmith.runs.record import FileRecord, PlanRecord
from tracksmith.runs.request import Request

__all__ = [
    "BACKGROUND",
    "FILE",
    "MATCHED",
    "REGIONS",
    "VARIANTS",
    "BackgroundRecord",
    "background_asked",
    "background_details",
    "background_of",
]

BACKGROUND = "background"
"""Under which name a plan keeps the record, and a run remembers where the file is."""

REGIONS, VARIANTS, MATCHED, FILE = "regions", "variants", "matched", "file"
MOST, MOST_MATCHED = 10_000, 1_000
"""Random SNVs of a BED file and variants of a VCF; random SNVs of each class of matched ones."""

_VARIANT_FILES = (".vcf", ".vcf.gz", ".vcf.bgz", ".bcf")


@dataclass(frozen=True)
class BackgroundRecord:
    """A background that is made from a file: its kind, what it is in words, the file.

    ``size`` is how many variants are drawn, in each class of matched ones; 0: it is made already.
    """

    kind: str
    text: str
    file: FileRecord
    size: int


# decision: background-of-its-kind (most of a genome does nothing)
def background_asked(
    request: Request, contigs: Contigs, notify: Notify
) -> tuple[BackgroundRecord | None, Path | None]:
    """Return the record of a background from a file, and where the file is; None for a number.

    The file is read, so that what is wrong with it shows before anything is scored.

    Raises
    ------
    UsageError, InputError
        There is no such file, or it is no background, BED, VCF or annotation of this genome.
    """
    choice = request.background
    if isinstance(choice, int):
        return None, None
    word, equals, rest = choice.partition("=")
    path = Path(rest) if word == MATCHED and equals else Path(choice)
    if not path.is_file():
        raise UsageError(
            f"--background {choice}: give a number of random SNVs, a BED or VCF file, "
            "matched=FILE with start sites (GTF, GFF3 or BED), or the .ranks of an earlier run."
        )
    aliases = read_aliases(request.alias, contigs) if request.alias else None
    names = ContigNames(contigs, str(path), notify, aliases)
    size = request.background_size
    name, low = path.name, path.name.lower()
    if word == MATCHED and equals:
        read_start_sites(path, contigs, request.alias)
        size = MOST_MATCHED if size is None else size
        text = (
            f"{size:,} random SNVs of the same class (distance to the nearest start site of "
            f"{name}, and GC of the window)"
        )
        return BackgroundRecord(MATCHED, text, FileRecord.of(path), size), path
    if low.endswith(".ranks"):
        about = read_background(path).about
        if not about:
            raise InputError(f"--background {path}: it does not say what it was made from.")
        return BackgroundRecord(FILE, str(about["among"]), FileRecord.of(path), 0), path
    size = MOST if size is None else size
    if low.endswith(_VARIANT_FILES):
        with VariantFile(path) as file:
            names.declare(file.header.contigs)
        text = f"the variants of {name} (up to {size:,} of its records, evenly spaced)"
        return BackgroundRecord(VARIANTS, text, FileRecord.of(path), size), path
    read_bed(path, contigs, notify, request.alias, clip=request.clip)
    text = f"{size:,} random SNVs within {name}"
    return BackgroundRecord(REGIONS, text, FileRecord.of(path), size), path


def background_details(record: BackgroundRecord | None) -> Mapping[str, Any]:
    """Return a record as a plan keeps it."""
    return {} if record is None else {BACKGROUND: encode(record)}


def background_of(plan: PlanRecord) -> BackgroundRecord | None:
    """Return the record that a plan keeps, None where effects are ranked otherwise."""
    value = plan.details.get(BACKGROUND)
    return None if value is None else decode(BackgroundRecord, value, "run.json: background")
