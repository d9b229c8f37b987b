"""The files of a hub: its stanzas, pages, genome and sessions."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from tracksmith.errors import InputError, UsageError
from tracksmith.hub.added_shown import added_configs, added_page, added_stanzas
from tracksmith.hub.folds import write_fold_tracks
from tracksmith.hub.genomes import (
    HubGenome,
    desktop_genome,
    sizes_name,
    write_sequence,
    write_sizes,
)
from tracksmith.hub.igv import Reference, session
from tracksmith.hub.igv_xml import session_xml
from tracksmith.hub.loci import VariantTable, opening
from tracksmith.hub.pages import about_page, track_page
from tracksmith.hub.runs import Output, ShownRun
from tracksmith.hub.sharing import Links
from tracksmith.hub.stanza import Stanza
from tracksmith.hub.templates import Templates
from tracksmith.hub.tree import Names, Node
from tracksmith.hub.values import LONG_LABEL, SHORT_LABEL, is_inside, label, plain_text

__all__ = ["GROUP", "HubPlan", "Identity", "write_hub"]

GROUP = "predictions"


@dataclass(frozen=True)
class Identity:
    """Whose hub it is: the contact, one word that identifies it, its label."""

    email: str
    name: str
    title: str


@dataclass(frozen=True)
class HubPlan:
    """Everything that the files of a hub are made from.

    ``tops`` are the top nodes of its tracks, ``tables`` the strongest variants;
    ``base_url`` is the address of its folder, '' where nobody knows it.
    """

    identity: Identity
    genome: HubGenome
    base_url: str
    templates: Templates
    links: Links
    tops: list[Node]
    tables: list[VariantTable]

    @property
    def runs(self) -> list[ShownRun]:
        """The runs that are shown."""
        return list(self.links.runs)

    @property
    def nodes(self) -> list[Node]:
        """All tracks, containers before what they hold."""
        return [node for top in self.tops for node in top.walk()]

    def added_stanzas(self) -> list[Stanza]:
        """Return the tracks that were added, by names that no other has."""
        names = Names()
        for node in self.nodes:
            names.claim(node.name)
        group = "" if self.genome.hosted else GROUP
        return added_stanzas(self.links.added, self.links.of_added, names, group)

    @property
    def locus(self) -> str:
        """Where the hub opens."""
        return opening(self.runs, self.tables)

    @property
    def two_bit(self) -> str:
        """The name of the hub's own genome file; it changes with the genome."""
        return f"{self.genome.name}.{self.runs[0].genome.sha256[:12]}.2bit"


def write_hub(plan: HubPlan, folder: Path) -> None:
    """Write the files of a hub into an empty folder, which becomes ``plan.links.out``.

    Raises
    ------
    InputError
        A file of a run is damaged, or the genome's FASTA is gone.
    """
    nodes, added = plan.nodes, plan.added_stanzas()
    for name in ("html", "metadata"):
        (folder / name).mkdir()
    for node in nodes:
        page = track_page(plan.templates, node, plan.identity.email)
        _write(folder / "html" / f"{node.name}.html", page)
        if node.sheet:
            _write(folder / "metadata" / f"{node.name}.tsv", _sheet(node))
    if not any(node.sheet for node in nodes):
        (folder / "metadata").rmdir()
    write_fold_tracks(nodes, folder)
    plan.links.write_copies(folder)
    for stanza, track in zip(added, plan.links.added, strict=True):
        page = added_page(plan.templates, track, plan.identity.email)
        _write(folder / "html" / f"{stanza.name}.html", page)
    about = about_page(plan.templates, plan.runs, plan.identity.title, plan.identity.email)
    _write(folder / "about.html", about)
    if not plan.genome.hosted:
        _write_genome(plan, folder)
    _write_sessions(plan, folder)
    hub, genome = _hub_stanza(plan), _genome_stanza(plan)
    tracks = [*added, *(node.stanza for node in nodes)]
    _write(
        folder / "hub.txt", plan.templates.fill("hub.txt", hub=hub, genome=genome, tracks=tracks)
    )


def _write(path: Path, text: str) -> None:
    if not is_inside(path.name):
        raise UsageError(f"{path.name!r} is no file name.")
    path.write_text(text, encoding="utf-8", newline="\n")


def _hub_stanza(plan: HubPlan) -> Stanza:
    stanza = Stanza("hub").add("hub", plan.identity.name)
    stanza.add("shortLabel", label(plan.identity.title, SHORT_LABEL))
    stanza.add("longLabel", label(plan.identity.title, LONG_LABEL))
    stanza.add_all(useOneFile="on", email=plan.identity.email, descriptionUrl="about.html")
    return stanza


def _genome_stanza(plan: HubPlan) -> Stanza:
    stanza = Stanza("genome").add("genome", plan.genome.name)
    if plan.genome.hosted:
        return stanza
    text = plain_text(plan.runs[0].genome.name)
    stanza.add_all(
        description=text, organism=plan.genome.name, defaultPos=plan.locus, orderKey=4700,
        twoBitPath=plan.two_bit, chromSizes=sizes_name(plan.genome.name), groups="groups.txt",
        htmlPath="about.html",
    )  # fmt: skip
    return stanza


def _write_genome(plan: HubPlan, folder: Path) -> None:
    """Write the genome as 2bit (or take the old hub's, if it is the same), sizes, groups."""
    run = plan.runs[0]
    if not write_sequence(plan.runs, folder / plan.two_bit, before=plan.links.out / plan.two_bit):
        raise InputError(
            f"The genome {run.genome.name} is not at its place any more, and no browser "
            "hosts it under a known name. Put the FASTA back, or give --genome NAME."
        )
    write_sizes(run, folder / sizes_name(plan.genome.name))
    group = Stanza("group").add("name", GROUP).add("label", "Predictions")
    group.add_all(priority=1, defaultIsClosed=0)
    _write(folder / "groups.txt", plan.templates.fill("groups.txt", groups=[group]))


def _sheet(node: Node) -> str:
    columns = list(node.sheet[0])
    lines = ["\t".join(columns)]
    lines += ["\t".join(plain_text(row[key]) or "-" for key in columns) for row in node.sheet]
    return "\n".join(lines) + "\n"


def _write_sessions(plan: HubPlan, folder: Path) -> None:
    """Write the sessions of IGV desktop and, where the hub's address is known, of igv.js.

    Without an address there is none for igv.js: it takes relative addresses
    for relative to its own page, so such a session would open nowhere.
    """
    genome = plan.genome.name
    if not plan.genome.hosted:
        genome = desktop_genome(plan.links, plan.genome.name, plan.base_url)
    url_of = _url_of(plan)
    added = _added_configs(plan)
    xml = session_xml(plan.templates, plan.runs, url_of, genome, plan.locus, added)
    _write(folder / "session.xml", xml)
    # decision: session-by-address (igv.js resolves against its own page)
    if plan.base_url:
        two_bit = "" if plan.genome.hosted else plan.base_url + plan.two_bit
        reference = Reference(plan.genome.name, two_bit=two_bit)
        config = session(plan.runs, url_of, reference, plan.tables, added=added)
        _write(folder / "session.json", json.dumps(config, indent=1, ensure_ascii=False) + "\n")


def _added_configs(plan: HubPlan) -> list[dict[str, Any]]:
    links = plan.links
    if plan.base_url:
        return added_configs(links.added, lambda it: urljoin(plan.base_url, links.of_added(it)))
    return added_configs(links.added, links.added_path)


def _url_of(plan: HubPlan) -> Callable[[Output], str]:
    """Return what addresses a file: complete, or a path from the hub's folder as it is on disk."""
    if plan.base_url:
        return lambda output: urljoin(plan.base_url, plan.links.of(output))
    return plan.links.path
