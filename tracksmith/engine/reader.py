"""How models that read windows along a genome are planned and opened."""

from __future__ import annotations

from tracksmith.engine.chunks import part_starts
from tracksmith.engine.files import folds_file
from tracksmith.engine.plan import WindowPlan
from tracksmith.engine.record import window_record
from tracksmith.engine.work import WindowWorker
from tracksmith.genome.contigs import Contigs
from tracksmith.genome.intervals import Regions
from tracksmith.runs.begin import Context
from tracksmith.runs.estimate import Disk
from tracksmith.runs.genome import contigs_of, planned_regions
from tracksmith.runs.planned import ChosenModel, PlannedModel
from tracksmith.runs.reader import ModelDraft, ModelWorker, Opened
from tracksmith.runs.record import ModelRecord, Stage
from tracksmith.tracks.formats import FORMATS, track_files

__all__ = ["WindowReader"]


class WindowReader:
    """Plans and opens models over windows; see :class:`tracksmith.runs.reader.Reader`."""

    def record(self, chosen: ChosenModel, context: Context) -> ModelRecord:
        """Return the record of a model, with every default filled in."""
        return window_record(chosen, context)

    def plan(self, planned: PlannedModel, contigs: Contigs, regions: Regions | None) -> WindowPlan:
        """Return the plan of a model."""
        return WindowPlan(planned, contigs, regions)

    def draft(self, chosen: ChosenModel, number: int, context: Context) -> ModelDraft:
        """Fill in every default of a model and cut its work into parts."""
        record = self.record(chosen, context)
        planned = PlannedModel(chosen.registered.model, chosen.card, record, chosen.weights)
        plan = self.plan(planned, context.genome.contigs, context.regions)
        starts = part_starts(plan.chunks, plan.tiling, context.request.parts)
        wanted = context.request.parts
        if wanted and len(starts) != wanted:
            context.progress.note(
                f"--parts {wanted}: {record.name} gets {len(starts)}. A part holds at least one "
                f"chunk of {plan.chunks.span:,} bp, of which this run has {len(plan.chunks)}."
            )
        stage = Stage(number, "predict", "bp", tuple(starts), len(plan.chunks))
        longest = int(context.genome.contigs.lengths.max(initial=0))
        files = [
            (path, f"the {output.label} of track {output.track} of {record.name}")
            for output in plan.outputs
            for path in track_files(
                record.name, output.track, output.label, context.formats, longest
            )
        ]
        if record.folds.rule == "held-out":
            files.append((folds_file(record.name), f"the folds of {record.name}"))
        bases = plan.widened.bases if plan.widened else context.genome.contigs.bases
        values = -(-int(bases) // plan.tiling.bin) * len(plan.outputs)
        sizes = [FORMATS[name].forecast(values, context.options) for name in context.formats]
        parts = FORMATS["bigwig"].forecast(values, context.options)
        return ModelDraft(record, (stage,), tuple(files), Disk(parts, sum(sizes)))

    def open(self, planned: PlannedModel, number: int, opened: Opened) -> ModelWorker:
        """Open a planned model."""
        contigs = contigs_of(opened.run.plan.genome)
        plan = self.plan(planned, contigs, planned_regions(opened.run, contigs))
        return WindowWorker(plan, number, opened)
