"""``tracksmith doctor``: what this installation can do, for users and for bug reports."""

from __future__ import annotations

import importlib.metadata
import platform

import click

from tracksmith.version import __version__

__all__ = ["doctor"]

NEEDED = ("torch", "numpy", "pysam", "pyBigWig", "cyvcf2", "pluggy", "click", "jinja2", "starlette")
OPTIONAL = {
    "isal": "faster compression",
    "deflate": "faster compression",
    "distributed": "several devices",
    "pyarrow": "Parquet tables",
}


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


@click.command()
def doctor() -> None:
    """Say what this installation can do."""
    import torch

    from tracksmith.cli import COMMANDS
    from tracksmith.cli.added import unusable_commands
    from tracksmith.models.registry import load_registry
    from tracksmith.runs.device import usable_cores

    click.echo(f"tracksmith {__version__}, Python {platform.python_version()}")
    for package in NEEDED:
        click.echo(f"  {package:<12} {_version(package) or 'MISSING: install it again'}")
    for package, use in OPTIONAL.items():
        click.echo(f"  {package:<12} {_version(package) or 'not installed'} ({use})")
    click.echo(f"CPU cores: {usable_cores()}")
    _say_gpus(torch)
    registry = load_registry()
    click.echo(f"Models: {', '.join(registry.models) or 'none'}")
    for broken in registry.broken:
        click.echo(f"BROKEN plugin {broken.entry_point} ({broken.distribution}): {broken.reason}")
    for entry, reason in unusable_commands(COMMANDS):
        click.echo(f"UNUSABLE command {entry.entry_point} ({entry.distribution}): {reason}")


def _say_gpus(torch: object) -> None:
    cuda = torch.cuda  # type: ignore[attr-defined]
    if not cuda.is_available():
        click.echo("GPU: none that torch can use; --device cpu is the default")
        return
    for number in range(cuda.device_count()):
        click.echo(f"GPU cuda:{number}: {cuda.get_device_name(number)}")
