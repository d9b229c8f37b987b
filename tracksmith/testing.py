"""For the tests of a plugin: the conformance kit as a class of tests, in one line.

::

    from tracksmith.testing import conformance

    TestMyModel = conformance("my-model")
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tracksmith.errors import ResourceError
from tracksmith.models.contract import Model
from tracksmith.models.registry import load_registry

if TYPE_CHECKING:
    from tracksmith.engine.conformance import Report

__all__ = ["conformance"]


def conformance(
    model: str | Model,
    *,
    weights: str | Path | None = None,
    options: Mapping[str, str] | None = None,
    inputs: Mapping[str, str | Path] | None = None,
    asymmetric: bool = False,
) -> type:
    """Return a class of tests for pytest: one test per check of the conformance kit.

    A check that cannot tell is skipped with its reason, and so are all of them
    where the weights or the inputs are not on this machine.

    Parameters
    ----------
    model
        Name of an installed model, or a model.
    weights
        File or folder; without it the places where ``tracksmith predict`` looks.
    options, inputs
        As ``--option`` and ``--input`` of ``tracksmith plugin check``.
    asymmetric
        The network looks further to one side on purpose.

    Raises
    ------
    UsageError
        No such model is installed, or its plugin is broken.
    """
    from tracksmith.engine.conformance import CheckRequest, check_model

    chosen = model if isinstance(model, Model) else load_registry().get(model).model
    request = CheckRequest(
        weights=None if weights is None else Path(weights),
        options=dict(options or {}),
        inputs={name: Path(path) for name, path in (inputs or {}).items()},
        asymmetric=asymmetric,
    )

    @cache
    def report() -> Report | str:
        try:
            return check_model(chosen, request)
        except ResourceError as error:
            return str(error)

    return _tests_of(chosen, report)


def _tests_of(model: Model, report: Callable[[], Report | str]) -> type:
    import pytest

    from tracksmith.engine.conformance import checks_of

    class Conformance:
        """What the contract promises, check by check."""

        @pytest.mark.parametrize("check", checks_of(model))
        def test_conformance(self, check: str) -> None:
            findings = report()
            if isinstance(findings, str):
                pytest.skip(findings)
            finding = findings[check]
            if finding.status == "fail":
                pytest.fail(f"{check}: {finding.sentence}", pytrace=False)
            if finding.status == "open":
                pytest.skip(finding.sentence)

    return Conformance
