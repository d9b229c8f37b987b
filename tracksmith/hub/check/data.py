"""Checking the files behind tracks: format, contigs, fields, indexes, zoom levels, NaN."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import partial

from tracksmith.errors import InputError, ResourceError
from tracksmith.hub.check.genome import GenomeFacts
from tracksmith.hub.check.parse import Finding, ParsedStanza
from tracksmith.hub.check.sources import Source, is_url
from tracksmith.hub.check.zooms import PLACES, find_zoom_fault
from tracksmith.hub.values import whole_number
from tracksmith.tracks.head import BbiHead, read_head

__all__ = ["check_data"]

_BBI_TYPES = {
    "bigWig": "bigWig", "bigBed": "bigBed", "bigLolly": "bigBed", "bigInteract": "bigBed",
}  # fmt: skip
_INTERACT_FIELDS = (
    "chrom", "chromStart", "chromEnd", "name", "score", "value", "exp", "color", "sourceChrom",
    "sourceStart", "sourceEnd", "sourceName", "sourceStrand", "targetChrom", "targetStart",
    "targetEnd", "targetName", "targetStrand",
)  # fmt: skip
"""The columns of a bigInteract, by UCSC's names: browsers take them by their place."""
_FIELD_LISTS = ("labelFields", "defaultLabelFields", "skipFields", "mouseOverField", "sepFields")
_FIELD_SETTINGS = (
    "filter.", "filterByRange.", "filterLimits.", "filterLabel.", "filterText.", "filterValues.",
    "filterType.", "filterPriority.",
)  # fmt: skip
_BUILT_IN = ("chrom", "chromStart", "chromEnd", "name", "score", "strand", "thickStart",
             "thickEnd", "reserved")  # fmt: skip


def check_data(
    source: Source, track: ParsedStanza, genome_facts: GenomeFacts, full: bool = False
) -> Iterator[Finding]:
    """Yield what is wrong with the file of a track.

    Its head is read, and of a bigWig some blocks of every zoom level; all of it with ``full``.
    """
    expected = _BBI_TYPES.get(track.track_type)
    reference = track.get("bigDataUrl")
    line = track.line_of("bigDataUrl")
    if is_url(track.file) and reference.startswith(("file:", "/")):
        yield Finding(track.file, line, "error", f"A hub on the web names the file {reference}.",
                      "Use a relative link.")  # fmt: skip
        return
    address = source.resolve(track.file, reference)
    if expected is None:
        if not source.exists(address):
            yield Finding(track.file, line, "error", f"{reference} cannot be opened.",
                          "Correct the address.")  # fmt: skip
        return
    try:
        head = read_head(partial(source.read, address), address)
    except (InputError, ResourceError) as error:
        yield Finding(track.file, line, "error", str(error), "Correct the link or the file.")
        return
    if head.kind != expected:
        yield Finding(track.file, line, "error",
                      f"{reference} is a {head.kind}, the track's type says {expected}.",
                      "Correct the type or the link.")  # fmt: skip
        return
    yield from _contigs(track, head, genome_facts)
    if head.kind == "bigWig":
        yield from _signal(track, head)
        yield from _zooms(source, address, track, head, full)
    else:
        yield from _items(track, head)


def _here(track: ParsedStanza, name: str, level: str, what: str, cure: str) -> Finding:
    return Finding(track.file, track.line_of(name), level, f"{track.name!r}: {what}", cure)


def _contigs(track: ParsedStanza, head: BbiHead, genome_facts: GenomeFacts) -> Iterator[Finding]:
    """Hold the file's contigs against the genome's."""
    known = genome_facts.contigs
    if not known:
        return
    common = [name for name in head.contigs if name in known]
    if head.contigs and not common:
        listed = ", ".join(list(head.contigs)[:3])
        yield _here(track, "bigDataUrl", "error",
                    f"no contig of the file ({listed}) is one of {genome_facts.name} "
                    f"({', '.join(list(known)[:3])}).",
                    "Nothing would show: use the genome's own names.")  # fmt: skip
        return
    foreign = [name for name in head.contigs if name not in known]
    if genome_facts.whole and foreign:
        yield _here(track, "bigDataUrl", "error",
                    f"{len(foreign)} contigs of the file are not in the genome, e.g. "
                    f"{foreign[0]!r}.",
                    "Was it made on another assembly?")  # fmt: skip
    for name in common:
        length = head.contigs[name]
        if known[name] < 0 or length == known[name]:
            continue
        level = "error" if length > known[name] or genome_facts.whole else "warning"
        what = f"{name} has {length:,} bp in the file, {known[name]:,} bp in {genome_facts.name}."
        if level == "error" or what not in genome_facts.noted:
            yield _here(track, "bigDataUrl", level, what, "Was it made on another assembly?")
        genome_facts.noted.add(what)
        break


def _signal(track: ParsedStanza, head: BbiHead) -> Iterator[Finding]:
    if head.zooms == 0:
        yield _here(track, "bigDataUrl", "error", "the bigWig has no zoom levels.",
                    "Browsers would read all of it for a wide view: write it again.")  # fmt: skip
    if head.summary is None or head.summary[0] == 0:
        yield _here(track, "bigDataUrl", "error", "the bigWig holds no value.",
                    "Leave the track out.")  # fmt: skip
    elif not all(map(math.isfinite, head.summary)):
        yield _here(track, "bigDataUrl", "error",
                    "the bigWig's summary is NaN or infinite: it holds such values.",
                    "Write gaps in their place; some readers crash on it.")  # fmt: skip


def _zooms(
    source: Source, address: str, track: ParsedStanza, head: BbiHead, full: bool
) -> Iterator[Finding]:
    """Hold sums of the zoom levels against the values; less of them behind a URL."""
    places = PLACES[:1] if is_url(address) else PLACES
    try:
        fault = find_zoom_fault(partial(source.read, address), address, places, full)
    except (InputError, ResourceError) as error:
        yield _here(track, "bigDataUrl", "error", str(error), "Write or copy the file again.")
        return
    if fault is not None:
        contig = head.names.get(fault.contig, f"contig {fault.contig}")
        place = f"{contig}:{fault.start + 1}-{fault.end}"
        yield _here(track, "bigDataUrl", "warning",
                    f"a zoom level of {track.get('bigDataUrl')} is wrong, so wide views show "
                    f"wrong means: at {fault.level} bp a record, {place} {fault}.",
                    "pyBigWig (libBigWig) writes such sums: write the file again with another "
                    "writer, such as UCSC's bedGraphToBigWig.")  # fmt: skip


def _items(track: ParsedStanza, head: BbiHead) -> Iterator[Finding]:
    yield from _type_fields(track, head)
    names = {field.name for field in head.fields} or set(_BUILT_IN[: head.field_count])
    for setting, named in _named_fields(track):
        if named not in names:
            yield _here(track, setting, "error",
                        f"{setting} names the field {named!r}, which the file does not have.",
                        f"It has: {', '.join(sorted(names))}.")  # fmt: skip
    numeric = {field.name for field in head.fields if field.numeric}
    for setting in track.settings:
        kind, _, named = setting.partition(".")
        if kind in ("filter", "filterLimits") and named in names and named not in numeric:
            yield _here(track, setting, "error", f"{setting} filters text as numbers.",
                        f"Use filterText.{named} or filterValues.{named}.")  # fmt: skip
    for field in _split(track.get("searchIndex")):
        if field in names and field not in head.indexed:
            yield _here(track, "searchIndex", "error",
                        f"searchIndex names {field!r}, but the file has no index of it.",
                        "Write the bigBed with an index of that field.")  # fmt: skip
    yield from _filter_limits(track)
    yield from _lolly_field(track, head)
    if track.track_type == "bigInteract":
        yield from _interact_fields(track, head)


def _interact_fields(track: ParsedStanza, head: BbiHead) -> Iterator[Finding]:
    """Hold the columns of a file of arcs against those that browsers read."""
    names = tuple(field.name for field in head.fields)
    if head.field_count < len(_INTERACT_FIELDS):
        yield _here(track, "type", "error",
                    f"the file has {head.field_count} fields, a bigInteract has 18.",
                    "Write it with bedToBigBed -as=interact.as -type=bed5+13.")  # fmt: skip
        return
    pairs = zip(_INTERACT_FIELDS, names, strict=False)
    wrong = next(((due, name) for due, name in pairs if due != name), None)
    if wrong is not None:
        yield _here(track, "type", "warning",
                    f"its field {wrong[1]!r} stands where a bigInteract has {wrong[0]!r}.",
                    "Browsers read these columns by their place: check their order.")  # fmt: skip


def _type_fields(track: ParsedStanza, head: BbiHead) -> Iterator[Finding]:
    words = track.get("type").split()
    stated = whole_number(words[1]) if words[0] == "bigBed" and len(words) > 1 else None
    if stated is None:
        return
    if stated > head.field_count:
        yield _here(track, "type", "error",
                    f"type says {stated} fields, the file has {head.field_count}.",
                    "Lower the number.")  # fmt: skip
    elif head.defined_field_count and stated > head.defined_field_count:
        yield _here(track, "type", "warning",
                    f"type says {stated} standard fields, the file {head.defined_field_count}.",
                    "Browsers would read own fields as BED's.")  # fmt: skip
    elif head.field_count > stated and words[2:] != ["+"]:
        yield _here(track, "type", "error",
                    f"the file has {head.field_count} fields, more than the {stated} of its type.",
                    f"Write `type bigBed {stated} +`, or filters are ignored.")  # fmt: skip


def _named_fields(track: ParsedStanza) -> Iterator[tuple[str, str]]:
    for setting in _FIELD_LISTS:
        for field in _split(track.get(setting)):
            yield setting, field
    for field in _split(track.get("searchIndex")):
        yield "searchIndex", field
    for setting in track.settings:
        if setting.startswith(_FIELD_SETTINGS):
            yield setting, setting.partition(".")[2]
    for match in re.finditer(r"\$\{?([A-Za-z_]\w*)\}?", track.get("mouseOver")):
        if match[1] not in ("chrom", "chromStart", "chromEnd"):
            yield "mouseOver", match[1]


def _split(value: str) -> list[str]:
    return [part for part in re.split(r"[,\s]+", value) if part]


def _filter_limits(track: ParsedStanza) -> Iterator[Finding]:
    """A filter without limits spans 0 to 1000 in UCSC: values outside cannot be chosen."""
    for setting in track.settings:
        kind, _, field = setting.partition(".")
        if kind == "filter" and f"filterLimits.{field}" not in track and field != "score":
            yield _here(track, setting, "warning", f"{setting} has no filterLimits.{field}.",
                        "UCSC would take 0:1000.")  # fmt: skip


def _lolly_field(track: ParsedStanza, head: BbiHead) -> Iterator[Finding]:
    for setting in ("lollyField", "lollySizeField"):
        value = track.get(setting)
        if not value or value == "lollyCount":
            continue
        position = whole_number(value)
        if position is None:
            number = head.index_of(value) or "?"
            yield _here(track, setting, "warning", f"{setting} is a name, {value!r}.",
                        f"Older browsers want its number: {number}.")  # fmt: skip
            position = head.index_of(value)
        if position is None or not 1 <= position <= head.field_count:
            yield _here(track, setting, "error", f"{setting} {value} is no field of the file.",
                        f"It has {head.field_count} fields.")  # fmt: skip
        elif head.fields and not head.fields[position - 1].numeric:
            yield _here(track, setting, "error",
                        f"{setting} {value} is text ({head.fields[position - 1].name}).",
                        "Name a numeric field.")  # fmt: skip
