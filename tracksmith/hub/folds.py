"""The track of a held-out run: which folds predicted a contig, none of which trained on it.

The run writes it as BED, which IGV reads; UCSC hubs need bigBed, so a hub gets one of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tracksmith.genome.bed import read_bed
from tracksmith.hub.runs import Output
from tracksmith.hub.signals import Maker
from tracksmith.hub.tree import Node, node
from tracksmith.tracks.autosql import BED9, AutoSql
from tracksmith.tracks.bigbed import write_bigbed

__all__ = ["fold_track", "write_fold_tracks"]

FOLDER = "folds"
SCHEMA = AutoSql(
    "heldOutFolds", "The folds that predicted a contig; none trained on it", BED9[:4], defined=4
)
MOST_BYTES = 255


def fold_track(maker: Maker, output: Output) -> Node:
    """Return the node of the folds, one dense line; its file is written with the hub."""
    name = maker.names.take(output.unique)
    title = f"{output.owner}: {output.title}"
    of = (output.run, output.model)
    made = node("leaf", name, title, of, short=output.title, outputs=[output])
    made.stanza.add("type", "bigBed 4").add("bigDataUrl", f"{FOLDER}/{name}.bb")
    made.stanza.add_all(visibility="dense", color="90,90,90", mouseOver="fold $name")
    return made


def write_fold_tracks(nodes: Sequence[Node], folder: Path) -> None:
    """Write the bigBed of every node of folds below ``folder``, the hub's.

    Raises
    ------
    InputError
        A run's BED is damaged; the message names its line.
    """
    for track_node in nodes:
        if track_node.stanza.role == "leaf" and track_node.outputs[0].kind == "folds":
            path = folder / track_node.stanza["bigDataUrl"]
            path.parent.mkdir(exist_ok=True)
            _write(track_node.outputs[0], path)


def _write(output: Output, path: Path) -> None:
    contigs = output.run.contigs
    bed = read_bed(output.path, contigs)
    rows = (
        (place.contig, place.start, place.end, _shortened(name))
        for place, name in zip(bed, bed.names, strict=True)
    )
    write_bigbed(path, list(contigs), rows, SCHEMA, extra_index=())


def _shortened(names: str) -> str:
    """Return the names, or their number where they are too long for a column."""
    if len(names.encode()) <= MOST_BYTES:
        return names
    return f"{names.count(',') + 1} folds"
