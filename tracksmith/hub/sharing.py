"""Where a hub or a page finds the files of its runs: at their places, or copied beside it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from tracksmith.files import aside
from tracksmith.hub.added import AddedTrack
from tracksmith.hub.runs import Output, ShownRun
from tracksmith.hub.values import safe_name

__all__ = ["COPIES", "Links", "folders_to_share", "how_to_share", "quoted"]

COPIES = "runs"
"""The folder of copies, inside that of the hub or page."""
ADDED = "added"
"""That of added tracks: those that were made, and copies."""


@dataclass(frozen=True)
class Links:
    """Links from the folder ``out`` to the files of runs, all of them relative.

    With ``copied`` they lead to copies inside it, so that it can be moved alone.
    Added tracks that were made are copied in any case.
    """

    runs: Sequence[ShownRun]
    out: Path
    copied: bool = False
    added: Sequence[AddedTrack] = ()

    def of(self, output: Output) -> str:
        """Return the link to a file; everything but plain letters is percent-encoded."""
        return quoted(self.path(output))

    def path(self, output: Output) -> str:
        """Return the path of a file from ``out``, as it is on disk."""
        return self._copy(output).as_posix() if self.copied else self.path_to(output.path)

    def of_added(self, track: AddedTrack) -> str:
        """Return the link to an added track."""
        return quoted(self.added_path(track))

    def added_path(self, track: AddedTrack) -> str:
        """Return the path of an added track from ``out``, as it is on disk."""
        return (
            self._added_copy(track).as_posix()
            if self._is_copied(track)
            else (self.path_to(track.path))
        )

    def path_to(self, path: Path) -> str:
        """Return the path of any file from ``out``, as it is on disk."""
        return Path(os.path.relpath(path, self.out)).as_posix()

    @property
    def shared(self) -> tuple[Path, ...]:
        """The folders that a web server must have."""
        elsewhere = [run.folder for run in self.runs]
        elsewhere += [track.path for track in self.added if not self._is_copied(track)]
        return folders_to_share(self.out, elsewhere, copied=self.copied)

    def write_copies(self, folder: Path) -> None:
        """Copy what the links lead to into ``folder``, which is or becomes ``out``.

        Copies of an earlier command go.

        Raises
        ------
        ResourceError
            The disk is full or the folder not writable.
        """
        shutil.rmtree(folder / ADDED, ignore_errors=True)
        for track in filter(self._is_copied, self.added):
            _copy_to(folder / self._added_copy(track), track.path)
        if not self.copied:
            return
        shutil.rmtree(folder / COPIES, ignore_errors=True)
        for run in self.runs:
            for output in run.outputs():
                _copy_to(folder / self._copy(output), output.path)

    def _is_copied(self, track: AddedTrack) -> bool:
        return self.copied or track.made

    def _added_copy(self, track: AddedTrack) -> Path:
        """Return where a copy lies; its number keeps two files of one name apart."""
        number = [id(other) for other in self.added].index(id(track)) + 1
        end = ".bw" if track.is_signal else ".bb"
        return Path(ADDED, f"{number}_{safe_name(track.label)}{end}")

    def _copy(self, output: Output) -> Path:
        return Path(COPIES, output.run.label, output.file.path)


def _copy_to(target: Path, source: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with aside(target) as temporary:
        shutil.copyfile(source, temporary)


def quoted(path: str) -> str:
    """Return a path as a link: everything but plain letters is percent-encoded."""
    return quote(path, safe="/._-~")


def folders_to_share(out: Path, runs: Sequence[Path], *, copied: bool) -> tuple[Path, ...]:
    """Return the folders that a web server must have, each outside the others."""
    wanted = [out.resolve(), *(() if copied else (run.resolve() for run in runs))]
    return tuple(
        folder
        for folder in wanted
        if not any(folder != other and folder.is_relative_to(other) for other in wanted)
    )


def how_to_share(folders: Sequence[Path]) -> str:
    """Say what to copy to a web server; several folders keep their places to one another."""
    shown = " and ".join(map(str, folders))
    if len(folders) == 1:
        return f"To share it, copy {shown} to a web server with byte ranges."
    return (
        f"To share it, copy {shown} to a web server with byte ranges, keeping their places to one "
        "another; or add --copy, and one folder holds all."
    )
