"""Two folders of finished files, held against each other byte by byte."""

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Comparison", "FileDifference", "compare_folders", "first_difference"]

BLOCK = 1 << 20
ASIDE = "run.json"
"""Says how a run was asked for and where its inputs lie: that may change without any value."""


@dataclass(frozen=True)
class FileDifference:
    """A file that differs; a size is None where the file is absent, and ``offset`` with it."""

    path: str
    old_size: int | None
    new_size: int | None
    offset: int | None

    def __str__(self) -> str:
        if self.old_size is None:
            return f"{self.path}: only in the new, {self.new_size:,} bytes"
        if self.new_size is None:
            return f"{self.path}: only in the old, {self.old_size:,} bytes"
        return (
            f"{self.path}: {self.old_size:,} bytes in the old, {self.new_size:,} in the new; "
            f"the first that differs is byte {self.offset:,} (from 0)"
        )


@dataclass(frozen=True)
class Comparison:
    """What was compared: names of files in either folder, bytes in the larger of each pair."""

    files: int
    bytes: int
    differences: tuple[FileDifference, ...]


def compare_folders(old: Path, new: Path) -> Comparison:
    """Compare every file below two folders, ``run.json`` aside; an absent folder has none."""
    old_files, new_files = _files(old), _files(new)
    names = sorted(old_files.keys() | new_files.keys())
    size, differences = 0, []
    for name in names:
        before, after = old_files.get(name), new_files.get(name)
        old_size, new_size = _size(before), _size(after)
        size += max(old_size or 0, new_size or 0)
        offset = None if before is None or after is None else first_difference(before, after)
        if offset is not None or before is None or after is None:
            differences.append(FileDifference(name, old_size, new_size, offset))
    return Comparison(len(names), size, tuple(differences))


def first_difference(old: Path, new: Path) -> int | None:
    """Return the offset of the first byte that differs, None where the files are equal.

    Of a file that begins the other one, it is the length of the shorter.
    """
    at = 0
    with old.open("rb") as before, new.open("rb") as after:
        while True:
            left, right = before.read(BLOCK), after.read(BLOCK)
            if left != right:
                both = min(len(left), len(right))
                return at + next((i for i in range(both) if left[i] != right[i]), both)
            if not left:
                return None
            at += len(left)


def _files(folder: Path) -> dict[str, Path]:
    return {
        path.relative_to(folder).as_posix(): path
        for path in folder.rglob("*")
        if path.is_file() and path.name != ASIDE
    }


def _size(path: Path | None) -> int | None:
    return None if path is None else path.stat().st_size
