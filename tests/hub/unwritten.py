"""Runs of one model as a hub sees them, without any file."""

from pathlib import Path

from tracksmith.hub.runs import ShownRun
from tracksmith.models.card import ModelCard, Track, WindowGeometry
from tracksmith.runs.record import (
    FileEntry,
    GenomeRecord,
    ModelRecord,
    Places,
    PlanRecord,
    Results,
)
from tracksmith.runs.run import Run


def unwritten_run(tracks, entries):
    """Return a run of the model ``m``, whose tracks and files are given field by field."""
    card = ModelCard(
        name="m", version="1", summary="A model", code_licence="MIT", weights_licence="MIT",
        citation="Nobody", geometry=WindowGeometry(window=100, core_start=0, core_length=100),
        tracks=tuple(Track(**track) for track in tracks),
    )  # fmt: skip
    plan = PlanRecord(
        kind="predict", genome=GenomeRecord("toy.fa", 1, "0" * 64, (("chrA", 3000),)),
        models=(ModelRecord(card, tuple(track.id for track in card.tracks), "toys 1", 100, 1),),
        stages=(), device="cpu", compressor="zlib", versions={},
    )  # fmt: skip
    files = tuple(
        FileEntry(**{"kind": "bigwig", "model": "m", "size": 1, "sha256": "0" * 64, **record})
        for record in entries
    )
    folder = Path("/runs/one")
    return ShownRun(folder, Run(folder, plan, Places("toy.fa"), results=Results(files)))
