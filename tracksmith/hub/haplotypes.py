"""People in hubs and sessions: haplotypes over each other, the difference below, their edits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tracksmith.hub.pairs import Pair
from tracksmith.hub.runs import DIFFERENCE, FIRST, SECOND, Output, ShownModel, ShownRun
from tracksmith.hub.signals import FACETED_FROM, Maker
from tracksmith.hub.tree import Node, node
from tracksmith.tracks.head import read_local_head

__all__ = [
    "EDITS_TEXT",
    "EDIT_COLOURS",
    "haplotype_pairs",
    "haplotype_title",
    "in_order",
    "is_edits",
    "person_nodes",
    "person_rows",
    "samples_of",
]

EDIT_COLOURS = (
    ("31,119,180", "edit on the first haplotype"),
    ("214,96,18", "edit on the second haplotype"),
    ("106,81,163", "edit on both haplotypes"),
    ("160,160,160", "edit that is not applied"),
)

EDITS_TEXT = (
    "Each item is one allele that the person carries, coloured by the haplotypes to which it is "
    "applied, grey where it is not; its details say why, and what was predicted over inserted "
    "bases, which have no place in a track. An insertion is drawn at the base before it. Across "
    "phase sets it is not known which haplotype is which."
)

_HOVER = "_mouseOver"


def samples_of(outputs: Iterable[Output]) -> list[str]:
    """Return the people of outputs, each once."""
    return list(dict.fromkeys(output.sample for output in outputs if output.sample))


def is_edits(output: Output) -> bool:
    """Whether a file holds the edits of a person."""
    return output.kind == "bigbed" and bool(output.sample)


def haplotype_pairs(outputs: Iterable[Output]) -> list[Pair]:
    """Return first and second haplotype of every track and person, in order."""
    by_track: dict[tuple[str, str], dict[str, Output]] = {}
    for output in outputs:
        if output.statistic in (FIRST, SECOND):
            by_track.setdefault((output.sample, output.track_id), {})[output.statistic] = output
    return [(both[FIRST], both[SECOND]) for both in by_track.values() if len(both) == 2]


def in_order(outputs: Sequence[Output]) -> list[Pair | Output]:
    """Return the rows of a person: for each track both haplotypes, the difference below."""
    pairs = haplotype_pairs(outputs)
    placed = {id(output) for pair in pairs for output in pair}
    rest = [out for out in outputs if out.kind == "bigwig" and id(out) not in placed]
    rows: list[Pair | Output] = []
    for pair in pairs:
        rows.append(pair)
        rows += [out for out in rest if _is_difference(out, pair)]
    return rows + [out for out in rest if not any(_is_difference(out, pair) for pair in pairs)]


def _is_difference(output: Output, pair: Pair) -> bool:
    return output.statistic == DIFFERENCE and output.track_id == pair[0].track_id


def haplotype_title(pair: Pair) -> str:
    """Name both haplotypes by person and track."""
    first = pair[0]
    return f"{first.track.label or first.track_id}, both haplotypes of {first.sample}"


def person_nodes(
    maker: Maker, outputs: Sequence[Output], of: tuple[ShownRun, ShownModel]
) -> list[Node]:
    """Return the nodes of one person: haplotypes, differences, spreads, edits."""
    signals = [output for output in outputs if output.kind == "bigwig"]
    edits = [edits_track(maker, output) for output in outputs if is_edits(output)]
    if len(signals) >= FACETED_FROM:
        return [*edits, maker.faceted(signals, of)]
    nodes = [
        maker.haplotypes(row, haplotype_title(row)) if isinstance(row, tuple) else maker.leaf(row)
        for row in in_order(signals)
    ]
    return [*nodes, *edits]


def edits_track(maker: Maker, output: Output) -> Node:
    """Return the edits of a person as coloured items with names."""
    head = read_local_head(output.path)
    of = (output.run, output.model)
    name = maker.names.take(output.model.label, output.sample, "edits")
    title = f"{output.owner}: {output.title}"
    made = node("leaf", name, title, of, short=f"{output.sample} edits", outputs=[output])
    stanza = made.stanza
    stanza.add("type", f"bigBed {head.defined_field_count} +").add("bigDataUrl", maker.url(output))
    stanza.add_all(visibility="pack", itemRgb="on", maxItems=10_000, noScoreFilter="on")
    stanza.add("labelFields", "name,genotype").add("defaultLabelFields", "name")
    stanza.add("mouseOver", f"${_HOVER}")
    if head.indexed:
        stanza.add("searchIndex", ",".join(head.indexed))
    stanza.add("skipFields", _HOVER)
    return made


def person_rows(run: ShownRun, model: ShownModel) -> list[tuple[str, str]]:
    """Return what the pages say of the people of a run: their file, edits, what was left out."""
    record, results = run.plan.haplotypes, run.run.results
    if record is None:
        return []
    rows = [("Genotypes", f"{record.file.name}, sha256 {record.file.sha256}")]
    for sample in record.samples:
        text = f"{sample.edits:,} edits applied"
        counts = results.people.get(sample.name) if results else None
        if counts is not None and counts.skipped:
            left = ", ".join(f"{n:,} {reason}" for reason, n in counts.skipped.items())
            text += f"; left out: {left}"
        if counts is not None and counts.calls:
            calls = (f"{n:,} {what.replace('_', '-')}" for what, n in counts.calls.items())
            text += f"; genotypes that were {', '.join(calls)}"
        rows.append((f"Person {sample.name}", text))
    rows.append(("Unphased genotypes", record.unphased))
    exact = model.record.register == "exact"
    how = "every base sits at its own place in its window" if exact else (
        "the middle of each core sits at its own place in its window"
    )  # fmt: skip
    rows.append(("Register", f"{model.record.register}: {how}"))
    cores = results.haplotype_cores.get(model.name) if results else None
    if cores is not None and cores.cores:
        share = cores.computed / cores.cores
        rows.append(("Cores that differ", f"{share:.1%} of those of the haplotypes"))
        if cores.spanning:
            rows.append(("Windows over two phase sets", f"{cores.spanning:,}"))
    return rows
