"""Building a UCSC track hub of finished runs, with IGV sessions beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from tracksmith.errors import InputError, UsageError
from tracksmith.genome.contigs import browser_problems
from tracksmith.hub.added import OwnFiles, read_added
from tracksmith.hub.contents import GROUP, HubPlan, Identity, write_hub
from tracksmith.hub.folder import hub_folder, replacing
from tracksmith.hub.genomes import choose_genome
from tracksmith.hub.layout import lay_out
from tracksmith.hub.loci import top_variants
from tracksmith.hub.runs import open_runs
from tracksmith.hub.sharing import Links
from tracksmith.hub.templates import Templates
from tracksmith.hub.tree import Node
from tracksmith.hub.values import mail, safe_name

__all__ = ["HubReport", "build_hub", "checked_words"]


@dataclass(frozen=True)
class HubReport:
    """What was built: ``hub.txt``, the genome, how many tracks, what to know, where to look.

    ``upload`` are the folders to copy to a web server, keeping their places to
    one another, so that every link holds; ``links`` open the hub in browsers,
    given the address of its folder.
    """

    hub: Path
    genome: str
    hosted: bool
    tracks: int
    upload: tuple[Path, ...]
    notes: tuple[str, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)


def build_hub(
    runs: Sequence[Path],
    out: Path | None,
    email: str,
    *,
    name: str | None = None,
    title: str | None = None,
    genome: str | None = None,
    base_url: str | None = None,
    templates: Path | None = None,
    copy: bool = False,
    add: OwnFiles = OwnFiles(),  # noqa: B008 - frozen
) -> HubReport:
    """Build a hub of one run or several side by side; ``out`` is replaced whole or not at all.

    Parameters
    ----------
    runs
        Folders of finished runs on one genome. Their files are linked, relative
        to ``out``, or copied into it.
    out
        Folder of the hub; new, empty, or an earlier hub. By default ``hub`` in
        the run, where there is one.
    email, name, title
        Contact, one word that identifies the hub, its label; the last two by
        default after the first run's folder.
    genome
        UCSC's name of the genome; ``assembly`` to bring the genome along; by
        default what the contigs' lengths prove, else ``assembly``.
    base_url, templates
        Address at which ``out`` will be served; folder with the user's own templates.
    copy
        Copy the tracks into ``out``, so that it can be moved and shared alone.
    add
        Files of the user's own to show as well.

    Raises
    ------
    UsageError
        A value cannot stand in a hub, or the genome does not fit the runs.
    InputError, IncompleteError
        A run is missing, not finished, or its genome's FASTA is gone.
    """
    if out is None and len(runs) > 1:
        raise UsageError("Several runs share a hub: say where with -o HUB.")
    opened = open_runs(runs)
    first = opened[0].folder
    word = name or safe_name(first.name)
    base = checked_words(email, word, base_url)
    notes: list[str] = []
    tracks = read_added(replace(add, notify=notes.append), opened[0].contigs)
    links = Links(opened, hub_folder(out or first / "hub", opened), copy, tracks)
    chosen = choose_genome(opened[0], genome)
    tops = _top_nodes(links, chosen.hosted)
    tables = [table for run in opened for table in top_variants(run)]
    identity = Identity(email, word, title or f"tracksmith {first.name}")
    plan = HubPlan(identity, chosen, base, Templates(templates), links, tops, tables)
    with replacing(links.out) as fresh:
        write_hub(plan, fresh)
    return _report(plan, notes)


def _top_nodes(links: Links, hosted: bool) -> list[Node]:
    urls = {str(item.path): links.of(item) for run in links.runs for item in run.outputs()}
    tops = lay_out(links.runs, urls, len(links.added))
    if not tops:
        raise InputError("None of the runs holds a value: there is nothing to show.")
    for top in tops if not hosted else ():
        top.stanza.add("group", GROUP)
    return tops


def _report(plan: HubPlan, notes: Sequence[str]) -> HubReport:
    empty = [run.folder / path for run in plan.runs for path in run.empty()]
    notes = [*notes, *plan.genome.notes, *browser_problems(plan.runs[0].contigs)]
    notes += [f"{path} holds no value and is left out." for path in empty]
    return HubReport(
        hub=plan.links.out / "hub.txt",
        genome=plan.genome.name,
        hosted=plan.genome.hosted,
        tracks=sum(node.stanza.role == "leaf" for node in plan.nodes) + len(plan.links.added),
        upload=plan.links.shared,
        notes=tuple(notes),
        links=_browser_links(plan),
    )


def checked_words(email: str, name: str, base_url: str | None) -> str:
    """Return the address of a hub's folder, '' for none, else ending in a slash.

    Raises
    ------
    UsageError
        Browsers take no such contact, name or address.
    """
    if mail(email):
        raise UsageError(f"--email {email!r} must be an e-mail address: UCSC requires a contact.")
    if name != "".join(name.split()) or not name.isprintable() or not name:
        raise UsageError(f"--name {name!r} must be one word; --title may hold spaces.")
    if base_url is None:
        return ""
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise UsageError(
            f"--base-url {base_url!r} must be the http(s) address of the hub's folder, such as "
            "https://example.org/hubs/mine."
        )
    return base_url.rstrip("/") + "/"


def _browser_links(plan: HubPlan) -> dict[str, str]:
    """Return the addresses that open the hub, {} where nobody knows where it will lie."""
    if not plan.base_url:
        return {}
    hub = {"hubUrl": plan.base_url + "hub.txt"}
    place = {"position": plan.locus}
    ucsc = {("db" if plan.genome.hosted else "genome"): plan.genome.name, **hub, **place}
    return {
        "UCSC": f"https://genome.ucsc.edu/cgi-bin/hgTracks?{urlencode(ucsc)}",
        "IGV": f"https://igv.org/app/?{urlencode({'sessionURL': plan.base_url + 'session.json'})}",
    }
