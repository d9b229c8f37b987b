"""A model over windows at work: bases read ahead, the model forward, tracks encoded behind it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracksmith.engine.files import write_window_files
from tracksmith.engine.plan import Output, WindowPlan
from tracksmith.engine.windows import Stretch
from tracksmith.errors import InputError, PluginError, TrustError
from tracksmith.files import crash_point
from tracksmith.progress import Progress
from tracksmith.runs.device import device_facts, device_kind, resolve_device, usable_cores
from tracksmith.runs.estimate import ModelCost
from tracksmith.runs.parts import PartWriter
from tracksmith.runs.reader import ModelResults, Opened
from tracksmith.tracks.encoding import encode_values
from tracksmith.tracks.options import TrackOptions

if TYPE_CHECKING:
    import torch

    from tracksmith.engine.forward import Forward

__all__ = ["Chunk", "ChunkValues", "WindowWorker"]


@dataclass(frozen=True)
class Chunk:
    """What one chunk needs: its place, its bases, its folds, the bins asked for."""

    contig: int
    start: int
    end: int
    stretch: Stretch
    folds: Sequence[str]
    wanted: NDArray[np.bool_] | None
    bases: int


class ChunkValues(NamedTuple):
    """The values of a chunk: a row for each output, and what its part keeps beside the tracks."""

    rows: NDArray[np.float32]
    beside: tuple[bytes, ...] = ()


class Stopped(BaseException):
    """A part was given up because the command is ending."""


class WindowWorker:
    """Computes the parts of one model over windows on one device; the loaded model is kept.

    ``beside`` is how many pieces of a chunk are no tracks.
    """

    beside = 0

    def __init__(self, plan: WindowPlan, number: int, opened: Opened) -> None:
        self.plan = plan
        self.number = number
        self.run = opened.run
        self.genome = opened.genome
        self.store = opened.store
        self._device = opened.device
        self.progress = opened.progress
        self.encoders = max(1, min(8, usable_cores()))
        on_gpu = device_kind(opened.device) == "cuda"
        self.side_by_side = 2 if on_gpu else 1
        self._ahead = 1 if on_gpu else 0
        self._turn = threading.Lock()
        self._stopped = threading.Event()
        self._forward: Forward | None = None
        self._trusted: list[str] = []
        self._options = TrackOptions.of(self.run.plan.compressor, self.run.plan.precision)
        stages = enumerate(self.run.plan.stages)
        self._stage = next(index for index, stage in stages if stage.model == number)
        self.store.check_items(self._stage, len(plan.chunks))

    @cached_property
    def device(self) -> torch.device:
        """The device, looked for when it is needed: files are finished without one."""
        return resolve_device(self._device)

    def load(self) -> None:
        """Load the networks."""
        self.forward  # noqa: B018 - loaded once, on first use

    @property
    def forward(self) -> Forward:
        """The model on this worker's device, loaded once."""
        if self._forward is None:
            # decision: no-torch-to-plan (nor to finish: what computes is imported here)
            from tracksmith.engine.loading import load_forward

            self._forward, self._trusted = load_forward(self.plan, self.device)
        return self._forward

    def stop(self) -> None:
        """Have the parts under way given up."""
        self._stopped.set()

    def shape(self, part: int) -> tuple[int, int]:
        """Return how many chunks and outputs a part has."""
        first, last = self.store.items(part)
        return last - first, len(self.plan.outputs) + self.beside

    def size(self, part: int) -> int:
        """Return how many bases a part predicts."""
        first, last = self.store.items(part)
        return int(self.plan.chunks.bases[first:last].sum())

    def compute(self, part: int) -> None:
        """Compute one part and write it, whole or not at all.

        Two parts may be computed at a time: one has the device, the other is being
        encoded and written.
        """
        with self._turn:
            forward = self.forward
        first, last = self.store.items(part)

        def fill(writer: PartWriter) -> dict[str, Any]:
            counts = {"bases": 0, "unknown": 0, "ambiguous": 0}
            with ThreadPoolExecutor(self.encoders, "encode") as pool:
                self._stream(writer, pool, forward, range(first, last), counts)
            return {
                "counts": counts,
                "interval": self._interval(first, last),
                **device_facts(self.device),
                "smallest_batch": forward.batch.smallest,
                "trusted": self._trusted,
            }

        crash_point("part-begin")
        self.store.write(part, fill)
        crash_point("part-end")

    def finish(self, progress: Progress) -> ModelResults:
        """Write the tracks of the model from its parts.

        Raises
        ------
        TrustError
            The parts do not hold the bases that were planned.
        """
        counts = self.store.counts(self._stage)
        planned = int(self.plan.chunks.bases.sum())
        if counts.bases != planned:
            raise TrustError(
                f"The parts of {self.plan.planned.name} in {self.run.folder} hold "
                f"{counts.bases:,} bases; {planned:,} were planned. Start anew with --overwrite."
            )
        files = write_window_files(self.plan, self.store, self._stage, self._options, progress)
        return ModelResults(files, counts)

    def cost(self) -> ModelCost:
        """Return windows and time of the model, timing two batches."""
        plan, record = self.plan, self.plan.record
        ways = len(record.shifts) * (2 if record.reverse_complement else 1)
        windows = plan.cores * ways
        bases = int(plan.chunks.bases.sum())
        folds = len(record.folds.names)
        return ModelCost(
            record, f"{bases:,} bp", windows, windows * folds,
            windows * self.seconds_per_window(ways),
        )  # fmt: skip

    def seconds_per_window(self, ways: int) -> float:
        """Return the seconds of a window in each of so many orientations, timing two batches."""
        import torch

        forward, tiling = self.forward, self.plan.tiling
        batch = forward.batch.windows
        end = batch * tiling.stride
        low, high = forward.reach(0, end)
        # Any bases do: the time of a network does not depend on them.
        codes = np.array([8, 4, 2, 1], dtype=np.uint8)[np.arange(high - low) % 4]
        stretch = Stretch(codes, low)
        folds = self.plan.record.folds.names
        with torch.inference_mode():
            forward.predict(stretch, 0, end, folds)
            began = time.perf_counter()
            forward.predict(stretch, 0, end, folds)
        return (time.perf_counter() - began) / (batch * ways)

    def _interval(self, first: int, last: int) -> str:
        table, contigs = self.plan.chunks, self.plan.contigs
        begin, end = table.interval(first, contigs), table.interval(last - 1, contigs)
        names = contigs.names
        if begin[0] == end[0]:
            return f"{names[begin[0]]}:{begin[1]}-{end[2]}"
        return f"{names[begin[0]]}:{begin[1]}..{names[end[0]]}:{end[2]}"

    def _stream(
        self,
        writer: PartWriter,
        pool: ThreadPoolExecutor,
        forward: Forward,
        chunks: range,
        counts: dict[str, int],
    ) -> None:
        """Run the chunks: one is read ahead, enough are being encoded to keep encoders busy."""
        waiting: list[list[Future[bytes]]] = []
        most = -(-self.encoders // len(self.plan.outputs))
        # Closed whatever happens, so that the next part gets its turn.
        with closing(self._predicted(forward, chunks)) as predicted:
            for chunk, values in predicted:
                waiting.append(self._encode(pool, chunk, values.rows))
                waiting[-1] += [pool.submit(bytes, piece) for piece in values.beside]
                while len(waiting) > most:
                    writer.write_chunk([future.result() for future in waiting.pop(0)])
                _count(counts, chunk, forward.tiling.bin)
                self.progress.advance(chunk.bases)
        for futures in waiting:
            writer.write_chunk([future.result() for future in futures])

    def _predicted(
        self, forward: Forward, chunks: range
    ) -> Generator[tuple[Chunk, ChunkValues], None, None]:
        """Yield chunks with their values; a GPU is given the next before the last is fetched."""
        flying: deque[tuple[Chunk, Callable[[], ChunkValues]]] = deque()
        with self._turn:
            for chunk in self._read_ahead(forward, chunks):
                if self._stopped.is_set():
                    raise Stopped
                flying.append((chunk, self._launch(forward, chunk)))
                while len(flying) > self._ahead:
                    yield self._fetch(*flying.popleft())
        while flying:
            yield self._fetch(*flying.popleft())

    def begin(self, forward: Forward, chunk: Chunk) -> Callable[[], ChunkValues]:
        """Begin to compute a chunk; return what waits for its values."""
        coming = forward.launch(chunk.stretch, chunk.start, chunk.end, chunk.folds, chunk.wanted)
        return lambda: ChunkValues(coming.result())

    def _launch(self, forward: Forward, chunk: Chunk) -> Callable[[], ChunkValues]:
        with self._of_contig(chunk):
            return self.begin(forward, chunk)

    def _fetch(self, chunk: Chunk, values: Callable[[], ChunkValues]) -> tuple[Chunk, ChunkValues]:
        with self._of_contig(chunk):
            return chunk, values()

    @contextmanager
    def _of_contig(self, chunk: Chunk) -> Iterator[None]:
        """Say on which contig a plugin broke its contract."""
        try:
            yield
        except PluginError as error:
            name = self.plan.contigs.names[chunk.contig]
            raise PluginError(f"On contig {name}: {error}") from error

    def _read_ahead(self, forward: Forward, chunks: range) -> Iterator[Chunk]:
        with ThreadPoolExecutor(1, "read") as reader:
            ahead: Future[Chunk] | None = None
            for number in chunks:
                coming = reader.submit(self._read, forward, number)
                if ahead is not None:
                    yield ahead.result()
                ahead = coming
            if ahead is not None:
                yield ahead.result()

    def _read(self, forward: Forward, number: int) -> Chunk:
        table = self.plan.chunks
        contig, start, end = table.interval(number, self.plan.contigs)
        name = self.plan.contigs.names[contig]
        low, high = forward.reach(start, end)
        stretch = Stretch(self.genome.read(name, low, high), low)
        folds = self.plan.folds_for(name)
        wanted = self.plan.wanted(contig, start, end)
        return Chunk(contig, start, end, stretch, folds, wanted, int(table.bases[number]))

    def _encode(
        self, pool: ThreadPoolExecutor, chunk: Chunk, values: NDArray[np.float32]
    ) -> list[Future[bytes]]:
        length = int(self.plan.contigs.lengths[chunk.contig])
        name = self.plan.contigs.names[chunk.contig]

        def encode(output: Output) -> bytes:
            try:
                piece = encode_values(
                    values[output.row],
                    chunk.start,
                    self.plan.tiling.bin,
                    length,
                    self._options,
                    contig=int(self.plan.track_index[chunk.contig]),
                    name=name,
                )
            except InputError as error:
                raise PluginError(
                    f"{self.plan.card.name}, {output.statistic} of track {output.track}: {error}"
                ) from error
            return piece.to_bytes()

        return [pool.submit(encode, output) for output in self.plan.outputs]


def _count(counts: dict[str, int], chunk: Chunk, bin_size: int) -> None:
    """Add what a chunk read to the counts of its part."""
    wanted = _bases_of(chunk.wanted, bin_size, chunk.end - chunk.start)
    unknown, ambiguous = chunk.stretch.counts(chunk.start, chunk.end, wanted)
    counts["bases"] += chunk.bases
    counts["unknown"] += unknown
    counts["ambiguous"] += ambiguous


def _bases_of(
    wanted: NDArray[np.bool_] | None, bin_size: int, bases: int
) -> NDArray[np.bool_] | None:
    """Return which bases lie in wanted bins."""
    return None if wanted is None else np.repeat(wanted, bin_size)[:bases]
