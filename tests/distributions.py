"""Distributions as pip leaves them, written for a test."""

from collections.abc import Mapping, Sequence
from pathlib import Path


def write_distribution(
    site: Path,
    name: str,
    offers: Mapping[str, Mapping[str, str]],
    *,
    version: str = "1.2",
    requires: Sequence[str] = (),
    summary: str | None = None,
) -> Path:
    """Write metadata and entry points (name to target, by group) beside what ``site`` holds."""
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(exist_ok=True)
    fields = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    fields += [f"Summary: {summary}"] if summary else []
    fields += [f"Requires-Dist: {line}" for line in requires]
    (info / "METADATA").write_text("\n".join(fields) + "\n")
    lines = []
    for group, points in offers.items():
        lines += [f"[{group}]", *(f"{point} = {target}" for point, target in points.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return info
