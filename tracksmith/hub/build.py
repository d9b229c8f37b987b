"""Building a UCSC track hub of finished runs, with IGV sessions beside it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode, urljoin, urlsplit

from tracksmith.errors import InputError, ResourceError, UsageError
from tracksmith.files import TEMPORARY_PREFIX, crash_point, owner_suffix
from tracksmith.genome.assemblies import ASSEMBLIES, assembly_of, canonical
from tracksmith.genome.contigs import browser_problems
from tracksmith.hub.folds import write_fold_tracks
from tracksmith.hub.genomes import (
    check_against,
    desktop_genome,
    genome_word,
    sizes_name,
    write_sequence,
    write_sizes,
)
from tracksmith.hub.igv import Reference, session, session_xml
from tracksmith.hub.layout import lay_out
from tracksmith.hub.loci import VariantTable, opening, top_variants
from tracksmith.hub.pages import about_page, track_page
from tracksmith.hub.runs import Output, ShownRun, open_runs
from tracksmith.hub.sharing import Links
from tracksmith.hub.stanza import Stanza
from tracksmith.hub.templates import Templates
from tracksmith.hub.tree import Node
from tracksmith.hub.values import (
    LONG_LABEL,
    SHORT_LABEL,
    is_inside,
    label,
    mail,
    plain_text,
    safe_name,
)
from tracksmith.runs.lock import is_left_over

__all__ = ["HubReport", "build_hub"]

OWN_GENOME = "assembly"
"""What a user gives as the genome to bring it along instead of naming a hosted one."""

GROUP = "predictions"


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


@dataclass(frozen=True)
class _Job:
    """Everything that the files of a hub are made from."""

    runs: list[ShownRun]
    out: Path
    email: str
    name: str
    title: str
    genome: str
    hosted: bool
    base_url: str
    templates: Templates
    data: Links
    nodes: list[Node]
    tables: list[VariantTable]

    @property
    def locus(self) -> str:
        """Where the hub opens."""
        return opening(self.runs, self.tables)

    @property
    def two_bit(self) -> str:
        """The name of the hub's own genome file; it changes with the genome."""
        return f"{self.genome}.{str(self.runs[0].genome['sha256'])[:12]}.2bit"


def build_hub(
    runs: Sequence[Path],
    out: Path | None,
    email: str,
    name: str | None = None,
    title: str | None = None,
    genome: str | None = None,
    base_url: str | None = None,
    templates: Path | None = None,
    *,
    copy: bool = False,
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
    base_url
        Address at which ``out`` will be served, for links and sessions that
        open anywhere.
    templates
        Folder with the user's own templates, by the names of ours.
    copy
        Copy the tracks into ``out``, so that it can be moved and shared alone.

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
    name, title = name or safe_name(first.name), title or f"tracksmith {first.name}"
    _check_words(email, name)
    base = _checked_base(base_url)
    out = _target(out or first / "hub", opened)
    chosen, hosted, notes = _choose_genome(opened[0], genome)
    data = Links(opened, out, copy)
    tables = [table for run in opened for table in top_variants(run)]
    job = _Job(
        opened, out, email, name, title, chosen, hosted, base, Templates(templates), data,
        _nodes(data, hosted), tables,
    )  # fmt: skip
    _replace(job)
    return _report(job, notes)


def _nodes(data: Links, hosted: bool) -> list[Node]:
    urls = {str(item.path): data.of(item) for run in data.runs for item in run.outputs()}
    nodes = lay_out(data.runs, urls)
    if not nodes:
        raise InputError("None of the runs holds a value: there is nothing to show.")
    for top in nodes if not hosted else ():
        top.stanza.add("group", GROUP)
    return nodes


def _report(job: _Job, notes: list[str]) -> HubReport:
    notes += browser_problems(job.runs[0].contigs)
    empty = [run.folder / path for run in job.runs for path in run.empty()]
    notes += [f"{path} holds no value and is left out." for path in empty]
    return HubReport(
        hub=job.out / "hub.txt",
        genome=job.genome,
        hosted=job.hosted,
        tracks=sum(1 for node in _all(job.nodes) if node.stanza.role == "leaf"),
        upload=job.data.shared,
        notes=tuple(notes),
        links=_links(job),
    )


def _check_words(email: str, name: str) -> None:
    if mail(email):
        raise UsageError(f"--email {email!r} must be an e-mail address: UCSC requires a contact.")
    if name != "".join(name.split()) or not name.isprintable() or not name:
        raise UsageError(f"--name {name!r} must be one word; --title may hold spaces.")


def _checked_base(base_url: str | None) -> str:
    if base_url is None:
        return ""
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise UsageError(
            f"--base-url {base_url!r} must be the http(s) address of the hub's folder, such as "
            "https://example.org/hubs/mine."
        )
    return base_url.rstrip("/") + "/"


def _target(out: Path, runs: Sequence[ShownRun]) -> Path:
    """Return the folder of the hub, resolved, or refuse what would be lost there."""
    out = out.resolve()
    for run in runs:
        if run.folder.is_relative_to(out):
            raise UsageError(f"The hub's folder {out} holds the run {run.folder}: choose another.")
    if out.is_dir() and any(out.iterdir()) and not (out / "hub.txt").is_file():
        raise UsageError(f"{out} is neither empty nor a hub: choose another folder with -o.")
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file: choose another folder with -o.")
    return out


def _choose_genome(run: ShownRun, asked: str | None) -> tuple[str, bool, list[str]]:
    """Return the genome's name, whether browsers host it, and what to tell the user."""
    stem = str(run.genome["name"]).split(".")[0]
    if asked == OWN_GENOME:
        return genome_word(stem), False, []
    if asked is not None:
        known = canonical(asked)
        if known != "".join(known.split()) or not known.isprintable():
            raise UsageError(f"--genome {asked!r} must be one word, such as hg38.")
        notes = check_against(known, run.contigs)
        if known not in ASSEMBLIES:
            notes.append(f"{known} is taken as it is: its contigs were not compared.")
        return known, True, [*notes, *_card_notes(run, known)]
    found = assembly_of(run.contigs)
    if found is not None:
        return found, True, _card_notes(run, found)
    note = (
        "The contigs prove no known assembly, so the hub brings its genome along. "
        "If browsers host it, give --genome NAME."
    )
    return genome_word(stem), False, [note]


def _card_notes(run: ShownRun, genome: str) -> list[str]:
    notes = []
    for model in run.models:
        valid = [canonical(str(name)) for name in model.card.get("assemblies") or ()]
        if valid and genome not in valid:
            notes.append(f"{model.name} is meant for {', '.join(valid)}; these tracks: {genome}.")
    return notes


def _all(nodes: Sequence[Node]) -> list[Node]:
    return [item for top in nodes for item in top.walk()]


def _replace(job: _Job) -> None:
    """Write the hub into a folder aside, then put it in the place of the old one."""
    try:
        job.out.parent.mkdir(parents=True, exist_ok=True)
        with _scratch(job.out) as scratch:
            fresh, old = scratch / "new", scratch / "old"
            fresh.mkdir()
            _write_files(job, fresh)
            crash_point("hub-written")
            if job.out.exists():
                job.out.rename(old)
            crash_point("hub-moved")
            fresh.rename(job.out)
    except OSError as error:
        raise ResourceError(
            f"Cannot write the hub {job.out}: {error.strerror or error}. Free some space or "
            "choose another folder with -o."
        ) from error


@contextmanager
def _scratch(out: Path) -> Iterator[Path]:
    """Give a folder beside ``out`` that goes afterwards, and with it those of killed builds."""
    prefix = f"{TEMPORARY_PREFIX}{out.name}"
    scratch = out.parent / f"{prefix}{owner_suffix(os.getpid())}"
    for left in out.parent.iterdir():
        pid = left.name.rpartition("-")[2]
        if left.name == f"{prefix}{owner_suffix(pid)}" and is_left_over(left):
            shutil.rmtree(left, ignore_errors=True)
    scratch.mkdir()
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _write_files(job: _Job, folder: Path) -> None:
    for name in ("html", "metadata"):
        (folder / name).mkdir()
    for node in _all(job.nodes):
        page = track_page(job.templates, node, job.email)
        _write(folder / "html" / f"{node.name}.html", page)
        if node.sheet:
            _write(folder / "metadata" / f"{node.name}.tsv", _sheet(node))
    if not any(node.sheet for node in _all(job.nodes)):
        (folder / "metadata").rmdir()
    write_fold_tracks(_all(job.nodes), folder)
    job.data.write_copies(folder)
    about = about_page(job.templates, job.runs, job.title, job.email)
    _write(folder / "about.html", about)
    if not job.hosted:
        _write_genome(job, folder)
    _write_sessions(job, folder)
    hub, genome = _hub_stanza(job), _genome_stanza(job)
    tracks = [node.stanza for node in _all(job.nodes)]
    _write(folder / "hub.txt", job.templates.fill("hub.txt", hub=hub, genome=genome, tracks=tracks))


def _write(path: Path, text: str) -> None:
    if not is_inside(path.name):
        raise UsageError(f"{path.name!r} is no file name.")
    path.write_text(text, encoding="utf-8", newline="\n")


def _hub_stanza(job: _Job) -> Stanza:
    stanza = Stanza("hub").add("hub", job.name)
    stanza.add("shortLabel", label(job.title, SHORT_LABEL))
    stanza.add("longLabel", label(job.title, LONG_LABEL))
    stanza.add_all(useOneFile="on", email=job.email, descriptionUrl="about.html")
    return stanza


def _genome_stanza(job: _Job) -> Stanza:
    stanza = Stanza("genome").add("genome", job.genome)
    if job.hosted:
        return stanza
    text = plain_text(str(job.runs[0].genome["name"]))
    stanza.add_all(
        description=text, organism=job.genome, defaultPos=job.locus, orderKey=4700,
        twoBitPath=job.two_bit, chromSizes=sizes_name(job.genome), groups="groups.txt",
        htmlPath="about.html",
    )  # fmt: skip
    return stanza


def _write_genome(job: _Job, folder: Path) -> None:
    """Write the genome as 2bit (or take the old hub's, if it is the same), sizes, groups."""
    run = job.runs[0]
    if not write_sequence(job.runs, folder / job.two_bit, before=job.out / job.two_bit):
        raise InputError(
            f"The genome {run.genome['name']} is not at its place any more, and no browser "
            "hosts it under a known name. Put the FASTA back, or give --genome NAME."
        )
    write_sizes(run, folder / sizes_name(job.genome))
    group = Stanza("group").add("name", GROUP).add("label", "Predictions")
    group.add_all(priority=1, defaultIsClosed=0)
    _write(folder / "groups.txt", job.templates.fill("groups.txt", groups=[group]))


def _sheet(node: Node) -> str:
    columns = list(node.sheet[0])
    lines = ["\t".join(columns)]
    lines += ["\t".join(plain_text(row[key]) or "-" for key in columns) for row in node.sheet]
    return "\n".join(lines) + "\n"


def _write_sessions(job: _Job, folder: Path) -> None:
    """Write the sessions of IGV desktop and, where the hub's address is known, of igv.js.

    Without an address there is none for igv.js: it takes relative addresses
    for relative to its own page, so such a session would open nowhere.
    """
    genome = job.genome
    if not job.hosted:
        genome = desktop_genome(job.data, job.genome, job.base_url)
    url_of = _url_of(job)
    xml = session_xml(job.templates, job.runs, url_of, genome, job.locus)
    _write(folder / "session.xml", xml)
    # decision: session-by-address (igv.js resolves against its own page)
    if job.base_url:
        two_bit = "" if job.hosted else job.base_url + job.two_bit
        reference = Reference(job.genome, two_bit=two_bit)
        config = session(job.runs, url_of, reference, job.tables)
        _write(folder / "session.json", json.dumps(config, indent=1, ensure_ascii=False) + "\n")


def _url_of(job: _Job) -> Callable[[Output], str]:
    """Return what addresses a file: complete, or a path from the hub's folder as it is on disk."""
    if job.base_url:
        return lambda output: urljoin(job.base_url, job.data.of(output))
    return job.data.path


def _links(job: _Job) -> dict[str, str]:
    """Return the addresses that open the hub, {} where nobody knows where it will lie."""
    if not job.base_url:
        return {}
    hub = {"hubUrl": job.base_url + "hub.txt"}
    place = {"position": job.locus}
    ucsc = {("db" if job.hosted else "genome"): job.genome, **hub, **place}
    return {
        "UCSC": f"https://genome.ucsc.edu/cgi-bin/hgTracks?{urlencode(ucsc)}",
        "IGV": f"https://igv.org/app/?{urlencode({'sessionURL': job.base_url + 'session.json'})}",
    }
