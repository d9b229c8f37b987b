"""Motif models: MEME files, cluster tables, log-odds and thresholds. Numpy only.

Scores are natural-logarithm odds against a fixed background, with a
pseudocount, as in MOODS (Korhonen et al., Bioinformatics 2009), whose p-value
convention the thresholds follow.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tracksmith.errors import InputError

__all__ = ["BACKGROUND", "MotifSet", "log_odds", "read_clusters", "read_meme", "threshold"]

Floats: TypeAlias = NDArray[np.float64]

BACKGROUND = (0.2977, 0.2023, 0.2023, 0.2977)
"""Probabilities of A, C, G, T between motifs, as the authors scan."""

PSEUDOCOUNT = 0.01
P_VALUE = 1e-4
BINS_PER_UNIT = 200
"""Score bins per unit of log-odds in the threshold's dynamic program."""


@dataclass(frozen=True)
class MotifSet:
    """Motifs with their clusters.

    Attributes
    ----------
    names
        One per motif, in file order.
    probabilities
        One array per motif, float64 ``(width, 4)``, columns A, C, G, T.
    clusters
        Cluster names in the order of the feature columns.
    cluster_of
        Column of each motif, int64 ``(motifs,)``.
    """

    names: tuple[str, ...]
    probabilities: tuple[Floats, ...]
    clusters: tuple[str, ...]
    cluster_of: NDArray[np.int64]

    @cached_property
    def scores(self) -> tuple[Floats, ...]:
        """Log-odds per motif, ``(width, 4)``."""
        return tuple(log_odds(matrix) for matrix in self.probabilities)

    @cached_property
    def thresholds(self) -> Floats:
        """Lowest score that is a hit, per motif; the reverse complement has the same."""
        return np.array([threshold(matrix) for matrix in self.scores])

    @classmethod
    def read(cls, meme: Path, clusters: Path) -> MotifSet:
        """Read a MEME file and the table that assigns its motifs to clusters.

        Raises
        ------
        InputError
            Either file is malformed, or a motif has no cluster.
        """
        motifs = read_meme(meme)
        columns, table = read_clusters(clusters)
        if not table:
            raise InputError(
                f"{clusters} lists clusters only. Scanning {meme.name} needs two columns, "
                "separated by a tab: motif, cluster."
            )
        without = [name for name, _ in motifs if name not in table]
        if without:
            raise InputError(
                f"{clusters} gives no cluster for {len(without)} of {len(motifs)} motifs of "
                f"{meme}: {', '.join(without[:3])} ... Add a line `motif<TAB>cluster` for each."
            )
        index = {cluster: number for number, cluster in enumerate(columns)}
        return cls(
            names=tuple(name for name, _ in motifs),
            probabilities=tuple(matrix for _, matrix in motifs),
            clusters=columns,
            cluster_of=np.array([index[table[name]] for name, _ in motifs], dtype=np.int64),
        )


def log_odds(
    probabilities: Floats,
    background: Sequence[float] = BACKGROUND,
    pseudocount: float = PSEUDOCOUNT,
) -> Floats:
    """Return ``ln(((p + pseudocount * b) / (1 + pseudocount)) / b)``, float64 ``(width, 4)``.

    Rows are first scaled to sum to one, as files hold rounded numbers.
    """
    base = np.asarray(background, dtype=np.float64)
    shares = probabilities / probabilities.sum(axis=1, keepdims=True)
    odds: Floats = np.log((shares + pseudocount * base) / (1 + pseudocount) / base)
    return odds


def threshold(
    scores: Floats,
    background: Sequence[float] = BACKGROUND,
    p_value: float = P_VALUE,
    bins_per_unit: int = BINS_PER_UNIT,
) -> float:
    """Return the lowest score whose p-value under the background is at most ``p_value``.

    Every matrix entry is rounded to bins of ``1 / bins_per_unit`` (halves away
    from zero); the distribution of the sum is then exact. Where even the best
    word is too probable, the threshold lies half-way between the best word
    and the second best, so that the best word alone is a hit.

    Parameters
    ----------
    scores
        Log-odds, float64 ``(width, 4)``.
    """
    binned = (np.sign(scores) * np.floor(np.abs(scores) * bins_per_unit + 0.5)).astype(np.int64)
    lowest = binned.min(axis=1)
    density = np.ones(1)
    for row in binned - lowest[:, None]:
        longer = np.zeros(len(density) + int(row.max()))
        for step, share in zip(row, background, strict=True):
            longer[step : step + len(density)] += share * density
        density = longer
    tail = np.cumsum(density[::-1])[::-1]
    first = int(np.searchsorted(-tail, -p_value, side="left"))
    if first < len(density):
        return float(first + lowest.sum()) / bins_per_unit
    ordered = np.sort(scores, axis=1)
    return float(ordered[:, -1].sum() - (ordered[:, -1] - ordered[:, -2]).min() / 2)


def read_clusters(path: Path) -> tuple[tuple[str, ...], dict[str, str]]:
    """Read which clusters there are, and which motif belongs to which.

    Two columns separated by a tab are motif and cluster, with or without the
    heading ``motif``, ``cluster``: the feature columns are then the cluster
    names sorted by code point. One column is a list of clusters that gives
    the columns' order itself.

    Returns
    -------
    clusters
        Names in the order of the feature columns.
    table
        Cluster by motif; empty for a list.

    Raises
    ------
    InputError
        With the line, for a line of another shape or a name given twice.
    """
    rows = [(number, text.split("\t")) for number, text in _lines(path) if text]
    if rows and [field.strip().lower() for field in rows[0][1]][:1] in (["motif"], ["cluster"]):
        rows = rows[1:]
    if not rows:
        raise InputError(f"{path} is empty. Give lines of `motif<TAB>cluster`, or of clusters.")
    width = len(rows[0][1])
    table: dict[str, str] = {}
    for number, fields in rows:
        name = fields[0].strip()
        if len(fields) != width or width > 2 or not all(field.strip() for field in fields):
            raise InputError(
                f"{path}:{number}: expected `motif<TAB>cluster` or one cluster a line, "
                f"as in the line before, found {len(fields)} columns."
            )
        if name in table:
            raise InputError(f"{path}:{number}: {name} is given a second time. Remove one line.")
        table[name] = fields[-1].strip()
    if width == 1:
        return tuple(table), {}
    return tuple(sorted(set(table.values()))), table


def read_meme(path: Path) -> list[tuple[str, Floats]]:
    """Read motifs in MEME's minimal format, version 4 or later.

    Returns
    -------
    list of (name, probabilities)
        Probabilities are float64 ``(width, 4)``, columns A, C, G, T.

    Raises
    ------
    InputError
        With the line: no version line, another alphabet, a matrix of another
        shape than stated, numbers that are no probabilities, a name twice.
    """
    reader = _MemeReader(path)
    motifs = list(reader.motifs())
    if not motifs:
        raise InputError(f"{path} holds no motif: no line begins with MOTIF.")
    seen: set[str] = set()
    for name, _ in motifs:
        if name in seen:
            raise InputError(f"{path}: motif {name} is given twice. Remove or rename one.")
        seen.add(name)
    return motifs


class _MemeReader:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = _lines(path)
        self.number = 0

    def motifs(self) -> Iterator[tuple[str, Floats]]:
        self._version()
        name = ""
        for number, text in self.lines:
            self.number = number
            if text.startswith("ALPHABET") and "ACGT" not in text:
                raise self._wrong(f"expected the alphabet ACGT, found {text!r}")
            if text.startswith("MOTIF"):
                if name:
                    raise self._wrong(f"motif {name} has no letter-probability matrix")
                name = [*text.split(), ""][1]
                if not name:
                    raise self._wrong("a MOTIF line needs a name")
            elif text.startswith("letter-probability matrix"):
                if not name:
                    raise self._wrong("a matrix without a MOTIF line before it")
                yield name, self._matrix(text)
                name = ""
        if name:
            raise self._wrong(f"motif {name} has no letter-probability matrix")

    def _version(self) -> None:
        for number, text in self.lines:
            self.number = number
            if text.startswith("MEME version"):
                return
            if text:
                break
        raise self._wrong("a MEME file begins with `MEME version 4` (or later)")

    def _matrix(self, heading: str) -> Floats:
        fields = heading.replace("=", " ").split()
        attributes = dict(zip(fields[2::2], fields[3::2], strict=False))
        if attributes.get("alength", "4") != "4":
            raise self._wrong(f"alength {attributes['alength']}: only DNA motifs (4) can be read")
        if not attributes.get("w", "").isdigit() or int(attributes["w"]) == 0:
            raise self._wrong("the matrix heading does not state its width (w=)")
        rows = [self._row() for _ in range(int(attributes["w"]))]
        return np.array(rows, dtype=np.float64)

    def _row(self) -> list[float]:
        self.number, text = next(self.lines, (self.number + 1, ""))
        try:
            row = [float(field) for field in text.split()]
        except ValueError:
            row = []
        if len(row) != 4 or not all(0 <= value <= 1 for value in row) or abs(sum(row) - 1) > 0.01:
            raise self._wrong(f"expected four probabilities that sum to 1, found {text!r}")
        return row

    def _wrong(self, what: str) -> InputError:
        return InputError(f"{self.path}:{self.number}: {what}. Correct the MEME file.")


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line numbers from 1 and stripped lines of a text file, gzipped or not."""
    try:
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        text = data.decode("utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise InputError(
            f"Cannot read {path}: {error}. Give a text file, gzipped or not."
        ) from None
    yield from enumerate((line.strip() for line in text.splitlines()), start=1)
