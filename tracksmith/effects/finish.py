"""From the parts of a variant run to its files, each of them whole or absent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tracksmith.effects.background import background_ranks
from tracksmith.effects.files import LIST_FILES, SATURATION_FILES, SHARED_FILES, FilesJob, Outline
from tracksmith.effects.limits import check_limits
from tracksmith.effects.parquet import has_parquet
from tracksmith.effects.ranks import Ranks
from tracksmith.effects.results import read_results
from tracksmith.effects.scorer import Scorer
from tracksmith.effects.summary import LISTED
from tracksmith.effects.survey import ModelFacts, ModelResults, Survey, survey
from tracksmith.errors import TracksmithError, TrustError, UsageError
from tracksmith.files import digest_of_file
from tracksmith.progress import Progress
from tracksmith.runs.record import FileEntry, Results
from tracksmith.runs.run import make_folder
from tracksmith.tracks.options import TrackOptions

if TYPE_CHECKING:
    from tracksmith.effects.worker import VariantWorker

__all__ = ["finish_variants"]


def finish_variants(worker: VariantWorker, progress: Progress) -> Results:
    """Write every file of a run from its parts; safe to kill and to repeat.

    Raises
    ------
    InputError
        More alleles were skipped than the limits allow.
    """
    plan = worker.plan
    job = FilesJob(
        plan.run.folder,
        Outline(plan.variants, plan.longest),
        TrackOptions.of(plan.run.plan.compressor),
        progress,
        lambda number: _window_scorer(worker, number),
    )
    models = [_results(worker, job, number) for number in range(len(plan.models))]
    if plan.saturated is not None:
        return _finish_saturation(job, models)
    make_folder(job.folder / "variants")
    for model in models:
        check_limits(plan.run.limits, model.survey.counts.record, plan.variants.name)
    files = [entry for model in models for file in LIST_FILES for entry in file.write(job, model)]
    if not has_parquet():
        progress.note("No Parquet was written: that needs `pip install pyarrow`.")
    for shared in SHARED_FILES[:-1]:
        files += shared.write(job, models)
    _require_same_source(worker)
    files += SHARED_FILES[-1].write(job, models)
    return Results(
        tuple(files), counts={model.name: model.survey.counts.record for model in models}
    )


def _finish_saturation(job: FilesJob, models: Sequence[ModelResults]) -> Results:
    make_folder(job.folder / "ism")
    files: list[FileEntry] = []
    without = {}
    for model in models:
        reasons = model.survey.counts.reasons
        without[model.name] = dict(sorted(reasons.items()))
        for reason, alleles in reasons.most_common():
            job.progress.note(
                f"WARNING: {model.name}: {alleles:,} changes have no value: {reason}."
            )
        for file in SATURATION_FILES:
            files += file.write(job, model)
    return Results(tuple(files), without_value=without)


def _require_same_source(worker: VariantWorker) -> None:
    """Refuse a file of variants that changed while it was read."""
    plan = worker.plan
    if plan.variants.file and digest_of_file(plan.path) == plan.variants.file.sha256:
        return
    for path in (plan.run.folder / "variants").glob("annotated.vcf.gz*"):
        path.unlink()
    raise TrustError(
        f"{plan.path} changed while the run was at work; nothing that was made of it can "
        "be trusted. Restore it, or score the new file with --overwrite."
    )


def _results(worker: VariantWorker, job: FilesJob, number: int) -> ModelResults:
    """Read the results of a model once."""
    plan = worker.plan
    model = ModelFacts(plan, number)
    tops = [int(text[4:]) for text in plan.variants.around if text.startswith("top:")]
    overview = survey(read_results(worker.store, number), model, max(LISTED, *tops, 0))
    counts = overview.counts
    if plan.saturated is None and not (counts.adds_up and counts.records == plan.records):
        raise TracksmithError(
            f"The counts of {model.name} do not add up: {counts.record} for "
            f"{plan.records} records. This is a fault of tracksmith: please report it."
        )
    return ModelResults(plan, number, worker.store, overview, _ranks(model, job, overview))


def _ranks(model: ModelFacts, job: FilesJob, overview: Survey) -> Ranks:
    """Return the ranks among random variants where these were asked for, else of the file."""
    if not model.background:
        return overview.ranks
    return background_ranks(model, job.scorer(model.number), job.progress.note)


def _window_scorer(worker: VariantWorker, number: int) -> Scorer:
    scorer = worker.scorer(number)
    if not isinstance(scorer, Scorer):
        raise UsageError("Random variants and tracks around variants need a model over windows.")
    return scorer
