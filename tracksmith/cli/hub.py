"""``tracksmith hub``: build, check and page."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracksmith.cli.guesses import GuessingGroup
from tracksmith.cli.options import add_options

if TYPE_CHECKING:
    from tracksmith.hub.build import HubReport

__all__ = ["hub"]

_FOLDER = click.Path(path_type=Path)


@click.group(cls=GuessingGroup)
def hub() -> None:
    """Build or check a UCSC track hub, or write a page of runs."""


@hub.command()
@click.argument("runs", nargs=-1, required=True, type=_FOLDER)
@click.option("-o", "--out", type=_FOLDER, help="Folder of the hub; RUN/hub for a single run.")
@click.option("--email", required=True, help="Contact; UCSC requires one.")
@click.option("--name", help="One word that identifies the hub.")
@click.option("--title", help="What to call it.")
@click.option("--genome", help="UCSC's name, such as hg38; `assembly` to bring the genome along.")
@click.option("--base-url", help="Address at which the hub's folder will be served.")
@click.option("--templates", type=_FOLDER, help="Folder of own templates.")
@click.option("--copy", is_flag=True, help="Copy the tracks into the hub, to share it alone.")
@add_options
def build(
    runs: tuple[Path, ...],
    out: Path | None,
    email: str,
    name: str | None,
    title: str | None,
    genome: str | None,
    base_url: str | None,
    templates: Path | None,
    *,
    copy: bool,
    add: tuple[str, ...],
    alias: Path | None,
) -> None:
    """Build a hub of one or more finished runs, and IGV sessions beside it."""
    from tracksmith.hub.added import own_files
    from tracksmith.hub.build import build_hub

    report = build_hub(
        runs, out, email, name=name, title=title, genome=genome, base_url=base_url,
        templates=templates, copy=copy, add=own_files(add, alias),
    )  # fmt: skip
    _say(report)


def _say(report: HubReport) -> None:
    from tracksmith.hub.sharing import how_to_share

    kind = "hosted by UCSC" if report.hosted else "brought along"
    click.echo(f"{report.hub}: {report.tracks} tracks on {report.genome} ({kind})")
    for note in report.notes:
        click.echo(f"NOTE: {note}", err=True)
    for place, link in report.links.items():
        click.echo(f"{place}: {link}")
    if not report.links:
        click.echo(how_to_share(report.upload))
        click.echo("Build again with --base-url for links that open it there.")


@hub.command()
@click.argument("place")
@click.option("--strict", is_flag=True, help="Count warnings as errors.")
@click.option("--full", is_flag=True, help="Read all of every bigWig, not a sample.")
def check(place: str, *, strict: bool, full: bool) -> None:
    """Check a hub: a folder, a hub.txt, a run, or an http(s) address."""
    from tracksmith.hub.check import check_hub

    findings = check_hub(place, full)
    for finding in findings:
        click.echo(str(finding))
    errors = sum(1 for finding in findings if finding.level == "error" or strict)
    click.echo(f"{_count(errors, 'error')}, {_count(len(findings) - errors, 'warning')}", err=True)
    if errors:
        sys.exit(4)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


@hub.command()
@click.argument("runs", nargs=-1, required=True, type=_FOLDER)
@click.option("-o", "--out", type=_FOLDER, help="Folder of the page; RUN/igv for a single run.")
@click.option("--genome", help="Genome that igv.org hosts, such as hg38.")
@click.option("--igv", help="An igv.js file, or cdn to load it from the internet.")
@click.option("--templates", type=_FOLDER, help="Folder of own templates.")
@click.option("--copy", is_flag=True, help="Copy the tracks into the page, to share it alone.")
@add_options
def page(
    runs: tuple[Path, ...],
    out: Path | None,
    genome: str | None,
    igv: str | None,
    templates: Path | None,
    *,
    copy: bool,
    add: tuple[str, ...],
    alias: Path | None,
) -> None:
    """Write a page of finished runs, for a web server."""
    from tracksmith.cli.report import say_note
    from tracksmith.hub.added import own_files, shown_in_place
    from tracksmith.hub.page import write_page
    from tracksmith.hub.sharing import folders_to_share, how_to_share

    index = write_page(
        runs, out, igv=igv, genome=genome, templates=templates, copy=copy,
        add=own_files(add, alias, say_note),
    )  # fmt: skip
    shown = shlex.join([*map(str, runs), *(word for text in add for word in ("--add", text))])
    click.echo(f"{index}: open it through a web server, or use `tracksmith view {shown}`.")
    linked = [*runs, *shown_in_place(add)]
    click.echo(how_to_share(folders_to_share(index.parent, linked, copied=copy)))
