"""What was seen when files were fetched, kept beside them in ``fetched.json``.

Few publishers state a sha256. What a file was when it came, and what its
publisher said of it then, is what it can be held against later.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tracksmith.errors import InputError
from tracksmith.files import digest_of_file, write_json
from tracksmith.models.damage import reading
from tracksmith.models.published import Statement

__all__ = ["RECORD", "Fetched", "keep", "recorded"]

RECORD = "fetched.json"


@dataclass(frozen=True)
class Fetched:
    """A file as it came: bytes, sha256, from where, when, and what was stated of it.

    ``published`` is the publisher's digest (``md5:...``), which the file had;
    empty where none was to be had.
    """

    size: int
    sha256: str
    source: str
    when: str
    published: str = ""
    stated_by: str = ""

    @property
    def statement(self) -> Statement:
        """The same as something to hold a file against."""
        return Statement(f"{RECORD} beside it", self.size, self.sha256)


def recorded(path: Path) -> Fetched | None:
    """Return what is kept about a file; None if nothing is.

    Raises
    ------
    InputError
        The record is damaged.
    """
    fields = _read(path.parent / RECORD).get(path.name)
    if fields is None:
        return None
    with reading(path.parent / RECORD, "record of fetched files"):
        fetched = Fetched(**fields)
        if type(fetched.size) is not int or not isinstance(fetched.sha256, str):
            raise ValueError(f"the entry {path.name!r} has no size or sha256")
        return fetched


def keep(path: Path, source: str, published: str = "", stated_by: str = "") -> Fetched:
    """Add a file to the record beside it, and return what was written.

    A damaged record is replaced: what it said of other files is lost. One
    process at a time adds to a record: `tracksmith.models.fetch` sees to that.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    size, digest = path.stat().st_size, digest_of_file(path)
    fetched = Fetched(size, digest, source, now, published, stated_by)
    try:
        entries = _read(path.parent / RECORD)
    except InputError:
        entries = {}
    there = {name: fields for name, fields in entries.items() if (path.parent / name).exists()}
    write_json(path.parent / RECORD, there | {path.name: asdict(fetched)})
    return fetched


def _read(record: Path) -> dict[str, Any]:
    if not record.is_file():
        return {}
    with reading(record, "record of fetched files"):
        entries = json.loads(record.read_text(encoding="utf-8"))
        if not isinstance(entries, dict):
            raise ValueError("it is no JSON object")
        return entries
