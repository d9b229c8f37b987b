"""What a server of a run refuses: whoever lacks its secret, foreign hosts and origins, wrong paths.

A port of the loopback address is open to every user of a machine and to every
page in a browser. So the runs lie below a path that nobody can guess; the rest
is a second fence, for an address that got around.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
import socket
import stat
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["MOST_RANGES", "HostGuard", "OriginGuard", "SecretPath", "SoundRanges", "confined"]

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


class _Guard(ABC):
    """Answers an HTTP request itself, or passes it on."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request (ASGI)."""
        refusal = self.refusal(scope) if scope["type"] == "http" else None
        await (refusal or self.app)(scope, receive, send)

    @abstractmethod
    def refusal(self, scope: Scope) -> Response | None:
        """Return the answer to a request that goes no further."""


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


class SecretPath(_Guard):
    """Finds nothing for requests whose path does not begin with the secret."""

    def __init__(self, app: ASGIApp, secret: str) -> None:
        super().__init__(app)
        self.secret = secret

    def refusal(self, scope: Scope) -> Response | None:
        """See :class:`_Guard`; below the secret it becomes the root path."""
        first, slash, _ = scope["path"].removeprefix("/").partition("/")
        # The time that it takes says nothing of where the first wrong letter is.
        if not hmac.compare_digest(first.encode(), self.secret.encode()):
            return PlainTextResponse(
                "Nothing is here: open the whole address that tracksmith printed.", status_code=404
            )
        scope["root_path"] = f"/{self.secret}"
        return None if slash else RedirectResponse(f"/{self.secret}/")


class HostGuard(_Guard):
    """Refuses requests whose Host is no name of the server: a web site's, led here by its DNS.

    ``host`` is where the server was told to listen. Tunnels to a loopback
    address keep its names, though not its port. A server on all addresses
    cannot know them: there any address will do, since none can be led elsewhere
    as a name can.
    """

    def __init__(self, app: ASGIApp, host: str) -> None:
        super().__init__(app)
        self.names = {"localhost", "127.0.0.1", "::1", host.lower()}
        address = _address(host)
        self.any_address = address is not None and address.is_unspecified
        if host != "localhost" and (address is None or not address.is_loopback):
            self.names |= {socket.gethostname().lower(), socket.getfqdn().lower()} - {""}

    def refusal(self, scope: Scope) -> Response | None:
        """See :class:`_Guard`."""
        hosts = _values(scope, b"host")
        match = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]]+)(:\d+)?", hosts[0] if hosts else "")
        if match is not None and len(hosts) == 1:
            name = match[1].strip("[]").lower()
            if name in self.names or (self.any_address and _address(name) is not None):
                return None
        return PlainTextResponse("This host name is not served here.", status_code=421)


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


class OriginGuard(_Guard):
    """Refuses requests of pages from elsewhere, but for the origins that may read."""

    def __init__(self, app: ASGIApp, allowed: Callable[[str], bool]) -> None:
        super().__init__(app)
        self.allowed = allowed

    def refusal(self, scope: Scope) -> Response | None:
        """See :class:`_Guard`."""
        own = [f"{scope['scheme']}://{host}" for host in _values(scope, b"host")]
        origins = _values(scope, b"origin")
        if all(origin in own or self.allowed(origin) for origin in origins):
            return None
        return PlainTextResponse("Pages of this origin may not read here.", status_code=403)


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
    ranges = [_RANGE.fullmatch(part.strip()) for part in text.split(b",")]
    return all(one and not (one[1] and one[2] and int(one[1]) > int(one[2])) for one in ranges)
