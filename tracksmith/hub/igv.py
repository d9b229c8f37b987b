"""IGV sessions: JSON for igv.js and igv-webapp, and the rows that one for IGV desktop has.

A UCSC hub shows poorly in IGV (overlays fall apart, scales are cut to whole
numbers, lollipops are dropped), so runs get sessions of their own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tracksmith.hub.haplotypes import (
    haplotype_title,
    in_order,
    is_edits,
    samples_of,
)
from tracksmith.hub.labels import ShortLabels
from tracksmith.hub.loci import VariantTable, opening, regions_of_all
from tracksmith.hub.pairs import (
    Pair,
    allele_pairs,
    allele_tail,
    allele_title,
    strand_pairs,
    strand_title,
)
from tracksmith.hub.runs import Output, ShownRun
from tracksmith.hub.scale import (
    Limits,
    Scale,
    common_scales,
    scale_key,
    strongest_limits,
    value_range,
    wide_function,
)
from tracksmith.hub.signals import BASE_COLOURS
from tracksmith.hub.values import plain_text

__all__ = ["SHOWN", "Config", "Reference", "Row", "UrlOf", "igv_tracks", "rows_of", "session"]

SHOWN = 20
"""Tracks that a session opens with; a page lists the others."""

_PLACED = ("mean", "absmax", "saturation")
UrlOf = Callable[[Output], str]
Config = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """One row of a view: igv.js's configuration of it, and of what it is made.

    Two outputs are an overlay; ``tail`` says of what, as ``+/-``.
    """

    config: Config
    outputs: tuple[Output] | Pair
    title: str = ""
    tail: str = ""
    members: tuple[Row, ...] = ()

    def label(self, labels: ShortLabels) -> str:
        """Return a name that fits IGV desktop."""
        if len(self.outputs) == 1:
            return plain_text(labels.of(self.outputs[0]))
        return plain_text(labels.of_pair(self.outputs, self.title, self.tail))


@dataclass(frozen=True)
class Reference:
    """The genome of a session: hosted under ``name``, or files at addresses of our own.

    ``two_bit``, or ``fasta`` with its indexes, or ``sizes`` (names and lengths
    only: igv shows no letters of the sequence).
    """

    name: str
    two_bit: str = ""
    fasta: str = ""
    fasta_index: str = ""
    bgzip_index: str = ""
    sizes: str = ""

    @property
    def hosted(self) -> bool:
        """Whether igv brings the genome itself."""
        return not (self.two_bit or self.fasta or self.sizes)

    def at(self, base: str) -> Reference:
        """Return the reference with its relative addresses below ``base``."""
        names = ("two_bit", "fasta", "fasta_index", "bgzip_index", "sizes")
        places = {name: getattr(self, name) for name in names}
        return replace(self, **{name: base + place for name, place in places.items() if place})

    def config(self) -> Config:
        """Return the part of a session that names the genome."""
        if self.hosted:
            return {"genome": self.name}
        config: Config = {"id": self.name, "name": self.name}
        if self.two_bit:
            config["twoBitURL"] = self.two_bit
            if self.sizes:
                config["chromSizesURL"] = self.sizes
        elif self.fasta:
            config |= {"fastaURL": self.fasta, "indexURL": self.fasta_index}
            if self.bgzip_index:
                config["compressedIndexURL"] = self.bgzip_index
        else:
            config |= {"format": "chromsizes", "fastaURL": self.sizes}
            config["chromSizesURL"] = self.sizes
        return {"reference": config}


def igv_tracks(
    runs: Sequence[ShownRun], url_of: UrlOf, added: Sequence[Config] = ()
) -> list[Config]:
    """Return one igv.js configuration per row of the view, in order: ``added`` in front."""
    regions = [{"chr": it.contig, "start": it.start, "end": it.end} for it in regions_of_all(runs)]
    configs = [*added, *([_regions_row(regions)] if regions else [])]
    configs += [row.config for row in rows_of(runs, url_of)]
    return [config | {"order": order} for order, config in enumerate(configs, 1)]


def _regions_row(features: list[Config]) -> Config:
    """Return the row of what was predicted; igv's regions of interest would tint all of it."""
    return {
        "type": "annotation",
        "name": "Regions that were predicted",
        "features": features,
        "displayMode": "COLLAPSED",
        "color": "rgb(120,130,140)",
        "height": 25,
        "searchable": False,
    }


def rows_of(runs: Sequence[ShownRun], url_of: UrlOf) -> list[Row]:
    """Return the rows of all tracks of runs: one a track, or a pair drawn over each other."""
    outputs = [output for run in runs for output in run.outputs()]
    maker = _Maker(common_scales(outputs), url_of)
    rows: list[Row] = []
    for run in runs:
        for model in run.models:
            own = [item for item in outputs if item.run is run and item.model.name == model.name]
            rows += maker.rows(own)
    _drop_lone_groups([row.config for row in rows])
    _name_owners(rows)
    names: Counter[str] = Counter()
    for row in rows:
        # igv.js takes rows off by their name, so each row needs its own.
        name = row.config["name"]
        names[name] += 1
        if names[name] > 1:
            row.config["name"] += f" ({names[name]})"
    return rows


def _name_owners(rows: Sequence[Row]) -> None:
    """Put model and run before the names of rows, unless all are of one model and differ.

    On a narrow page a name that begins with what all rows share shows nothing else.
    """
    owners: dict[str, set[str]] = {}
    for row in rows:
        owners.setdefault(row.config["name"], set()).add(row.outputs[0].owner)
    models = {row.outputs[0].model.name for row in rows}
    if len(models) == 1 and all(len(of) == 1 for of in owners.values()):
        for row in rows:
            name, first = row.config["name"], row.outputs[0]
            # What a card calls a track, and what a file calls a person, stays as it is.
            given = first.track_id or first.sample
            row.config["name"] = name if given else name[:1].upper() + name[1:]
        return
    for row in (each for top in rows for each in (top, *top.members)):
        row.config["name"] = f"{plain_text(row.outputs[0].owner)}: {row.config['name']}"


def _drop_lone_groups(configs: Sequence[Config]) -> None:
    """Leave a row alone that shares its scale with no other: igv marks groups by a colour."""
    sizes = Counter(config.get("autoscaleGroup") for config in configs)
    for config in configs:
        if sizes[config.get("autoscaleGroup")] == 1:
            config.pop("autoscaleGroup", None)


def session(
    runs: Sequence[ShownRun],
    url_of: UrlOf,
    reference: Reference,
    tables: Sequence[VariantTable] = (),
    locus: str | None = None,
    added: Sequence[Config] = (),
) -> Config:
    """Return a session for igv.js: genome, locus, what was added, the first tracks."""
    config: Config = {"version": "3.1.4", **reference.config()}
    config["locus"] = locus or opening(runs, tables)
    config["showSampleNames"] = False
    config["tracks"] = igv_tracks(runs, url_of, added)[: SHOWN + len(added)]
    return config


@dataclass(frozen=True)
class _Maker:
    scales: dict[tuple[str, ...], Scale]
    url_of: UrlOf

    def rows(self, outputs: Sequence[Output]) -> list[Row]:
        """Return a model's rows: overlays, single tracks, spreads, letters, variants."""
        people = [item for item in outputs if item.sample]
        outputs = [item for item in outputs if not item.sample]
        signals = [item for item in outputs if item.kind == "bigwig"]
        means = [item for item in signals if item.statistic == "mean"]
        pairs, single = strand_pairs(means)
        # Strands lie apart; an allele would hide the other one.
        rows = [self.arcs(item) for item in outputs if item.kind == "biginteract"]
        rows += [self.overlay(pair, strand_title(pair), "+/-", alpha=1.0) for pair in pairs]
        rows += [self.wig(item) for item in single]
        alleles = allele_pairs(signals)
        placed = {id(item) for pair in alleles for item in pair}
        rest = [item for item in signals if item.statistic not in _PLACED and not item.letters]
        rest = [item for item in rest if id(item) not in placed]
        rows += [self.wig(item) for item in rest if item.statistic != "delta"]
        # Before the tracks around some of them, which are empty elsewhere.
        rows += [self.variants(item) for item in outputs if item.kind in ("bigbed", "sites")]
        rows += [self.strongest(item) for item in signals if item.statistic == "absmax"]
        rows += [
            self.overlay(pair, allele_title(pair), allele_tail(pair), alpha=0.5) for pair in alleles
        ]
        rows += [self.wig(item) for item in rest if item.statistic == "delta"]
        rows += [self.letters(item) for item in signals if item.letters]
        rows += [self.mutation(item) for item in signals if item.statistic == "saturation"]
        rows += [self.folds(item) for item in outputs if item.kind == "folds"]
        for sample in samples_of(people):
            rows += self.person([item for item in people if item.sample == sample])
        return rows

    def person(self, outputs: Sequence[Output]) -> list[Row]:
        """Return the rows of a person: each track's haplotypes, then what differs, then edits."""
        rows = [
            self.overlay(row, haplotype_title(row), "hap1/2", alpha=0.5)
            if isinstance(row, tuple)
            else self.wig(row)
            for row in in_order(outputs)
        ]
        return rows + [self.variants(item) for item in outputs if is_edits(item)]

    def _bigwig(self, output: Output, **more: Any) -> Row:
        config: Config = {
            "type": "wig",
            "format": "bigwig",
            "name": _name(output),
            "url": self.url_of(output),
            "color": _rgb(output.colour),
            "height": 60,
        }
        return Row(config | more, (output,))

    def wig(self, output: Output) -> Row:
        """Return the row of one bigWig on the scale of its kind."""
        key = scale_key(output)
        scale = _scale(self.scales[key].fixed(*value_range(output)))
        if scale["autoscale"]:
            scale["autoscaleGroup"] = plain_text(" ".join(key))
        return self._bigwig(output, windowFunction=wide_function(output), **scale)

    def overlay(self, pair: Pair, title: str, tail: str, alpha: float) -> Row:
        """Return two bigWigs in one row on one scale; minus strands go downward.

        ``alpha`` is how much of what lies behind a bar it hides, from 0 to 1.

        An overlay is its own group of scale: igv.js leaves what is below 0 in
        an overlay out of the scale of a group.
        """
        ranges = [value_range(output) for output in pair]
        low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
        scale = _scale(self.scales[scale_key(pair[0])].fixed(low, high))
        members = [
            self._bigwig(output, windowFunction=wide_function(output), **scale) for output in pair
        ]
        config: Config = {
            "type": "merged",
            "name": plain_text(title),
            "height": 90,
            "alpha": alpha,
            **scale,
            "tracks": [member.config for member in members],
        }
        return Row(config, pair, title, tail, tuple(members))

    def letters(self, output: Output) -> Row:
        """Return the row of attributions, drawn as letters in close views."""
        return self._bigwig(output, windowFunction="max", graphType="dynseq", autoscale=True)

    def strongest(self, output: Output) -> Row:
        """Return the size of effects as bars: igv.js has no lollipops, and its points are tiny."""
        return self._bigwig(output, windowFunction="max", **_scale(strongest_limits(output)))

    def mutation(self, output: Output) -> Row:
        """Return the row of one base of a saturation mutagenesis."""
        base = output.file.base
        group = f"mutations {output.model.label} {output.track_id}"
        colour = f"rgb({BASE_COLOURS.get(base, '80,80,80')})"
        return self._bigwig(output, color=colour, height=25, autoscale=True, autoscaleGroup=group)

    def variants(self, output: Output) -> Row:
        """Return the row of a bigBed, in the colours that the file holds."""
        return self._items(output, format="bigbed", displayMode="EXPANDED", height=80)

    def arcs(self, output: Output) -> Row:
        """Return the row of arcs from edits to readouts, in the colours that the file holds."""
        config: Config = {
            "type": "interact",
            "format": "biginteract",
            "name": _name(output),
            "url": self.url_of(output),
            "height": 120,
            "thickness": 2,
            "showBlocks": True,
            # As high as the effect is strong: of many edits, the weak lie flat.
            "arcType": "proportional",
            "useScore": True,
            "min": 0,
            "max": 1000,
        }
        return Row(config, (output,))

    def folds(self, output: Output) -> Row:
        """Return the row that names the folds which predicted a contig."""
        colour = "rgb(90,90,90)"
        more = {"indexed": False, "displayMode": "COLLAPSED", "color": colour, "height": 45}
        return self._items(output, format="bed", **more)

    def _items(self, output: Output, **more: Any) -> Row:
        config: Config = {
            "type": "annotation",
            "name": _name(output),
            "url": self.url_of(output),
            "searchable": False,
        }
        return Row(config | more, (output,))


def _name(output: Output) -> str:
    return plain_text(output.title)


def _rgb(colour: Sequence[int]) -> str:
    return f"rgb({','.join(map(str, colour))})"


def _scale(limits: Limits | None) -> Config:
    """Return fixed limits, or scaling to what is in view."""
    if limits is None:
        return {"autoscale": True}
    return {"autoscale": False, "min": limits[0], "max": limits[1]}
