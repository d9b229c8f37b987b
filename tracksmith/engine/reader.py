"""How models that read windows along a genome are planned and opened."""

from __future__ import annotations

from collections.abc import Sequence

from tracksmith.engine.chunks import part_starts
from tracksmith.engine.files import folds_file
from tracksmith.engine.folds import check_card_assembly, check_mean_only, choose_folds
from tracksmith.engine.plan import WindowPlan
from tracksmith.engine.tiling import tile
from tracksmith.engine.work import WindowWorker
from tracksmith.errors import UsageError
from tracksmith.genome.fasta import Genome
from tracksmith.genome.intervals import Regions
from tracksmith.models.card import ModelCard
from tracksmith.runs.begin import Context
from tracksmith.runs.device import default_batch_size
from tracksmith.runs.estimate import Disk
from tracksmith.runs.genome import contigs_of, planned_regions
from tracksmith.runs.planned import ChosenModel, PlannedModel, options_of
from tracksmith.runs.reader import ModelDraft, ModelWorker, Opened
from tracksmith.runs.record import FoldsRecord, ModelRecord, Stage
from tracksmith.tracks.formats import FORMATS, track_files

__all__ = ["WindowReader", "window_record"]


def window_record(chosen: ChosenModel, context: Context) -> ModelRecord:
    """Return the record of a model over windows, with every default filled in.

    Raises
    ------
    UsageError
        Folds, stride, strands or options that the model does not have.
    ResourceError
        Weights of some folds are missing.
    """
    request, notify = context.request, context.progress.note
    card = chosen.card
    asked = request.of(card.name)
    tiling = tile(card.window_geometry, asked.stride)
    contigs = _contigs(context.genome, context.regions)
    rule, names = choose_folds(
        card, chosen.weights, asked.folds, asked.spread, asked.weights, contigs, notify
    )
    options = options_of(card, request, context.cards, notify)
    check_mean_only(card, options, rule, names, asked.spread)
    check_card_assembly(card, context.genome.contigs, rule, notify)
    return ModelRecord(
        card=chosen.closed,
        tracks=chosen.tracks,
        plugin=chosen.registered.plugin,
        stride=tiling.stride,
        batch_size=asked.batch_size or default_batch_size(context.device, tiling.window),
        folds=FoldsRecord(rule, names, asked.spread),
        weights=chosen.records(names),
        options=options,
        reverse_complement=_reverse(card, asked.reverse_complement),
        shifts=asked.shifts,
        dtype=asked.dtype,
        batch_chosen=asked.batch_size is not None,
    )


class WindowReader:
    """Plans and opens models over windows; see :class:`tracksmith.runs.reader.Reader`."""

    def draft(self, chosen: ChosenModel, number: int, context: Context) -> ModelDraft:
        """Fill in every default of a model and cut its work into parts."""
        record = window_record(chosen, context)
        planned = PlannedModel(chosen.registered.model, chosen.card, record, chosen.weights)
        plan = WindowPlan(planned, context.genome.contigs, context.regions)
        starts = part_starts(plan.chunks, plan.tiling, context.request.parts)
        stage = Stage(number, "predict", "bp", tuple(starts), len(plan.chunks))
        longest = int(context.genome.contigs.lengths.max(initial=0))
        files = [
            (path, f"the {output.statistic} of track {output.track} of {record.name}")
            for output in plan.outputs
            for path in track_files(
                record.name, output.track, output.statistic, context.formats, longest
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
        plan = WindowPlan(planned, contigs, planned_regions(opened.run, contigs))
        return WindowWorker(plan, number, opened)


def _contigs(genome: Genome, regions: Regions | None) -> Sequence[str]:
    """Return the names of the contigs that were asked for."""
    names = genome.contigs.names
    return names if regions is None else [names[n] for n in sorted(set(regions.contig.tolist()))]


def _reverse(card: ModelCard, asked: bool | None) -> bool:
    if asked and card.reverse_complement == "wrong":
        raise UsageError(
            f"--rc: the card of {card.name} says that averaging with the reverse complement "
            "is wrong for this model."
        )
    return card.reverse_complement == "default" if asked is None else asked
