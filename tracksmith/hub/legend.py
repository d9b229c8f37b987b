"""What colours and directions mean, for pages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tracksmith.hub.haplotypes import EDIT_COLOURS, is_edits
from tracksmith.hub.runs import DELTA_UP, Output
from tracksmith.hub.signals import BASE_COLOURS

__all__ = ["LegendEntry", "legend"]

_GREY = "128,128,128"
_ITEMS = (
    ("202,0,32", "variant that raises the prediction"),
    ("5,113,176", "variant that lowers it"),
    (_GREY, "variant below the 50th percentile"),
)
_ARCS = (
    ("202,0,32", "edit that raises the readout"),
    ("5,113,176", "edit that lowers it"),
)
_STRANDS = {"+": "plus strand", "-": "minus strand"}


@dataclass(frozen=True)
class LegendEntry:
    """A colour, as ``red,green,blue``, and what it stands for."""

    colour: str
    text: str


def legend(outputs: Iterable[Output]) -> list[LegendEntry]:
    """Return what the colours of files mean, each once, in the files' order."""
    entries = (item for output in outputs for item in _entries(output))
    return list(dict.fromkeys(entries))


def _entries(output: Output) -> list[LegendEntry]:
    if is_edits(output):
        return [LegendEntry(colour, text) for colour, text in EDIT_COLOURS]
    if output.kind == "bigbed":
        return [LegendEntry(colour, text) for colour, text in _ITEMS]
    if output.kind == "biginteract":
        return [LegendEntry(colour, text) for colour, text in _ARCS]
    if output.statistic == "saturation":
        base = output.file.base
        return [LegendEntry(BASE_COLOURS.get(base, _GREY), f"change to {base}")]
    if output.statistic == "ref":
        what = "without the edit" if output.file.edit else "reference allele"
        return [LegendEntry(_colour(output), what)]
    text = _text(output)
    return [LegendEntry(_colour(output), text)] if text else []


def _text(output: Output) -> str:
    """Say what a track's colour stands for, '' where it is the track's own and no more."""
    strand = _STRANDS.get(output.track.strand, "")
    if output.sample:
        return output.title.removeprefix(f"{output.track.label or output.track_id}, ")
    if output.file.readout:
        return _of_edits(output, strand)
    if output.statistic == "delta":
        what = f"{strand}, alternative minus reference" if strand else "alternative minus reference"
        return f"{what}: {DELTA_UP[output.stored_sign]}"
    if output.statistic == "alt":
        return f"alternative allele, {strand}" if strand else "alternative allele"
    if not strand or output.statistic not in ("mean", "sd"):
        return ""
    if output.statistic == "sd":
        return f"{strand}, standard deviation over folds"
    return f"{strand}, drawn downward" if output.stored_sign < 0 else strand


def _of_edits(output: Output, strand: str) -> str:
    words = {"alt": "with the edit", "delta": "difference that the edit makes: up is a gain"}
    what = words.get(output.statistic, "effects of edits: up is a gain")
    return f"{strand}, {what}" if strand else what


def _colour(output: Output) -> str:
    return ",".join(map(str, output.colour))
