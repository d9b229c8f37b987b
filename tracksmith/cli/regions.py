"""``tracksmith predict --peaks``: models over a list of regions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tracksmith.cli.options import add_options, key_values, weights, whole_number
from tracksmith.errors import UsageError

if TYPE_CHECKING:
    from tracksmith.engine.regions import RegionRequest

__all__ = [
    "region_options",
    "region_request",
    "take_region_options",
    "variant_region_options",
]

_FILE = click.Path(path_type=Path)
_SHORTHANDS = ("motifs", "clusters", "archetypes")


def _archetypes(hidden: bool) -> Callable[[Any], Any]:
    return click.option(
        "--archetypes", type=_FILE, hidden=hidden,
        help="Tabix BED of scanned motifs; short for --input archetypes=PATH.",
    )  # fmt: skip


_OPTIONS = (
    click.option("--peaks", type=_FILE, help="BED file of peaks, for a model over regions."),
    click.option("--motifs", type=_FILE, help="MEME file; short for --input motifs=PATH."),
    click.option(
        "--clusters", type=_FILE, help="Motif clusters; short for --input clusters=PATH."
    ),
    click.option("--input", "inputs", multiple=True, help="A region model's input: NAME=PATH."),
    click.option("--accessibility", type=_FILE, help="bigWig, summed over each peak."),
    click.option("--counts-column", type=int, help="Column of the peaks with counts, from 1."),
    click.option(
        "--overlaps", type=click.Choice(["refuse", "merge"]), default="refuse", show_default=True,
        help="What to do with peaks that share a base.",
    ),
    click.option("--normalisers", type=_FILE, help="Normalisers of an earlier run."),
)  # fmt: skip

region_options = add_options(*_OPTIONS, _archetypes(hidden=False))
variant_region_options = add_options(*_OPTIONS, _archetypes(hidden=True))
"""Variants cannot use a scan of the reference; whoever gives one is told why."""

_OWN = ("peaks", "accessibility", "counts_column", "overlaps", "normalisers")
_FLAGS = {"inputs": "--input", "counts_column": "--counts-column"}

# What only models over windows know, and the value that leaves it alone.
_WINDOWS_ONLY = {
    "regions": (),
    "chroms": (),
    "folds": "mean",
    "spread": False,
    "reverse_complement": None,
    "shifts": "0",
    "parts": None,
}


def take_region_options(values: dict[str, Any]) -> dict[str, Any]:
    """Remove the options of :func:`region_options` from ``values`` and return them.

    Raises
    ------
    UsageError
        Some were given without ``--peaks``.
    """
    taken = {name: values.pop(name) for name in (*_OWN, *_SHORTHANDS, "inputs")}
    lonely = [name for name, value in taken.items() if value not in (None, (), "refuse")]
    if taken["peaks"] is None and lonely:
        named = ", ".join(_FLAGS.get(name, f"--{name}") for name in lonely)
        raise UsageError(f"{named} belongs to a model over regions: give it --peaks FILE.bed too.")
    return taken


def _weights_of(model: str, given: dict[str, Path]) -> Path | None:
    """Return the one path that was given; it must be this model's."""
    unknown = ", ".join(sorted(set(given) - {"", model}))
    if unknown:
        raise UsageError(f"--weights names {unknown}, which was not asked for.")
    return given.get(model, given.get(""))


def region_request(regions: dict[str, Any], asked: dict[str, Any]) -> RegionRequest:
    """Return the request that the options of a command describe; ``regions`` as above.

    Raises
    ------
    UsageError
        Several models, or options that only models over windows know.
    """
    from tracksmith.engine.regions import RegionRequest

    given = dict(asked)
    foreign = [name for name, plain in _WINDOWS_ONLY.items() if given.pop(name, plain) != plain]
    if foreign:
        flags = {"reverse_complement": "rc"}
        named = ", ".join(f"--{flags.get(name, name)}" for name in foreign)
        raise UsageError(f"{named} has no meaning with --peaks: leave it out.")
    models = given.pop("models")
    if len(models) != 1:
        raise UsageError("With --peaks name one model: -m MODEL.")
    inputs = {n: Path(path) for n, path in key_values(regions["inputs"], "--input").items()}
    short = {name: regions[name] for name in _SHORTHANDS if regions[name] is not None}
    for name in sorted(inputs.keys() & short.keys()):
        raise UsageError(f"--input {name} and --{name} are the same file: give one of them.")
    inputs |= short
    given["weights"] = _weights_of(models[0], weights(given["weights"]))
    given["options"] = key_values(given["options"], "--option")
    given["batch_size"] = whole_number(given["batch_size"], "--batch-size")
    own = {name: regions[name] for name in _OWN}
    return RegionRequest(model=models[0], inputs=inputs, **own, **given)
