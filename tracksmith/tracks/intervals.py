"""Values over intervals of any width, instead of bins: reading a bigWig over them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyBigWig
from numpy.typing import NDArray

from tracksmith.errors import InputError
from tracksmith.genome.contigs import Contigs, check_lengths
from tracksmith.genome.fasta import Notify, silent

__all__ = ["sum_over_intervals"]


def sum_over_intervals(
    path: Path,
    contigs: Contigs,
    contig: NDArray[np.int64],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    notify: Notify = silent,
) -> NDArray[np.float64]:
    """Return the sum of a bigWig's values over each interval; bases without value count 0.

    Parameters
    ----------
    contig, starts, ends
        int64, shape (intervals,): contig numbers; bp, 0-based half-open.
    notify
        Is told of contigs that the file does not have.

    Returns
    -------
    sums : float64, shape (intervals,)

    Raises
    ------
    InputError
        The file is missing, no bigWig, of another assembly, or has a negative
        or infinite value in an interval.
    """
    file = _open(path)
    try:
        names = _names(file, path, contigs)
        absent = [contigs.names[n] for n in np.unique(contig) if int(n) not in names]
        if absent:
            notify(f"{path} has no contig {', '.join(absent[:5])}: intervals there sum to 0.")
        sums = np.zeros(len(starts))
        for row in np.flatnonzero(np.isin(contig, list(names))):
            span = int(starts[row]), int(ends[row])
            values = file.values(names[int(contig[row])], *span, numpy=True)
            values = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=np.inf)
            if not np.all((values >= 0) & (values < np.inf)):
                wrong = span[0] + int(np.argmin((values >= 0) & (values < np.inf)))
                raise InputError(
                    f"{path} holds {values[wrong - span[0]]:g} at "
                    f"{names[int(contig[row])]}:{wrong + 1:,}; a signal is never negative or "
                    "infinite. Give coverage or counts, not a logarithm or a ratio."
                )
            sums[row] = values.sum()
        return sums
    finally:
        file.close()


def _open(path: Path) -> Any:
    if not path.is_file():
        raise InputError(f"{path} does not exist (that is {path.absolute()}).")
    try:
        file = pyBigWig.open(str(path))
    except RuntimeError as error:
        raise InputError(f"{path} is no bigWig file: {error}.") from None
    if not file.isBigWig():
        file.close()
        raise InputError(f"{path} is a bigBed file; a bigWig is needed.")
    return file


def _names(file: Any, path: Path, contigs: Contigs) -> dict[int, str]:
    """Return the file's own name of every contig that it shares with the genome."""
    declared = {name: int(length) for name, length in file.chroms().items()}
    resolved = {name: contigs.resolve(name, length) for name, length in declared.items()}
    own = {target: name for name, target in resolved.items() if target is not None}
    check_lengths(
        {target: declared[name] for target, name in own.items()} or declared, contigs, str(path)
    )
    return {contigs.index(target): name for target, name in own.items()}
