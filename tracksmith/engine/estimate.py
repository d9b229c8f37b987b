"""What a run will cost: windows, disk, and after a trial batch, time."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tracksmith.engine.chunks import make_chunks
from tracksmith.engine.device import resolve_device
from tracksmith.engine.plan import Plan, PlannedModel
from tracksmith.engine.request import Resolved
from tracksmith.engine.windows import Stretch
from tracksmith.engine.work import load_forward
from tracksmith.errors import ResourceError
from tracksmith.genome.bases import reverse_complement
from tracksmith.genome.contigs import Contigs
from tracksmith.genome.intervals import Regions
from tracksmith.tracks.options import TrackOptions, forecast_bytes, parse_precision

__all__ = [
    "ModelEstimate",
    "disk_needed",
    "estimate_model",
    "human_bytes",
    "human_time",
    "refuse_full_disk",
    "refuse_to_fill",
]

SPARE_BYTES = 64 << 20


@dataclass(frozen=True)
class ModelEstimate:
    """The cost of one model in a run; ``seconds`` covers the forward pass only."""

    model: str
    bases: int
    windows: int
    values: int
    bytes: int
    seconds: float


def disk_needed(resolved: Resolved) -> int:
    """Return an upper estimate of the finished files' size in bytes."""
    options = _track_options(resolved.request)
    total = 0
    for entry in resolved.request["models"]:
        size = entry["geometry"]["bin"]
        regions = resolved.regions and resolved.regions.widen_to_bins(size)
        bases = regions.bases if regions else resolved.genome.contigs.bases
        statistics = 2 if entry["folds"]["spread"] else 1
        values = -(-int(bases) // size) * len(entry["card"]["tracks"])
        total += forecast_bytes(values * statistics, options)
    return total


def _track_options(request: dict[str, Any]) -> TrackOptions:
    precision = request["precision"]
    return TrackOptions(
        compressor=request["compressor"],
        precision=parse_precision(precision) if precision else None,
    )


def refuse_full_disk(resolved: Resolved, out: Path, force: bool) -> None:
    """Refuse a run that the disk cannot hold: parts and finished files lie side by side.

    Raises
    ------
    ResourceError
        With what is needed and what is free.
    """
    cure = "fewer tracks with -t, a smaller region with -r, fewer digits with --precision 10bits"
    refuse_to_fill(2 * disk_needed(resolved), out, force, cure)


def refuse_to_fill(needed: int, out: Path, force: bool, cure: str) -> None:
    """Refuse to write ``needed`` bytes where they do not fit; ``cure`` says how to need fewer.

    Raises
    ------
    ResourceError
        With what is needed and what is free; ``force`` goes on all the same.
    """
    needed += SPARE_BYTES
    folder = out.absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if needed > free and not force:
        raise ResourceError(
            f"The run needs about {human_bytes(needed)} on {folder}, where {human_bytes(free)} "
            f"are free. Choose another folder with -o, {cure}, or go on all the same with --force."
        )


def human_bytes(count: float) -> str:
    """Return a size for people, in powers of 1000."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


def human_time(seconds: float) -> str:
    """Return a duration for people."""
    for limit, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * limit:
            return f"{seconds / limit:.1f} {unit}"
    return f"{seconds:.1f} seconds"


def estimate_model(plan: Plan, model: int, device: str) -> ModelEstimate:
    """Return the cost of a model, timing two batches on the device."""
    planned = plan.models[model]
    regions = plan.widened(planned.tiling)
    chunks = make_chunks(plan.contigs, regions, planned.chunk_span)
    bases = int(chunks.bases.sum())
    windows = _cores(plan.contigs, regions, planned.tiling.stride) * _passes(planned)
    values = -(-bases // planned.tiling.bin) * len(planned.outputs)
    size = forecast_bytes(values, _track_options(plan.run.request))
    seconds = windows * _seconds_per_window(planned, device)
    return ModelEstimate(planned.card.name, bases, windows, values, size, seconds)


def _cores(contigs: Contigs, regions: Regions | None, stride: int) -> int:
    """Return how many cores hold a base of the regions (None: of the genome)."""
    if regions is None:
        return int((-(-contigs.lengths // stride)).sum())
    total = 0
    for contig in range(len(contigs)):
        starts, ends = regions.contig_arrays(contig)
        first, last = starts // stride, -(-ends // stride)
        # Neighbours may share a core: it is the first one's.
        first[1:] = np.maximum(first[1:], np.maximum.accumulate(last)[:-1])
        total += int(np.maximum(last - first, 0).sum())
    return total


def _passes(planned: PlannedModel) -> int:
    options = planned.options
    return len(options.shifts) * (2 if options.reverse else 1)


@torch.inference_mode()
def _seconds_per_window(planned: PlannedModel, device: str) -> float:
    forward = load_forward(planned, resolve_device(device))
    batch = forward.batch.windows
    tiling = planned.tiling
    end = batch * tiling.stride
    low, high = forward.reach(0, end)
    # Any bases do: the time of a network does not depend on them.
    codes = np.array([1, 2, 4, 8], dtype=np.uint8)[np.arange(high - low) % 4]
    stretch = Stretch(reverse_complement(codes), low)
    forward.predict(stretch, 0, end, planned.fold_names)
    began = time.perf_counter()
    forward.predict(stretch, 0, end, planned.fold_names)
    return (time.perf_counter() - began) / (batch * _passes(planned))
