"""What pages say of how letters and effects of edits were made: the definition of each number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracksmith.hub.runs import ShownModel, ShownRun
from tracksmith.runs.request import EXPLAIN, PERTURB

__all__ = ["recipe_rows"]

Row = tuple[str, str]

_METHODS = {
    "ism": "minus the mean effect of the three substitutions at each base",
    "gradient": "gradient times input, gradients centred over the four bases "
    "(Majdandzic et al. 2023, doi:10.1186/s13059-023-02956-3)",
    "integrated": "integrated gradients (Sundararajan et al. 2017, arXiv:1703.01365)",
    "deeplift": "DeepLIFT with the rescale rule (Shrikumar et al. 2017, arXiv:1704.02685)",
}
_NUMBERS = {
    "diff": "the {reduce} of the scored bins",
    "log2fc": "the log2 of the {reduce} of the scored bins plus {pseudocount:g}",
    "shift": "the mean place of the signal in the scored bins, in bp",
    "profile": "the shares of the scored bins in their sum plus {pseudocount:g}, weighted by those "
    "of the sequence itself",
}


def recipe_rows(run: ShownRun, model: ShownModel) -> list[Row]:
    """Return the definitions of what a run of explanations or of perturbations wrote."""
    rows = {EXPLAIN: _explained, PERTURB: _perturbed}.get(run.plan.kind)
    return [] if rows is None else rows(model, run.plan.details)


def _explained(model: ShownModel, details: Mapping[str, Any]) -> list[Row]:
    method = str(details["method"])
    rows = [("Method", _METHODS[method] + _references(method, details))]
    variants = model.card.variants
    values = {"reduce": details["reduce"] or variants.reduce, "pseudocount": variants.pseudocount}
    rows += [
        (f"Explained as {score}", _NUMBERS[score].format(**values)) for score in model.record.scores
    ]
    if details["motifs"]:
        rows.append(("Motifs", f"a file of sha256 {details['motifs']}"))
    return rows


def _references(method: str, details: Mapping[str, Any]) -> str:
    """Say what letters are taken against, and along how many points."""
    if method not in ("integrated", "deeplift"):
        return ""
    points = f", {details['path_points']} points of each path" if method == "integrated" else ""
    if method == "integrated" and details["baseline"] == "uniform":
        return f" from 1/4 of every base{points}"
    count = details["references"]
    shuffles = f"{count} dinucleotide shuffles" if count > 1 else "one dinucleotide shuffle"
    return f", against {shuffles} of each window (seed {details['reference_seed']}){points}"


def _perturbed(model: ShownModel, details: Mapping[str, Any]) -> list[Row]:
    value = details.get("value") or model.card.variants.reduce
    rows = [("Effect", f"the {value} of a readout's bins with the edit minus that without it")]
    if "around" in details:
        rows.append(("Start sites", f"read with {details['around']:,} bp to either side"))
    if details.get("op"):
        rows.append(("Operation", f"{details['op']}, where an edit names no other"))
    if "seeds" in details:
        rows.append(("Shuffles", f"the mean over {details['seeds']:,} of each"))
    if "within" in details:
        rows.append(("Pairs", f"at most {details['within']:,} bp apart"))
    return rows
