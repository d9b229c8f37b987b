"""Options that mean the same in every command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

import click

from tracksmith.errors import UsageError
from tracksmith.models.trust import OPTION, trusting

__all__ = [
    "add_options", "key_values", "model_options", "numbers", "require_devices", "run_options",
    "trust_option", "weights",
]  # fmt: skip

Command = TypeVar("Command", bound=Callable[..., Any])


def _trust(context: click.Context, option: click.Parameter, digests: tuple[str, ...]) -> None:
    context.with_resource(trusting(digests))


trust_option = click.option(
    OPTION, multiple=True, metavar="sha256:DIGEST", callback=_trust, expose_value=False,
    help="Unpickle the weight file with this digest, though that runs code from it; repeatable.",
)  # fmt: skip
"""Consent lasts as long as the command; it is stored nowhere."""

_MODEL = (
    click.option("-m", "--model", "models", multiple=True, required=True, help="Model."),
    click.option(
        "-g", "--genome", required=True, type=click.Path(path_type=Path),
        help="FASTA, plain or bgzipped.",
    ),
    click.option(
        "-t", "--tracks", multiple=True,
        help="Tracks: id or pattern, assay=, cell=, strand=, or number; all by default.",
    ),
    click.option(
        "--folds", default="mean", show_default=True,
        help="mean, held-out, one fold, or some: mean:1,2.",
    ),
    click.option("--spread", is_flag=True, help="Also write the standard deviation over folds."),
    click.option(
        "--rc/--no-rc", "reverse_complement", default=None,
        help="Average with the reverse complement; default by model.",
    ),
    click.option("--shifts", default="0", show_default=True, help="Shifts in bp to average over."),
    click.option("--weights", multiple=True, help="Weights: PATH, or MODEL=PATH."),
    trust_option,
    click.option("--option", "options", multiple=True, help="A model's own option: NAME=VALUE."),
    click.option("-b", "--batch-size", default="auto", show_default=True, help="Windows a batch."),
    click.option(
        "-d", "--device", default="auto", show_default=True,
        help="auto, cpu, cuda, cuda:0 or cuda:0,cuda:1.",
    ),
    click.option(
        "--dtype", default="float32", show_default=True, help="float32, bf16 or fp16."
    ),
)  # fmt: skip

_RUN = (
    click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors."),
    click.option("--overwrite", is_flag=True, help="Replace another run in the same folder."),
    click.option("--force", is_flag=True, help="Go on though the disk may be too small."),
)


class OptionSet(Protocol):
    """A decorator that adds options to a command."""

    def __call__(self, command: Command) -> Command:
        """Return the command with the options."""


def add_options(*options: Callable[[Any], Any]) -> OptionSet:
    """Return a decorator that adds options in the order given."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


model_options = add_options(*_MODEL)
run_options = add_options(*_RUN)


def require_devices(text: str) -> None:
    """Refuse devices that this machine lacks, before a run takes its folder.

    Raises
    ------
    TracksmithError
        An unknown device (UsageError), or one that is not there (ResourceError).
    """
    from tracksmith.engine.device import resolve_devices

    resolve_devices(text)


def numbers(text: str, name: str) -> tuple[int, ...]:
    """Read comma-separated whole numbers."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"{name} {text}: give whole numbers with commas, e.g. -43,0,43.") from None


def key_values(pairs: tuple[str, ...], name: str) -> dict[str, str]:
    """Read ``NAME=VALUE`` pairs; no name may come twice."""
    found: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise UsageError(f"{name} {pair}: give NAME=VALUE.")
        if key in found:
            raise UsageError(f"{name} {key} is given twice, {found[key]} and {value}: keep one.")
        found[key] = value
    return found


def weights(values: tuple[str, ...]) -> dict[str, Path]:
    """Read ``PATH`` (for the only model) or ``MODEL=PATH``; no model may come twice."""
    found: dict[str, Path] = {}
    for value in values:
        name, equals, path = value.partition("=")
        if not equals or Path(value).exists():
            name, path = "", value
        if name in found or (found and not (name and all(found))):
            first = next(iter(found.values())) if name not in found else found[name]
            raise UsageError(
                f"--weights {value}: the model has {first} already. Give one file or folder a "
                "model; put the files of all folds into one folder."
            )
        found[name] = Path(path)
    return found


def whole_number(text: str, name: str) -> int | None:
    """Read a whole number, or None for ``auto``."""
    if text == "auto":
        return None
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"{name} {text}: give a whole number or auto.") from None
