"""The verbs on a run of variants: plan, work, finish, score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tracksmith.effects.finish import Limits, finish_variants
from tracksmith.effects.request import VariantRequest, resolve_variants
from tracksmith.effects.worker import VariantPlan, VariantWorker
from tracksmith.engine.api import chosen_parts, remove_run
from tracksmith.engine.finish import refuse_damage
from tracksmith.engine.work import compute_parts
from tracksmith.models.registry import load_registry
from tracksmith.models.trust import trusting
from tracksmith.progress import Progress, Silent
from tracksmith.run import Run

__all__ = ["finish", "is_variant_run", "plan", "score", "work"]

SPOOL = "input"
"""Where variants from standard input are kept while the run is at work."""


def is_variant_run(run: Run) -> bool:
    """Say whether a run scores variants."""
    return "variants" in run.request


def plan(
    asked: VariantRequest, out: Path, progress: Progress | None = None, overwrite: bool = False
) -> Run:
    """Fix a run in the folder ``out``, or find it there already.

    Raises
    ------
    UsageError
        ``out`` holds another run; the differences are named.
    InputError
        The variants cannot be read.
    """
    told = progress or Silent()
    with trusting(asked.trust_weights):
        resolved = resolve_variants(asked, out / SPOOL, load_registry(), told)
    if Run.exists(out) and not overwrite:
        run = Run.open(out)
        run.refuse_other(resolved.request, resolved.versions)
        run.content["places"] = resolved.places
        return run
    if Run.exists(out):
        remove_run(Run.open(out))
    return resolved.create(out)


def score(
    asked: VariantRequest,
    out: Path,
    limits: Limits | None = None,
    progress: Progress | None = None,
    overwrite: bool = False,
    keep_parts: bool = False,
) -> Run:
    """Plan, score all parts and finish; repeated, go on from where it stopped.

    Returns
    -------
    run
        The finished run; ``run.files`` lists what was written, and
        ``run.content["counts"]`` what became of the records.
    """
    told = progress or Silent()
    run = plan(asked, out, told, overwrite)
    with trusting(asked.trust_weights), run.lock():
        if run.finished:
            refuse_damage(run)
            (out / SPOOL).unlink(missing_ok=True)
            told.note(f"{out} is finished already; nothing to do.")
            return run
        with _worker(run, asked.predict.device, told) as worker:
            _compute(worker, worker.store.missing(), told)
            finish_variants(worker, limits or Limits(), told, keep_parts)
    return run


def work(
    out: Path,
    device: str = "auto",
    part: int | None = None,
    of: tuple[int, int] | None = None,
    progress: Progress | None = None,
) -> list[int]:
    """Score parts of a planned run: one, the share ``of = (i, n)`` from 0, or all missing.

    Needs no lock. What the plan trusted is not trusted here: see
    :func:`tracksmith.models.trust.trusting`. Returns the parts that were computed.
    """
    told = progress or Silent()
    with _worker(Run.open(out), device, told) as worker:
        mine = chosen_parts(len(worker.store), part, of)
        todo = sorted(set(mine) & set(worker.store.missing()))
        _compute(worker, todo, told)
    return todo


def finish(
    out: Path,
    progress: Progress | None = None,
    keep_parts: bool = False,
    limits: Limits | None = None,
    device: str = "auto",
) -> Run:
    """Join the parts of a run into its files."""
    told = progress or Silent()
    run = Run.open(out)
    with run.lock():
        if run.finished:
            refuse_damage(run)
        with _worker(run, device, told) as worker:
            finish_variants(worker, limits or Limits(), told, keep_parts)
    return run


@contextmanager
def _worker(run: Run, device: str, progress: Progress) -> Iterator[VariantWorker]:
    planned = VariantPlan(run, load_registry(), progress.note)
    worker = VariantWorker(planned, device, progress)
    try:
        yield worker
    finally:
        worker.close()


def _compute(worker: VariantWorker, parts: Sequence[int], progress: Progress) -> None:
    if not parts:
        return
    total = sum(worker.records(part) for part in range(len(worker.store)))
    left = sum(worker.records(part) for part in parts)
    progress.start("variants", total, "variants", total - left)
    compute_parts(worker, parts)
    progress.finish()
