"""Checking a hub, on disk or behind a URL: everything that would show wrong or not at all.

UCSC's own checker passes hubs whose labels are cut, whose filters name fields
that the file lacks, whose contigs do not match the genome, and whose server
ignores byte ranges. All of that is found here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tracksmith.errors import InputError, ResourceError
from tracksmith.hub.check.data import check_data
from tracksmith.hub.check.genome import GenomeFacts, check_genome
from tracksmith.hub.check.parse import Finding, ParsedStanza, parse_stanzas
from tracksmith.hub.check.server import check_server
from tracksmith.hub.check.settings import check_settings
from tracksmith.hub.check.sources import Source, is_url, open_source
from tracksmith.hub.check.tracks import check_tracks
from tracksmith.hub.values import LONG_LABEL, SHORT_LABEL, mail

__all__ = ["check_hub"]

MOST_FILES = 300
"""Files of tracks that are followed; servers can invent names without end."""

_REQUIRED = ("shortLabel", "longLabel", "email")


@dataclass
class _Hub:
    source: Source
    address: str
    hub: ParsedStanza
    genomes: list[ParsedStanza] = field(default_factory=list)
    tracks: dict[str, list[ParsedStanza]] = field(default_factory=dict)


def check_hub(hub: str | Path, full: bool = False) -> list[Finding]:
    """Return everything that is wrong with a hub, in the order of files and lines.

    Parameters
    ----------
    hub
        A ``hub.txt``, its folder, the folder of a run, or an http(s) address.
    full
        Read every value and every zoom record of the bigWigs, not a sample.

    Raises
    ------
    InputError
        There is no hub at that place.
    ResourceError
        The server cannot be reached.
    """
    source, address = open_source(str(hub))
    findings: list[Finding] = []
    opened = _open(source, address, findings)
    if opened is not None:
        findings += _hub_problems(opened)
        for genome in opened.genomes:
            findings += _genome_problems(opened, genome, full)
        if is_url(address):
            findings += check_server(source, address, _some_data(opened))
    return sorted(set(findings))


def _open(source: Source, address: str, findings: list[Finding]) -> _Hub | None:
    stanzas, problems = parse_stanzas(source.text(address), address)
    findings += problems
    if not stanzas or stanzas[0].first != "hub":
        findings.append(
            Finding(address, 1, "error", "The file does not begin with a hub stanza.",
                    "Its first line must be `hub NAME`.")
        )  # fmt: skip
        return None
    opened = _Hub(source, address, stanzas[0])
    if opened.hub.get("useOneFile") == "on":
        _split_one_file(opened, stanzas[1:], findings)
    else:
        _follow_files(opened, findings)
    return opened


def _split_one_file(opened: _Hub, stanzas: list[ParsedStanza], findings: list[Finding]) -> None:
    if not stanzas or stanzas[0].first != "genome":
        findings.append(
            Finding(opened.address, opened.hub.line, "error",
                    "No genome stanza follows the hub stanza.",
                    "igv.js and UCSC read it second: `genome NAME`, then the tracks.")
        )  # fmt: skip
    for stanza in stanzas:
        if stanza.first == "genome":
            opened.genomes.append(stanza)
        elif opened.genomes:
            opened.tracks.setdefault(opened.genomes[-1].name, []).append(stanza)
    if len(opened.genomes) > 1:
        extra = opened.genomes[1]
        findings.append(
            Finding(extra.file, extra.line, "error", "useOneFile allows one genome.",
                    "Use genomesFile and a trackDb file per genome.")
        )  # fmt: skip


def _follow_files(opened: _Hub, findings: list[Finding]) -> None:
    reference = opened.hub.get("genomesFile")
    if not reference:
        findings.append(
            Finding(opened.address, opened.hub.line, "error",
                    "The hub has neither genomesFile nor useOneFile on.", "Add one of them.")
        )  # fmt: skip
        return
    line = opened.hub.line_of("genomesFile")
    genomes = _Included(opened.source, findings)
    genomes.read(opened.address, line, reference)
    for genome in genomes.stanzas:
        opened.genomes.append(genome)
        track_file = genome.get("trackDb")
        if not track_file:
            findings.append(
                Finding(genome.file, genome.line, "error", f"{genome.name!r} has no trackDb.",
                        "Name the file with its tracks.")
            )  # fmt: skip
            continue
        tracks = _Included(opened.source, findings)
        tracks.read(genome.file, genome.line_of("trackDb"), track_file)
        opened.tracks.setdefault(genome.name, []).extend(tracks.stanzas)


@dataclass
class _Included:
    """Files of stanzas and what they include, each read once, in the order of their lines."""

    source: Source
    findings: list[Finding]
    stanzas: list[ParsedStanza] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)

    def read(self, base: str, line: int, reference: str) -> None:
        """Read a file that another names in a line; what is wrong with it becomes a finding."""
        address = self.source.resolve(base, reference)
        try:
            text = self.source.text(address)
            known = address if is_url(address) else os.path.realpath(address)
            if known in self.seen:
                raise InputError(f"{reference} is included a second time, or includes itself.")
            if len(self.seen) == MOST_FILES:
                raise InputError(f"{reference} is more than the {MOST_FILES}th file included.")
            self.seen.add(known)
        except (InputError, ResourceError) as error:
            self.findings.append(Finding(base, line, "error", str(error), "Correct the reference."))
            return
        stanzas, problems = parse_stanzas(text, address)
        self.findings += problems
        for stanza in stanzas:
            if stanza.first == "include":
                self.read(address, stanza.line, stanza.name)
            else:
                self.stanzas.append(stanza)


def _hub_problems(opened: _Hub) -> Iterator[Finding]:
    hub = opened.hub
    if len(hub.name.split()) != 1:
        yield Finding(hub.file, hub.line, "error", f"The hub's name {hub.name!r} is not one word.",
                      "Join its words with '_'.")  # fmt: skip
    for name in _REQUIRED:
        if not hub.get(name):
            yield Finding(hub.file, hub.line, "error", f"The hub has no {name}.", "Add it.")
    if hub.get("email") and mail(hub.get("email")):
        yield Finding(hub.file, hub.line_of("email"), "error", "email is no e-mail address.",
                      "UCSC writes there when the hub breaks.")  # fmt: skip
    for name, most in (("shortLabel", SHORT_LABEL), ("longLabel", LONG_LABEL)):
        if len(hub.get(name)) > most:
            yield Finding(hub.file, hub.line_of(name), "warning",
                          f"The hub's {name} has {len(hub.get(name))} characters.",
                          f"Browsers show {most}.")  # fmt: skip
    yield from _description(opened)


def _description(opened: _Hub) -> Iterator[Finding]:
    hub = opened.hub
    reference = hub.get("descriptionUrl")
    if not reference:
        yield Finding(hub.file, hub.line, "warning", "The hub has no descriptionUrl.",
                      "Add a page that tells what it is; UCSC lists hubs by it.")  # fmt: skip
    elif not opened.source.exists(opened.source.resolve(hub.file, reference)):
        yield Finding(hub.file, hub.line_of("descriptionUrl"), "error",
                      f"descriptionUrl {reference} cannot be opened.",
                      "Correct the address.")  # fmt: skip


def _genome_problems(opened: _Hub, genome: ParsedStanza, full: bool) -> Iterator[Finding]:
    source = opened.source
    same = [other for other in opened.genomes if other.name == genome.name]
    if len(same) > 1 and same[0] is not genome:
        yield Finding(genome.file, genome.line, "error", f"The genome {genome.name} comes twice.",
                      "Join their tracks under one stanza.")  # fmt: skip
    tracks = opened.tracks.get(genome.name, [])
    genome_facts = GenomeFacts(genome.name)
    yield from check_genome(source, genome, tracks, genome_facts)
    yield from check_settings(tracks)
    yield from check_tracks(source, tracks, genome_facts)
    for track in tracks:
        if track.get("bigDataUrl"):
            yield from check_data(source, track, genome_facts, full)


def _some_data(opened: _Hub) -> list[tuple[ParsedStanza, str]]:
    """Return one data file per server folder, to probe."""
    by_folder: dict[str, tuple[ParsedStanza, str]] = {}
    for tracks in opened.tracks.values():
        for track in tracks:
            if track.get("bigDataUrl"):
                address = opened.source.resolve(track.file, track.get("bigDataUrl"))
                by_folder.setdefault(address.rpartition("/")[0], (track, address))
    return list(by_folder.values())
