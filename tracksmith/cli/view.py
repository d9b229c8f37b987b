"""``tracksmith view``: runs in a browser page, served from this machine."""

from __future__ import annotations

import tempfile
import webbrowser
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click

from tracksmith.cli.options import add_options

__all__ = ["browser_at", "view"]


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--port", type=click.IntRange(1, 65535), help="Port; by default 8760, or the next free one."
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; others than this machine can then read the runs.",
)
@click.option("--no-browser", is_flag=True, help="Only serve; open no browser.")
@click.option("--locus", help="Where to open: chr1:1,000-2,000, or a variant's id.")
@click.option("--genome", help="Genome that igv.org hosts, such as hg38.")
@click.option("--igv", help="An igv.js file, or cdn to load it from the internet.")
@click.option("--templates", type=click.Path(path_type=Path), help="Folder of own templates.")
@add_options
def view(
    runs: tuple[Path, ...],
    port: int | None,
    host: str,
    *,
    no_browser: bool,
    locus: str | None,
    genome: str | None,
    igv: str | None,
    templates: Path | None,
    add: tuple[str, ...],
    alias: Path | None,
) -> None:
    """Open finished runs side by side in a browser page; Ctrl-C ends it."""
    from tracksmith.cli.report import say_note
    from tracksmith.hub.added import own_files
    from tracksmith.hub.server import make_site, open_socket, prepare

    site = make_site(
        runs, igv=igv, genome=genome, templates=templates, locus=locus,
        add=own_files(add, alias, say_note),
    )  # fmt: skip
    opened = open_socket(host, port)
    running = prepare(site, opened, host)
    if host not in ("127.0.0.1", "::1", "localhost"):
        click.echo(
            f"WARNING: {host} can be reached from other machines: whoever gets the address, or "
            "listens on the way, can read what is shown. Safer: an ssh tunnel to this machine.",
            err=True,
        )
    shown = " and ".join(map(str, runs))
    click.echo(f"{shown} {'is' if len(runs) == 1 else 'are'} at {running.url} (Ctrl-C ends)")
    click.echo("The address is a secret: whoever has it can read what is shown.")
    with ExitStack() as stack:
        if not no_browser:
            stack.enter_context(browser_at(running.url))
        try:
            running.server.run(sockets=[opened])
        except KeyboardInterrupt:
            click.echo("Ended.", err=True)


@contextmanager
def browser_at(url: str) -> Iterator[None]:
    """Open the page through a file that only its owner reads: commands are seen by every user."""
    with tempfile.TemporaryDirectory(prefix="tracksmith-view-") as folder:
        page = Path(folder) / "view.html"
        page.write_text(f'<meta http-equiv="refresh" content="0; url={url}">', encoding="utf-8")
        webbrowser.open(page.as_uri())
        yield
