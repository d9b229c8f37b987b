"""Nodes of signal tracks: bigWigs alone, as overlays, composites, letters, mutations."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from tracksmith.hub.labels import ShortLabels
from tracksmith.hub.pairs import Pair, allele_tail, allele_title, strand_title
from tracksmith.hub.runs import Output, ShownModel, ShownRun, owner_of
from tracksmith.hub.scale import Limits, Scale, scale_key, strongest_limits, value_range
from tracksmith.hub.stanza import Stanza, number
from tracksmith.hub.tree import Names, Node, node
from tracksmith.hub.values import LONG_LABEL, SHORT_LABEL, first_short, safe_name

__all__ = ["BASE_COLOURS", "FACETED_FROM", "Maker"]

FACETED_FROM = 21
"""From this many tracks on a composite gets facets instead of a matrix."""

SHOWN_FACETED = 10
HEIGHT = "128:48:8"
MUTATION_HEIGHT = "128:20:8"
BASE_COLOURS = {"A": "0,150,0", "C": "0,0,220", "G": "230,140,0", "T": "220,0,0"}
_BRACKETED = re.compile(r" \([^()]*\)$")
_FACETS = ("assay", "cell_type", "strand", "statistic", "units")
_GROUPS = {"cell": "cell_type", "assay": "assay", "statistic": "statistic"}
"""What tells the tracks of a composite apart, by the name of its subgroup."""


@dataclass(frozen=True)
class Maker:
    """Makes nodes; ``scales`` are the common scales, ``urls`` links each file from the hub."""

    scales: dict[tuple[str, ...], Scale]
    urls: dict[str, str]
    names: Names = field(default_factory=Names)
    labels: ShortLabels = field(default_factory=lambda: ShortLabels(SHORT_LABEL))

    def url(self, output: Output) -> str:
        """Return the link of a file relative to the hub."""
        return self.urls[str(output.path)]

    def folder_label(self, of: tuple[ShownRun, ShownModel]) -> str:
        """Return what a container of a model is called within 17 characters, if it can be."""
        run, model = of
        alone = run.label if len(run.models) == 1 else ""
        return first_short(owner_of(run, model), alone, model.name)

    def leaf(self, output: Output, name: str = "", *, grouped: bool = False) -> Node:
        """Return the node of one bigWig; ``grouped`` where its composite scales all together."""
        made = self._plain(output, name or self.names.take(output.unique))
        self._add_scale(made.stanza, output, value_range(output), grouped=grouped)
        made.stanza.add_all(
            alwaysZero="on", maxHeightPixels=HEIGHT, windowingFunction="mean+whiskers"
        )
        return made

    def _add_scale(
        self, stanza: Stanza, output: Output, reached: Limits, *, grouped: bool = False
    ) -> None:
        """Add the scale of a row whose values reach from the one to the other.

        A row that scales to what is in view has limits as well: those that a
        user gets who turns this off, the same for all rows of the kind.
        """
        scale = self.scales[scale_key(output)]
        limits = scale.fixed(*reached)
        if not grouped:
            stanza.add("autoScale", "off" if limits else "on")
        limits = limits or scale.usual_limits(*reached)
        if limits:
            stanza.add("viewLimits", _text(limits))
            stanza.add("viewLimitsMax", _text(_joint([limits, reached])))

    def _plain(self, output: Output, name: str, visibility: str = "full") -> Node:
        """Return a bigWig's node without its scale."""
        of = (output.run, output.model)
        made = node(
            "leaf", name, _title(output), of, short=self.labels.of(output),
            long=_long_label(output), outputs=[output],
        )  # fmt: skip
        made.stanza.add("type", _type([output]))
        made.stanza.add("bigDataUrl", self.url(output))
        made.stanza.add("visibility", visibility)
        made.stanza.add("color", ",".join(map(str, output.colour)))
        return made

    def strands(self, pair: Pair) -> Node:
        """Return two strands drawn over each other, plus upward, minus downward."""
        title = strand_title(pair)
        name = self.names.take(pair[0].unique, "strands")
        return self._overlay(pair, name, title, self.labels.of_pair(pair, title, "+/-"))

    def alleles(self, pair: Pair) -> Node:
        """Return reference (grey) and alternative drawn over each other."""
        title, first = allele_title(pair), pair[0]
        of = (first.track_id, first.file.readout, first.file.edit)
        name = self.names.take(first.model.label, *of, "alleles")
        return self._overlay(pair, name, title, self.labels.of_pair(pair, title, allele_tail(pair)))

    def haplotypes(self, pair: Pair, title: str) -> Node:
        """Return both haplotypes of a person drawn over each other."""
        first = pair[0]
        name = self.names.take(first.model.label, first.track_id, first.sample, "haplotypes")
        return self._overlay(pair, name, title, self.labels.of_haplotypes(pair))

    def _overlay(self, pair: Pair, name: str, title: str, short: str) -> Node:
        of = (pair[0].run, pair[0].model)
        title = f"{pair[0].owner}: {title}"
        made = node("multiwig", name, title, of, short=short, outputs=[*pair])
        made.stanza.add("type", _type(pair))
        made.stanza.add_all(
            container="multiWig", aggregate="transparentOverlay", showSubtrackColorOnUi="on",
            visibility="full",
        )  # fmt: skip
        # With autoScale on, UCSC scales all members of an overlay to one range.
        reached = _joint([value_range(output) for output in pair])
        self._add_scale(made.stanza, pair[0], reached)
        made.stanza.add_all(alwaysZero="on", maxHeightPixels=HEIGHT)
        for output in pair:
            child = made.adopt(self._plain(output, self.names.take(output.unique)))
            child.stanza.add("windowingFunction", "mean+whiskers")
        return made

    def composite(
        self, outputs: Sequence[Output], of: tuple[ShownRun, ShownModel], what: str = "tracks"
    ) -> Node:
        """Return up to 20 bigWigs as a composite, by assay, cell type and statistic."""
        model = of[1]
        title = f"{owner_of(*of)}: predicted {what}"
        name = self.names.take(model.label, what)
        made = node(
            "composite", name, title, of, short=self.folder_label(of), outputs=list(outputs)
        )
        made.stanza.add_all(compositeTrack="on", type=_type(outputs), visibility="full")
        grouped = self._scale_together(made, outputs)
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
            child = made.adopt(self.leaf(output, grouped=grouped), "on")
            if groups:
                member = (f"{tag}={_tag(_facet(output, _GROUPS[tag]))}" for tag in groups)
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
        made.stanza.add_all(compositeTrack="faceted", type=_type(outputs), visibility="full")
        grouped = self._scale_together(made, outputs)
        made.stanza.add_all(metaDataUrl=f"metadata/{name}.tsv", primaryKey="track")
        made.stanza.add_all(maxCheckboxes=30)
        keys = Names()
        for position, output in enumerate(outputs):
            suffix = output.statistic if output.statistic != "mean" else ""
            named = (output.track_id, output.sample, suffix)
            key = keys.take(*(part.replace("-", "_") for part in named))
            child = self.leaf(output, self.names.claim(f"{name}_{key}"), grouped=grouped)
            made.adopt(child, "on" if position < SHOWN_FACETED else "off")
            facets = {facet: _facet(output, facet) or "-" for facet in _FACETS}
            made.sheet.append({"track": key, **facets, "label": output.title})
        return made

    def _scale_together(self, made: Node, outputs: Sequence[Output]) -> bool:
        """Let a composite of one kind scale its tracks together; say whether it does."""
        keys = {scale_key(output) for output in outputs}
        together = len(keys) == 1 and not self.scales[keys.pop()].sparse
        if together:
            made.stanza.add("autoScale", "group")
        return together

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
        title = f"{first.track.label or first.track_id}: effect of every mutation"
        name = self.names.take(first.model.label, first.track_id, "mutations")
        of = (first.run, first.model)
        made = node("composite", name, title, of, outputs=list(outputs))
        made.stanza.add_all(compositeTrack="on", type=_type(outputs), visibility="dense")
        made.stanza.add_all(maxWindowToDraw=10_000_000, dragAndDrop="subTracks")
        reach = max(max(map(abs, value_range(output))) for output in outputs)
        for output in sorted(outputs, key=lambda item: item.file.base):
            base = output.file.base
            child = self._plain(output, self.names.take(name, base), "dense")
            child = made.adopt(_relabelled(child, f"Mutation: {base}", title), "on")
            _mutation_settings(child, base, reach)
        return made

    def peaks(self, output: Output) -> Node:
        """Return the strongest effects, whose peaks must not be averaged away."""
        made = self._plain(output, self.names.take(output.unique))
        limits = strongest_limits(output)
        made.stanza.add("autoScale", "off" if limits else "on")
        if limits:
            made.stanza.add("viewLimits", _text(limits))
        made.stanza.add_all(alwaysZero="on", maxHeightPixels=HEIGHT, windowingFunction="maximum")
        return made


def _mutation_settings(child: Node, base: str, reach: float) -> None:
    """Add what UCSC's own mutation tracks have: no averages, nothing drawn from far away."""
    stanza = child.stanza
    if reach > 0:
        limits = _text((-reach, reach))
        stanza.add_all(viewLimits=limits, viewLimitsMax=limits)
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
    units = output.track.units
    return f"{output.owner}: {output.title}" + (f" ({units})" if units else "")


def _long_label(output: Output) -> str:
    """Return the title; that of a person goes without what its page says as well, where it is long.

    Cut in its middle, it would lose the person.
    """
    full = _title(output)
    if not output.sample:
        return full
    bare = _BRACKETED.sub("", output.title)
    return first_short(
        full, f"{output.owner}: {output.title}", f"{output.owner}: {bare}", bare, limit=LONG_LABEL
    )


def _text(limits: Limits) -> str:
    return f"{number(limits[0])}:{number(limits[1])}"


def _joint(ranges: Sequence[Limits]) -> Limits:
    """Return what ranges span together, with 0."""
    return min(0.0, *(low for low, _ in ranges)), max(0.0, *(high for _, high in ranges))


def _type(outputs: Sequence[Output]) -> str:
    ranges = [value_range(output) for output in outputs]
    low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
    return f"bigWig {number(low)} {number(high)}"


def _facet(output: Output, facet: str) -> str:
    track = output.track
    values = {
        "assay": track.assay,
        "cell_type": track.cell_type,
        "strand": {"+": "plus", "-": "minus"}.get(track.strand, "none"),
        "statistic": output.statistic,
        "units": track.units,
    }
    return values[facet]


def _tag(text: str) -> str:
    return safe_name(text or "none")[:40].replace("-", "_")


def _subgroups(outputs: Sequence[Output]) -> dict[str, dict[str, str]]:
    """Return, per facet that tells tracks apart, its members: tag and title without spaces."""
    subgroups = {}
    for group, facet in _GROUPS.items():
        members = {_tag(value): value for value in (_facet(out, facet) for out in outputs)}
        if len(members) > 1:
            subgroups[group] = {
                tag: safe_name(value or "none") for tag, value in sorted(members.items())
            }
    return subgroups
