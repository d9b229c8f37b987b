"""A request made into a plan, and held against the run that its folder holds already."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tracksmith.models import registry as plugins
from tracksmith.models.trust import trusting
from tracksmith.progress import Progress
from tracksmith.runs.kind import Draft, Kind
from tracksmith.runs.record import Places, PlanRecord
from tracksmith.runs.request import Request
from tracksmith.runs.run import Run, require_name
from tracksmith.runs.spool import Spool, spooled

__all__ = ["drafted", "planned_before"]


@contextmanager
def drafted(
    kind: Kind, request: Request, out: Path, progress: Progress
) -> Iterator[tuple[Draft, Spool]]:
    """Draft a plan; files that can be read once only are kept in ``out`` first."""
    require_name(out)
    with trusting(request.trust_weights), spooled(request, out) as (kept, spool):
        with spool.named():
            draft = kind.draft(kept, plugins.load_registry(), progress)
        for path in _weights(draft.places):
            require_name(Path(path))  # found in a folder, not named by anybody
        yield replace(draft, places=spool.places(draft.places), now=draft.places), spool


def _weights(places: Places) -> Iterator[str]:
    return (path for folds in places.weights.values() for files in folds.values() for path in files)


def planned_before(draft: Draft, out: Path) -> Run | None:
    """Return the run that is in the folder already, if any; another run is refused."""
    if not Run.exists(out):
        return None
    run = Run.open(out)
    run.refuse_other(_as_planned(draft.plan, run.plan))
    run.find_at(replace(draft.places, parts=run.places.parts))  # it keeps its own parts
    run.keep_limits(draft.limits)
    return run


def _as_planned(new: PlanRecord, old: PlanRecord) -> PlanRecord:
    """Take over what decides no value: the parts, and batch sizes that nobody chose.

    Another GPU would have other batch sizes; the parts are only how the work is cut.
    """
    planned = {model.name: model for model in old.models}
    models = []
    for model in new.models:
        before = planned.get(model.name, model)
        if not (before.batch_chosen or model.batch_chosen):
            model = replace(model, batch_size=before.batch_size)
        models.append(model)
    alike = [(stage.model, stage.what, stage.items, stage.wave) for stage in new.stages]
    same = alike == [(stage.model, stage.what, stage.items, stage.wave) for stage in old.stages]
    return replace(new, models=tuple(models), stages=old.stages if same else new.stages)
