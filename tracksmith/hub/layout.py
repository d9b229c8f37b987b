"""From the outputs of runs to the tree of a hub's tracks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tracksmith.hub.arcs import arcs
from tracksmith.hub.folds import fold_track
from tracksmith.hub.haplotypes import person_nodes, samples_of
from tracksmith.hub.pairs import allele_pairs, strand_pairs
from tracksmith.hub.runs import Output, ShownModel, ShownRun, owner_of
from tracksmith.hub.scale import common_scales, scale_key, value_range
from tracksmith.hub.signals import FACETED_FROM, Maker
from tracksmith.hub.sites import site_track
from tracksmith.hub.tree import Node, node
from tracksmith.hub.values import without_end
from tracksmith.hub.variants import lollipops, variant_track

__all__ = ["effect_reach", "lay_out"]

SIGNALS = ("mean", "sd")


def lay_out(runs: Sequence[ShownRun], urls: Mapping[str, str], before: int = 0) -> list[Node]:
    """Return the top nodes of a hub: per run and model a folder, or a faceted composite.

    Parameters
    ----------
    runs
        Runs of one genome.
    urls
        The link of every file, by its absolute path.
    before
        How many other tracks come before these.
    """
    outputs = [output for run in runs for output in run.outputs()]
    maker = Maker(common_scales(outputs), dict(urls))
    tops: list[Node] = []
    for run in runs:
        for model in run.models:
            own = [item for item in outputs if item.run is run and item.model.name == model.name]
            if own:
                tops += _model_nodes(maker, run, model, own)
    _order(tops, before + 1)
    return tops


def _order(tops: Sequence[Node], first: int) -> None:
    """Number all nodes in reading order, so that browsers keep it."""
    for position, track_node in enumerate((item for top in tops for item in top.walk()), first):
        track_node.stanza.add("priority", position)
        track_node.stanza.add("html", f"html/{track_node.name}.html")


def _model_nodes(
    maker: Maker, run: ShownRun, model: ShownModel, outputs: Sequence[Output]
) -> list[Node]:
    of = (run, model)
    title = f"{owner_of(run, model)}: {model.card.summary}"
    name, short = maker.names.take(model.label), maker.folder_label(of)
    folder = node("super", name, title, of, short=short, long=without_end(title))
    folder.outputs = list(outputs)
    folder.stanza.add("superTrack", "on show")
    people = [out for out in outputs if out.sample]
    outputs = [out for out in outputs if not out.sample]
    signals = [out for out in outputs if _is_signal(out)]
    tops = []
    if len(signals) >= FACETED_FROM:
        tops.append(maker.faceted(signals, of))
    else:
        for child in _signal_nodes(maker, signals, of):
            folder.adopt(child)
    rest = [out for out in outputs if not _is_signal(out)]
    items = _variant_nodes(maker, rest)
    for child in (*_base_level_nodes(maker, rest, of), *items):
        folder.adopt(child)
    for sample in samples_of(people):
        for child in person_nodes(maker, [out for out in people if out.sample == sample], of):
            if child.stanza.get("compositeTrack") == "faceted":
                tops.append(child)
            else:
                folder.adopt(child)
    for output in rest:
        if output.kind == "folds":
            folder.adopt(fold_track(maker, output))
        if output.kind == "sites":
            folder.adopt(site_track(maker, output))
    return [*tops, folder] if folder.children else tops


def _is_signal(output: Output) -> bool:
    return output.kind == "bigwig" and output.statistic in SIGNALS


def _signal_nodes(
    maker: Maker, signals: Sequence[Output], of: tuple[ShownRun, ShownModel]
) -> list[Node]:
    means = [output for output in signals if output.statistic == "mean"]
    spreads = [output for output in signals if output.statistic != "mean"]
    pairs, single = strand_pairs(means)
    nodes = [maker.strands(pair) for pair in pairs]
    others = [*single, *spreads]
    if len(others) > 1:
        nodes.append(maker.composite(others, of))
    else:
        nodes += [maker.leaf(output) for output in others]
    return nodes


def _base_level_nodes(
    maker: Maker, outputs: Sequence[Output], of: tuple[ShownRun, ShownModel]
) -> list[Node]:
    """Return letters, mutations, and whatever else a run wrote as a bigWig, in this order."""
    bigwigs = [out for out in outputs if out.kind == "bigwig"]
    nodes = [maker.letters(out) for out in bigwigs if out.letters]
    saturation: dict[str, list[Output]] = {}
    for output in bigwigs:
        if output.statistic == "saturation":
            saturation.setdefault(output.track_id, []).append(output)
    nodes += [maker.mutations(group) for group in saturation.values()]
    pairs = allele_pairs(bigwigs)
    nodes += [maker.alleles(pair) for pair in pairs]
    placed = {id(out) for pair in pairs for out in pair}
    known = ("saturation", "absmax")
    kinds: dict[tuple[str, ...], list[Output]] = {}
    for output in bigwigs:
        if output.statistic not in known and not output.letters and id(output) not in placed:
            kinds.setdefault(scale_key(output), []).append(output)
    for members in kinds.values():
        if len(members) > 1:
            statistic = members[0].statistic
            what = {"delta": "differences", "effect": "effects"}.get(statistic, statistic)
            nodes.append(maker.composite(members, of, what))
        else:
            nodes += [maker.leaf(out) for out in members]
    return nodes


def _variant_nodes(maker: Maker, outputs: Sequence[Output]) -> list[Node]:
    nodes: list[Node] = []
    reach = effect_reach(outputs)
    for output in outputs:
        if output.kind == "bigbed":
            nodes.append(variant_track(maker, output, reach))
            lollies = lollipops(maker, output, reach)
            if lollies is not None:
                nodes.append(lollies)
        if output.kind == "biginteract":
            nodes.append(arcs(maker, output))
    nodes += [maker.peaks(output) for output in outputs if output.statistic == "absmax"]
    return nodes


def effect_reach(outputs: Sequence[Output]) -> float:
    """Return the largest absolute variant effect of a model, 1 where nothing tells it."""
    reaches = [value_range(output)[1] for output in outputs if output.statistic == "absmax"]
    return max(reaches, default=1.0)
