"""Parts on disk: written aside, named by a manifest, checked before they are believed."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from tracksmith.errors import IncompleteError, ResourceError, TrustError
from tracksmith.files import (
    aside,
    crash_point,
    crc32,
    crc32_of_file,
    fsync_folder,
    reread,
    write_json,
)
from tracksmith.runs.pieces import PartFacts
from tracksmith.runs.record import BaseCounts, Stage
from tracksmith.runs.run import Run, make_folder
from tracksmith.runs.versions import installed_versions, refuse_other_versions, same_versions

__all__ = ["PartStore", "PartWriter"]

log = logging.getLogger(__name__)

MANIFEST_FORMAT = 3


@dataclass
class PartWriter:
    """Where a part's pieces go, in order: chunk by chunk, output by output."""

    handle: BinaryIO
    lengths: list[list[int]] = field(default_factory=list)
    checksum: int = 0

    def write_chunk(self, pieces: list[bytes]) -> None:
        """Append the pieces of one chunk, one per output."""
        for piece in pieces:
            if self.handle.write(piece) != len(piece):
                raise ResourceError("A write came back short: the disk is full.")
            # decision: parts-by-crc (finds damage by disks at a tenth of the cost of sha256)
            self.checksum = crc32(piece, self.checksum)
        self.lengths.append([len(piece) for piece in pieces])


class PartStore:
    """The parts of a run.

    Parts are numbered over all stages of the run. A part is two files: the
    pieces, and a manifest that names the run, the part, its items, the sizes
    and a CRC-32, which finds damage eight times as quickly as a digest would. It
    is there when its manifest is there and fits.

    ``shape``, of runs over windows, returns how many chunks and outputs a part has.
    """

    def __init__(
        self, run: Run, shape: Callable[[int], tuple[int, int] | None] | None = None
    ) -> None:
        self.run = run
        self._shape = shape
        self._written: set[int] = set()
        self._known: dict[int, PartFacts] = {}
        self.bounds = [
            (number, part)
            for number, stage in enumerate(run.plan.stages)
            for part in range(len(stage.starts))
        ]

    def __len__(self) -> int:
        return len(self.bounds)

    def stage(self, part: int) -> Stage:
        """Return the stage of a part."""
        return self.run.plan.stages[self.bounds[part][0]]

    def items(self, part: int) -> tuple[int, int]:
        """Return the half-open range of items of a part."""
        return self.stage(part).items_of(self.bounds[part][1])

    def parts_of(self, stage: int) -> list[int]:
        """Return the parts of a stage."""
        return [part for part, (own, _) in enumerate(self.bounds) if own == stage]

    def check_items(self, stage: int, items: int) -> None:
        """Refuse a stage that was cut from another number of items than there are now.

        Raises
        ------
        TrustError
            Its parts do not cover the work.
        """
        if self.run.plan.stages[stage].items != items:
            raise TrustError(
                f"{self.run.folder} was cut into other parts than its input is now. "
                "Start anew with --overwrite."
            )

    def data_path(self, part: int) -> Path:
        """Path of the pieces."""
        return self.run.parts_folder / f"part-{part:05}.bin"

    def manifest_path(self, part: int) -> Path:
        """Path of the manifest."""
        return self.run.parts_folder / f"part-{part:05}.json"

    def failure_path(self, part: int) -> Path:
        """Path of the note on why a part failed."""
        return self.run.parts_folder / f"part-{part:05}.failed.txt"

    def write(self, part: int, fill: Callable[[PartWriter], dict[str, Any]]) -> None:
        """Write a part whole. Two writers of one part write the same bytes, so both may win.

        ``fill`` writes the pieces and returns facts for the manifest (interval,
        device, smallest batch, sha256 of the weights that were unpickled).
        """
        # decision: versions-fixed (parts of two versions are never mixed)
        refuse_other_versions(self.run)
        if not self.run.parts_folder.is_dir():
            if not Run.exists(self.run.folder):
                raise ResourceError(
                    f"{self.run.folder} was removed while its run was at work. Repeat the command "
                    "to start anew."
                )
            make_folder(self.run.parts_folder)
        data, manifest = self.data_path(part), self.manifest_path(part)
        with aside(data) as temporary, temporary.open("wb") as handle:
            writer = PartWriter(handle)
            fields = fill(writer)
            size = handle.tell()
        crash_point("part-data")
        content = self._identity(part) | {"versions": installed_versions()} | fields
        content |= {"lengths": writer.lengths, "size": size, "crc32": writer.checksum}
        write_json(manifest, content)
        self._written.add(part)
        self._known.pop(part, None)
        with suppress(FileNotFoundError):
            self.failure_path(part).unlink()

    def _identity(self, part: int) -> dict[str, Any]:
        stage = self.bounds[part][0]
        return {
            "format": MANIFEST_FORMAT,
            "run": self.run.id,
            "part": part,
            "stage": stage,
            "model": self.stage(part).model,
            "plugins": [model.plugin for model in self.run.plan.models],
            "items": list(self.items(part)),
        }

    def manifest(self, part: int) -> dict[str, Any]:
        """Return a part's manifest; raises ValueError or OSError where it is no JSON object."""
        content = json.loads(self.manifest_path(part).read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise ValueError("the manifest is no JSON object")
        return content

    def problem(self, part: int, *, deep: bool = False) -> str | None:
        """Say why a part cannot be used, or None; ``deep`` also checks its bytes."""
        try:
            manifest = reread(partial(self.manifest, part), self.run.parts_folder)
            size = reread(self.data_path(part).stat, self.run.parts_folder).st_size
        except FileNotFoundError:
            return "missing"
        except (OSError, ValueError, RecursionError) as error:
            return f"unreadable manifest ({_brief(str(error))})"
        for key, value in self._identity(part).items():
            if manifest.get(key) != value:
                return f"belongs elsewhere ({key} is {_brief(manifest.get(key))}, not {value!r})"
        if not same_versions(manifest.get("versions"), self.run.plan.versions):
            return f"was computed with other versions ({_brief(manifest.get('versions'))})"
        if manifest.get("size") != size:
            return f"has {size} bytes, its manifest says {_brief(manifest.get('size'))}"
        shape = self._shape(part) if self._shape else None
        if not _adds_up(manifest, size) or (shape and not _describes(manifest, shape)):
            return "its manifest does not add up"
        if deep and crc32_of_file(self.data_path(part)) != manifest.get("crc32"):
            return "its bytes do not match its checksum"
        return None

    def missing(self) -> list[int]:
        """Return the parts still to compute; broken ones are moved aside, never deleted."""
        return [part for part in range(len(self)) if self._discard_if_broken(part)]

    def _discard_if_broken(self, part: int, *, deep: bool = False) -> str | None:
        problem = self.problem(part, deep=deep)
        if problem:
            self._known.pop(part, None)
        if problem and problem != "missing":
            log.warning("part %d: %s; moved aside", part, problem)
            for path in (self.manifest_path(part), self.data_path(part)):
                with suppress(FileNotFoundError):
                    os.replace(path, path.with_name(f".bad-{path.name}"))  # noqa: PTH105
            fsync_folder(self.run.parts_folder)
        return problem

    def require_all(self) -> None:
        """Check every part; see :meth:`require`."""
        self.require(range(len(self)))

    def require(self, parts: Sequence[int]) -> None:
        """Check parts, and the bytes of those that this object did not write itself.

        Raises
        ------
        IncompleteError
            Lists all parts that are missing or broken, and the command that redoes them.
        """
        problems = {
            part: self._discard_if_broken(part, deep=part not in self._written) for part in parts
        }
        bad = {part: problem for part, problem in problems.items() if problem}
        if bad:
            raise IncompleteError(self.complaint(bad))

    def complaint(self, bad: dict[int, str]) -> str:
        """Return the message that lists unusable parts."""
        lines = [f"  part {part}: {problem}" for part, problem in list(bad.items())[:20]]
        if len(bad) > 20:
            lines.append(f"  ... and {len(bad) - 20} more")
        return (
            f"{self.run.folder} has {len(bad)} of {len(self)} parts still to do:\n"
            + "\n".join(lines)
            + f"\nFinish them with `tracksmith work {self.run.folder}`."
        )

    def _part_facts(self, part: int) -> PartFacts:
        """Return what joining needs of a part's manifest, which is read once."""
        if part not in self._known:
            self._known[part] = PartFacts.of(self.manifest(part))
        return self._known[part]

    def counts(self, stage: int) -> BaseCounts:
        """Return the bases that a stage over windows read."""
        counts = [self._part_facts(part).counts for part in self.parts_of(stage)]
        names = ("bases", "unknown", "ambiguous")
        return BaseCounts(*(sum(count[name] for count in counts) for name in names))

    def trusted(self) -> set[str]:
        """Return the sha256 of the weight files that were unpickled for any part."""
        return {digest for part in range(len(self)) for digest in self._part_facts(part).trusted}

    def gpus(self) -> tuple[str, ...]:
        """Return the kinds of GPU that computed the parts, by name; none on CPUs."""
        names = {self._part_facts(part).gpu for part in range(len(self))} - {""}
        return tuple(sorted(names))

    def pieces(self, stage: int, output: int) -> Iterator[tuple[int, bytes]]:
        """Yield (item, bytes) of one output of a stage, in order of items."""
        for part in self.parts_of(stage):
            table = self._part_facts(part).pieces
            item = self.items(part)[0]
            with self.data_path(part).open("rb") as handle:
                for row in range(len(table)):
                    offset, size = table.place(row, output)
                    handle.seek(offset)
                    yield item + row, handle.read(size)

    def remove(self) -> None:
        """Remove all parts, once the files made of them are finished."""
        for part in range(len(self)):
            for path in (self.manifest_path(part), self.data_path(part)):
                with suppress(FileNotFoundError):
                    path.unlink()
        with suppress(OSError):
            self.run.parts_folder.rmdir()


def _brief(value: Any) -> str:
    text = ascii(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _adds_up(manifest: dict[str, Any], size: int) -> bool:
    """Say whether the lengths of the pieces are a table that gives the size."""
    rows, trusted = manifest.get("lengths"), manifest.get("trusted", [])
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        return False
    if len({len(row) for row in rows}) > 1 or not all(_is_count(n) for row in rows for n in row):
        return False
    if not isinstance(trusted, list) or not all(isinstance(item, str) for item in trusted):
        return False
    return sum(sum(row) for row in rows) == size


def _describes(manifest: dict[str, Any], shape: tuple[int, int]) -> bool:
    """Say whether the table has as many chunks and outputs as the part, and all is counted."""
    rows, counts = manifest["lengths"], manifest.get("counts")
    if (len(rows), len(rows[0]) if rows else shape[1]) != shape:
        return False
    names = {"bases", "unknown", "ambiguous"}
    return (
        isinstance(counts, dict) and counts.keys() == names and all(map(_is_count, counts.values()))
    )


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0
