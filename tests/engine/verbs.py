"""The verbs of a run for tests: a request in, a run out, without naming the kind each time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tracksmith.kinds import kind_of_request, kind_of_run
from tracksmith.progress import Silent
from tracksmith.runs import job
from tracksmith.runs.request import Request, make_request, request_fields
from tracksmith.runs.run import Run


def request(models: Any, genome: Path, **values: Any) -> Request:
    """A request of models over a genome."""
    return make_request({"models": models, "genome": genome, **values})


def changed(request: Request, **values: Any) -> Request:
    """The same request with some fields changed for all models."""
    names = {item.name for item in request_fields()}
    assert values.keys() <= names
    given = {name: getattr(request, name) for name in request.given() if name != "own"}
    given |= {name: dict.fromkeys([""], value) for name, value in request.own.get("", {}).items()}
    return make_request({**given, "models": request.models, "genome": request.genome, **values})


def plan(request: Request, out: Path, progress: Any = None, **flags: Any) -> Run:
    return job.plan(kind_of_request(request), request, Path(out), progress or Silent(), **flags)


def run_all(request: Request, out: Path, progress: Any = None, **flags: Any) -> Run:
    kind = kind_of_request(request)
    return job.run_all(kind, request, Path(out), progress or Silent(), **flags)


def estimate(request: Request, progress: Any = None) -> Any:
    return job.estimate(kind_of_request(request), request, progress or Silent())


def work(out: Path, progress: Any = None, **which: Any) -> list[int]:
    run = Run.open(Path(out))
    return job.work(kind_of_run(run), run, progress or Silent(), **which)


def finish(out: Path, progress: Any = None, **flags: Any) -> Run:
    run = Run.open(Path(out))
    return job.finish(kind_of_run(run), run, progress or Silent(), **flags)


def status(out: Path, **flags: Any) -> job.RunStatus:
    return job.status(Run.open(Path(out)), **flags)


def worker(run: Run, device: str = "cpu") -> Any:
    """The opened worker of a planned run."""
    return kind_of_run(run).open(run, device, Silent())
