"""``evaluate tracks``: a finished run of predictions against measured bigWigs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tracksmith.errors import UsageError
from tracksmith.evaluate.measured import Lookup
from tracksmith.evaluate.pairs import ModelPairs, Pair, open_pairs
from tracksmith.evaluate.profiles import RegionRow
from tracksmith.evaluate.report import Picture
from tracksmith.evaluate.results import Evaluation, mixed_note
from tracksmith.evaluate.tracks import TracksOfModel, evaluate_model, log_sums
from tracksmith.evaluate.written import check_folder, write_evaluation, write_table
from tracksmith.genome.aliases import read_aliases
from tracksmith.genome.bed import read_bed
from tracksmith.hub.runs import ShownRun, open_runs
from tracksmith.plot.scatters import histogram_svg, profiles_svg, scatter_svg
from tracksmith.progress import Progress
from tracksmith.runs.record import FileRecord

__all__ = ["TracksRequest", "evaluate_tracks"]

REGION_COLUMNS = (
    "model", "track", "chrom", "start", "end", "name", "bases", "compared", "no_predicted",
    "no_measured", "pearson", "spearman", "jsd", "predicted_sum", "measured_sum", "why",
)  # fmt: skip
"""``start`` is 0-based, as in BED; ``why`` says why there is no correlation."""

WIDTHS = (1, 32, 128, 1024)
EXAMPLES = 4
MOST_PICTURES = 6
"""Units of a model that get pictures of their own."""


@dataclass(frozen=True)
class TracksRequest:
    """What an evaluation of tracks was asked: files, regions, and how they are read.

    ``measured`` are files, or ``TRACK=FILE``. ``zeros`` says that a base without a measured value
    had none; ``widths`` are those of the bins along contigs, in bp.
    """

    measured: Sequence[str]
    regions: Path | None = None
    alias: Path | None = None
    zeros: bool = False
    other_lengths: bool = False
    widths: Sequence[int] = WIDTHS


def evaluate_tracks(
    folder: Path, request: TracksRequest, out: Path, progress: Progress
) -> Evaluation:
    """Compare, and write numbers.tsv, regions.tsv, evaluation.json and report.html into ``out``.

    Raises
    ------
    UsageError
        The files do not go with the run's tracks, ``out`` holds something else, no such width.
    InputError
        A file cannot be read, or is of another assembly.
    """
    if not request.widths or min(request.widths) < 1 or max(request.widths) > 1 << 20:
        raise UsageError("--bins are widths in bp, from 1 to 1,048,576.")
    check_folder(out)
    (run,) = open_runs([folder])
    notes: list[str] = []

    contigs = run.contigs
    aliases = read_aliases(request.alias, contigs) if request.alias else None
    bed = (
        read_bed(request.regions, contigs, notes.append, request.alias) if request.regions else None
    )
    lookup = Lookup(contigs, aliases, request.other_lengths, request.zeros)
    with open_pairs(run, request.measured, lookup, notes.append) as pairs:
        models = [evaluate_model(each, contigs, bed, request.widths, progress) for each in pairs]
        pictures = [picture for each in models for picture in _pictures(each)]
        evaluation = _put_together(run, request, models, notes)
        evaluation.about["measured"] = _files(pairs)
        write_evaluation(out, evaluation, pictures)
        if bed is not None:
            cells = (row for each in models for row in _region_cells(each))
            write_table(out / "regions.tsv", REGION_COLUMNS, cells)
    return evaluation


def _put_together(
    run: ShownRun, request: TracksRequest, models: Sequence[TracksOfModel], notes: Sequence[str]
) -> Evaluation:
    names = ", ".join(each.pairs.model.name for each in models)
    evaluation = Evaluation(f"{names}: predicted against measured tracks")
    evaluation.rows = [row for each in models for row in each.numbers]
    groups = [group for each in models for group in each.groups]
    evaluation.findings = [*mixed_note(groups), *notes]
    evaluation.findings += [text for each in models for text in each.findings]
    evaluation.counts = [
        {"model": each.pairs.model.name, "track": row.unit, "contig": row.contig}
        | {key: getattr(row.tally, key) for key in row.tally.__dataclass_fields__}
        for each in models
        for row in each.contigs
        if row.tally.compared
    ]
    evaluation.about = {
        "run": run.run.id,
        "genome": f"{run.genome.name}, sha256 {run.genome.sha256[:16]}...",
        "models": {each.pairs.model.name: _folds(each.pairs) for each in models},
        "regions": _regions_text(request),
        "a base without a measured value": "counts as 0" if request.zeros else "is left out",
    }
    return evaluation


def _folds(pairs: ModelPairs) -> str:
    folds = pairs.model.record.folds
    named = ", ".join(name for name in folds.names if name)
    return f"folds: {folds.rule}" + (f" ({named})" if named else "")


def _regions_text(request: TracksRequest) -> str:
    if request.regions is None:
        return "none: whole contigs alone"
    record = FileRecord.of(request.regions)
    return f"{record.name}, sha256 {record.sha256[:16]}..."


def _files(pairs: Sequence[ModelPairs]) -> list[dict[str, Any]]:
    return [
        {
            "track": f"{model.model.name}.{pair.output.track_id}",
            "file": pair.measured.track.path.name,
            "sha256": FileRecord.of(pair.measured.track.path).sha256,
            "sign": "turned" if pair.measured.sign < 0 else "as it is",
        }
        for model in pairs
        for pair in model.pairs
    ]


def _region_cells(evaluation: TracksOfModel) -> Iterator[list[str]]:
    model = evaluation.pairs.model.name
    for row in evaluation.regions:
        place, tally = row.region, row.tally
        numbers = (row.pearson, row.spearman, row.jsd, row.predicted_sum, row.measured_sum)
        yield [
            model, row.unit, place.contig, str(place.start), str(place.end), row.name or ".",
            str(tally.bases), str(tally.compared), str(tally.no_predicted), str(tally.no_measured),
            *("" if np.isnan(value) else repr(float(value)) for value in numbers), row.why or ".",
        ]  # fmt: skip


def _pictures(evaluation: TracksOfModel) -> Iterator[Picture]:
    model = evaluation.pairs.model.name
    units = evaluation.pairs.units
    # Pairs of strands come last and say most.
    for unit in units[::-1][:MOST_PICTURES]:
        rows = evaluation.regions_of(unit.name)
        if not rows:
            continue
        predicted, measured, _ = log_sums(rows)
        title = f"{model}, {unit.name}"
        if len(predicted) > 1:
            labels = ("log(1 + predicted sum)", "log(1 + measured sum)")
            svg = scatter_svg(predicted, measured, labels, title)
            yield Picture(svg, f"Quantity of {title}: {len(predicted):,} regions.")
        r = np.array([row.pearson for row in rows])
        if not np.isnan(r).all():
            series = {"Pearson r": r, "Spearman r": np.array([row.spearman for row in rows])}
            svg = histogram_svg(series, "r of the profile", title)
            yield Picture(svg, f"Profiles of {title}: {int((~np.isnan(r)).sum()):,} regions.")
    if evaluation.regions and (panels := _examples(evaluation)):
        yield Picture(
            profiles_svg(panels),
            f"Profiles of {model}: regions at even steps from the best r to the worst, of those "
            "with a measured signal; predicted and measured on scales of their own.",
        )


def _examples(evaluation: TracksOfModel) -> list[tuple[str, list[Any]]]:
    unit = evaluation.pairs.units[-1]
    rows = [row for row in evaluation.regions_of(unit.name) if not np.isnan(row.pearson)]
    rows.sort(key=lambda row: -row.pearson)
    steps = np.unique(np.linspace(0, len(rows) - 1, EXAMPLES).astype(int)).tolist() if rows else []
    return [(_title(rows[at]), [_strand(pair, rows[at]) for pair in unit.pairs]) for at in steps]


def _title(row: RegionRow) -> str:
    return f"{row.region}  r = {row.pearson:.2f}"


def _strand(pair: Pair, row: RegionRow) -> tuple[Any, Any, Any]:
    place = row.region
    bases = np.arange(place.start, place.end)
    values = [
        side.values(place.contig, place.start, place.end)
        for side in (pair.predicted, pair.measured)
    ]
    return bases, values[0], values[1]
