"""Joining the parts of a run into its files, each of them whole or absent."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tracksmith.engine.parts import PartStore
from tracksmith.engine.plan import Output, Plan, PlannedModel
from tracksmith.errors import IncompleteError
from tracksmith.files import aside, crash_point, digest_of_file
from tracksmith.models.trust import trusted_files
from tracksmith.progress import Progress
from tracksmith.provenance import file_entry
from tracksmith.run import Run, make_folder
from tracksmith.tracks.bigwig import TrackSummary, write_bigwig
from tracksmith.tracks.options import TrackOptions, parse_precision
from tracksmith.tracks.piece import EncodedPiece

__all__ = ["damaged_files", "finish_run", "refuse_damage", "value_facts"]

log = logging.getLogger(__name__)

PROBABILITIES = (0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999)


@dataclass(frozen=True)
class _Job:
    """One file to write: which model, which output."""

    model: int
    output: Output
    path: str


def finish_run(plan: Plan, progress: Progress, keep_parts: bool = False) -> None:
    """Write every file of a run from its parts; safe to kill and to repeat.

    The caller holds the run's lock.

    Raises
    ------
    IncompleteError
        Parts are missing or broken; the message lists them all.
    """
    run = plan.run
    run.sweep()
    if run.finished and not damaged_files(run):
        plan.store.remove() if not keep_parts else None
        return
    run.content["finished"] = False
    store = plan.store
    store.require_all()
    make_folder(run.folder / "tracks")
    entries = [_finish_output(plan, store, job, progress) for job in _jobs(plan)]
    for model, planned in enumerate(plan.models):
        entries += _finish_folds(plan, model, planned)
    run.content["files"] = entries
    run.content["bases_read"] = {
        planned.card.name: store.counts(model) for model, planned in enumerate(plan.models)
    }
    run.content["trusted_weights"] = trusted_files(run.request["models"], store.trusted())
    run.content["finished"] = True
    run.save()
    crash_point("finished")
    if not keep_parts:
        store.remove()


def damaged_files(run: Run) -> list[str]:
    """Return the finished files that are missing or not as they were written."""
    found = []
    for entry in run.files:
        path = run.folder / entry["path"]
        same_size = path.is_file() and path.stat().st_size == entry["size"]
        if not same_size or digest_of_file(path) != entry["sha256"]:
            found.append(entry["path"])
    return found


def refuse_damage(run: Run) -> None:
    """Raise when a finished run lost or changed a file and its parts are gone.

    Raises
    ------
    IncompleteError
        Lists the files and how to make them again.
    """
    damaged = damaged_files(run)
    if damaged:
        listed = "\n".join(f"  {path}" for path in damaged[:20])
        raise IncompleteError(
            f"{run.folder} was finished, but these files are missing or changed:\n{listed}\n"
            "Make them again with the same command and --overwrite."
        )


def _jobs(plan: Plan) -> Iterator[_Job]:
    for model, planned in enumerate(plan.models):
        for output in planned.outputs:
            yield _Job(model, output, output.path(planned.card.name))


def _finish_output(plan: Plan, store: PartStore, job: _Job, progress: Progress) -> dict[str, Any]:
    planned = plan.models[job.model]
    table = plan.chunks(job.model)
    column = [output.row for output in planned.outputs].index(job.output.row)

    def pieces() -> Iterator[tuple[int, EncodedPiece]]:
        for chunk, data in store.pieces(job.model, column):
            yield int(plan.track_index[table.contig[chunk]]), EncodedPiece.from_bytes(data)

    request = plan.run.request
    precision = request["precision"]
    options = TrackOptions(
        compressor=request["compressor"],
        precision=parse_precision(precision) if precision else None,
    )
    path = plan.run.folder / job.path
    summary = write_bigwig(path, plan.track_contigs, pieces, planned.tiling.bin, options)
    crash_point("track-finished")
    if summary.bases == 0:
        progress.note(f"{job.path} holds no value: everything asked for is N or not predictable.")
    facts = {
        "model": planned.card.name,
        "track": job.output.track,
        "statistic": job.output.statistic,
        **value_facts(summary),
    }
    return file_entry(plan.run.folder, job.path, "bigwig", facts)


def value_facts(summary: TrackSummary) -> dict[str, Any]:
    """Return bases covered and the distribution of the values, for scales and provenance."""
    if summary.bases == 0:
        return {"values": 0, "min": None, "max": None, "mean": None, "quantiles": {}}
    found = summary.quantiles(PROBABILITIES)
    return {
        "values": summary.bases,
        "min": summary.totals.minimum,
        "max": summary.totals.maximum,
        "mean": summary.totals.mean,
        "quantiles": {f"{p:g}": float(q) for p, q in zip(PROBABILITIES, found, strict=True)},
    }


def _finish_folds(plan: Plan, model: int, planned: PlannedModel) -> list[dict[str, Any]]:
    """Write the BED that names, for every predicted contig, the folds that predicted it."""
    if planned.entry["folds"]["rule"] != "held-out":
        return []
    path = f"tracks/{planned.card.name}.folds.bed"
    present = sorted({int(index) for index in plan.chunks(model).contig})
    with aside(plan.run.folder / path) as temporary:
        temporary.write_text(_fold_lines(plan, planned, present), encoding="utf-8")
    facts = {"model": planned.card.name}
    return [file_entry(plan.run.folder, path, "folds", facts)]


def _fold_lines(plan: Plan, planned: PlannedModel, present: list[int]) -> str:
    lines = []
    for index in present:
        name, length = plan.contigs.names[index], int(plan.contigs.lengths[index])
        folds = planned.folds_for(name)
        if folds:
            lines.append(f"{name}\t0\t{length}\t{','.join(folds)}\n")
    return "".join(lines)
