"""From the parts of a variant run to its files, each of them whole or absent."""

from __future__ import annotations

from collections.abc import Sequence

from tracksmith.effects.files import LIST_FILES, SATURATION_FILES, SHARED_FILES
from tracksmith.effects.limits import check_limits
from tracksmith.effects.outputs import FilesJob, Outline, ScorerOf
from tracksmith.effects.overview import model_results
from tracksmith.effects.parquet import has_parquet
from tracksmith.effects.plan import VariantPlan
from tracksmith.effects.survey import ModelResults
from tracksmith.errors import TrustError
from tracksmith.files import digest_of_file
from tracksmith.progress import Progress
from tracksmith.runs.parts import PartStore
from tracksmith.runs.record import FileEntry, Results
from tracksmith.runs.run import make_folder
from tracksmith.tracks.options import TrackOptions

__all__ = ["finish_variants"]


def finish_variants(
    plan: VariantPlan, store: PartStore, scorer: ScorerOf, progress: Progress
) -> Results:
    """Write every file of a run from its parts; safe to kill and to repeat.

    Raises
    ------
    InputError
        More alleles were skipped than the limits allow.
    """
    job = FilesJob(
        plan.run.folder,
        Outline(plan.variants, plan.longest, background=plan.has_background),
        TrackOptions.of(plan.run.plan.compressor),
        progress,
        scorer,
    )
    models = [model_results(plan, number, store, job) for number in range(len(plan.models))]
    if plan.saturated is not None:
        return _finish_saturation(job, models)
    make_folder(job.folder / "variants")
    for model in models:
        check_limits(plan.run.limits, model.survey.counts.record, plan.variants.name)
    files = [
        written for model in models for file in LIST_FILES for written in file.write(job, model)
    ]
    if not has_parquet():
        progress.note("No Parquet was written: that needs `pip install pyarrow`.")
    *of_input, summary = SHARED_FILES
    for shared in of_input:
        files += shared.write(job, models)
    _require_same_source(plan)
    files += summary.write(job, models)
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


def _require_same_source(plan: VariantPlan) -> None:
    """Refuse a file of variants that changed while it was read."""
    if plan.variants.file and digest_of_file(plan.path) == plan.variants.file.sha256:
        return
    for path in (plan.run.folder / "variants").glob("annotated.vcf.gz*"):
        path.unlink()
    raise TrustError(
        f"{plan.path} changed while the run was at work; nothing that was made of it can "
        "be trusted. Restore it, or score the new file with --overwrite."
    )
