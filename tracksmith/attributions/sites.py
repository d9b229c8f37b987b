"""Stretches of letters that stand out, named by the motifs that they match."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from tracksmith.errors import InputError

__all__ = ["MARGIN", "MOST_E", "Motifs", "Site", "read_motifs", "sites_of"]

MARGIN = 1.0
"""A name needs a p-value so many powers of ten below that of the next motif of another name."""

MOST_E = 0.02
"""A name needs a p-value, times the number of motifs, of at most so much."""

FEWEST = 60
"""Motifs and decoys that stretches are matched to: fewer give p-values that say little."""

THRESHOLD = 0.01
"""Largest p-value of a stretch, as tangermeme's recursive seqlets count it."""

LONGEST_NAME = 200

ROUNDED = 0.05
"""How far from 1 the probabilities of a position may add up: files hold few digits."""


@dataclass(frozen=True)
class Motifs:
    """Motifs by name, with decoys behind them: the same motifs with their columns shuffled."""

    names: tuple[str, ...]
    matrices: tuple[NDArray[np.float32], ...]


@dataclass(frozen=True)
class Site:
    """A stretch of letters that stands out.

    ``step`` is its row, ``start`` and ``end`` are columns of it; ``contribution`` is the sum of
    its letters. ``name`` is '' where no motif matches well enough; ``best`` is the one that
    matches best. ``match`` is minus log10 of its p-value, ``margin`` by how much it is above the
    next. ``strand`` is that of the motif.
    """

    step: int
    start: int
    end: int
    contribution: float
    name: str
    best: str
    strand: str
    match: float
    margin: float


def read_motifs(path: Path) -> Motifs:
    """Read a file of motifs in MEME's format, and make decoys of them.

    Raises
    ------
    InputError
        It holds no motif, or one that is not whole or no table of probabilities.
    """
    from memelite.io import read_meme

    try:
        motifs = read_meme(str(path))
        _refuse_odd_names(path, motifs)
    except (OSError, ValueError, IndexError, KeyError, AttributeError) as error:
        raise InputError(f"{path} is no file of motifs in MEME's format: {error}.") from None
    for name, matrix in motifs.items():
        _refuse_odd_matrix(path, name, matrix)
    matrices = [np.asarray(matrix, np.float32) for matrix in motifs.values()]
    if not matrices:
        raise InputError(f"{path} holds no motifs over A, C, G and T in MEME's format.")
    names = tuple(" ".join(name.split())[:LONGEST_NAME] for name in motifs)
    # decision: names-against-decoys (a best match always exists)
    random = np.random.default_rng(1)
    wanted = max(len(matrices), FEWEST - len(matrices))
    decoys = [random.permutation(matrices[n % len(matrices)].T).T for n in range(wanted)]
    return Motifs(names, tuple(np.ascontiguousarray(m) for m in (*matrices, *decoys)))


def _refuse_odd_names(path: Path, motifs: Mapping[str, NDArray[np.float64]]) -> None:
    """Refuse what the reader leaves out without a word: a name twice, a motif cut off."""
    lines = path.read_text(encoding="utf-8").splitlines()
    names = Counter(" ".join(line[5:].split()) for line in lines if line.startswith("MOTIF"))
    for name, count in names.items():
        if count > 1:
            raise InputError(f"{path}: {count} motifs are called {name!r}: give each its own name.")
        if name not in motifs:
            raise InputError(f"{path}: the matrix of the motif {name!r} is missing or cut off.")


def _refuse_odd_matrix(path: Path, name: str, matrix: NDArray[np.float64]) -> None:
    """Refuse what holds no probabilities of A, C, G and T."""
    if matrix.shape[1] < 2:
        raise InputError(f"{path}: the motif {name!r} is shorter than 2 bp.")
    if not ((matrix >= 0) & (matrix <= 1)).all() or (abs(matrix.sum(0) - 1) > ROUNDED).any():
        raise InputError(
            f"{path}: the rows of the motif {name!r} are no probabilities: four numbers from 0 to "
            "1 that add up to 1 are due."
        )


def sites_of(
    letters: NDArray[np.float32], bases: NDArray[np.int8], motifs: Motifs
) -> Iterator[Site]:
    """Yield the stretches of letters that stand out, in order.

    Parameters
    ----------
    letters
        Contributions of the letters that are there, ``(steps, width)``; 0 where there is none.
    bases
        One-hot bases, ``(steps, 4, width)``.
    """
    spans = [*_spans(letters, 1), *_spans(letters, -1)]
    kept: list[tuple[int, int, int]] = []
    for span in spans:  # what raises the prediction comes first and keeps its place
        if all(span[0] != other[0] or span[2] <= other[1] or other[2] <= span[1] for other in kept):
            kept.append(span)
    kept.sort()
    yield from _named(kept, letters, bases, motifs)


def _spans(letters: NDArray[np.float32], sign: int) -> list[tuple[int, int, int]]:
    """Return row, start and end of stretches of one sign, by tangermeme's recursive seqlets."""
    from tangermeme.seqlet import recursive_seqlets

    if not (letters * sign > 0).any():
        return []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values = torch.from_numpy(np.ascontiguousarray(letters * sign, np.float32))
        table = recursive_seqlets(values, threshold=THRESHOLD, additional_flanks=1)
    width = letters.shape[1]
    rows = zip(table["example_idx"], table["start"], table["end"], strict=True)
    return [(int(row), max(0, int(start)), min(width, int(end))) for row, start, end in rows]


def _named(
    spans: Sequence[tuple[int, int, int]],
    letters: NDArray[np.float32],
    bases: NDArray[np.int8],
    motifs: Motifs,
) -> Iterator[Site]:
    """Yield sites with the motifs that match them best, by memelite's tomtom."""
    from memelite import tomtom

    if not spans:
        return
    queries = [bases[row, :, start:end].astype(np.float64) for row, start, end in spans]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        p_values, _, _, _, strands = tomtom(
            queries, [matrix.astype(np.float64) for matrix in motifs.matrices], n_jobs=1
        )
    for (row, start, end), p_value, strand in zip(spans, p_values, strands, strict=True):
        scores = -np.log10(np.maximum(p_value, 1e-300))
        best = int(scores.argmax())
        margin = float(scores[best] - np.delete(scores, best).max())
        real = best < len(motifs.names)
        known = real and p_value[best] * len(motifs.names) <= MOST_E and margin >= MARGIN
        best_name = motifs.names[best] if real else ""
        turned = "-" if strand[best] else "+"
        yield Site(
            row, start, end, float(letters[row, start:end].sum()), best_name if known else "",
            best_name, turned if known else ".", float(scores[best]), margin,
        )  # fmt: skip
