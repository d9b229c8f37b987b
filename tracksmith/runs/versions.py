"""The versions that decide the numbers of a run: tracksmith, torch and the models' plugins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from importlib import metadata
from typing import Any

from tracksmith.errors import TrustError
from tracksmith.models.registry import Registry
from tracksmith.runs.run import Run
from tracksmith.version import __version__

__all__ = ["installed_versions", "refuse_other_plugins", "refuse_other_versions", "same_versions"]


@cache
def _torch() -> str:
    # decision: torch-version-unimported (looking at a run loads no torch)
    return metadata.version("torch")


def installed_versions() -> dict[str, str]:
    """Return the versions of tracksmith and torch, without importing torch."""
    return {"tracksmith": __version__, "torch": _torch()}


def same_versions(one: Any, other: Any) -> bool:
    """Say whether two records of versions stand for the same numbers.

    Builds of one release of torch (``+cpu``, ``+cu126``) do: a run is planned where
    there is no GPU and worked on where there is one; the kind of device is fixed apart.
    """
    if not isinstance(one, Mapping) or not isinstance(other, Mapping):
        return False
    return {name: _release(name, value) for name, value in one.items()} == {
        name: _release(name, value) for name, value in other.items()
    }


def _release(name: str, version: Any) -> Any:
    # decision: versions-fixed (builds of one release of torch count as one)
    return version.partition("+")[0] if name == "torch" and isinstance(version, str) else version


def refuse_other_versions(run: Run) -> None:
    """Refuse to go on with a run under another tracksmith or torch than it was planned with.

    Raises
    ------
    TrustError
        Naming what differs.
    """
    planned, now = run.plan.versions, installed_versions()
    names = sorted(planned.keys() | now.keys())
    _refuse(
        run,
        (
            f"{name}: {planned.get(name)}, {now.get(name)}"
            for name in names
            if _release(name, planned.get(name)) != _release(name, now.get(name))
        ),
    )


def refuse_other_plugins(run: Run, registry: Registry) -> None:
    """Refuse to go on with a run whose models come from other plugins now.

    Raises
    ------
    TrustError
        Naming what differs.
    """
    lines = []
    for record in run.plan.models:
        installed = registry.get(record.name).plugin
        if record.plugin != installed:
            lines.append(f"plugin of {record.name}: {record.plugin}, {installed}")
    _refuse(run, lines)


def _refuse(run: Run, lines: Iterable[str]) -> None:
    listed = "\n".join(f"  {line}" for line in lines)
    if listed:
        raise TrustError(
            f"{run.folder} was planned with other versions (planned, installed):\n{listed}\n"
            "Parts of different versions may not be mixed. Install the planned versions, "
            "or start anew with --overwrite."
        )
