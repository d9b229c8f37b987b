"""Computing parts: bases read ahead, the model forward, tracks encoded behind it."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from tracksmith.engine.calls import as_predictor
from tracksmith.engine.device import BatchSize, resolve_device, usable_cores
from tracksmith.engine.forward import Forward
from tracksmith.engine.parts import PartStore, PartWriter
from tracksmith.engine.plan import Output, Plan, PlannedModel
from tracksmith.engine.windows import Stretch
from tracksmith.errors import (
    IncompleteError,
    InputError,
    PluginError,
    TracksmithError,
    TrustError,
)
from tracksmith.files import crash_point, digest_of_file
from tracksmith.genome.fasta import Genome
from tracksmith.models.contract import LoadRequest
from tracksmith.models.trust import trusting
from tracksmith.progress import Progress
from tracksmith.tracks.encoding import encode_values
from tracksmith.tracks.options import TrackOptions, parse_precision

__all__ = ["PartWorker", "compute_parts", "load_forward"]

log = logging.getLogger(__name__)

FAILURES_WITHOUT_PROGRESS = 3


def load_forward(planned: PlannedModel, device: torch.device) -> Forward:
    """Load a model onto a device, after checking the digests of its weights.

    Raises
    ------
    TrustError
        A weight file is not the one that was planned.
    PluginError
        The plugin failed to load it.
    """
    used = {fold: planned.weights[fold] for fold in planned.entry["weights"]}
    for fold, paths in used.items():
        for path, stated in zip(paths, planned.entry["weights"][fold], strict=True):
            if not path.is_file() or digest_of_file(path) != stated["sha256"]:
                raise TrustError(
                    f"{path} is not the weight file that was planned ({stated['name']}, sha256 "
                    f"{stated['sha256'][:12]}...). Restore it, or start anew."
                )
    tracks = tuple(track.id for track in planned.card.tracks)
    options = planned.entry["options"]
    try:
        loaded = planned.model.load(LoadRequest(used, tracks, options))
    except TracksmithError:
        raise
    except Exception as error:
        raise PluginError(
            f"{planned.card.name} failed to load: {type(error).__name__}: {error}"
        ) from error
    predictor = as_predictor(loaded, planned.fold_names)
    predictor = replace(predictor, tracks=predictor.tracks or planned.tracks)
    batch = BatchSize(planned.entry["batch_size"], planned.entry.get("batch_chosen", False))
    return Forward(planned.card, predictor, planned.tiling, device, batch, planned.options)


@dataclass(frozen=True)
class _Chunk:
    """What one chunk needs: its place, its bases, its folds, the bins asked for."""

    contig: int
    start: int
    end: int
    stretch: Stretch
    folds: Sequence[str]
    wanted: NDArray[np.bool_] | None
    bases: int


class PartWorker:
    """Computes parts of a plan on one device, keeping loaded models between parts."""

    def __init__(
        self,
        plan: Plan,
        genome: Genome,
        device: str,
        progress: Progress,
        encoders: int | None = None,
    ) -> None:
        self.plan = plan
        self.genome = genome
        self.store = plan.store
        self.device = resolve_device(device)
        self.progress = progress
        self.encoders = encoders or max(1, min(8, usable_cores()))
        self._forwards: dict[int, Forward] = {}
        self._trusted: dict[int, list[str]] = {}
        self._tables = [plan.chunks(model) for model in range(len(plan.models))]
        request = plan.run.request
        precision = request["precision"]
        self._options = TrackOptions(
            compressor=request["compressor"],
            precision=parse_precision(precision) if precision else None,
        )

    def forward(self, model: int) -> Forward:
        """Return a model on this worker's device, loaded once."""
        if model not in self._forwards:
            with trusting() as held:
                self._forwards[model] = load_forward(self.plan.models[model], self.device)
            self._trusted[model] = held.used
        return self._forwards[model]

    def bases(self, part: int) -> int:
        """Return how many bases a part predicts."""
        model = self.store.bounds[part][0]
        first, last = self.store.chunk_range(part, len(self._tables[model]))
        return int(self._tables[model].bases[first:last].sum())

    def compute(self, part: int) -> None:
        """Compute one part and write it, whole or not at all."""
        model = self.store.bounds[part][0]
        forward = self.forward(model)
        first, last = self.store.chunk_range(part, len(self._tables[model]))

        def fill(writer: PartWriter) -> dict[str, Any]:
            counts = {"bases": 0, "unknown": 0, "ambiguous": 0}
            with ThreadPoolExecutor(self.encoders, "encode") as pool:
                self._stream(writer, pool, model, forward, range(first, last), counts)
            return {
                "counts": counts,
                "interval": self._interval(model, first, last),
                "device": str(self.device),
                "smallest_batch": forward.batch.smallest,
                "trusted": self._trusted[model],
            }

        crash_point("part-begin")
        self.store.write(part, fill)
        crash_point("part-end")

    def _interval(self, model: int, first: int, last: int) -> str:
        table, contigs = self._tables[model], self.plan.contigs
        begin, end = table.interval(first, contigs), table.interval(last - 1, contigs)
        names = contigs.names
        if begin[0] == end[0]:
            return f"{names[begin[0]]}:{begin[1]}-{end[2]}"
        return f"{names[begin[0]]}:{begin[1]}..{names[end[0]]}:{end[2]}"

    def _stream(
        self,
        writer: PartWriter,
        pool: ThreadPoolExecutor,
        model: int,
        forward: Forward,
        chunks: range,
        counts: dict[str, int],
    ) -> None:
        """Run the chunks: one is read ahead, enough are being encoded to keep encoders busy."""
        waiting: list[list[Future[bytes]]] = []
        most = -(-self.encoders // len(self.plan.models[model].outputs))
        for chunk in self._read_ahead(model, forward, chunks):
            name = self.plan.contigs.names[chunk.contig]
            try:
                values = forward.predict(
                    chunk.stretch, chunk.start, chunk.end, chunk.folds, chunk.wanted
                )
            except PluginError as error:
                raise PluginError(f"On contig {name}: {error}") from error
            waiting.append(self._encode(pool, model, chunk, values))
            while len(waiting) > most:
                writer.write_chunk([future.result() for future in waiting.pop(0)])
            asked = _bases_of(chunk.wanted, forward.tiling.bin, chunk.end - chunk.start)
            unknown, ambiguous = chunk.stretch.counts(chunk.start, chunk.end, asked)
            counts["bases"] += chunk.bases
            counts["unknown"] += unknown
            counts["ambiguous"] += ambiguous
            self.progress.advance(chunk.bases)
        for futures in waiting:
            writer.write_chunk([future.result() for future in futures])

    def _read_ahead(self, model: int, forward: Forward, chunks: range) -> Iterator[_Chunk]:
        with ThreadPoolExecutor(1, "read") as reader:
            ahead: Future[_Chunk] | None = None
            for number in chunks:
                coming = reader.submit(self._read, model, forward, number)
                if ahead is not None:
                    yield ahead.result()
                ahead = coming
            if ahead is not None:
                yield ahead.result()

    def _read(self, model: int, forward: Forward, number: int) -> _Chunk:
        table = self._tables[model]
        contig, start, end = table.interval(number, self.plan.contigs)
        name = self.plan.contigs.names[contig]
        low, high = forward.reach(start, end)
        stretch = Stretch(self.genome.read(name, low, high), low)
        folds = self.plan.models[model].folds_for(name)
        wanted = self.plan.wanted(model, contig, start, end)
        return _Chunk(contig, start, end, stretch, folds, wanted, int(table.bases[number]))

    def _encode(
        self, pool: ThreadPoolExecutor, model: int, chunk: _Chunk, values: NDArray[np.float32]
    ) -> list[Future[bytes]]:
        planned = self.plan.models[model]
        length = int(self.plan.contigs.lengths[chunk.contig])
        name = self.plan.contigs.names[chunk.contig]

        def encode(output: Output) -> bytes:
            try:
                piece = encode_values(
                    values[output.row],
                    chunk.start,
                    planned.tiling.bin,
                    length,
                    self._options,
                    contig=int(self.plan.track_index[chunk.contig]),
                    name=name,
                )
            except InputError as error:
                raise PluginError(
                    f"{planned.card.name}, {output.statistic} of track {output.track}: {error}"
                ) from error
            return piece.to_bytes()

        return [pool.submit(encode, output) for output in planned.outputs]


def _bases_of(
    wanted: NDArray[np.bool_] | None, bin_size: int, bases: int
) -> NDArray[np.bool_] | None:
    """Return which bases lie in wanted bins."""
    return None if wanted is None else np.repeat(wanted, bin_size)[:bases]


class Computer(Protocol):
    """Whoever computes the parts of a run."""

    store: PartStore

    def compute(self, part: int) -> None:
        """Compute one part and write it, whole or not at all."""


def compute_parts(worker: Computer, parts: Sequence[int]) -> None:
    """Compute parts one after another; one that a plugin breaks is set aside, the rest goes on.

    Raises
    ------
    IncompleteError
        Some parts failed; they are listed with the reason of the first.
    PluginError
        The first parts all failed: going on would be pointless.
    """
    failed: dict[int, PluginError] = {}
    done = 0
    for part in parts:
        try:
            worker.compute(part)
        except PluginError as error:
            failed[part] = error
            note_failure(worker.store, part, error)
            if not done and len(failed) >= min(FAILURES_WITHOUT_PROGRESS, len(parts)):
                raise
            continue
        done += 1
    if failed:
        raise IncompleteError(failure_message(worker.store, failed))


def note_failure(store: PartStore, part: int, error: BaseException) -> None:
    """Leave a note with the trace beside the parts."""
    text = "".join(traceback.format_exception(error))
    with suppress(OSError):
        store.failure_path(part).write_text(text, encoding="utf-8")


def failure_message(store: PartStore, failed: Mapping[int, TracksmithError]) -> str:
    """Return the message for parts that a plugin broke."""
    first = min(failed)
    shown = ", ".join(str(part) for part in sorted(failed)[:10])
    return (
        f"{len(failed)} of {len(store)} parts failed ({shown}); the others are done and safe.\n"
        f"Part {first}: {failed[first]}\n"
        f"The trace is in {store.failure_path(first)}. Once the cause is mended, finish with "
        f"`tracksmith work {store.run.folder}` and `tracksmith finish {store.run.folder}`."
    )
