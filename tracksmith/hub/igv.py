"""IGV sessions: JSON for igv.js and igv-webapp, XML for IGV desktop.

A UCSC hub shows poorly in IGV (overlays fall apart, scales are cut to whole
numbers, lollipops are dropped), so runs get sessions of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tracksmith.hub.loci import Region, VariantTable, opening, regions_of
from tracksmith.hub.runs import Output, ShownRun
from tracksmith.hub.scale import Scale, common_scales, outward, scale_key, wide_function
from tracksmith.hub.signals import (
    BASE_COLOURS,
    Pair,
    allele_pairs,
    allele_title,
    strand_pairs,
    strand_title,
)
from tracksmith.hub.templates import Templates
from tracksmith.hub.values import plain_text

__all__ = ["SHOWN", "Reference", "igv_tracks", "session", "session_xml"]

SHOWN = 20
"""Tracks that a session opens with; a page lists the others."""

_PLACED = ("mean", "absmax", "letters", "saturation")
_ROI_COLOUR = "rgba(68,134,247,0.15)"
UrlOf = Callable[[Output], str]
Config = dict[str, Any]


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
        found = {name: getattr(self, name) for name in names}
        return replace(self, **{name: base + value for name, value in found.items() if value})

    def config(self) -> Config:
        """Return the part of a session that names the genome."""
        if self.hosted:
            return {"genome": self.name}
        found: Config = {"id": self.name, "name": self.name}
        if self.two_bit:
            found["twoBitURL"] = self.two_bit
            if self.sizes:
                found["chromSizesURL"] = self.sizes
        elif self.fasta:
            found |= {"fastaURL": self.fasta, "indexURL": self.fasta_index}
            if self.bgzip_index:
                found["compressedIndexURL"] = self.bgzip_index
        else:
            found |= {"format": "chromsizes", "fastaURL": self.sizes}
            found["chromSizesURL"] = self.sizes
        return {"reference": found}


def igv_tracks(runs: Sequence[ShownRun], url_of: UrlOf) -> list[Config]:
    """Return one igv.js configuration per row of the view, in order."""
    outputs = [output for run in runs for output in run.outputs()]
    maker = _Maker(common_scales(outputs), url_of)
    found: list[Config] = []
    for run in runs:
        for model in run.models:
            own = [item for item in outputs if item.run is run and item.model.name == model.name]
            found += maker.rows(own)
    names: dict[str, int] = {}
    for order, config in enumerate(found, 1):
        config["order"] = order
        # igv.js takes rows off by their name, so each row needs its own.
        count = names[config["name"]] = names.get(config["name"], 0) + 1
        if count > 1:
            config["name"] += f" ({count})"
    return found


def session(
    runs: Sequence[ShownRun],
    url_of: UrlOf,
    reference: Reference,
    tables: Sequence[VariantTable] = (),
    locus: str | None = None,
) -> Config:
    """Return a session for igv.js: genome, locus, the first tracks, regions of interest."""
    found: Config = {"version": "3.1.4", **reference.config()}
    found["locus"] = locus or opening(runs[0], tables)
    found["showSampleNames"] = False
    found["tracks"] = igv_tracks(runs, url_of)[:SHOWN]
    regions = _regions(runs)
    if regions:
        features = [{"chr": item.contig, "start": item.start, "end": item.end} for item in regions]
        found["roi"] = [{"name": "Regions asked for", "color": _ROI_COLOUR, "features": features}]
    return found


def session_xml(
    templates: Templates, runs: Sequence[ShownRun], found: Config, reference: Reference
) -> str:
    """Return the session ``found`` for IGV desktop."""
    rows = [_xml_row(config) for config in found["tracks"]]
    resources = [part for row in rows for part in (row["members"] or [row])]
    return templates.fill(
        "session.xml",
        genome=reference.name if reference.hosted else reference.two_bit or reference.fasta,
        locus=found["locus"],
        rows=rows,
        resources=resources,
        regions=_regions(runs),
    )


def _regions(runs: Sequence[ShownRun]) -> list[Region]:
    """Return what the runs were restricted to, each region once."""
    return list(dict.fromkeys(region for run in runs for region in regions_of(run)))


@dataclass(frozen=True)
class _Maker:
    scales: dict[tuple[str, ...], Scale]
    url_of: UrlOf

    def rows(self, outputs: Sequence[Output]) -> list[Config]:
        """Return a model's rows: overlays, single tracks, spreads, letters, variants."""
        signals = [item for item in outputs if item.kind == "bigwig"]
        means = [item for item in signals if item.statistic == "mean"]
        pairs, single = strand_pairs(means)
        found = [self.overlay(pair, strand_title(pair), mirrored=True) for pair in pairs]
        found += [self.wig(item) for item in single]
        alleles = allele_pairs(signals)
        found += [self.overlay(pair, allele_title(pair), mirrored=False) for pair in alleles]
        placed = {id(item) for pair in alleles for item in pair}
        rest = [item for item in signals if item.statistic not in _PLACED]
        found += [self.wig(item) for item in rest if id(item) not in placed]
        found += [self.variants(item) for item in outputs if item.kind == "bigbed"]
        found += [self.strongest(item) for item in signals if item.statistic == "absmax"]
        found += [self.wig(item) for item in signals if item.statistic == "letters"]
        found += [self.mutation(item) for item in signals if item.statistic == "saturation"]
        found += [self.folds(item) for item in outputs if item.kind == "folds"]
        return found

    def wig(self, output: Output, mirrored: bool = False) -> Config:
        """Return the row of one bigWig on the common scale of its kind."""
        found: Config = {
            "type": "wig",
            "format": "bigwig",
            "name": _name(output),
            "url": self.url_of(output),
            "color": _rgb(output.colour),
            "height": 60,
            "windowFunction": wide_function(output),
        }
        if output.statistic == "letters":
            return found | {"graphType": "dynseq", "autoscale": True, "windowFunction": "max"}
        return found | _range(self.scales[scale_key(output)], output, mirrored)

    def overlay(self, pair: Pair, title: str, mirrored: bool) -> Config:
        """Return two bigWigs in one row; strands mirrored, minus downward."""
        members = [self.wig(output, mirrored) for output in pair]
        shared: Config = {
            key: members[0][key] for key in ("min", "max", "autoscale") if key in members[0]
        }
        name = f"{plain_text(pair[0].owner)}: {plain_text(title)}"
        return {"type": "merged", "name": name, "height": 90, **shared, "tracks": members}

    def variants(self, output: Output) -> Config:
        """Return the row of a bigBed, in the colours that the file holds."""
        return {
            "type": "annotation",
            "format": "bigbed",
            "name": _name(output),
            "url": self.url_of(output),
            "displayMode": "EXPANDED",
            "height": 80,
            "searchable": False,
        }

    def folds(self, output: Output) -> Config:
        """Return the row that names the folds which predicted a contig."""
        return {
            "type": "annotation",
            "format": "bed",
            "name": _name(output),
            "url": self.url_of(output),
            "indexed": False,
            "displayMode": "COLLAPSED",
            "color": "rgb(90,90,90)",
            "height": 45,
            "searchable": False,
        }

    def strongest(self, output: Output) -> Config:
        """Return the size of effects as bars: igv.js has no lollipops, and its points are tiny.

        One scale up to the strongest effect: on one of its own, a bar alone
        would fill the row, whatever it is.
        """
        shape: Config = {"windowFunction": "max", "height": 60}
        reach = outward(1.1 * float(output.entry.get("max") or 0), up=True)
        shape |= {"autoscale": False, "min": 0.0, "max": reach} if reach else {"autoscale": True}
        bare = {key: self.wig(output)[key] for key in ("type", "format", "name", "url", "color")}
        return bare | shape

    def mutation(self, output: Output) -> Config:
        """Return the row of one base of a saturation mutagenesis."""
        base = str(output.entry.get("base") or "")
        colour = f"rgb({BASE_COLOURS.get(base, '80,80,80')})"
        bare = {key: self.wig(output)[key] for key in ("type", "format", "name", "url")}
        group = f"mutations {output.model.label} {output.track_id}"
        return bare | {"color": colour, "height": 25, "autoscale": True, "autoscaleGroup": group}


def _name(output: Output) -> str:
    return f"{plain_text(output.owner)}: {plain_text(output.title)}"


def _rgb(colour: Sequence[int]) -> str:
    return f"rgb({','.join(map(str, colour))})"


def _range(scale: Scale, output: Output, mirrored: bool) -> Config:
    """Return the limits of a scale; sessions take fractions, so they are always given."""
    reach = outward(max(scale.high, -scale.low), up=True)
    if reach <= 0:
        return {"autoscale": True}
    least, most = float(output.entry.get("min") or 0), float(output.entry.get("max") or 0)
    low = -reach if mirrored or least < 0 else 0.0
    high = 0.0 if not mirrored and most <= 0 else reach
    return {"autoscale": False, "min": low, "max": high}


def _xml_row(config: Config) -> dict[str, Any]:
    members = [_xml_row(part) for part in config.get("tracks", ())]
    colour = str(config.get("color", "rgb(0,0,0)")).removeprefix("rgb(").removesuffix(")")
    return {
        "name": config["name"],
        "url": config.get("url", config["name"]),
        "kind": config.get("format", "bigwig"),
        "colour": colour,
        "height": config.get("height", 60),
        "low": config.get("min"),
        "high": config.get("max"),
        "renderer": "DYNSEQ" if config.get("graphType") == "dynseq" else "BAR_CHART",
        "window": config.get("windowFunction", "mean"),
        "mode": config.get("displayMode", "EXPANDED"),
        "members": members,
    }
