"""The verbs on a run: plan, work, finish, predict, status."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tracksmith.engine.device import resolve_devices
from tracksmith.engine.estimate import refuse_full_disk
from tracksmith.engine.executors import run_parts
from tracksmith.engine.finish import finish_run, refuse_damage
from tracksmith.engine.parts import PartStore
from tracksmith.engine.plan import Plan, check_genome
from tracksmith.engine.request import PredictRequest, Resolved, resolve_request
from tracksmith.engine.work import load_forward
from tracksmith.errors import UsageError
from tracksmith.genome.fasta import Genome
from tracksmith.models.registry import load_registry
from tracksmith.models.trust import trusting
from tracksmith.progress import Progress, Silent
from tracksmith.run import Run

__all__ = [
    "RunStatus",
    "finish",
    "keep_batch_sizes",
    "plan",
    "predict",
    "share",
    "status",
    "tidy",
    "work",
]


FILE_FOLDERS = ("tracks", "regions", "variants", "ism")
"""Where finished files lie; their names begin with their model's, or are one of these."""

SHARED_NAMES = (
    "annotated.vcf.gz", "annotated.vcf.gz.tbi", "annotated.vcf.gz.csi", "skipped.tsv",
    "summary.html",
)  # fmt: skip


@dataclass(frozen=True)
class RunStatus:
    """How far a run is; ``problems`` maps part numbers to why they cannot be used."""

    parts: int
    done: int
    problems: dict[int, str]
    finished: bool
    files: list[str]


def plan(
    asked: PredictRequest,
    out: Path,
    progress: Progress | None = None,
    overwrite: bool = False,
    force: bool = False,
) -> Run:
    """Fix a run in the folder ``out``, or find it there already.

    Raises
    ------
    UsageError
        ``out`` holds another run; the differences are named.
    ResourceError
        The disk cannot hold the run (``force`` goes on all the same).
    """
    return _plan(asked, out, progress or Silent(), overwrite, force)


def _plan(
    asked: PredictRequest,
    out: Path,
    told: Progress,
    overwrite: bool,
    force: bool,
    here: bool = False,
) -> Run:
    """Fix a run or find it; ``here`` says that this process will compute it, too."""
    if here:
        resolve_devices(asked.device)  # what is missing claims no folder
    with trusting(asked.trust_weights):
        resolved = resolve_request(asked, load_registry(), told.note)
    if asked.batch_size is not None:
        for entry in resolved.request["models"]:
            entry["batch_chosen"] = True
    if Run.exists(out) and not overwrite:
        run = Run.open(out)
        keep_batch_sizes(resolved, run)
        run.refuse_other(resolved.request, resolved.versions)
        run.find_at(resolved.places)
        return run
    refuse_full_disk(resolved, out, force)
    if overwrite and Run.exists(out):
        if here:
            with trusting(asked.trust_weights):
                _load_all(resolved, asked.device)
        remove_run(Run.open(out))
    return resolved.create(out)


def keep_batch_sizes(resolved: Resolved, run: Run) -> None:
    """Take automatic batch sizes from the run: another GPU would have others."""
    planned = {entry["card"]["name"]: entry for entry in run.request["models"]}
    for entry in resolved.request["models"]:
        found = planned.get(entry["card"]["name"], {})
        if not (found.get("batch_chosen") or entry.get("batch_chosen")):
            entry["batch_size"] = found.get("batch_size", entry["batch_size"])


def _load_all(resolved: Resolved, devices: str) -> None:
    """Look for the devices and load every model: what fails, fails before a run is replaced."""
    found = resolve_devices(devices)
    with tempfile.TemporaryDirectory() as folder:
        planned = Plan(resolved.create(Path(folder)), load_registry())
        for model in planned.models:
            load_forward(model, found[0])


def remove_run(run: Run) -> None:
    """Remove a run's own files, and nothing else that lies in its folder."""
    with run.lock():
        for path in _own_files(run):
            path.unlink(missing_ok=True)
        shutil.rmtree(run.parts_folder, ignore_errors=True)
        (run.folder / "run.json").unlink(missing_ok=True)


def _own_files(run: Run) -> list[Path]:
    """Return the files of a run; of one that was stopped while finishing, those by its names."""
    listed = [run.folder / entry["path"] for entry in run.files]
    if run.finished:
        return listed
    names = [f"{entry['card']['name']}." for entry in run.request["models"]]
    written = [
        path
        for folder in FILE_FOLDERS
        for path in (run.folder / folder).glob("*")
        if path.name.startswith(tuple(names)) or path.name in SHARED_NAMES
    ]
    return [*listed, *written]


def predict(
    asked: PredictRequest,
    out: Path,
    progress: Progress | None = None,
    overwrite: bool = False,
    force: bool = False,
    keep_parts: bool = False,
) -> Run:
    """Plan, compute all parts and finish; repeated, go on from where it stopped.

    Returns
    -------
    run
        The finished run; ``run.files`` lists what was written.
    """
    told = progress or Silent()
    run = _plan(asked, out, told, overwrite, force, here=True)
    if run.finished:
        tidy(run, keep_parts)
        told.note(f"{out} is finished already; nothing to do.")
        return run
    with trusting(asked.trust_weights), run.lock():
        planned = Plan(run, load_registry())
        missing = planned.store.missing()
        if missing:
            genome = _open_genome(run, told.note)
            run_parts(planned, genome, asked.device, missing, told)
        finish_run(planned, told, keep_parts)
    return run


def tidy(run: Run, keep_parts: bool) -> None:
    """Check a finished run; write into its folder only to remove parts that are left."""
    refuse_damage(run)
    if run.parts_folder.is_dir() and not keep_parts:
        with run.lock():
            PartStore(run).remove()


def work(
    out: Path,
    device: str = "auto",
    part: int | None = None,
    of: tuple[int, int] | None = None,
    progress: Progress | None = None,
) -> list[int]:
    """Compute parts of a planned run: one, the share ``of = (i, n)`` from 0, or all missing.

    Needs no lock: any number of these may run at once, on any machine that
    sees the folder. What the plan trusted is not trusted here: see
    :func:`tracksmith.models.trust.trusting`. Returns the parts that were computed.
    """
    told = progress or Silent()
    run = Run.open(out)
    if run.finished:
        told.note(f"{out} is finished already; nothing to do.")
        return []
    planned = Plan(run, load_registry())
    mine = chosen_parts(len(planned.store), part, of)
    todo = sorted(set(mine) & set(planned.store.missing()))
    if todo:
        genome = _open_genome(run, told.note)
        run_parts(planned, genome, device, todo, told)
    return todo


def chosen_parts(parts: int, part: int | None, of: tuple[int, int] | None) -> Sequence[int]:
    """Return the parts that a command asks for: one, a share, or all.

    Raises
    ------
    UsageError
        There is no such part or share.
    """
    if part is not None:
        if not 0 <= part < parts:
            raise UsageError(f"--part {part}: this run has parts 0 to {parts - 1}.")
        return [part]
    if of is not None:
        share_number, shares = of
        if not 0 <= share_number < shares:
            raise UsageError(
                f"--part {share_number}/{shares}: give 0/{shares} to {shares - 1}/{shares}."
            )
        return share(parts, share_number, shares)
    return range(parts)


def share(parts: int, number: int, shares: int) -> range:
    """Return the ``number``-th of ``shares`` even shares of the parts."""
    return range(parts * number // shares, parts * (number + 1) // shares)


def finish(out: Path, progress: Progress | None = None, keep_parts: bool = False) -> Run:
    """Join the parts of a run into its files; see :func:`tracksmith.engine.finish.finish_run`."""
    told = progress or Silent()
    run = Run.open(out)
    if run.finished:
        tidy(run, keep_parts)
        return run
    with run.lock():
        finish_run(Plan(run, load_registry()), told, keep_parts)
    return run


def status(out: Path, deep: bool = False) -> RunStatus:
    """Say how far a run is, from its manifests; ``deep`` checks every byte.

    Raises
    ------
    IncompleteError
        With ``deep``: files of a finished run are missing or changed.
    """
    run = Run.open(out)
    files = [entry["path"] for entry in run.files]
    if run.finished:
        if deep:
            refuse_damage(run)
        parts = sum(len(starts) for starts in run.parts)
        return RunStatus(parts, parts, {}, True, files)
    store = PartStore(run)
    found = {part: store.problem(part, deep) for part in range(len(store))}
    problems = {part: problem for part, problem in found.items() if problem}
    return RunStatus(len(store), len(store) - len(problems), problems, False, files)


def _open_genome(run: Run, notify: Callable[[str], None]) -> Genome:
    genome = Genome.open(Path(run.places["genome"]), notify=notify)
    check_genome(genome, run.request)
    return genome
