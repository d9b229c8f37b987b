"""Build the compiled part of the track writer beside its source, where there is a C compiler.

hatchling runs this for wheels and for editable installs; `python hatch_build.py` does it in a
checkout. Without a compiler, or if it fails, tracksmith installs all the same and encodes with
numpy. The library uses nothing of Python's API, so that one wheel of a platform serves every
version of Python.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zlib
from pathlib import Path
from typing import Any

TRACKS = Path(__file__).parent / "tracksmith" / "tracks"
SOURCE = TRACKS / "onepass.c"
LIBRARY = TRACKS / ("_onepass.dll" if os.name == "nt" else "_onepass.so")

UNIX = ("-O3", "-std=c99", "-ffp-contract=off", "-fPIC", "-shared", "-fvisibility=hidden")
WINDOWS = ("/nologo", "/O2", "/fp:precise", "/LD")


def build(target: Path = LIBRARY, *more: str) -> str:
    """Compile the library to ``target``; return why that failed, or ''."""
    compiler = _compiler()
    if not compiler:
        return "no C compiler was found (`cc`, `gcc`, `clang` or CC)"
    checksum = zlib.crc32(SOURCE.read_bytes())
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / target.name
        if Path(compiler[0]).stem.lower() == "cl":
            options = [*WINDOWS, f"/DSOURCE_CHECKSUM={checksum}u", str(SOURCE), f"/Fe{made}"]
        else:
            options = [*UNIX, *more, f"-DSOURCE_CHECKSUM={checksum}u", str(SOURCE), "-o", str(made)]
            options += [] if os.name == "nt" else ["-lm"]
        try:
            done = subprocess.run([*compiler, *options], cwd=folder, capture_output=True, text=True)
        except OSError as error:
            return f"{compiler[0]}: {error}"
        if done.returncode or not made.is_file():
            return f"{compiler[0]} failed: {done.stderr or done.stdout}"
        # beside the old one and then renamed: a process may have that loaded
        fresh = target.with_name(f".{target.name}.new")
        shutil.copyfile(made, fresh)
        fresh.replace(target)
    return ""


def _compiler() -> list[str]:
    """Return the command of a C compiler, or nothing."""
    names = [os.environ.get("CC"), sysconfig.get_config_var("CC"), "cc", "gcc", "clang", "cl"]
    commands = [shlex.split(name) for name in names if name]
    return next((command for command in commands if shutil.which(command[0])), [])


def wheel_tag() -> str:
    """Return the tag of a wheel that holds the library: any Python 3, this platform."""
    platform = os.environ.get("_PYTHON_HOST_PLATFORM") or sysconfig.get_platform()
    return f"py3-none-{platform.replace('-', '_').replace('.', '_')}"


try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # run by hand
    pass
else:

    class LibraryHook(BuildHookInterface):  # type: ignore[type-arg]
        """Compiles before a wheel is packed; a wheel without the library is for all platforms."""

        def initialize(self, version: str, build_data: dict[str, Any]) -> None:
            """Build the library and put it into the wheel."""
            if failure := build():
                LIBRARY.unlink(missing_ok=True)
                self.app.display_warning(f"tracksmith will encode tracks with numpy: {failure}")
                return
            build_data["artifacts"].append(LIBRARY.relative_to(self.root).as_posix())
            if version != "editable":
                build_data["pure_python"] = False
                build_data["tag"] = wheel_tag()


if __name__ == "__main__":
    sys.exit(build())
