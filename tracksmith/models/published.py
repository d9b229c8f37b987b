"""What is stated of a file, and asking its publisher.

A record of Zenodo (or another archive with InvenioRDM) states an md5 of every
file; Hugging Face names the sha256 of large files in the answer that sends on
to them. An md5 finds damage and a wrong file, which is what is asked of it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urljoin, urlsplit

from tracksmith.files import digest_of_file

if TYPE_CHECKING:
    import requests

__all__ = ["Publishers", "Statement"]

RECORD = re.compile(r"(?P<host>https?://[^/]+)/records?/(?P<id>[\w-]+)/files/(?P<name>[^?#]+)")
RESOLVED = re.compile(r"https?://[^/]+/[^?#]+/resolve/[^?#]+")
LONGEST_RECORD = 4_000_000
"""Bytes of a record's description; that of 1,000 files takes 500,000."""
MOST_HOPS = 5


@dataclass(frozen=True)
class Statement:
    """A file's size (bytes) and digest in hexadecimal, and who states them; None where nobody."""

    by: str = ""
    size: int | None = None
    sha256: str | None = None
    md5: str | None = None

    @property
    def digest(self) -> str:
        """The digest with its kind, ``md5:...``; empty if none is stated."""
        if self.sha256:
            return f"sha256:{self.sha256}"
        return f"md5:{self.md5}" if self.md5 else ""

    def over(self, other: Statement) -> Statement:
        """Return this statement, filled in from another where it has no digest."""
        if self.digest:
            return self
        return replace(other, by=other.by or self.by, size=self.size or other.size)

    def fits(self, path: Path) -> bool:
        """Say whether a file has the size and the digest."""
        if self.size is not None and path.stat().st_size != self.size:
            return False
        if self.sha256:
            return digest_of_file(path) == self.sha256
        return not self.md5 or _md5_of_file(path) == self.md5

    def compared(self, path: Path) -> str:
        """Return two lines: what is stated, and what a file is."""
        size, digests = path.stat().st_size, f"sha256 {digest_of_file(path)}"
        if self.md5 and not self.sha256:
            digests = f"md5 {_md5_of_file(path)}, {digests}"
        stated = self.digest.replace(":", " ") or "sha256 unknown"
        expected = f"  expected {stated}, {self.size or 'unknown'} bytes"
        return f"{expected}\n  got      {digests}, {size} bytes"


def _md5_of_file(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


@dataclass
class Publishers:
    """Asks publishers what they state; a record is asked for once.

    ``problems`` holds what they answered instead, a sentence each.
    """

    session: requests.Session
    timeout: tuple[float, float]
    problems: list[str] = field(default_factory=list)
    _records: dict[str, dict[str, Statement]] = field(default_factory=dict)

    def statement(self, url: str) -> Statement:
        """Return what is stated of the file at an address: nothing where nobody answers."""
        if record := RECORD.match(url):
            return self._in_record(record["host"], record["id"], unquote(record["name"]))
        return self._linked(url) if RESOLVED.match(url) else Statement()

    def listed(self, url: str) -> list[str]:
        """Return the names of the files beside the one at an address, as far as they are known."""
        record = RECORD.match(url)
        return sorted(self._record(record["host"], record["id"])) if record else []

    def _in_record(self, host: str, identifier: str, name: str) -> Statement:
        return self._record(host, identifier).get(name, Statement())

    def _record(self, host: str, identifier: str) -> dict[str, Statement]:
        address = f"{host}/api/records/{identifier}"
        if address not in self._records:
            self._records[address] = dict(_files_of(self._json(address), address))
        return self._records[address]

    def _json(self, address: str) -> Any:
        import requests

        try:
            headers = {"Accept": "application/json"}
            with self.session.get(
                address, headers=headers, stream=True, timeout=self.timeout
            ) as response:
                response.raise_for_status()
                content = b""
                for piece in response.iter_content(1 << 16):
                    content += piece
                    if len(content) > LONGEST_RECORD:
                        raise ValueError(f"more than {LONGEST_RECORD:,} bytes")
                return json.loads(content)
        except (requests.RequestException, OSError, ValueError, RecursionError) as error:
            self.problems.append(f"{address} does not say what it holds ({error}).")
            return None

    def _linked(self, url: str) -> Statement:
        """Follow an address as long as its own host answers, and read what the answers say."""
        import requests

        try:
            for _ in range(MOST_HOPS):
                answer = self.session.head(url, allow_redirects=False, timeout=self.timeout)
                digest = answer.headers.get("X-Linked-Etag", "").strip('W/"')
                if re.fullmatch("[0-9a-f]{64}", digest):
                    return Statement(url, _number(answer.headers.get("X-Linked-Size")), digest)
                following = urljoin(url, answer.headers.get("Location", ""))
                if urlsplit(following)[:2] != urlsplit(url)[:2] or following == url:
                    break
                url = following
        except (requests.RequestException, OSError, ValueError) as error:
            self.problems.append(f"{url} does not say what it holds ({error}).")
        return Statement()


def _files_of(record: Any, address: str) -> Iterator[tuple[str, Statement]]:
    """Yield the files of a record's description, in either of the two forms that are in use."""
    files = record.get("files") if isinstance(record, Mapping) else None
    if isinstance(files, Mapping):
        files = files.get("entries")
    entries = files.values() if isinstance(files, Mapping) else files
    for file in entries if isinstance(entries, (list, type({}.values()))) else ():
        if not isinstance(file, Mapping):
            continue
        name = file.get("key", file.get("filename"))
        kind, _, digest = str(file.get("checksum")).rpartition(":")
        size = _number(file.get("size", file.get("filesize")))
        known = {(32, ""): "md5", (32, "md5"): "md5", (64, "sha256"): "sha256"}
        field_name = known.get((len(digest), kind))
        if isinstance(name, str):
            stated = {field_name: digest.lower()} if field_name else {}
            yield name, Statement(address, size, **stated)


def _number(value: Any) -> int | None:
    text = str(value)
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None
