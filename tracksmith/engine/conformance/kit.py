"""Running the checks in order, and what stops what."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from tracksmith.engine.conformance.basics import (
    check_all_n,
    check_batch,
    check_dtype,
    check_finite,
    check_input,
    check_repeats,
    check_shape,
    check_state,
    check_tracks,
)
from tracksmith.engine.conformance.frozen import check_golden
from tracksmith.engine.conformance.place import check_place
from tracksmith.engine.conformance.regions import REGION_CHECKS, load_region_subject
from tracksmith.engine.conformance.report import Finding, Report, Verdict, fails, open_, passes
from tracksmith.engine.conformance.shortcuts import check_alleles, check_stretch
from tracksmith.engine.conformance.strands import check_sense, check_strands
from tracksmith.engine.conformance.subject import CheckRequest, load_subject
from tracksmith.engine.conformance.variants import check_variants
from tracksmith.errors import ResourceError, TracksmithError
from tracksmith.models.card import RegionGeometry
from tracksmith.models.card_checks import card_problems, heavy_imports
from tracksmith.models.contract import Model

__all__ = ["check_model", "checks_of"]

Check = Callable[[Any], Verdict]

WINDOW_CHECKS: Mapping[str, Check] = {
    "shape": check_shape,
    "dtype": check_dtype,
    "repeats": check_repeats,
    "input": check_input,
    "state": check_state,
    "batch": check_batch,
    "finite": check_finite,
    "all N": check_all_n,
    "tracks": check_tracks,
    "strands": check_strands,
    "place": check_place,
    "sense": check_sense,
    "stretch": check_stretch,
    "alleles": check_alleles,
    "variants": check_variants,
}
NEEDED = ("load", "shape", "repeats")
"""Checks without which those after them would only say the same again."""
STOPS = {"place": ("strands",), "sense": ("place", "strands")}


def checks_of(model: Model) -> list[str]:
    """Return the names of the checks of a model, in order."""
    regions = isinstance(model.card.geometry, RegionGeometry)
    return ["card", "import", "load", *(REGION_CHECKS if regions else WINDOW_CHECKS), "golden"]


def check_model(model: Model, request: CheckRequest) -> Report:
    """Check a model against the contract.

    Returns
    -------
    report
        A finding per check, none of which raises.

    Raises
    ------
    ResourceError
        The weights, or the inputs of a region model, are not there.
    """
    findings: list[Finding] = []
    for name, check in _steps(model, request):
        verdict = _blocked(name, findings) or _judge(check)
        findings.append(Finding(name, *verdict))
    return Report(model.card.name, model.card.version, tuple(findings))


def _steps(model: Model, request: CheckRequest) -> Iterator[tuple[str, Callable[[], Verdict]]]:
    loaded: list[Any] = []
    regions = isinstance(model.card.geometry, RegionGeometry)
    load = load_region_subject if regions else load_subject

    def check_load() -> Verdict:
        loaded.append(load(model, request))
        subject = loaded[0]
        folds = [fold for fold in subject.weights if fold]
        files = sum(len(paths) for paths in subject.weights.values())
        return passes(
            f"Loaded from {files} weight files"
            + (f", folds {', '.join(folds)}; slow checks use the first." if folds else ".")
        )

    yield "card", partial(_check_card, model)
    yield "import", partial(_check_import, _module_of(model))
    yield "load", check_load
    checks: Mapping[str, Check] = REGION_CHECKS if regions else WINDOW_CHECKS
    for name, check in checks.items():
        yield name, lambda check=check: check(loaded[0])  # type: ignore[misc]
    yield "golden", partial(check_golden, model, request)


def _blocked(name: str, findings: list[Finding]) -> Verdict | None:
    """Say that a check is not made because of an earlier one that failed."""
    wrong = {finding.check for finding in findings if finding.status == "fail"}
    for reason in (*NEEDED, *STOPS.get(name, ())):
        if reason in wrong:
            return open_(f"Not checked: first repair {reason!r}.")
    return None


def _judge(check: Callable[[], Verdict]) -> Verdict:
    try:
        return check()
    except ResourceError:
        raise
    except TracksmithError as error:
        return fails(str(error))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a plugin does is a finding
        return fails(f"It raised {type(error).__name__}: {error}")


def _check_card(model: Model) -> Verdict:
    problems = card_problems(model.card)
    if problems:
        return fails("; ".join(problems) + ".")
    card = model.card
    return passes(
        f"{len(card.tracks):,} tracks; licence of the code {card.code_licence}, of the weights "
        f"{card.weights_licence}."
    )


def _module_of(model: Model) -> str:
    function: Any = model.load
    while isinstance(function, partial):
        function = function.func
    return getattr(function, "__module__", "") or type(function).__module__


def _check_import(module: str) -> Verdict:
    try:
        heavy = heavy_imports(module)
    except ImportError as error:
        return open_(f"{module} cannot be imported in a new interpreter: {error}")
    if heavy:
        return fails(
            f"Importing {module} imports {', '.join(heavy)}: `tracksmith models` would wait for "
            "it. Import it inside load()."
        )
    return passes(f"{module} imports without torch.")
