"""How models that read a list of regions are planned and opened."""

from __future__ import annotations

from tracksmith.progress import Silent
from tracksmith.regions.files import region_files
from tracksmith.regions.record import place_names, planned_inputs, region_record
from tracksmith.regions.work import RegionWork
from tracksmith.regions.worker import RegionWorker
from tracksmith.runs.begin import Context
from tracksmith.runs.estimate import Disk
from tracksmith.runs.planned import ChosenModel, PlannedModel
from tracksmith.runs.reader import ModelDraft, ModelWorker, Opened
from tracksmith.runs.record import Stage

__all__ = ["RegionReader"]

FILE_BYTES = 1 << 17
"""Header, indexes and zoom levels of a small track, and the other small files."""

REGION_BYTES = 48
"""Upper estimate of what a region takes in a track, with its zoom records."""

CELL_BYTES = 16
"""A number in the table, as text."""


class RegionReader:
    """Plans and opens models over regions; see :class:`tracksmith.runs.reader.Reader`."""

    def draft(self, chosen: ChosenModel, number: int, context: Context) -> ModelDraft:
        """Read the regions, fill in every default, and cut the work into parts."""
        record, inputs = region_record(chosen, context)
        planned = PlannedModel(chosen.registered.model, chosen.card, record, chosen.weights)
        work = RegionWork(planned, inputs, context.genome, context.request.first, context.progress)
        stages = (
            Stage(number, "features", "regions", work.feature_starts, len(work.peaks)),
            # decision: features-before-values (values need what all features are normalised by)
            Stage(number, "values", "windows", work.value_starts, len(work.placed), wave=1),
        )
        disk = Disk(_part_bytes(work), _file_bytes(work))
        longest = int(context.genome.contigs.lengths.max(initial=0))
        files = tuple(
            (path, f"{path} of {record.name}")
            for path in region_files(record, context.formats, longest)
        )
        return ModelDraft(record, stages, files, disk, place_names(record.name, inputs))

    def open(self, planned: PlannedModel, number: int, opened: Opened) -> ModelWorker:
        """Open a planned model."""
        inputs = planned_inputs(planned.record, opened.run.places)
        work = RegionWork(planned, inputs, opened.genome, opened.device, Silent())
        return RegionWorker(work, number, opened)


def _file_bytes(work: RegionWork) -> int:
    """Return an upper estimate of the finished files' size in bytes."""
    regions, tracks = len(work.peaks), len(work.planned.record.tracks)
    contig = max(map(len, work.peaks.contigs.names))
    names = sum(map(len, work.peaks.names))
    table = regions * (contig + (tracks + 3) * CELL_BYTES) + names
    return tracks * (regions * REGION_BYTES + FILE_BYTES) + table + FILE_BYTES


def _part_bytes(work: RegionWork) -> int:
    """Return the size of the parts in bytes: features and values, as float32."""
    return 4 * len(work.peaks) * (len(work.source.names) + len(work.card.tracks))
