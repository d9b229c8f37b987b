"""The bigWig writer: joins encoded pieces, builds the indexes and the zoom levels.

All contigs of the genome are listed, also those without data, so that a reader
sees the assembly the file belongs to. Data are sorted by contig id.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tracksmith.errors import TracksmithError
from tracksmith.files import aside
from tracksmith.tracks.bbi import BIGWIG, BLOCK
from tracksmith.tracks.container import FileHead, begin_file, check_contigs, end_file
from tracksmith.tracks.histogram import HISTOGRAM, Histogram, quantiles
from tracksmith.tracks.options import TrackOptions
from tracksmith.tracks.piece import SECTION, EncodedPiece, Summary
from tracksmith.tracks.pyramid import Checked, Pyramid, Thinned
from tracksmith.tracks.trees import BlockTable, write_position_tree
from tracksmith.tracks.verify import Probe, verify_bigwig
from tracksmith.tracks.zoom import BINS_PER_RECORD, join_records, join_rows

__all__ = ["Pieces", "TrackSummary", "write_bigwig"]

Pieces: TypeAlias = Callable[[], Iterable[tuple[int, EncodedPiece]]]
"""Yields (number of the contig, piece), contigs in order and starts ascending."""

PIECES_AT_ONCE, BYTES_AT_ONCE = 64, 1 << 20


class TrackData(NamedTuple):
    """What a track holds: contigs with their lengths (bp), pieces of values, bins of so many bp."""

    contigs: Sequence[tuple[str, int]]
    pieces: Pieces
    bin_size: int


@dataclass
class TrackSummary:
    """What a finished track holds; ``totals.bases`` is 0 for a track of gaps only."""

    totals: Summary = field(default_factory=Summary)
    histogram: Histogram = field(default_factory=Histogram)
    sections: int = 0
    zoom_levels: int = 0
    block_size: int = 0

    def add(self, piece: EncodedPiece) -> None:
        """Add what a piece counts, but for its histogram."""
        self.totals += piece.summary
        self.block_size = max(self.block_size, piece.block_size)

    @property
    def bases(self) -> int:
        """Bases with a value."""
        return self.totals.bases

    def quantiles(self, probabilities: Sequence[float]) -> list[float]:
        """Return quantiles of the values (bins), within 0.4 %; NaN when there are none."""
        return quantiles(self.histogram, probabilities)


def write_bigwig(
    path: Path,
    contigs: Sequence[tuple[str, int]],
    pieces: Pieces,
    bin_size: int,
    options: TrackOptions,
) -> TrackSummary:
    """Join pieces into a bigWig that is whole, checked by a second reader, or absent.

    Parameters
    ----------
    path : Path
        The target; an existing file is replaced at the end, in one step.
    contigs : sequence of (str, int)
        All contigs of the genome, in its order, with lengths in bp.
    pieces : callable
        Called once; yields (index of the contig, piece), contigs in order and
        starts ascending.
    bin_size : int
        Bases per value, the same for all pieces.
    options : TrackOptions
        With which the pieces were encoded.

    Returns
    -------
    summary : TrackSummary
        Totals, quantiles, counts. Memory does not grow with the track.

    Raises
    ------
    InputError
        The contigs cannot be listed in a bigWig.
    ResourceError
        The folder cannot be written or the disk is full.
    TracksmithError
        Pieces out of order, or the finished file does not read back as written.
    """
    check_contigs(contigs)
    with aside(path) as temporary:
        folder = path.parent
        pyramid = Pyramid(BINS_PER_RECORD * bin_size, folder, options)
        with pyramid, temporary.open("wb") as out:
            file = _BigWig(out, contigs, bin_size, options)
            summary, samples = file.write_data(pieces(), pyramid, folder)
            probes = file.write_zooms(pyramid)
            file.finish(summary)
        verify_bigwig(temporary, contigs, summary.totals, samples, probes)
    return summary


class _BigWig:
    """One file being written, section after section."""

    def __init__(
        self,
        out: BinaryIO,
        contigs: Sequence[tuple[str, int]],
        bin_size: int,
        options: TrackOptions,
    ) -> None:
        self.out, self.contigs, self.bin_size, self.options = out, contigs, bin_size, options
        self.head = FileHead(BIGWIG)
        begin_file(out, self.head, contigs)

    def write_data(
        self, pieces: Iterable[tuple[int, EncodedPiece]], pyramid: Pyramid, folder: Path
    ) -> tuple[TrackSummary, list[Probe]]:
        """Copy the pieces' sections and write the index over them."""
        summary, samples = TrackSummary(), Thinned[Probe]()
        table = BlockTable(folder)
        try:
            place = (0, 0)
            for batch in _batches(pieces):
                for contig, piece in batch:
                    place = self._check_place(contig, piece, place)
                    summary.add(piece)
                    for sample in piece.samples.tolist():
                        samples.append((contig, *sample))
                only = [piece for _, piece in batch]
                table.append(_blocks(only, self.out.tell()))
                for piece in only:
                    self.out.writelines(piece.blocks)
                pyramid.add(join_records(piece.zoom for piece in only))
                summary.histogram.add(join_rows((piece.histogram for piece in only), HISTOGRAM))
            summary.sections = table.count
            self.head.index = self.out.tell()
            write_position_tree(self.out, table, 0, self.options.items_per_block)
        finally:
            table.close()
        return summary, samples.items

    def _check_place(
        self, contig: int, piece: EncodedPiece, place: tuple[int, int]
    ) -> tuple[int, int]:
        """Refuse a piece that belongs elsewhere; return where the next may start."""
        grid, index = piece.grid, piece.grid.contig
        if contig != index or index >= len(self.contigs) or grid.bin_size != self.bin_size:
            raise TracksmithError(
                f"A piece of contig {index} with bins of {grid.bin_size} bp was given for contig "
                f"{contig} and {self.bin_size} bp: it belongs to another track or genome."
            )
        name, length = self.contigs[contig]
        if (contig, grid.start) < place or piece.end > length:
            raise TracksmithError(
                f"The piece {name}:{grid.start}-{piece.end} overlaps what came before, comes out "
                f"of order, or passes the contig's end ({length} bp)."
            )
        return contig, piece.end

    def write_zooms(self, pyramid: Pyramid) -> list[Checked]:
        """Write the zoom levels; return them with what they must add up to."""
        levels = pyramid.finish()
        for level, _ in levels:
            self.head.zooms.append((level.reduction, *level.write(self.out)))
        return levels

    def finish(self, summary: TrackSummary) -> None:
        """Fill in the head of the file."""
        summary.zoom_levels = len(self.head.zooms)
        self.head.totals = summary.totals
        self.head.items, self.head.block_size = summary.sections, summary.block_size
        end_file(self.out, self.head)


def _batches(
    pieces: Iterable[tuple[int, EncodedPiece]],
) -> Iterator[list[tuple[int, EncodedPiece]]]:
    """Yield pieces in groups: what numpy costs a call is shared by small ones."""
    batch: list[tuple[int, EncodedPiece]] = []
    size = 0
    for pair in pieces:
        batch.append(pair)
        size += pair[1].nbytes
        if len(batch) == PIECES_AT_ONCE or size >= BYTES_AT_ONCE:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _blocks(pieces: Sequence[EncodedPiece], offset: int) -> NDArray[np.void]:
    """Return the index rows of pieces whose data begin at ``offset`` of the file."""
    sections = join_rows((piece.sections for piece in pieces), SECTION)
    counts = [len(piece.sections) for piece in pieces]
    *offsets, _ = itertools.accumulate((piece.size for piece in pieces), initial=offset)
    blocks = np.empty(len(sections), BLOCK)
    contigs = np.repeat(np.array([piece.grid.contig for piece in pieces], np.uint32), counts)
    blocks["first_contig"] = blocks["last_contig"] = contigs
    for name in ("start", "end", "size"):
        blocks[name] = sections[name]
    blocks["offset"] = sections["offset"] + np.repeat(np.array(offsets, np.uint64), counts)
    return blocks
