"""``evaluate effects``: finished runs of variants against a table of measured effects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tracksmith.errors import InputError, UsageError
from tracksmith.evaluate.effects import (
    Resampling,
    compared,
    differences,
    effect_numbers,
    effect_suspicions,
)
from tracksmith.evaluate.held_out import HeldOut
from tracksmith.evaluate.numbers import precision_recall
from tracksmith.evaluate.report import Picture
from tracksmith.evaluate.results import Evaluation, mixed_note
from tracksmith.evaluate.scored import Prediction, predictions_of
from tracksmith.evaluate.truth import Columns, Truth, read_truth
from tracksmith.evaluate.written import check_folder, write_evaluation, write_table
from tracksmith.genome.aliases import ContigNames, read_aliases
from tracksmith.hub.runs import open_runs
from tracksmith.plot.scatters import curves_svg, scatter_svg
from tracksmith.progress import Progress
from tracksmith.runs.record import FileRecord

__all__ = ["EffectsRequest", "evaluate_effects"]

VARIANT_COLUMNS = (
    "model", "track", "chrom", "pos", "ref", "alt", "predicted", "measured", "label", "training",
)  # fmt: skip
"""``pos`` is 1-based; alleles are without the bases that both share."""

MOST_PICTURES = 6


@dataclass(frozen=True)
class EffectsRequest:
    """What an evaluation of effects was asked: the table and its columns, and what is compared."""

    measured: Path
    columns: Columns = field(default_factory=Columns)
    score: str | None = None
    tracks: Sequence[str] = ()
    alias: Path | None = None
    resampling: Resampling = field(default_factory=Resampling)


def evaluate_effects(
    folders: Sequence[Path], request: EffectsRequest, out: Path, progress: Progress
) -> Evaluation:
    """Compare, and write numbers.tsv, variants.tsv, evaluation.json and report.html into ``out``.

    Raises
    ------
    UsageError, InputError
        A run is none of variants; the table cannot be read, or shares no variant with the runs.
    """
    if request.resampling.count < 1:
        raise UsageError("--resamples: at least 1.")
    check_folder(out)
    runs = open_runs(folders)
    contigs = runs[0].contigs
    notes: list[str] = []
    aliases = read_aliases(request.alias, contigs) if request.alias else None
    names = ContigNames(contigs, str(request.measured), notes.append, aliases)
    truth = read_truth(request.measured, request.columns, names)
    progress.start("reading effects", len(runs), "runs")
    predictions: list[Prediction] = []
    for run in runs:
        predictions += predictions_of(run, truth, request.score, request.tracks, names)
        progress.advance(1)
    progress.finish()
    if all(np.isnan(prediction.effect).all() for prediction in predictions):
        raise InputError(
            f"{request.measured} shares no variant with the runs: contig, 1-based position, ref "
            "and alt must agree. Is it of another assembly, or does it count from 0?"
        )
    evaluation = _put_together(predictions, truth, request, notes, progress)
    write_evaluation(out, evaluation, list(_pictures(predictions, truth)))
    write_table(out / "variants.tsv", VARIANT_COLUMNS, _cells(predictions, truth))
    return evaluation


def _put_together(
    predictions: Sequence[Prediction],
    truth: Truth,
    request: EffectsRequest,
    notes: Sequence[str],
    progress: Progress,
) -> Evaluation:
    owners = ", ".join(dict.fromkeys(prediction.owner for prediction in predictions))
    evaluation = Evaluation(f"{owners}: predicted against measured effects")
    progress.start("comparing", len(predictions), "predictions")
    for prediction in predictions:
        evaluation.rows += effect_numbers(prediction, truth, request.resampling)
        evaluation.findings += effect_suspicions(prediction, truth)
        progress.advance(1)
    progress.finish()
    for first, other in _other_models(predictions):
        evaluation.rows += differences(first, other, truth, request.resampling)
    if truth.unknown:
        evaluation.findings.append(
            f"{truth.unknown:,} rows of {truth.name} lie on contigs that the genome does not have."
        )
    evaluation.findings += [*notes, *mixed_note([row.group for row in evaluation.rows])]
    evaluation.counts = [
        {
            "model": prediction.owner,
            "track": prediction.name,
            "measured": len(truth.values),
            "scored": int((~np.isnan(prediction.effect)).sum()),
            "exchanged": int(prediction.turned.sum()),
            "unmeasured": prediction.unmeasured,
        }
        for prediction in predictions
    ]
    record = FileRecord.of(request.measured)
    evaluation.about = {
        "runs": [run.id for run in {p.run.run.id: p.run.run for p in predictions}.values()],
        "measured": f"{record.name}, sha256 {record.sha256[:16]}...",
        "columns": {"value": truth.value or "none", "label": truth.label or "none"},
        "bootstrap": f"{request.resampling.count:,} resamples, seed {request.resampling.seed}",
    }
    return evaluation


def _other_models(predictions: Sequence[Prediction]) -> Iterator[tuple[Prediction, Prediction]]:
    """Yield what other models predict, after what the first one does: of the same track if any."""
    first = [each for each in predictions if each.owner == predictions[0].owner]
    for other in predictions[len(first) :]:
        same = [each for each in first if each.name == other.name]
        yield (same or first)[0], other


def _cells(predictions: Sequence[Prediction], truth: Truth) -> Iterator[list[str]]:
    for prediction in predictions:
        held_out = _held_out(prediction)
        predicted, measured = prediction.effect.tolist(), compared(prediction, truth)[1].tolist()
        for (contig, position, ref, alt), row in truth.number.items():
            if np.isnan(predicted[row]):
                continue
            label = int(truth.labels[row])
            yield [
                prediction.owner, prediction.name, contig, str(position), ref or "-", alt or "-",
                repr(predicted[row]), "" if np.isnan(measured[row]) else repr(measured[row]),
                "" if label < 0 else str(label), held_out[contig],
            ]  # fmt: skip


def _held_out(prediction: Prediction) -> dict[str, str]:
    known = HeldOut(prediction.model.record)
    return {contig: known.of(contig) for contig in set(prediction.contig.tolist())}


def _pictures(predictions: Sequence[Prediction], truth: Truth) -> Iterator[Picture]:
    curves = {}
    base = None
    for prediction in predictions[:MOST_PICTURES]:
        title = f"{prediction.owner}, {prediction.name}"
        if truth.value:
            x, y = compared(prediction, truth)
            known = ~np.isnan(x)
            if known.sum() > 1:
                svg = scatter_svg(x[known], y[known], ("predicted", "measured"), title)
                yield Picture(svg, f"Effects by {title}: {int(known.sum()):,} variants.")
        labelled = (truth.labels >= 0) & ~np.isnan(prediction.effect)
        label = truth.labels[labelled] == 1
        if label.any() and not label.all():
            curves[title] = precision_recall(label, np.abs(prediction.effect[labelled]))
            base = float(label.mean())
    if curves:
        svg = curves_svg(curves, ("recall", "precision"), base)
        yield Picture(
            svg, f"Precision and recall for the label {truth.label}, by the size of the effect."
        )
