"""Reading a hub's files from a folder or over HTTP, in ranges."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urljoin

import requests
from urllib3.exceptions import HTTPError

from tracksmith.errors import InputError, ResourceError
from tracksmith.tracks.head import read_range

__all__ = ["Answer", "FolderSource", "HttpSource", "Source", "is_url", "open_source"]

MAX_TEXT = 64 << 20
_TIMEOUT = (10, 30)
_FAILURES = (requests.RequestException, HTTPError, OSError, ValueError)
"""What a request may end in; ValueError where an address cannot be one, or a header is wrong."""


class Source(Protocol):
    """Where a hub lies. References are resolved against the file that holds them."""

    def resolve(self, base: str, reference: str) -> str:
        """Return the address of ``reference`` as written in the file ``base``."""

    def text(self, address: str) -> str:
        """Return a text file, at most 64 MB, as UTF-8."""

    def read(self, address: str, start: int, length: int) -> bytes:
        """Return bytes ``[start, start + length)``, fewer at the end of the file."""

    def exists(self, address: str) -> bool:
        """Say whether the file can be opened."""


def is_url(address: str) -> bool:
    """Say whether an address is one of http or https, however wrong the rest of it."""
    return re.match(r"https?://", address, re.IGNORECASE) is not None


class FolderSource:
    """Files on this machine; addresses are paths. Percent signs in references are decoded."""

    def resolve(self, base: str, reference: str) -> str:
        """See :class:`Source`."""
        if is_url(reference):
            return reference
        return str(Path(base).parent / unquote(reference))

    def text(self, address: str) -> str:
        """See :class:`Source`."""
        if is_url(address):
            return HttpSource().text(address)
        return _decode(self.read(address, 0, MAX_TEXT + 1), address)

    def read(self, address: str, start: int, length: int) -> bytes:
        """See :class:`Source`."""
        if is_url(address):
            return HttpSource().read(address, start, length)
        return read_range(Path(address), start, length)

    def exists(self, address: str) -> bool:
        """See :class:`Source`."""
        if is_url(address):
            return HttpSource().exists(address)
        try:
            self.read(address, 0, 1)
        except InputError:
            return False
        return True


@dataclass(frozen=True)
class Answer:
    """What a server answered: status, reason, headers (case ignored), at most 64 MB of content."""

    status_code: int
    reason: str
    headers: Mapping[str, str]
    content: bytes


@dataclass
class HttpSource:
    """Files behind http(s)."""

    session: requests.Session = field(default_factory=requests.Session)

    def resolve(self, base: str, reference: str) -> str:
        """See :class:`Source`."""
        try:
            return urljoin(base, reference)
        except ValueError:  # no address at all: reading it will say so
            return reference

    def text(self, address: str) -> str:
        """See :class:`Source`."""
        response = self.get(address, {})
        if response.status_code != 200:
            raise InputError(f"{address} answers {response.status_code} {response.reason}.")
        return _decode(response.content, address)

    def read(self, address: str, start: int, length: int) -> bytes:
        """See :class:`Source`."""
        response = self.get(address, {"Range": f"bytes={start}-{start + length - 1}"})
        if response.status_code == 416:
            return b""
        if response.status_code == 200:
            return response.content[start : start + length]
        if response.status_code != 206:
            raise InputError(f"{address} answers {response.status_code} {response.reason}.")
        return response.content[:length]

    def exists(self, address: str) -> bool:
        """See :class:`Source`."""
        try:
            return self.head(address).status_code == 200
        except ResourceError:
            return False

    def get(self, address: str, headers: Mapping[str, str]) -> Answer:
        """Send a GET; at most 64 MB of the answer are read.

        Raises
        ------
        ResourceError
            The server cannot be reached or does not answer in time.
        """
        own_headers = {**headers, "Accept-Encoding": "identity"}
        try:
            with self.session.get(
                address, headers=own_headers, timeout=_TIMEOUT, stream=True
            ) as response:
                content = response.raw.read(MAX_TEXT + 1)
                return Answer(response.status_code, response.reason, response.headers, content)
        except _FAILURES as error:
            raise _unreachable(address, error) from None

    def head(self, address: str) -> requests.Response:
        """Send a HEAD; errors as :meth:`get`."""
        try:
            return self.session.head(
                address, headers={"Accept-Encoding": "identity"},
                timeout=_TIMEOUT, allow_redirects=True,
            )  # fmt: skip
        except _FAILURES as error:
            raise _unreachable(address, error) from None


def _unreachable(address: str, error: Exception) -> ResourceError:
    return ResourceError(f"{address} cannot be reached: {error}.")


def open_source(address: str) -> tuple[Source, str]:
    """Return the source of a hub and the address of its ``hub.txt``.

    Raises
    ------
    InputError
        There is no ``hub.txt`` at that path.
    """
    if is_url(address):
        url = address if address.endswith(".txt") else urljoin(address.rstrip("/") + "/", "hub.txt")
        return HttpSource(), url
    path = Path(address)
    places = (path, path / "hub.txt", path / "hub" / "hub.txt")
    hub_file = next((place for place in places if FolderSource().exists(str(place))), None)
    if hub_file is None:
        raise InputError(
            f"There is no hub at {path}: give a hub.txt, its folder, or the folder of a run "
            "for which `tracksmith hub build` was run."
        )
    return FolderSource(), str(hub_file)


def _decode(data: bytes, address: str) -> str:
    if len(data) > MAX_TEXT:
        raise InputError(f"{address} has more than {MAX_TEXT >> 20} MB: no browser loads it.")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{address} is no UTF-8 text: byte {error.start} is wrong.") from None
