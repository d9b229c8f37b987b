"""Checking a hub's genome: hosted or brought along, its sequence file, sizes and groups."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from tracksmith.errors import InputError, ResourceError
from tracksmith.genome.assemblies import ASSEMBLIES
from tracksmith.genome.twobit import read_index, read_length
from tracksmith.hub.check.parse import Finding, ParsedStanza, parse_stanzas
from tracksmith.hub.check.sources import Source
from tracksmith.hub.values import whole_number

__all__ = ["GenomeFacts", "check_genome"]

MOST_LENGTHS = 200
_NEEDED = ("organism", "defaultPos", "twoBitPath")
_NAME = re.compile(r"[A-Za-z0-9_.-]+")


@dataclass
class GenomeFacts:
    """What is known of a genome: contig lengths in bp, and the groups of an assembly hub.

    ``contigs`` is empty where nothing is known; ``whole`` says whether it lists
    every contig. ``groups`` is None on a hosted genome. ``noted`` holds what
    was said once and goes for many tracks.
    """

    name: str
    contigs: dict[str, int] = field(default_factory=dict)
    whole: bool = False
    groups: set[str] | None = None
    noted: set[str] = field(default_factory=set)


def check_genome(
    source: Source, genome: ParsedStanza, tracks: Sequence[ParsedStanza], genome_facts: GenomeFacts
) -> Iterator[Finding]:
    """Yield what is wrong with a genome stanza; fills ``genome_facts`` for the other checks."""
    if len(genome.name.split()) != 1:
        yield Finding(genome.file, genome.line, "error",
                      f"The genome {genome.name!r} is not one word.",
                      "Write UCSC's name, such as hg38.")  # fmt: skip
    if not tracks:
        yield Finding(genome.file, genome.line, "error", f"{genome.name} has no tracks.",
                      "Add some.")  # fmt: skip
    if "twoBitPath" not in genome and "organism" not in genome:
        genome_facts.contigs = dict(ASSEMBLIES.get(genome.name, {}))
        return
    for name in _NEEDED:
        if not genome.get(name):
            yield Finding(genome.file, genome.line, "error",
                          f"The assembly hub {genome.name} has no {name}.",
                          "UCSC requires it.")  # fmt: skip
    yield from _files(source, genome)
    yield from _sequence(source, genome, genome_facts)
    yield from _groups(source, genome, genome_facts)
    yield from _default_position(genome, genome_facts)


def _files(source: Source, genome: ParsedStanza) -> Iterator[Finding]:
    for name in ("htmlPath", "chromSizes"):
        reference = genome.get(name)
        if reference and not source.exists(source.resolve(genome.file, reference)):
            yield Finding(genome.file, genome.line_of(name), "error",
                          f"{name} {reference} cannot be opened.",
                          "Correct the address.")  # fmt: skip


def _sequence(source: Source, genome: ParsedStanza, genome_facts: GenomeFacts) -> Iterator[Finding]:
    reference = genome.get("twoBitPath")
    if not reference:
        return
    line = genome.line_of("twoBitPath")
    address = source.resolve(genome.file, reference)
    read = partial(source.read, address)
    try:
        index = read_index(read, address)
        listed = list(index.items())[:MOST_LENGTHS]
        lengths = {name: read_length(read, at, address) for name, at in listed}
    except (InputError, ResourceError) as error:
        yield Finding(genome.file, line, "error", str(error), "Write the 2bit file again.")
        return
    genome_facts.contigs = {**dict.fromkeys(index, -1), **lengths}
    genome_facts.whole = True
    odd = [name for name in index if not _NAME.fullmatch(name)]
    if odd:
        yield Finding(genome.file, line, "warning",
                      f"{len(odd)} contigs have names that UCSC cannot take, e.g. {odd[0]!r}.",
                      "Letters, digits, '_', '-' and '.' only.")  # fmt: skip


def _groups(source: Source, genome: ParsedStanza, genome_facts: GenomeFacts) -> Iterator[Finding]:
    genome_facts.groups = set()
    reference = genome.get("groups")
    if not reference:
        genome_facts.groups = None
        return
    line = genome.line_of("groups")
    try:
        address = source.resolve(genome.file, reference)
        stanzas, problems = parse_stanzas(source.text(address), address)
    except (InputError, ResourceError) as error:
        yield Finding(genome.file, line, "error", str(error), "Correct the address.")
        genome_facts.groups = None
        return
    yield from problems
    for stanza in stanzas:
        genome_facts.groups.add(stanza.get("name"))
        if not stanza.get("name") or not stanza.get("label"):
            yield Finding(stanza.file, stanza.line, "error", "A group needs name and label.",
                          "Add them.")  # fmt: skip


def _default_position(genome: ParsedStanza, genome_facts: GenomeFacts) -> Iterator[Finding]:
    position = genome.get("defaultPos")
    if not position:
        return
    contig, _, span = position.rpartition(":")
    start, end = (whole_number(part.replace(",", "")) for part in span.partition("-")[::2])
    length = genome_facts.contigs.get(contig)
    if start is None or end is None:
        problem = "is no region"
    elif genome_facts.whole and length is None:
        problem = "names no contig of the genome"
    elif length is not None and 0 <= length < end:
        problem = f"passes the end of {contig}, which has {length:,} bp"
    else:
        return
    yield Finding(genome.file, genome.line_of("defaultPos"), "error",
                  f"defaultPos {position} {problem}.", "Write CONTIG:START-END.")  # fmt: skip
