"""Alleles to score, put into blocks that share a forward pass, and their bases."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tracksmith.effects.windows import Placement, Positions, splice, splice_left
from tracksmith.engine.windows import odd_bases
from tracksmith.genome.bases import OUTSIDE, Masks, N
from tracksmith.genome.readable import Readable

__all__ = ["Alleles", "Bases", "Block", "blocks_of", "edge_and_span", "read_bases"]

GAP = 4096
"""Sites nearer than this, in bp, are read from the genome at once."""

MOST_AT_ONCE = 1 << 22


@dataclass(frozen=True)
class Alleles:
    """What is scored: alternative alleles that replace stretches of the genome.

    ``contig`` (number), ``position`` (bp, 0-based) and ``length`` (bp of the
    reference allele) are int64, shape (alleles,); ``alternative`` holds the
    masks of the new bases.
    """

    contig: Positions
    position: Positions
    length: Positions
    alternative: Sequence[bytes]

    def __len__(self) -> int:
        return len(self.alternative)

    def piece(self, first: int, last: int) -> Alleles:
        """Return the alleles ``[first, last)``."""
        own = slice(first, last)
        return Alleles(
            self.contig[own], self.position[own], self.length[own], self.alternative[own]
        )


@dataclass(frozen=True)
class Block:
    """Alleles that are predicted together, by the same folds; each site and allele once.

    ``rows`` are places in the alleles that were asked for, ``allele_of_row``
    what they are here. ``substitutions`` promises that no allele changes the length, where they
    are kept apart. ``margin`` is how many bins beyond the scored ones its insertions may fill.
    """

    folds: tuple[str, ...]
    substitutions: bool
    margin: int
    rows: Positions
    allele_of_row: Positions
    contig: Positions
    position: Positions
    site_of_allele: Positions
    length: Positions
    alternative: list[bytes]

    @property
    def change(self) -> Positions:
        """Bases that every allele adds, negative where it takes some; int64 (alleles,)."""
        return np.array([len(bases) for bases in self.alternative], np.int64) - self.length

    @property
    def one_allele_a_site(self) -> bool:
        """Whether every site has one allele; then they come in the same order."""
        return len(self.site_of_allele) == len(self.position)

    def new_bases(self) -> Masks:
        """Return the bases of all alternative alleles in a row."""
        return np.frombuffer(b"".join(self.alternative), dtype=np.uint8)


class _Collector:
    """Alleles of one block until it is full."""

    def __init__(self, kind: tuple[tuple[str, ...], bool, int]) -> None:
        self.kind = kind
        self.rows: list[tuple[int, int]] = []
        self.sites: dict[tuple[int, int], int] = {}
        self.alleles: dict[tuple[int, int, bytes], int] = {}

    def add(self, row: int, contig: int, position: int, length: int, alternative: bytes) -> None:
        # decision: own-window-per-variant (only alleles of one position share a reference)
        site = self.sites.setdefault((contig, position), len(self.sites))
        allele = self.alleles.setdefault((site, length, alternative), len(self.alleles))
        self.rows.append((row, allele))

    def block(self) -> Block:
        rows = np.array(self.rows, np.int64)
        sites = np.array(list(self.sites), np.int64)
        return Block(
            *self.kind,
            rows[:, 0],
            rows[:, 1],
            sites[:, 0],
            sites[:, 1],
            np.array([site for site, _, _ in self.alleles], np.int64),
            np.array([length for _, length, _ in self.alleles], np.int64),
            [alternative for _, _, alternative in self.alleles],
        )


def blocks_of(
    alleles: Alleles,
    folds: Sequence[tuple[str, ...]],
    most: Callable[[int], int],
    *,
    apart: bool,
    bin_size: int = 1,
) -> Iterator[Block]:
    """Yield blocks of alleles; what they hold depends on the arguments alone.

    Parameters
    ----------
    folds
        For every contig, by number, the folds that predict it.
    most
        Alleles of a block at most, by its margin: the more bins, the fewer alleles.
    apart
        Keep substitutions apart from insertions and deletions.
    bin_size
        Width of the model's bins in bp; insertions into wide ones are put together by the number
        of bins that they may fill.
    """
    open_blocks: dict[tuple[tuple[str, ...], bool, int], _Collector] = {}
    columns = (alleles.contig.tolist(), alleles.position.tolist(), alleles.length.tolist())
    rows = zip(*columns, alleles.alternative, strict=True)
    for row, (contig, position, length, alternative) in enumerate(rows):
        added = len(alternative) - length
        margin = _margin(added, bin_size) if bin_size > 1 else 0
        kind = (folds[contig], not apart or not added, margin)
        block = open_blocks.get(kind)
        if block is None:
            block = open_blocks[kind] = _Collector(kind)
        block.add(row, contig, position, length, alternative)
        if len(block.alleles) >= most(margin):
            yield open_blocks.pop(kind).block()
    for block in open_blocks.values():
        yield block.block()


def _margin(added: int, bin_size: int) -> int:
    """Return the bins that an insertion may fill, rounded up to a power of two; else 0."""
    return 0 if added <= 0 else 1 << (-(-added // bin_size) - 1).bit_length()


@dataclass(frozen=True)
class Bases:
    """The bases of a block.

    ``reference`` is uint8, shape (sites, length of the stretch), ``alternative``
    the same for (alleles, ...), with the bases left of the variant at the places of the reference.
    ``moved`` are the alleles, int64, of which ``right`` has the bases right of the variant there;
    none unless they were asked for. ``unknown`` is the share of N inside the contig
    in the reference window that is moved least, shape (sites,); ``edge`` whether
    that window, or the allele's, passes the contig's end, shape (alleles,).
    ``plain`` says that all bases are A, C, G or T.
    """

    reference: Masks
    alternative: Masks
    moved: Positions
    right: Masks
    unknown: NDArray[np.float32]
    edge: NDArray[np.bool_]
    plain: bool


def read_bases(
    genome: Readable, block: Block, placement: Placement, *, both_registers: bool = False
) -> Bases:
    """Read the stretches of a block's sites and put its alleles into them.

    ``both_registers`` adds the right register of alleles that change the length.
    """
    spare = max(0, -int(block.change.min()))
    before = spare if both_registers else 0
    length = placement.length
    start = block.position - placement.lead - before
    wide, plain = _read(genome, block.contig, start, before + length + spare)
    reference = wide[:, before : before + length]
    alternative = _alternatives(wide[:, before:], block, placement)
    moved = np.flatnonzero(block.change) if both_registers else np.empty(0, np.int64)
    right = _rights(wide[:, : before + length], block, placement, moved)
    if plain and not odd_bases(block.new_bases()).any():
        known, inside = np.zeros(len(wide), np.float32), np.zeros(len(alternative), np.bool_)
        return Bases(reference, alternative, moved, right, known, inside, True)
    first = placement.start(min(placement.deltas, key=abs))
    last = first + placement.window
    window = reference[:, first:last]
    edge = _passes_end(window)[block.site_of_allele] | _passes_end(alternative[:, first:last])
    edge[moved] |= _passes_end(right[:, first:last])
    unknown = (window == N).mean(axis=1, dtype=np.float32)
    return Bases(reference, alternative, moved, right, unknown, edge, False)


def edge_and_span(bases: Bases, block: Block, placement: Placement, allele: int) -> tuple[int, int]:
    """Return where an allele's change of length lies, and how far it may be moved.

    The first is where the shorter allele ends, in bp from the variant's position; the second how
    many bp further right the change gives the same sequence, as in a repeat.
    """
    site, new = int(block.site_of_allele[allele]), block.alternative[allele]
    replaced, at = int(block.length[allele]), placement.lead
    old = bases.reference[site, at : at + replaced]
    kept = min(replaced, len(new))
    if not block.position[site] and kept == 1 and old[0] != new[0] and old[-1] == new[-1]:
        kept = 0  # at a contig's start the base that both share lies behind
    reference, alternative = bases.reference[site], bases.alternative[allele]
    differ = reference[at + kept :] != alternative[at + kept :]
    return kept, int(differ.argmax()) if differ.any() else len(differ)


def _rights(wide: Masks, block: Block, placement: Placement, alleles: Positions) -> Masks:
    """Return the stretches of some alleles whose last bases are those of the reference."""
    length = placement.length
    rows = np.empty((len(alleles), length), np.uint8)
    for row, allele in enumerate(alleles.tolist()):
        replaced = int(block.length[allele])
        after = length - placement.lead - replaced
        new = np.frombuffer(block.alternative[allele], np.uint8)
        source = wide[block.site_of_allele[allele]]
        rows[row] = splice_left(source, after, replaced, new, length)
    return rows


def _passes_end(windows: Masks) -> NDArray[np.bool_]:
    passes: NDArray[np.bool_] = (windows[:, 0] == OUTSIDE) | (windows[:, -1] == OUTSIDE)
    return passes


def _alternatives(wide: Masks, block: Block, placement: Placement) -> Masks:
    """Return the stretch of every allele."""
    # decision: alleles-spliced-in-blocks (one edit a window; the map is for many in a contig)
    at, length = placement.lead, placement.length
    rows: Masks = wide[block.site_of_allele, :length]
    masks = block.new_bases()
    if (block.length == 1).all() and not block.change.any():
        rows[:, at] = masks
        return rows
    ends = np.cumsum([len(bases) for bases in block.alternative]).tolist()
    starts = [0, *ends[:-1]]
    for row, (size, first, last) in enumerate(
        zip(block.length.tolist(), starts, ends, strict=True)
    ):
        if last - first == size:
            rows[row, at : at + size] = masks[first:last]
        else:
            source = wide[block.site_of_allele[row]]
            rows[row] = splice(source, at, size, masks[first:last], length)
    return rows


def _read(genome: Readable, contig: Positions, start: Positions, length: int) -> tuple[Masks, bool]:
    """Read stretches of equal length, near ones in one go; say whether all bases are known.

    Shape (stretches, length).
    """
    rows = np.empty((len(start), length), dtype=np.uint8)
    plain = True
    order = np.lexsort((start, contig))
    contigs, starts = contig[order], start[order]
    far = (np.diff(contigs) != 0) | (np.diff(starts) > length + GAP)
    for group in np.split(order, np.flatnonzero(far) + 1):
        name = genome.contigs.names[int(contig[group[0]])]
        for piece in _pieces(start[group], group, length):
            first = int(start[piece[0]])
            bases = genome.read(name, first, int(start[piece[-1]]) + length)
            rows[piece] = sliding_window_view(bases, length)[start[piece] - first]
            plain = plain and not odd_bases(bases).any()
    return rows, plain


def _pieces(starts: Positions, group: Positions, length: int) -> list[Positions]:
    """Cut a group of ascending stretches so that none is read as more than about 4 Mb."""
    number = (starts - starts[0]) // max(MOST_AT_ONCE, length)
    return np.split(group, np.flatnonzero(np.diff(number)) + 1)
