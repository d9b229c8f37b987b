"""A checkout of tracksmith, run through its command line alone."""

import os
import shlex
import site
import subprocess
import sys
import time
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Answer", "Checkout", "CheckoutError", "open_checkout"]

COMMAND = "from tracksmith.cli import main; main()"
LONGEST = 900
"""Seconds that a command may take."""
LAST_LINES = 5
"""Lines of a failed command's messages that are shown; its log has them all."""
FOREIGN = ("TRACKSMITH_", "SLURM_", "PYTHON", "XDG_")
"""How variables begin that would reach into a run from outside."""


class CheckoutError(Exception):
    """A folder is no checkout of tracksmith, or another tracksmith would be run in its place."""


@dataclass(frozen=True)
class Answer:
    """What became of a request: how long it took, and what went wrong, if anything."""

    seconds: float
    complaint: str = ""


@dataclass(frozen=True)
class Checkout:
    """A checkout and the room in which it works: inputs, outputs, caches and logs of its own."""

    path: Path
    room: Path
    environment: Mapping[str, str]

    def answer(self, name: str, steps: tuple[str, ...], stdin: str = "") -> Answer:
        """Run commands one after another, ``{out}`` being the folder of the request's outputs.

        Paths in a command are relative to the room, so that they are the same in both.
        """
        began, log = time.perf_counter(), self.room / "log" / f"{name}.txt"
        for step in steps:
            words = shlex.split(step.replace("{out}", f"out/{name}"))
            command = f"tracksmith {shlex.join(words)}"
            try:
                done = self.python(["-c", COMMAND, *words], stdin)
            except subprocess.TimeoutExpired:
                complaint = f"`{command}` was stopped after {LONGEST} s"
                return Answer(time.perf_counter() - began, complaint)
            with log.open("a", encoding="utf-8") as handle:
                handle.write(f"$ {command}\n{done.stdout}{done.stderr}")
            if done.returncode:
                last = "\n    ".join(done.stderr.strip().splitlines()[-LAST_LINES:])
                complaint = f"`{command}` ended with {done.returncode}\n    {last}"
                return Answer(time.perf_counter() - began, complaint)
        return Answer(time.perf_counter() - began)

    def python(self, arguments: list[str], stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run Python with this checkout's code; ``stdin`` is a path in the room."""
        with (self.room / stdin if stdin else Path(os.devnull)).open("rb") as source:
            return subprocess.run(
                [sys.executable, "-P", *arguments], cwd=self.room, env=self.environment,
                stdin=source, capture_output=True, text=True, timeout=LONGEST, check=False,
            )  # fmt: skip


def open_checkout(path: Path, room: Path) -> Checkout:
    """Prepare a room for a checkout, and make sure that it is this checkout's code that runs.

    Raises
    ------
    CheckoutError
        It is not.
    """
    path = path.resolve()
    for name in ("out", "log", "cache", "home", "metadata"):
        (room / name).mkdir(parents=True)
    packages = [path, *sorted(file.parent for file in path.glob("plugins/*/pyproject.toml"))]
    for package in packages:
        _write_metadata(package / "pyproject.toml", room / "metadata")
    checkout = Checkout(path, room, _environment(packages, room))
    done = checkout.python(["-c", "import tracksmith; print(tracksmith.__file__)"])
    place = Path(done.stdout.strip() or os.devnull)
    if done.returncode or not place.resolve().is_relative_to(path):
        raise CheckoutError(
            f"{path} is no checkout of tracksmith: importing it gives "
            f"{done.stdout.strip() or done.stderr.strip()[-500:]}"
        )
    return checkout


def _environment(packages: list[Path], room: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    return kept | {
        "PYTHONPATH": os.pathsep.join(map(str, [*packages, room / "metadata"])),
        "PYTHONUSERBASE": site.getuserbase(),
        "HOME": str(room / "home"),
        "XDG_CACHE_HOME": str(room / "cache"),
        "TRACKSMITH_OFFLINE": "1",
        "CUDA_VISIBLE_DEVICES": "",
        # Sums over several threads may be taken in another order.
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }


def _write_metadata(pyproject: Path, folder: Path) -> None:
    """Write what an installer would note of a package, its entry points above all.

    The environment knows the entry points of the one checkout that is installed in it; those
    of another checkout may name other modules, or plugins that are not installed.
    """
    project = _project(pyproject)
    name, version = str(project["name"]), str(project.get("version", "0"))
    notes = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    notes.mkdir()
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {text}" for text in project.get("dependencies", [])]
    (notes / "METADATA").write_text("\n".join(lines) + "\n", encoding="utf-8")
    points = [
        f"[{group}]\n" + "".join(f"{key} = {value}\n" for key, value in entries.items())
        for group, entries in project.get("entry-points", {}).items()
    ]
    (notes / "entry_points.txt").write_text("\n".join(points), encoding="utf-8")


def _project(pyproject: Path) -> dict[str, Any]:
    try:
        project: dict[str, Any] = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    except (OSError, KeyError) as error:
        raise CheckoutError(f"{pyproject.parent} is no checkout of tracksmith: {error}") from None
    return project
