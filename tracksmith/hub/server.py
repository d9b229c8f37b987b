"""A server for runs on this machine: byte ranges, their page, and nothing outside them."""

from __future__ import annotations

import errno
import json
import re
import secrets
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from tracksmith.errors import ResourceError, UsageError
from tracksmith.genome.fasta_index import index_files
from tracksmith.hub.added import AddedTrack, OwnFiles, read_added
from tracksmith.hub.added_shown import added_configs
from tracksmith.hub.genomes import hosted_name, same_fasta
from tracksmith.hub.guards import HostGuard, OriginGuard, SecretPath, SoundRanges, confined
from tracksmith.hub.igv import Reference, session
from tracksmith.hub.loci import find_locus, top_variants
from tracksmith.hub.page import find_igv
from tracksmith.hub.page_text import IgvScript, page_html, page_policy
from tracksmith.hub.runs import Output, ShownRun, open_runs
from tracksmith.hub.sharing import quoted
from tracksmith.hub.templates import Templates

__all__ = [
    "BROWSERS",
    "FIRST_PORT",
    "LOOPBACK",
    "NOTEBOOKS",
    "RunServer",
    "Site",
    "make_app",
    "make_site",
    "open_socket",
    "prepare",
    "serving",
    "start",
]

LOOPBACK = "127.0.0.1"
FIRST_PORT = 8760
"""Where `view` listens, unless it is taken; then the ports after it."""
BROWSERS = r"https://(igv\.org|jbrowse\.org)"
"""Origins that may read what is served: genome browsers that load data by themselves."""
NOTEBOOKS = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?|vscode-webview://.*"
"""Origins that may read what a notebook's kernel serves: pages of notebooks on this machine."""
_TYPES = {".html": "text/html", ".json": "application/json", ".txt": "text/plain",
          ".tsv": "text/plain", ".bed": "text/plain", ".xml": "application/xml",
          ".sizes": "text/plain"}  # fmt: skip
_FILE_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'"


@dataclass(frozen=True)
class Site:
    """What is served: the files of runs, their page, their genome; made by :func:`make_site`."""

    runs: list[ShownRun]
    templates: Templates
    script: IgvScript
    reference: Reference
    genome_files: dict[str, Path]
    locus: str | None
    added: tuple[AddedTrack, ...] = ()
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    """The first part of every path, known to whoever was given the address."""

    def session(self, base: str) -> dict[str, Any]:
        """Return a session for igv.js with absolute addresses; ``base`` is the server's."""
        reference = self.reference.at(base)
        tables = [table for run in self.runs for table in top_variants(run, 1)]
        added = added_configs(self.added, lambda track: base + self.added_url(track))
        url_of = lambda output: base + self.url(output)  # noqa: E731
        return session(self.runs, url_of, reference, tables, self.locus, added)

    def place(self, run: ShownRun) -> str:
        """Return below what path a run is served; no name of a folder comes into it."""
        folders = [other.folder for other in self.runs]
        return "run/" if len(folders) == 1 else f"runs/{folders.index(run.folder) + 1}/"

    def added_url(self, track: AddedTrack) -> str:
        """Return the address of an added track relative to the server's root."""
        return f"added/{self.added.index(track) + 1}"

    def url(self, output: Output) -> str:
        """Return the address of a file relative to the server's root."""
        return self.place(output.run) + quoted(output.file.path)


def make_site(
    folders: Sequence[Path],
    igv: str | None = None,
    genome: str | None = None,
    templates: Path | None = None,
    locus: str | None = None,
    *,
    add: OwnFiles = OwnFiles(),  # noqa: B008 - frozen
) -> Site:
    """Open finished runs on one genome for serving.

    Raises
    ------
    TracksmithError
        As :func:`tracksmith.hub.runs.open_runs`, :func:`find_igv`, for ``locus``
        :func:`tracksmith.hub.loci.find_locus`, for the user's own files
        :func:`tracksmith.hub.added.read_added`.
    """
    runs = open_runs(folders)
    place = find_locus(runs, locus) if locus else None
    tracks = read_added(add, runs[0].contigs)
    files, reference = _reference(runs, genome)
    return Site(runs, Templates(templates), find_igv(igv), reference, files, place, tracks)


def make_app(site: Site, host: str = LOOPBACK, origins: str = BROWSERS) -> Starlette:
    """Return the application that serves runs, read-only, below the site's secret.

    There ``/`` is the page, ``/run/PATH`` a file of the only run,
    ``/runs/N/PATH`` one of the Nth, ``/genome/NAME`` the genome's files,
    ``/added/N`` the Nth of the files that were added. Hidden
    files, links that lead out of their run, and folders are not found.
    ``origins`` is the pattern of foreign origins whose pages may read.
    """
    routes: list[BaseRoute] = [
        Route("/", lambda request: _page(site)),
        Route("/session.json", lambda request: _session(site, request)),
        Route("/page.js", lambda request: _asset(site, "page.js", "text/javascript")),
        Route("/browser.js", lambda request: _asset(site, "browser.js", "text/javascript")),
        Route("/page.css", lambda request: _asset(site, "page.css", "text/css")),
        Route("/igv.min.js", lambda request: _igv(site)),
        Route("/favicon.ico", lambda request: Response(status_code=204)),
        Route("/chrom.sizes", lambda request: _sizes(site)),
        Route("/genome/{name}", lambda request: _genome_file(site, request)),
        Route("/added/{number:int}", lambda request: _added_file(site, request)),
    ]
    routes += [
        Route(f"/{site.place(run)}{{path:path}}", partial(_run_file, run)) for run in site.runs
    ]
    cors = Middleware(
        CORSMiddleware,
        allow_origin_regex=origins,
        allow_methods=["GET", "HEAD", "OPTIONS"],
        allow_headers=["Range", "If-Range", "Cache-Control"],
        expose_headers=["Content-Range", "Content-Length", "Accept-Ranges", "ETag"],
    )
    guards = [
        Middleware(HostGuard, host=host),
        # decision: secret-path (ports of the loopback address are open to every user)
        Middleware(SecretPath, secret=site.secret),
        Middleware(OriginGuard, allowed=lambda origin: bool(re.fullmatch(origins, origin))),
    ]
    return Starlette(routes=routes, middleware=[*guards, cors, Middleware(SoundRanges)])


def _reference(runs: Sequence[ShownRun], genome: str | None) -> tuple[dict[str, Path], Reference]:
    """Return the genome's files by the name in their address, and the reference for igv."""
    run = runs[0]
    if genome:
        return {}, Reference(hosted_name(run, genome) or genome)
    name, fasta = run.genome.name, same_fasta(runs)
    indexes = None if fasta is None else index_files(fasta, run.genome.sha256, run.contigs)
    if fasta is not None and indexes is not None:
        index, blocks = indexes
        if blocks is None:
            files = {"genome.fa": fasta, "genome.fa.fai": index}
            return files, Reference(name, "", "genome/genome.fa", "genome/genome.fa.fai")
        files = {"genome.fa.gz": fasta, "genome.fa.gz.fai": index, "genome.fa.gz.gzi": blocks}
        base = "genome/genome.fa.gz"
        return files, Reference(name, "", base, f"{base}.fai", f"{base}.gzi")
    hosted = hosted_name(run, None)
    return {}, Reference(hosted) if hosted else Reference(name, sizes="chrom.sizes")


def _page(site: Site) -> Response:
    added = added_configs(site.added, site.added_url)
    text = page_html(
        site.templates,
        site.runs,
        site.url,
        site.reference,
        site.script,
        site.locus,
        added=added,
    )
    policy = f"{page_policy(site.reference, site.script)}; frame-ancestors 'none'"
    return HTMLResponse(text, headers=_headers(policy))


def _session(site: Site, request: Request) -> Response:
    text = json.dumps(site.session(str(request.base_url)), ensure_ascii=False)
    return Response(text, media_type="application/json", headers=_headers(_FILE_POLICY))


def _asset(site: Site, name: str, media_type: str) -> Response:
    return Response(site.templates.raw(name), media_type=media_type, headers=_headers(""))


def _igv(site: Site) -> Response:
    if site.script.path is None:
        raise HTTPException(404)
    return FileResponse(site.script.path, media_type="text/javascript", headers=_headers(""))


def _sizes(site: Site) -> Response:
    text = "".join(f"{name}\t{length}\n" for name, length in site.runs[0].contigs)
    return PlainTextResponse(text, headers=_headers(_FILE_POLICY))


def _genome_file(site: Site, request: Request) -> Response:
    path = site.genome_files.get(str(request.path_params["name"]))
    if path is None or not path.is_file():
        raise HTTPException(404)
    return FileResponse(path, media_type="application/octet-stream", headers=_headers(_FILE_POLICY))


def _added_file(site: Site, request: Request) -> Response:
    number = int(request.path_params["number"])
    path = site.added[number - 1].path if 0 < number <= len(site.added) else None
    if path is None or not path.is_file():
        raise HTTPException(404)
    return FileResponse(path, media_type="application/octet-stream", headers=_headers(_FILE_POLICY))


def _run_file(run: ShownRun, request: Request) -> Response:
    path = confined(run.folder, str(request.path_params["path"]))
    if path is None:
        raise HTTPException(404)
    media_type = _TYPES.get(path.suffix, "application/octet-stream")
    return FileResponse(path, media_type=media_type, headers=_headers(_FILE_POLICY))


def _headers(policy: str) -> dict[str, str]:
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache",
             "Referrer-Policy": "no-referrer"}  # fmt: skip
    return headers | ({"Content-Security-Policy": policy} if policy else {})


def open_socket(
    host: str, port: int | None, first: int = FIRST_PORT, tries: int = 40
) -> socket.socket:
    """Return a listening socket: on ``port``, or on the first free one from ``first`` on.

    Raises
    ------
    ResourceError
        The port is taken, or all of them are.
    UsageError
        ``host`` is no address of this machine.
    """
    wanted = [port] if port is not None else range(first, first + tries)
    for number in wanted:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        opened = socket.socket(family, socket.SOCK_STREAM)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            opened.bind((host, number))
            opened.listen(256)
        except OSError as error:
            opened.close()
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise UsageError(f"--host {host}: {error.strerror or error}.") from None
            continue
        return opened
    shown = f"Port {port}" if port is not None else f"Every port from {first} to {wanted[-1]}"
    raise ResourceError(f"{shown} is in use on {host}. Choose another with --port.")


@dataclass
class RunServer:
    """A server at work. ``url`` ends in a slash and holds the secret; ``close`` stops it."""

    url: str
    server: uvicorn.Server
    thread: threading.Thread | None = None

    def close(self) -> None:
        """Stop serving; open requests get two seconds."""
        self.server.should_exit = True
        if self.thread is not None:
            self.thread.join(timeout=5)


def prepare(
    site: Site, opened: socket.socket, host: str = LOOPBACK, origins: str = BROWSERS
) -> RunServer:
    """Return a server on a socket that listens on ``host``, not yet running."""
    app = make_app(site, host, origins)
    config = uvicorn.Config(
        app, log_level="error", access_log=False, lifespan="off", timeout_graceful_shutdown=2
    )
    port, everywhere = opened.getsockname()[1], host in ("0.0.0.0", "::")
    shown = socket.gethostname() if everywhere else f"[{host}]" if ":" in host else host
    return RunServer(f"http://{shown}:{port}/{site.secret}/", uvicorn.Server(config))


def start(site: Site, opened: socket.socket, origins: str = BROWSERS) -> RunServer:
    """Serve on the loopback address in a thread; return once requests are answered."""
    running = prepare(site, opened, origins=origins)
    thread = threading.Thread(
        target=running.server.run, kwargs={"sockets": [opened]}, daemon=True, name="tracksmith-view"
    )
    running.thread = thread
    thread.start()
    while not running.server.started and thread.is_alive():
        thread.join(0.01)
    return running


@contextmanager
def serving(*folders: Path, port: int | None = None, **options: Any) -> Iterator[str]:
    """Serve runs on the loopback address while the block runs; yields the secret address."""
    site = make_site(folders, **options)
    running = start(site, open_socket(LOOPBACK, port))
    try:
        yield running.url
    finally:
        running.close()
