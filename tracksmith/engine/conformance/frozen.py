"""The golden file of a plugin: does the model still give what was frozen?"""

from __future__ import annotations

from tracksmith.engine.agreement import CPU, TOLERANCES
from tracksmith.engine.conformance.report import Verdict, fails, open_, passes
from tracksmith.engine.conformance.subject import CheckRequest
from tracksmith.engine.selftest import (
    SelfTestRequest,
    frozen_difference,
    load_subject,
    not_comparable,
)
from tracksmith.models.contract import Model

__all__ = ["check_golden"]


def check_golden(model: Model, request: CheckRequest) -> Verdict:
    """The model gives the outputs of its golden file, with the weights that were frozen."""
    if model.golden is None:
        return open_(
            f"No golden file is shipped. `tracksmith plugin freeze {model.card.name}` writes one; "
            "then Model(..., golden=PATH)."
        )
    subject = load_subject(model, SelfTestRequest(request.weights, request.options, request.inputs))
    if reason := not_comparable(subject):
        return open_(f"Not compared: {reason}.")
    worst = frozen_difference(subject, subject.sample.on(CPU, "float32"))
    if not worst <= TOLERANCES["float32"]:
        return fails(
            f"The outputs differ by {worst:.2g} of the largest value from those of "
            f"{model.golden.name}, which were frozen with the same weights. If the model was "
            "changed on purpose, raise the card's version and freeze it again."
        )
    return passes(f"The outputs are those that were frozen: equal to {worst:.1g} of the largest.")
