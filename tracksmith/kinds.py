"""The kinds of run, put together; they know nothing of one another."""

from __future__ import annotations

from collections.abc import Callable

from tracksmith.errors import TrustError
from tracksmith.runs.kind import Kind
from tracksmith.runs.request import EXPLAIN, HAPLOTYPES, PERTURB, PREDICT, VARIANTS, Request
from tracksmith.runs.run import Run

__all__ = ["KINDS", "kind_of_request", "kind_of_run"]


def _predict() -> Kind:
    from tracksmith.engine.reader import WindowReader
    from tracksmith.regions.reader import RegionReader
    from tracksmith.runs.predict import Predict

    return Predict({"windows": WindowReader(), "regions": RegionReader()})


def _variants() -> Kind:
    from tracksmith.effects.kind import Variants

    return Variants()


def _haplotypes() -> Kind:
    from tracksmith.haplotypes.kind import Haplotypes

    return Haplotypes()


def _perturb() -> Kind:
    from tracksmith.perturbations.kind import Perturb

    return Perturb()


def _explain() -> Kind:
    from tracksmith.attributions.kind import Explain

    return Explain()


# decision: one-driver (a kind is an object that says what differs; job.py does the rest)
KINDS: dict[str, Callable[[], Kind]] = {
    PREDICT: _predict,
    VARIANTS: _variants,
    HAPLOTYPES: _haplotypes,
    PERTURB: _perturb,
    EXPLAIN: _explain,
}
"""Makes each kind of run, by its name; what a kind needs is imported when it is used."""


def kind_of_request(request: Request) -> Kind:
    """Return the kind of run that a request asks for."""
    return KINDS[request.kind]()


def kind_of_run(run: Run) -> Kind:
    """Return the kind of a planned run.

    Raises
    ------
    TrustError
        This tracksmith knows no such kind.
    """
    if run.plan.kind not in KINDS:
        raise TrustError(
            f"{run.folder} is a run of the kind {run.plan.kind!r}, which this tracksmith does not "
            "know. Use the version that planned it."
        )
    return KINDS[run.plan.kind]()
