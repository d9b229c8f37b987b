"""Scanning regions with motifs on both strands, and the features that hits make.

Two scanners find candidates: batched convolutions (torch, any device) and
lightmotif, where it is installed. Both look a little below the threshold in
single precision; every candidate is then scored again in double precision,
base by base from the left, and kept if it reaches the threshold. So the hits
and their scores are the same, bit for bit, whichever scanner found them.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tracksmith_get.motifs import Floats, MotifSet

__all__ = [
    "Hits",
    "Stream",
    "candidates_by_convolution",
    "candidates_by_lightmotif",
    "find_hits",
    "has_lightmotif",
    "motif_features",
]

Codes: TypeAlias = NDArray[np.uint8]
Integers: TypeAlias = NDArray[np.int64]
Candidates: TypeAlias = Iterator[tuple[int, Integers, Integers]]
"""``(width, positions, rows)``: places to look at, and rows of that width's :class:`Bank`."""

NO_BASE = 4
MARGIN = 1e-3
"""How far below the threshold candidates are collected; float32 errs by less than 2e-4."""

CONVOLUTION_VALUES = {"cpu": 1 << 20, "cuda": 1 << 27}
"""Scores computed at once: on a CPU few enough to stay in its cache."""

SHORT = 7
"""MOODS 1.9.4 misses motifs of fewer bases at the very last place of a stretch of known bases."""

_CODE_OF_MASK = np.full(16, NO_BASE, dtype=np.uint8)
_CODE_OF_MASK[[1, 2, 4, 8]] = [0, 1, 2, 3]


@dataclass(frozen=True)
class Stream:
    """Regions one after the other, kept apart by a place without a base.

    ``codes`` are uint8: 0 to 3 for A, C, G, T, and 4 for everything else (N,
    IUPAC codes, the places between regions). ``starts`` says where each region
    begins, int64 ``(regions,)``.
    """

    codes: Codes
    starts: Integers

    @classmethod
    def of(cls, masks: Sequence[NDArray[np.uint8]]) -> Stream:
        """Join regions given as 4-bit masks of bases, uint8 each."""
        lengths = np.array([len(mask) + 1 for mask in masks], dtype=np.int64)
        ends = np.cumsum(lengths)
        codes = np.full(int(ends[-1]) if len(masks) else 0, NO_BASE, dtype=np.uint8)
        for mask, end in zip(masks, ends, strict=True):
            codes[end - 1 - len(mask) : end - 1] = _CODE_OF_MASK[mask]
        return cls(codes, ends - lengths)

    @cached_property
    def _gaps(self) -> Integers:
        """How many places without a base lie before each place, int64 ``(len(codes) + 1,)``."""
        return np.concatenate([[0], np.cumsum(self.codes == NO_BASE)])

    def clear(self, positions: Integers, width: int) -> NDArray[np.bool_]:
        """Say where ``width`` known bases follow; positions may lie outside the stream."""
        inside = (positions >= 0) & (positions <= len(self.codes) - width)
        first = np.where(inside, positions, 0)
        last = np.where(inside, positions + width, 0)
        known: NDArray[np.bool_] = inside & (self._gaps[last] == self._gaps[first])
        return known


@dataclass(frozen=True)
class Hits:
    """Places where a motif reaches its threshold.

    ``position`` is the leftmost base in the stream whatever the strand, int64;
    ``motif`` the index in the set, int64; ``score`` float64. Sorted by
    position, then motif; both strands of a palindrome are two hits.
    """

    position: Integers
    motif: Integers
    score: Floats


@dataclass(frozen=True)
class Bank:
    """All motifs of one width, each followed by its reverse complement.

    ``scores`` float64 ``(2 * motifs, width, 4)``; ``motif`` and ``thresholds``
    say per row which motif it is and what it must reach.
    """

    width: int
    scores: Floats
    motif: Integers
    thresholds: Floats


def banks(motifs: MotifSet) -> list[Bank]:
    """Group the motifs by width, narrowest first."""
    widths = np.array([len(matrix) for matrix in motifs.scores])
    grouped = []
    for width in np.unique(widths):
        members = np.flatnonzero(widths == width)
        both = [s for m in members for s in (motifs.scores[m], motifs.scores[m][::-1, ::-1])]
        rows = np.repeat(members, 2)
        grouped.append(Bank(int(width), np.array(both), rows, motifs.thresholds[rows]))
    return grouped


def motif_features(
    masks: Sequence[NDArray[np.uint8]],
    motifs: MotifSet,
    scanner: str = "auto",
    device: str = "cpu",
    ends: str = "moods",
) -> NDArray[np.float32]:
    """Return how strongly every cluster binds in every region.

    Per start position and cluster the best score over motifs and strands
    counts, and these are summed over the region. Hits lie wholly inside the
    region; those that touch anything but A, C, G, T are dropped.

    Parameters
    ----------
    masks
        Bases of each region as 4-bit masks.
    scanner
        ``convolution``, ``lightmotif``, or ``auto``: lightmotif on a CPU
        where it is installed, else convolution.
    device
        Where convolutions run.
    ends
        ``all``, or ``moods``: leave out what the authors' scanner misses,
        motifs of fewer than 7 bases at the very last place of a region or
        before an N. Only ``all`` gives both strands the same features.

    Returns
    -------
    features : float32, shape (regions, clusters)
        In units of natural-log odds; 0 where no hit is.
    """
    stream = Stream.of(masks)
    hits = find_hits(stream, motifs, scanner, device, ends)
    clusters = len(motifs.clusters)
    cluster = motifs.cluster_of[hits.motif]
    place = hits.position * clusters + cluster
    order = np.argsort(place, kind="stable")
    place, score = place[order], hits.score[order]
    first = np.flatnonzero(np.diff(place, prepend=-1))
    best = np.maximum(np.maximum.reduceat(score, first), 0) if len(first) else score
    region = np.searchsorted(stream.starts, place[first] // clusters, side="right") - 1
    cells = region * clusters + place[first] % clusters
    sums = np.bincount(cells, weights=best, minlength=len(masks) * clusters)
    return sums.reshape(len(masks), clusters).astype(np.float32)


def find_hits(
    stream: Stream,
    motifs: MotifSet,
    scanner: str = "auto",
    device: str = "cpu",
    ends: str = "moods",
) -> Hits:
    """Return every hit of every motif on both strands; see :func:`motif_features`."""
    by_width = {bank.width: bank for bank in banks(motifs)}
    if scanner == "lightmotif" or (scanner == "auto" and device == "cpu" and has_lightmotif()):
        candidates = candidates_by_lightmotif(stream, list(by_width.values()))
    else:
        candidates = candidates_by_convolution(stream, list(by_width.values()), device)
    pieces = [_confirm(stream, by_width[w], places, rows, ends) for w, places, rows in candidates]
    if not pieces:
        return Hits(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    position, motif, score = (np.concatenate(column) for column in zip(*pieces, strict=True))
    order = np.lexsort((score, motif, position))
    return Hits(position[order], motif[order], score[order])


def _confirm(
    stream: Stream, bank: Bank, positions: Integers, rows: Integers, ends: str
) -> tuple[Integers, Integers, Floats]:
    """Score candidates in double precision, left to right, and keep the hits."""
    clear = stream.clear(positions, bank.width)
    positions, rows = positions[clear], rows[clear]
    score = np.zeros(len(positions))
    for column in range(bank.width):
        score += bank.scores[rows, column, stream.codes[positions + column]]
    hit = score >= bank.thresholds[rows]
    # decision: moods-by-default (the authors' features miss these hits)
    if ends == "moods" and bank.width < SHORT:
        hit &= stream.codes[positions + bank.width] != NO_BASE
    return positions[hit], bank.motif[rows[hit]], score[hit]


def candidates_by_convolution(
    stream: Stream, groups: Sequence[Bank], device: str = "cpu"
) -> Candidates:
    """Yield candidates found by convolving one-hot bases with each bank of motifs."""
    import torch

    codes = torch.from_numpy(stream.codes.astype(np.int64)).to(device)
    onehot = torch.nn.functional.one_hot(codes, 5)[:, :4].T.float()[None].contiguous()
    limit = CONVOLUTION_VALUES.get(torch.device(device).type, 1 << 20)
    for bank in groups:
        kernel = torch.from_numpy(bank.scores).float().transpose(1, 2).contiguous().to(device)
        lowest = torch.from_numpy(bank.thresholds - MARGIN).float().to(device)[:, None]
        step = max(1, limit // len(bank.scores))
        for start in range(0, len(codes) - bank.width + 1, step):
            piece = onehot[..., start : start + step + bank.width - 1]
            with torch.inference_mode(), _exact_convolutions():
                places = torch.nonzero(torch.conv1d(piece, kernel)[0] >= lowest).cpu().numpy()
            yield bank.width, places[:, 1] + start, places[:, 0]


def _exact_convolutions() -> AbstractContextManager[None]:
    """Return a context without TF32; every other flag is said, for the default of each is off."""
    import torch

    flags: AbstractContextManager[None] = torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False
    )
    return flags


def has_lightmotif() -> bool:
    """Say whether the faster scanner is installed."""
    return importlib.util.find_spec("lightmotif") is not None


def candidates_by_lightmotif(stream: Stream, groups: Sequence[Bank]) -> Candidates:
    """Yield candidates found by lightmotif, one motif and strand at a time."""
    lightmotif: Any = importlib.import_module("lightmotif")
    if not len(stream.codes):
        return
    text = np.frombuffer(b"ACGTN", dtype=np.uint8)[stream.codes].tobytes().decode("ascii")
    striped = lightmotif.stripe(text)
    for bank in groups:
        if bank.width > len(text):
            continue
        for row, (scores, lowest) in enumerate(
            zip(bank.scores, bank.thresholds - MARGIN, strict=True)
        ):
            matrix = _lightmotif_matrix(lightmotif.ScoringMatrix, scores)
            positions = np.fromiter(
                (hit.position for hit in lightmotif.scan(matrix, striped, threshold=lowest)),
                dtype=np.int64,
            )
            yield bank.width, positions, np.full(len(positions), row)


def _lightmotif_matrix(create: Callable[..., Any], scores: Floats) -> Any:
    columns = {letter: scores[:, number].tolist() for number, letter in enumerate("ACGT")}
    # An N lowers the score below any threshold, yet stays small enough for float32.
    return create({**columns, "N": [-1000.0] * len(scores)})
