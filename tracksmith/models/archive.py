"""Unpacking what is wanted of a published archive: inside one folder, and no more than it says."""

from __future__ import annotations

import shutil
import stat
import zipfile
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from tracksmith.errors import InputError, PluginError, ResourceError
from tracksmith.files import aside, crc32_of_file
from tracksmith.models.damage import reading
from tracksmith.models.kinds import wrong_content

# decision: archive-removed (it is as large as all that it holds)
__all__ = ["Member", "chosen", "members_of", "unpack"]

MOST_TIMES = 20
"""How often its own size an archive may unpack to: trained weights hardly pack at all."""
LONGEST_NAME = 200
READABLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class Member(NamedTuple):
    """A file in an archive, and its name in the model's folder."""

    info: zipfile.ZipInfo
    target: str


def chosen(names: Iterable[str], only: Sequence[str]) -> list[str]:
    """Return the names that one of the patterns fits, all of them without a pattern.

    A ``.json`` file comes along when a file beside or below it is chosen: it
    holds the settings of a network.
    """
    names = list(names)
    if not only:
        return names
    fitting = [name for name in names if any(fnmatchcase(name, pattern) for pattern in only)]
    folders = {str(folder) for name in fitting for folder in PurePosixPath(name).parents}
    return [
        name
        for name in names
        if name in fitting
        or (name.endswith(".json") and fitting and str(PurePosixPath(name).parent) in folders)
    ]


def members_of(path: Path, place: Callable[[str], str | None]) -> list[Member]:
    """Return what a zip archive holds for a model, by where it belongs.

    Parameters
    ----------
    place
        Maps a name in the archive to a name in the model's folder, or None.

    Raises
    ------
    InputError
        The archive is damaged, or two of its files belong to one place.
    PluginError
        ``place`` returns a name outside the folder.
    """
    members: dict[str, Member] = {}
    with reading(path, "zip archive"), zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            target = None if info.is_dir() else place(info.filename)
            if target is None:
                continue
            _refuse_outside(target)
            if target in members:
                first = members[target].info.filename
                raise InputError(
                    f"{path} holds {first!r} and {info.filename!r}, both of which are {target}. "
                    "Unpack it yourself, and give the folder with --from."
                )
            members[target] = Member(info, target)
    return [members[target] for target in sorted(members)]


def _refuse_outside(target: str) -> None:
    inside = PurePosixPath(target)
    if inside.is_absolute() or ".." in inside.parts or not target.isprintable():
        raise PluginError(f"unpack() returned {target!r}, which is no name inside a folder")
    if len(target) > LONGEST_NAME or "\\" in target:
        raise PluginError(f"unpack() returned {target[:80]!r}, which is no proper name")


def unpack(path: Path, members: list[Member], folder: Path) -> list[Path]:
    """Write members of an archive into a folder, each whole or not at all.

    Files that are there with the right size and checksum are left alone.

    Raises
    ------
    InputError
        A member is a link, encrypted, damaged, of another kind than its name
        says, or the archive would unpack to many times its own size.
    ResourceError
        The disk is too small.
    """
    _refuse_bomb(path, members)
    need = sum(member.info.file_size for member in members)
    if (free := shutil.disk_usage(folder).free) < need:
        raise ResourceError(
            f"{folder} has {free:,} bytes free; what is wanted of {path.name} takes {need:,}. Free "
            "some space, set TRACKSMITH_CACHE, or choose less with --only."
        )
    with reading(path, "zip archive"), zipfile.ZipFile(path) as archive:
        return [_write(archive, member, folder, path) for member in members]


def _refuse_bomb(path: Path, members: list[Member]) -> None:
    whole = sum(member.info.file_size for member in members)
    most = MOST_TIMES * path.stat().st_size
    if whole > most:
        raise InputError(
            f"{path} would unpack to {whole:,} bytes, more than {MOST_TIMES} times its size: "
            "weights never pack so well. It is not unpacked."
        )
    for member in members:
        info = member.info
        if stat.S_ISLNK(info.external_attr >> 16):
            raise InputError(
                f"{path}: {info.filename!r} is a link, not a file. It is not unpacked."
            )
        if info.flag_bits & 1 or info.compress_type not in READABLE:
            raise InputError(
                f"{path}: {info.filename!r} is encrypted or packed in a way that is not read here."
            )


def _write(archive: zipfile.ZipFile, member: Member, folder: Path, path: Path) -> Path:
    target, info = folder / member.target, member.info
    whole = target.is_file() and target.stat().st_size == info.file_size
    if whole and crc32_of_file(target) == info.CRC:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with aside(target) as temporary:
        with archive.open(info) as source, temporary.open("wb") as sink:
            shutil.copyfileobj(source, sink, 1 << 20)
        if temporary.stat().st_size != info.file_size:
            raise InputError(f"{path}: {info.filename!r} is not as long as the archive says.")
        if problem := wrong_content(target.name, temporary):
            raise InputError(f"{path}: {info.filename!r} is no weight file: {problem}.")
    return target
