"""Nodes of signal tracks: bigWigs alone, as overlays, composites, letters, mutations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from tracksmith.hub.runs import Output, ShownModel, ShownRun, owner_of
from tracksmith.hub.scale import Scale, outward, scale_key, value_range
from tracksmith.hub.stanza import number
from tracksmith.hub.tree import Names, Node, node
from tracksmith.hub.values import first_short, safe_name

__all__ = [
    "FACETED_FROM",
    "Maker",
    "Pair",
    "allele_pairs",
    "allele_title",
    "strand_pairs",
    "strand_title",
]

Pair: TypeAlias = tuple[Output, Output]

FACETED_FROM = 21
"""From this many tracks on a composite gets facets instead of a matrix."""

SHOWN_FACETED = 10
HEIGHT = "128:48:8"
MUTATION_HEIGHT = "128:20:8"
BASE_COLOURS = {"A": "0,150,0", "C": "0,0,220", "G": "230,140,0", "T": "220,0,0"}
_FACETS = ("assay", "cell_type", "strand", "statistic", "units")


@dataclass(frozen=True)
class Maker:
    """Makes nodes; ``scales`` are the common scales, ``urls`` links each file from the hub."""

    scales: dict[tuple[str, ...], Scale]
    urls: dict[str, str]
    names: Names

    def url(self, output: Output) -> str:
        """Return the link of a file relative to the hub."""
        return self.urls[str(output.path)]

    def folder_label(self, of: tuple[ShownRun, ShownModel]) -> str:
        """Return what a container of a model is called within 17 characters, if it can be."""
        run, model = of
        alone = run.label if len(run.models) == 1 else ""
        return first_short(owner_of(run, model), alone, model.name)

    def leaf(self, output: Output, name: str = "") -> Node:
        """Return the node of one bigWig on the common scale of its kind."""
        made = self._plain(output, name or self.names.take(output.unique))
        stanza = made.stanza
        limits = self.scales[scale_key(output)].limits()
        if limits:
            stanza.add_all(autoScale="off", viewLimits=_own_side(limits, *value_range(output)))
            stanza.add("viewLimitsMax", _widest(output))
        else:
            stanza.add("autoScale", "on")
        stanza.add_all(alwaysZero="on", maxHeightPixels=HEIGHT, windowingFunction="mean+whiskers")
        return made

    def _plain(self, output: Output, name: str, visibility: str = "full") -> Node:
        """Return a bigWig's node without its scale."""
        of = (output.run, output.model)
        made = node("leaf", name, _title(output), of, short=_short(output), outputs=[output])
        low, high = value_range(output)
        made.stanza.add("type", f"bigWig {number(low)} {number(high)}")
        made.stanza.add("bigDataUrl", self.url(output))
        made.stanza.add("visibility", visibility)
        made.stanza.add("color", ",".join(map(str, output.colour)))
        return made

    def strands(self, pair: Pair) -> Node:
        """Return two strands drawn over each other on one mirrored scale."""
        title = strand_title(pair)
        name = self.names.take(pair[0].unique, "strands")
        return self._overlay(pair, name, title, _short_pair(title, pair), mirrored=True)

    def alleles(self, pair: Pair) -> Node:
        """Return reference (grey) and alternative drawn over each other."""
        first = pair[0]
        name = self.names.take(first.model.label, first.track_id, "alleles")
        short = f"{first.track_id} ref/alt"
        return self._overlay(pair, name, allele_title(pair), short, mirrored=False)

    def _overlay(self, pair: Pair, name: str, title: str, short: str, mirrored: bool) -> Node:
        of = (pair[0].run, pair[0].model)
        title = f"{pair[0].owner}: {title}"
        made = node("multiwig", name, title, of, short=short, outputs=[*pair])
        lows, highs = zip(*(value_range(output) for output in pair), strict=True)
        made.stanza.add("type", f"bigWig {number(min(lows))} {number(max(highs))}")
        made.stanza.add_all(
            container="multiWig", aggregate="transparentOverlay", showSubtrackColorOnUi="on",
            visibility="full",
        )  # fmt: skip
        limits = self.scales[scale_key(pair[0])].limits(mirrored)
        if limits and not mirrored:
            limits = _own_side(limits, min(lows), max(highs))
        if limits:
            made.stanza.add_all(autoScale="off", viewLimits=limits)
        else:
            made.stanza.add("autoScale", "on")
        made.stanza.add_all(alwaysZero="on", maxHeightPixels=HEIGHT)
        for output in pair:
            child = made.adopt(self._plain(output, self.names.take(output.unique)))
            child.stanza.add("windowingFunction", "mean+whiskers")
        return made

    def composite(self, outputs: Sequence[Output], of: tuple[ShownRun, ShownModel]) -> Node:
        """Return up to 20 bigWigs as a composite, by assay, cell type and statistic."""
        model = of[1]
        title = f"{owner_of(*of)}: predicted tracks"
        name = self.names.take(model.label, "tracks")
        made = node(
            "composite", name, title, of, short=self.folder_label(of), outputs=list(outputs)
        )
        made.stanza.add_all(compositeTrack="on", type=_joint_type(outputs), visibility="full")
        groups = _subgroups(outputs)
        for position, (tag, members) in enumerate(groups.items(), 1):
            words = " ".join(f"{key}={text}" for key, text in members.items())
            made.stanza.add(f"subGroup{position}", f"{tag} {tag.capitalize()} {words}")
        if groups:
            axes = zip("XYABC", groups, strict=False)
            made.stanza.add("dimensions", " ".join(f"dim{axis}={tag}" for axis, tag in axes))
            made.stanza.add("sortOrder", " ".join(f"{tag}=+" for tag in groups))
        made.stanza.add("dragAndDrop", "subTracks")
        for output in outputs:
            child = made.adopt(self.leaf(output), "on")
            if groups:
                member = (f"{tag}={_tag(_facet(output, tag))}" for tag in groups)
                child.stanza.add("subGroups", " ".join(member))
        return made

    def faceted(self, outputs: Sequence[Output], of: tuple[ShownRun, ShownModel]) -> Node:
        """Return many bigWigs as a faceted composite with a sheet of what each one is."""
        model = of[1]
        title = f"{owner_of(*of)}: {len(outputs)} predicted tracks"
        name = self.names.take(model.label, "tracks")
        made = node(
            "composite", name, title, of, short=self.folder_label(of), outputs=list(outputs)
        )
        made.stanza.add_all(compositeTrack="faceted", type=_joint_type(outputs), visibility="full")
        made.stanza.add_all(metaDataUrl=f"metadata/{name}.tsv", primaryKey="track")
        made.stanza.add_all(maxCheckboxes=30)
        keys = Names()
        for position, output in enumerate(outputs):
            suffix = output.statistic if output.statistic != "mean" else ""
            key = keys.take(output.track_id.replace("-", "_"), suffix)
            child = self.leaf(output, self.names.claim(f"{name}_{key}"))
            made.adopt(child, "on" if position < SHOWN_FACETED else "off")
            facets = {facet: _facet(output, facet) or "-" for facet in _FACETS}
            made.sheet.append({"track": key, **facets, "label": output.title})
        return made

    def letters(self, output: Output) -> Node:
        """Return attributions, drawn as letters where the view is close enough."""
        made = self._plain(output, self.names.take(output.unique))
        made.stanza.add_all(
            logo="on", autoScale="on", alwaysZero="on", maxHeightPixels=HEIGHT,
            windowingFunction="maximum",
        )  # fmt: skip
        return made

    def mutations(self, outputs: Sequence[Output]) -> Node:
        """Return saturation mutagenesis of a track: a composite of one bigWig per new base."""
        first = outputs[0]
        title = f"{first.track.get('label') or first.track_id}: effect of every mutation"
        name = self.names.take(first.model.label, first.track_id, "mutations")
        of = (first.run, first.model)
        made = node("composite", name, title, of, outputs=list(outputs))
        made.stanza.add_all(compositeTrack="on", type=_joint_type(outputs), visibility="dense")
        made.stanza.add_all(maxWindowToDraw=10_000_000, dragAndDrop="subTracks")
        reach = max(max(map(abs, value_range(output))) for output in outputs)
        for output in sorted(outputs, key=lambda item: str(item.entry.get("base"))):
            base = str(output.entry.get("base"))
            child = self._plain(output, self.names.take(name, base), "dense")
            child = made.adopt(_relabelled(child, f"Mutation: {base}", title), "on")
            _mutation_settings(child, base, reach)
        return made

    def peaks(self, output: Output) -> Node:
        """Return a sparse bigWig whose peaks must not be averaged away."""
        made = self._plain(output, self.names.take(output.unique))
        made.stanza.add_all(
            autoScale="on", alwaysZero="on", maxHeightPixels=HEIGHT,
            windowingFunction="maximum",
        )  # fmt: skip
        return made


def strand_pairs(outputs: Iterable[Output]) -> tuple[list[Pair], list[Output]]:
    """Split outputs of one statistic into plus-minus pairs and the rest, in order."""
    listed = list(outputs)
    by_id = {output.track_id: output for output in listed}
    pairs, paired = [], set()
    for output in listed:
        partner = by_id.get(str(output.track.get("rc_partner") or ""))
        strands = output.track.get("strand"), partner.track.get("strand") if partner else None
        if partner is not None and strands == ("+", "-"):
            pairs.append((output, partner))
            paired |= {output.track_id, partner.track_id}
    return pairs, [output for output in listed if output.track_id not in paired]


def allele_pairs(outputs: Iterable[Output]) -> list[Pair]:
    """Return reference and alternative of every track that has both, in order."""
    found: dict[str, dict[str, Output]] = {}
    for output in outputs:
        if output.statistic in ("ref", "alt"):
            found.setdefault(output.track_id, {})[output.statistic] = output
    return [(both["ref"], both["alt"]) for both in found.values() if len(both) == 2]


def _mutation_settings(child: Node, base: str, reach: float) -> None:
    """Add what UCSC's own mutation tracks have: no averages, nothing drawn from far away."""
    whole = max(1, int(-(-reach // 1)))
    stanza = child.stanza
    if reach >= 1:
        stanza.add_all(viewLimits=f"-{whole}:{whole}", viewLimitsMax=f"-{whole}:{whole}")
    else:
        stanza.add("autoScale", "on")
    stanza.add_all(
        altColor=BASE_COLOURS.get(base, "0,0,0"), alwaysZero="on",
        maxHeightPixels=MUTATION_HEIGHT, maxWindowToDraw=10_000_000,
        maxWindowToQuery=500_000, mouseOverFunction="noAverage",
    )  # fmt: skip


def _relabelled(child: Node, short: str, title: str) -> Node:
    fresh = node("leaf", child.name, f"{short}, {title}", (child.run, child.model), short=short)
    for name, value in child.stanza:
        if name not in ("track", "shortLabel", "longLabel"):
            fresh.stanza.add(name, value)
    fresh.outputs = child.outputs
    return fresh


def _title(output: Output) -> str:
    units = str(output.track.get("units") or "")
    return f"{output.owner}: {output.title}" + (f" ({units})" if units else "")


def _short(output: Output) -> str:
    """Return what tells a track from its neighbours within 17 characters: its label, or its id.

    After the run's label, where there are several runs and both fit.
    """
    statistic = "" if output.statistic == "mean" else output.statistic
    identifier = f"{output.track_id} {statistic}".strip()
    identifier = "strongest effect" if identifier == "absmax" else identifier
    short = first_short(output.title, identifier, output.title)
    return first_short(f"{output.run.label} {short}", short)


def strand_title(pair: Pair) -> str:
    """Name two strands by what their labels share."""
    plus, minus = pair
    words = zip(plus.title.split(), minus.title.split(), strict=False)
    shared = [word for word, other in words if word == other]
    text = " ".join(word for word in shared if word.strip(",;:()").lower() != "strand")
    return f"{text.rstrip(',;:- ') or plus.title}, both strands"


def allele_title(pair: Pair) -> str:
    """Name reference and alternative by their track."""
    first = pair[0]
    label = str(first.track.get("label") or first.track_id)
    return f"{label}, reference and alternative allele"


def _short_pair(title: str, pair: Pair) -> str:
    ids = "/".join(output.track_id for output in pair)
    short = first_short(title, ids, title)
    return first_short(f"{pair[0].run.label} {short}", short)


def _own_side(limits: str, low: float, high: float) -> str:
    """Return the half of a scale in which stored values lie: minus strands lie below 0."""
    bottom, top = limits.split(":")
    reach = max(abs(int(bottom)), int(top))
    if low >= 0:
        return f"0:{reach}"
    return f"-{reach}:0" if high <= 0 else f"-{reach}:{reach}"


def _widest(output: Output) -> str:
    low, high = value_range(output)
    low, high = min(low, 0.0), max(high, 0.0)
    return f"{number(outward(low, up=False))}:{number(outward(high, up=True))}"


def _joint_type(outputs: Sequence[Output]) -> str:
    ranges = [value_range(output) for output in outputs]
    low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
    return f"bigWig {number(low)} {number(high)}"


def _facet(output: Output, facet: str) -> str:
    if facet == "cell":
        facet = "cell_type"
    value = output.statistic if facet == "statistic" else output.track.get(facet)
    words = {"+": "plus", "-": "minus", ".": "none"}
    text = str(value or "")
    return words.get(text, text) if facet == "strand" else text


def _tag(text: str) -> str:
    return safe_name(text or "none")[:40].replace("-", "_")


def _subgroups(outputs: Sequence[Output]) -> dict[str, dict[str, str]]:
    """Return, per facet that tells tracks apart, its members: tag and title without spaces."""
    found = {}
    for facet in ("cell", "assay", "statistic"):
        members = {_tag(value): value for value in (_facet(out, facet) for out in outputs)}
        if len(members) > 1:
            found[facet] = {
                tag: safe_name(value or "none") for tag, value in sorted(members.items())
            }
    return found
