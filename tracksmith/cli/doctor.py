"""``tracksmith doctor``: what this installation can do, for users and for bug reports."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracksmith.cli.tables import facts, output_width
from tracksmith.version import __version__

if TYPE_CHECKING:
    from tracksmith.models.card import ModelCard
    from tracksmith.models.weights import WeightsState

__all__ = ["doctor"]

NEEDED = ("torch", "numpy", "pysam", "pyBigWig", "cyvcf2", "pluggy", "click", "jinja2", "starlette")
OPTIONAL = {
    "isal": ("faster compression", "'tracksmith[fast]'"),
    "deflate": ("faster compression", "deflate"),
    "distributed": ("several devices", "'tracksmith[dask]'"),
    "pyarrow": ("Parquet tables", "'tracksmith[parquet]'"),
}
"""Package to its use, and what to give to ``pip install``."""

MEMORY_LIMIT = Path("/sys/fs/cgroup/memory.max")
"""What a container or a job of a scheduler may take."""


@click.command()
def doctor() -> None:
    """Say what this installation can do, and how to install what is missing."""
    width = output_width()
    click.echo(f"tracksmith {__version__}, Python {platform.python_version()}")
    click.echo(facts([("Packages", ""), *_packages()], width))
    click.echo(facts(list(_machine()), width))
    click.echo(facts([("Caches", ""), *_caches()], width))
    click.echo(facts(list(_models()), width))


def _version(package: str) -> str | None:
    with suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version(package)
    return None


def _packages() -> Iterator[tuple[str, str]]:
    for package in NEEDED:
        missing = f"MISSING: `pip install {package}`"
        yield f"  {package}", _version(package) or missing
    for package, (use, install) in OPTIONAL.items():
        found = _version(package)
        yield f"  {package}", f"{found} ({use})" if found else f"no {use}: `pip install {install}`"
    yield "  compiled encoder", _encoder()


def _encoder() -> str:
    """Say whether tracks are encoded by compiled code, or by numpy and why."""
    from tracksmith.tracks.compiled import loaded

    code, reason = loaded()
    return "used for tracks" if code else f"numpy is used, which is slower: {reason}"


def _machine() -> Iterator[tuple[str, str]]:
    from tracksmith.runs.device import usable_cores

    yield "CPU cores", str(usable_cores())
    yield from _gpus()
    yield "Memory", _memory()
    for name, folder in (("here", Path.cwd()), ("temporary", Path(tempfile.gettempdir()))):
        yield f"Disk {name}", f"{_free(folder)} free in {folder}"


def _gpus() -> Iterator[tuple[str, str]]:
    """Say which GPUs torch can use; it is imported only where there may be one."""
    from tracksmith.runs.device import has_cuda_driver

    if importlib.util.find_spec("torch") is None:
        yield "GPU", "torch cannot be imported: `pip install torch`"
        return
    if not has_cuda_driver():
        yield "GPU", "none of NVIDIA: no driver was found; --device cpu is the default"
        return
    try:
        import torch
    except ImportError as error:
        yield "GPU", f"torch cannot be imported ({error}): `pip install torch`"
        return
    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            memory = torch.cuda.get_device_properties(number).total_memory
            yield f"GPU cuda:{number}", f"{torch.cuda.get_device_name(number)}, {_size(memory)}"
        return
    why = "none that torch can use"
    if torch.version.cuda is None:
        why += (
            f"; torch {torch.__version__} is a build for CPUs alone, another build of it has CUDA"
        )
    yield "GPU", f"{why}; --device cpu is the default"


def _memory() -> str:
    known = {}
    with suppress(OSError, ValueError):
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            name, _, value = line.partition(":")
            known[name] = 1024 * int(value.split()[0])
    with suppress(OSError, ValueError):
        known["limit"] = int(MEMORY_LIMIT.read_text(encoding="ascii"))
    if "MemTotal" not in known:
        return "unknown"
    text = f"{_size(known['MemTotal'])}, {_size(known.get('MemAvailable', 0))} available"
    limit = known.get("limit", known["MemTotal"])
    return text + (f"; this job may take {_size(limit)}" if limit < known["MemTotal"] else "")


def _caches() -> Iterator[tuple[str, str]]:
    from tracksmith.files import cache_root

    weights = cache_root() / "weights"
    yield "  weights", f"{_content(weights)} (TRACKSMITH_CACHE moves it)"
    yield "", f"{_free(weights)} free there"
    own = os.environ.get("TRACKSMITH_WEIGHTS")
    if own:
        yield "  weights of your own", f"{_content(Path(own).expanduser())} (TRACKSMITH_WEIGHTS)"
    for name in ("indexes", "background"):
        yield f"  {name}", _content(cache_root() / name)


def _models() -> Iterator[tuple[str, str]]:
    from tracksmith.cli import COMMANDS
    from tracksmith.cli.added import unusable_commands
    from tracksmith.models.registry import load_registry
    from tracksmith.models.weights import state_of_weights

    registry = load_registry()
    yield "Models", "" if registry.models else "none"
    for name, item in registry.models.items():
        yield f"  {name}", _readiness(item.card, state_of_weights(item.model))
    for broken in registry.broken:
        yield f"BROKEN plugin {broken.entry_point}", f"({broken.distribution}) {broken.reason}"
    for entry, reason in unusable_commands(COMMANDS):
        yield f"UNUSABLE command {entry.entry_point}", f"({entry.distribution}) {reason}"


def _readiness(card: ModelCard, state: WeightsState) -> str:
    if not state.needed:
        return "ready"
    if not state.paths:
        published = card.weights or card.archives
        fetch = f"`tracksmith models fetch {card.name}`"
        return f"no weights: {fetch if published else 'none are published; use your own'}"
    there, every = len(state.paths), len({file.fold for file in card.weights})
    return f"{there} of {every} folds are there" if there < every else "ready"


def _content(folder: Path) -> str:
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return f"{folder}: {_size(sum(sizes)) if sizes else 'empty'}"


def _free(folder: Path) -> str:
    """Return the free space of the disk on which a folder lies, or would lie."""
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    return _size(shutil.disk_usage(there).free)


def _size(count: float) -> str:
    from tracksmith.runs.estimate import human_bytes

    return human_bytes(count)
