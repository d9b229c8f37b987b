"""Tracks that belong together: the strands of one assay, the alleles of one track."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from tracksmith.hub.runs import Output

__all__ = ["Pair", "allele_pairs", "allele_tail", "allele_title", "strand_pairs", "strand_title"]

Pair: TypeAlias = tuple[Output, Output]


def strand_pairs(outputs: Iterable[Output]) -> tuple[list[Pair], list[Output]]:
    """Split outputs of one statistic into plus-minus pairs to be overlaid, and the rest, in order.

    Signed tracks are no such pair: their values lie on both sides of 0, so that
    the strands would cover each other. They are in the rest, minus after plus.
    """
    listed = list(outputs)
    by_id = {output.track_id: output for output in listed}
    pairs: list[Pair] = []
    rest: dict[str, Output] = {}
    for output in listed:
        partner = by_id.get(output.track.rc_partner or "")
        strands = output.track.strand, partner.track.strand if partner else None
        if partner is None or strands not in (("+", "-"), ("-", "+")):
            rest[output.track_id] = output
        elif strands == ("+", "-") and not _signed(output, partner):
            pairs.append((output, partner))
        elif _signed(output, partner):
            plus, minus = (output, partner) if strands == ("+", "-") else (partner, output)
            rest |= {plus.track_id: plus, minus.track_id: minus}
    return pairs, list(rest.values())


def _signed(*outputs: Output) -> bool:
    return any(output.track.signed for output in outputs)


def allele_pairs(outputs: Iterable[Output]) -> list[Pair]:
    """Return reference and alternative of every track that has both, in order."""
    by_track: dict[tuple[str, ...], dict[str, Output]] = {}
    for output in outputs:
        if output.statistic in ("ref", "alt"):
            of = (output.track_id, output.file.readout, output.file.edit)
            by_track.setdefault(of, {})[output.statistic] = output
    return [(both["ref"], both["alt"]) for both in by_track.values() if len(both) == 2]


def strand_title(pair: Pair) -> str:
    """Name two strands by what their labels share."""
    plus, minus = pair
    words = zip(plus.title.split(), minus.title.split(), strict=False)
    shared = [word for word, other in words if word == other]
    text = " ".join(word for word in shared if word.strip(",;:()").lower() != "strand")
    return f"{text.rstrip(',;:- ') or plus.title}, both strands"


def allele_tail(pair: Pair) -> str:
    """Return what tells a pair of alleles from others in a short label: strand, ref/alt."""
    return f"{pair[0].track.strand.strip('.')} ref/alt".lstrip()


def allele_title(pair: Pair) -> str:
    """Name reference and alternative by their track."""
    first = pair[0]
    label = first.track.label or first.track_id
    if first.file.edit:
        return f"{label}, around {first.file.readout}, without and with {first.file.edit}"
    return f"{label}, reference and alternative allele"
