"""Probing the server of a hub: byte ranges, HEAD, cross-origin reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tracksmith.errors import ResourceError
from tracksmith.hub.check.parse import Finding, ParsedStanza
from tracksmith.hub.check.sources import HttpSource, Source
from tracksmith.hub.values import whole_number

__all__ = ["check_server"]

MOST_PROBES = 10
_ORIGIN = "https://igv.org"


def check_server(
    source: Source, address: str, files: Sequence[tuple[ParsedStanza, str]]
) -> Iterator[Finding]:
    """Yield what a server does that browsers cannot work with.

    ``files`` are data files with the stanzas that name them; a few are probed
    with a range in the middle, as genome browsers ask.
    """
    if not isinstance(source, HttpSource):
        return
    yield from _cross_origin(source, address, address, 1)
    for track, file in files[:MOST_PROBES]:
        line = track.line_of("bigDataUrl")
        try:
            yield from _ranges(source, file, track.file, line)
        except ResourceError as error:
            yield Finding(track.file, line, "error", str(error), "Is the server up?")
        yield from _cross_origin(source, file, track.file, line)


def _ranges(source: HttpSource, address: str, file: str, line: int) -> Iterator[Finding]:
    answer = source.get(address, {"Range": "bytes=4-11", "Origin": _ORIGIN})
    if answer.status_code == 200:
        yield Finding(file, line, "error",
                      f"The server ignores byte ranges: it answers 200 to a Range for {address}.",
                      "Browsers would load whole files or fail: use a server with ranges "
                      "(nginx, Apache, S3, `tracksmith view`).")  # fmt: skip
    elif answer.status_code != 206 or len(answer.content) != 8:
        yield Finding(file, line, "error",
                      f"A range of 8 bytes of {address} is answered by {answer.status_code} with "
                      f"{len(answer.content)} bytes.",
                      "It must be 206 with exactly those.")  # fmt: skip
    elif not answer.headers.get("Content-Range", "").startswith("bytes 4-11/"):
        yield Finding(file, line, "error",
                      f"The answer to a range of {address} has no fitting Content-Range.",
                      "Repair the server or the proxy before it.")  # fmt: skip
    head = source.head(address)
    if head.status_code != 200 or whole_number(head.headers.get("Content-Length", "")) is None:
        yield Finding(file, line, "warning",
                      f"HEAD of {address} gives no Content-Length (status {head.status_code}).",
                      "UCSC asks it for the size of every file.")  # fmt: skip
    if not head.headers.get("Last-Modified") and not head.headers.get("ETag"):
        yield Finding(file, line, "warning", f"{address} comes without Last-Modified or ETag.",
                      "Browsers would show old data after an update.")  # fmt: skip


def _cross_origin(source: HttpSource, address: str, file: str, line: int) -> Iterator[Finding]:
    try:
        answer = source.get(address, {"Range": "bytes=0-7", "Origin": _ORIGIN})
    except ResourceError:
        return
    allowed = answer.headers.get("Access-Control-Allow-Origin", "")
    if allowed not in ("*", _ORIGIN):
        yield Finding(file, line, "warning",
                      f"{address} may not be read from other sites (no CORS header).",
                      "igv.org and JBrowse cannot open it: send "
                      "`Access-Control-Allow-Origin: *`.")  # fmt: skip
