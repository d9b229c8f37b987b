"""Whether what was asked has a meaning for the kind of run and for its models."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import fields

from tracksmith.errors import UsageError
from tracksmith.runs.request import (
    HAPLOTYPES,
    PREDICT,
    ModelRequest,
    Request,
    describe_field,
    flag_of,
)

__all__ = ["check_meaning", "refuse_tf32"]

READS = {"windows": "windows along a genome", "regions": "a list of regions"}


def check_meaning(
    request: Request, reads: Mapping[str, str], notify: Callable[[str], None]
) -> None:
    """Refuse options without a meaning; tell of those that have one for some models only.

    Parameters
    ----------
    reads
        ``windows`` or ``regions``, by model.

    Raises
    ------
    UsageError
        An option that this kind of run, the model it is said for, or every
        model has no use for; a number below 1 of what there must be one of.
    """
    _check_kind(request)
    for name in request.given():
        _check_models(name, "", request, reads, notify)
    for model, name in _said(request):
        _check_models(name, model, request, reads, notify)
    _check_numbers(request)


def _check_numbers(request: Request) -> None:
    numbers = [(request.parts, "--parts")]
    for model_request in map(request.of, request.models):
        numbers += [
            (model_request.batch_size, "--batch-size"),
            (model_request.max_allele, "--max-allele"),
            (model_request.counts_column, "--counts-column"),
        ]
    for value, flag in numbers:
        if value is not None and value < 1:
            raise UsageError(f"{flag} {value}: give 1 or more.")


def _said(request: Request) -> Iterator[tuple[str, str]]:
    """Yield (model, field) of all that was said for models and is not the default."""
    plain = ModelRequest()
    for model, values in request.own.items():
        for item in fields(ModelRequest):
            if item.name in values and (model or values[item.name] != getattr(plain, item.name)):
                yield model, item.name


def _check_kind(request: Request) -> None:
    for name in (*request.given(), *(name for _, name in _said(request))):
        if name != "own" and request.kind not in describe_field(name)["kinds"]:
            wanted = " or ".join(_commands(describe_field(name)["kinds"]))
            raise UsageError(
                f"{flag_of(name)} has no meaning here: it belongs to `tracksmith {wanted}`."
            )


def _commands(kinds: Collection[str]) -> list[str]:
    """Return the commands of kinds of run; people are an option of predictions."""
    return [
        "predict --vcf" if kind == HAPLOTYPES else kind
        for kind in kinds
        if kind != HAPLOTYPES or PREDICT not in kinds
    ]


def _check_models(
    name: str,
    model: str,
    request: Request,
    reads: Mapping[str, str],
    notify: Callable[[str], None],
) -> None:
    if name == "own":
        return
    wanted = describe_field(name)["reads"]
    concerned = [model] if model else list(request.models)
    idle = [other for other in concerned if reads[other] not in wanted]
    if not idle:
        return
    kinds = {reads[other] for other in idle}
    why = f"{', '.join(idle)}, which read{'s' * (len(idle) == 1)} {READS[kinds.pop()]}"
    if len(idle) == len(concerned):
        hint = "leave it out; restrict it to regions with -r" if name == "peaks" else "leave it out"
        raise UsageError(f"{flag_of(name)} has no meaning for {why}: {hint}.")
    notify(f"{flag_of(name)} has no meaning for {why}; it is left out there.")


def refuse_tf32(request: Request, models: Collection[str], device: str) -> None:
    """Refuse TF32 on a device that does not have it.

    Raises
    ------
    UsageError
        A model of the run is to compute in TF32, and not on a CUDA device.
    """
    if device != "cuda" and any(request.of(model).dtype == "tf32" for model in models):
        raise UsageError(
            f"--dtype tf32: only CUDA devices compute in TF32, and this run is for {device}. "
            "Leave --dtype out, or give --device cuda."
        )
