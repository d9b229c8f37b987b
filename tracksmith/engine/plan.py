"""A plan: the request of a run as the engine's own types, checked against what is installed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracksmith.engine.chunks import ChunkTable, make_chunks
from tracksmith.engine.forward import ForwardOptions
from tracksmith.engine.parts import PartStore
from tracksmith.engine.tiling import Tiling, chunk_stride, tile
from tracksmith.engine.versions import refuse_other_plugins, refuse_other_versions
from tracksmith.errors import TrustError
from tracksmith.files import plain
from tracksmith.genome.bed import read_bed
from tracksmith.genome.contigs import Contigs
from tracksmith.genome.fasta import Genome
from tracksmith.genome.intervals import Regions
from tracksmith.models.card import ModelCard
from tracksmith.models.contract import Model, WeightPaths
from tracksmith.models.registry import Registry
from tracksmith.models.weights import describe, select_folds
from tracksmith.run import Run, differences

__all__ = ["Output", "Plan", "PlannedModel", "check_genome"]


@dataclass(frozen=True)
class Output:
    """One finished track file: which row of the values, which statistic."""

    track: str
    statistic: str
    row: int

    def path(self, model: str) -> str:
        """Return the path of the file inside the run."""
        suffix = ".sd" if self.statistic == "sd" else ""
        return f"tracks/{model}.{self.track}{suffix}.bw"


@dataclass(frozen=True)
class PlannedModel:
    """One model of a run.

    ``card`` holds the computed tracks, closed under ``rc_partner``; ``tracks``
    names all that the model has.
    """

    model: Model
    card: ModelCard
    tracks: tuple[str, ...]
    tiling: Tiling
    entry: Mapping[str, Any]
    weights: WeightPaths
    chunk_span: int

    @property
    def options(self) -> ForwardOptions:
        """What the engine averages."""
        return ForwardOptions(
            reverse=self.entry["reverse_complement"],
            shifts=tuple(self.entry["shifts"]),
            spread=self.entry["folds"]["spread"],
            dtype=self.entry["dtype"],
        )

    @property
    def fold_names(self) -> tuple[str, ...]:
        """The folds whose weights are used."""
        return tuple(self.entry["folds"]["names"])

    @property
    def outputs(self) -> list[Output]:
        """The files to write, in order."""
        return outputs_of(self.card, self.entry)

    def folds_for(self, contig: str) -> tuple[str, ...]:
        """Return the folds that predict a contig; none leaves a gap."""
        return select_folds(self.card, self.fold_names, self.entry["folds"]["rule"])(contig)


def contigs_of(request: Mapping[str, Any]) -> Contigs:
    """Return the contigs that a run was planned for."""
    pairs = request["genome"]["contigs"]
    return Contigs([name for name, _ in pairs], [length for _, length in pairs])


def outputs_of(card: ModelCard, entry: Mapping[str, Any]) -> list[Output]:
    """Return the files of a model: the mean of each chosen track, then its spread."""
    rows = {track.id: row for row, track in enumerate(card.tracks)}
    chosen = [track["id"] for track in entry["card"]["tracks"]]
    found = [Output(track, "mean", rows[track]) for track in chosen]
    if entry["folds"]["spread"]:
        found += [Output(track, "sd", len(card.tracks) + rows[track]) for track in chosen]
    return found


def with_partners(card: ModelCard, chosen: list[str]) -> ModelCard:
    """Return the card with the chosen tracks and the partners their strands need."""
    by_id = {track.id: track for track in card.tracks}
    wanted = list(dict.fromkeys([*chosen, *(by_id[i].rc_partner or i for i in chosen)]))
    return card.with_tracks(wanted)


class Plan:
    """A run with its models, genome and regions at hand.

    Raises
    ------
    TrustError
        tracksmith, torch, a plugin, a model's card, a weight file or the genome is not
        what was planned.
    """

    def __init__(self, run: Run, registry: Registry) -> None:
        refuse_other_versions(run)
        refuse_other_plugins(run, registry)
        self.run = run
        self.contigs = contigs_of(run.request)
        self._widened: dict[int, Regions] = {}
        self.models = [self._model(entry, registry) for entry in run.request["models"]]

    def _model(self, entry: Mapping[str, Any], registry: Registry) -> PlannedModel:
        name = entry["card"]["name"]
        model = registry.get(name).model
        weights = {
            fold: tuple(Path(path) for path in paths)
            for fold, paths in self.run.places["weights"].get(name, {}).items()
        }
        full = describe(model, weights)
        chosen = [track["id"] for track in entry["card"]["tracks"]]
        _check_card(full, chosen, entry)
        card = with_partners(full, chosen)
        stride = entry["geometry"]["stride"]
        tiling = tile(card.window_geometry, stride)
        span = chunk_stride(tiling, len(outputs_of(card, entry)), self.contigs.bases)
        tracks = tuple(track.id for track in full.tracks)
        return PlannedModel(model, card, tracks, tiling, entry, weights, span)

    @cached_property
    def store(self) -> PartStore:
        """The parts of the run on disk."""
        return PartStore(self.run, self._part_shape)

    def _part_shape(self, part: int) -> tuple[int, int]:
        """Return how many chunks and outputs a part has."""
        model = self.store.bounds[part][0]
        first, last = self.store.chunk_range(part, len(self.chunks(model)))
        return last - first, len(self.models[model].outputs)

    @cached_property
    def track_contigs(self) -> list[tuple[str, int]]:
        """The contigs that a track file lists: those with bases."""
        return [(name, length) for name, length in self.contigs if length]

    @cached_property
    def track_index(self) -> NDArray[np.int64]:
        """The number of each contig in a track file, by its number in the genome."""
        return np.cumsum(self.contigs.lengths > 0) - 1

    @cached_property
    def regions(self) -> Regions | None:
        """What was asked for; None is the whole genome."""
        if self.run.request["regions"] is None:
            return None
        path = self.run.folder / "regions.bed"
        regions = read_bed(path, self.contigs).regions()
        if regions.digest() != self.run.request["regions"]["sha256"]:
            raise TrustError(f"{path} is not the file of the plan. Restore it, or start anew.")
        return regions

    def chunks(self, model: int) -> ChunkTable:
        """Return the chunks of a model."""
        planned = self.models[model]
        return make_chunks(self.contigs, self.widened(planned.tiling), planned.chunk_span)

    def widened(self, tiling: Tiling) -> Regions | None:
        """Return the regions widened to whole bins of a tiling."""
        if self.regions is None:
            return None
        if tiling.bin not in self._widened:
            self._widened[tiling.bin] = self.regions.widen_to_bins(tiling.bin)
        return self._widened[tiling.bin]

    def wanted(self, model: int, contig: int, start: int, end: int) -> NDArray[np.bool_] | None:
        """Return which bins of ``[start, end)`` were asked for; None means all."""
        tiling = self.models[model].tiling
        regions = self.widened(tiling)
        if regions is None:
            return None
        starts, ends = regions.contig_arrays(contig)
        low, high = np.searchsorted(ends, start, "right"), np.searchsorted(starts, end, "left")
        edges = np.zeros(-(-(end - start) // tiling.bin) + 1, dtype=np.int64)
        first = (np.maximum(starts[low:high], start) - start) // tiling.bin
        last = -(-(np.minimum(ends[low:high], end) - start) // tiling.bin)
        np.add.at(edges, first, 1)
        np.add.at(edges, last, -1)
        covered = np.cumsum(edges[:-1]) > 0
        return None if covered.all() else covered


def _check_card(full: ModelCard, chosen: list[str], entry: Mapping[str, Any]) -> None:
    found = differences(entry["card"], plain(full.to_dict(chosen)))
    if found:
        listed = "\n".join(f"  {line}" for line in found[:10])
        raise TrustError(
            f"The model {full.name} is not the one that was planned (planned, installed):\n"
            f"{listed}\nInstall the planned version of the plugin, or start anew."
        )


def check_genome(genome: Genome, request: Mapping[str, Any]) -> None:
    """Refuse a genome that is not the planned one.

    Raises
    ------
    TrustError
        Naming the contigs that differ, or saying that only bases do.
    """
    planned = dict(request["genome"]["contigs"])
    now = {name: int(length) for name, length in genome.contigs}
    changed = sorted(
        name for name in planned.keys() | now.keys() if planned.get(name) != now.get(name)
    )
    if changed:
        shown = ", ".join(changed[:5])
        raise TrustError(
            f"{genome.path} is not the planned genome: {len(changed)} contigs differ ({shown}). "
            "Restore the file, or start anew in another folder."
        )
    if genome.sha256() != request["genome"]["sha256"]:
        raise TrustError(
            f"{genome.path} changed since it was planned: same contigs, other bytes. "
            "Restore the file, or start anew in another folder."
        )
