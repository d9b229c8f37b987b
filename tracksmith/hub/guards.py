"""What a server of a run refuses: paths outside it, foreign host names, too many ranges."""

from __future__ import annotations

import ipaddress
import re
import socket
import stat
from pathlib import Path

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["MOST_RANGES", "HostGuard", "SoundRanges", "confined", "own_names"]

MOST_RANGES = 16
_RANGE = re.compile(rb"(?=\d|-\d)(\d{0,18})-(\d{0,18})")


def confined(folder: Path, path: str) -> Path | None:
    """Return the regular file of that path inside ``folder``, None for everything else.

    Hidden names, ``..``, absolute paths, NUL bytes, folders, devices and links
    that lead out of the folder are all None.
    """
    parts = path.split("/")
    if not path or "\0" in path or "\\" in path:
        return None
    if any(part in ("", ".", "..") or part.startswith(".") for part in parts):
        return None
    try:
        resolved = folder.joinpath(*parts).resolve(strict=True)
        regular = stat.S_ISREG(resolved.stat().st_mode)
    except OSError:
        return None
    inside = resolved.is_relative_to(folder)
    hidden = inside and any(part.startswith(".") for part in resolved.relative_to(folder).parts)
    return resolved if regular and inside and not hidden else None


def own_names(host: str) -> set[str]:
    """Return the names under which a server on ``host`` may be asked."""
    return {"localhost", host.lower(), socket.gethostname().lower()} - {""}


class HostGuard:
    """Refuses requests whose Host is neither an address nor a name of this machine."""

    def __init__(self, app: ASGIApp, names: set[str]) -> None:
        self.app = app
        self.names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request (ASGI)."""
        if scope["type"] == "http" and not self._known(scope):
            refusal = PlainTextResponse("This host name is not served here.", status_code=421)
            await refusal(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _known(self, scope: Scope) -> bool:
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        if len(hosts) != 1:
            return False
        found = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]]+)(:\d+)?", hosts[0].decode("latin-1"))
        if found is None:
            return False
        name = found[1].strip("[]").lower()
        # An address cannot be rebound to another one as a name can.
        return name in self.names or _is_address(name)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class SoundRanges:
    """Answers a request for too many ranges, or for what is no range, with the whole file.

    That is what RFC 9110 asks of a header that a server cannot make sense of.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request (ASGI)."""
        if scope["type"] == "http":
            scope["headers"] = [
                (name, value)
                for name, value in scope["headers"]
                if name != b"range" or _is_sound(value)
            ]
        await self.app(scope, receive, send)


def _is_sound(header: bytes) -> bool:
    """Say whether a Range header asks for a few ranges of bytes, none of them reversed."""
    unit, _, text = header.partition(b"=")
    if unit.strip().lower() != b"bytes" or text.count(b",") >= MOST_RANGES:
        return False
    found = [_RANGE.fullmatch(part.strip()) for part in text.split(b",")]
    return all(one and not (one[1] and one[2] and int(one[1]) > int(one[2])) for one in found)
