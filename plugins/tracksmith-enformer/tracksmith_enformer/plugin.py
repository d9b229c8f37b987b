"""Enformer's cards, and how it is found and loaded. Importing this module is quick: no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from tracksmith.plugin import (
    Alphabet,
    CardError,
    InputError,
    LoadRequest,
    Model,
    ModelCard,
    PluginError,
    Predictor,
    UsageError,
    VariantDefaults,
    WeightFile,
    WeightPaths,
    WindowGeometry,
    hookimpl,
)
from tracksmith_enformer.tracks import HUMAN, MOUSE, Species, tracks_of_table
from tracksmith_enformer.weights import config_beside, find_files, read_weights, table_of

__all__ = ["describe", "find_weights", "load", "tracksmith_models"]

WINDOW, BIN, BINS = 196_608, 128, 896
REVISION = "affe5713ae9017460706a44108289b13c5fee16c"
HUB = f"https://huggingface.co/EleutherAI/enformer-official-rough/resolve/{REVISION}"
TABLES = "https://raw.githubusercontent.com/calico/basenji/{}/manuscripts/cross2020/targets_{}.txt"
TABLE_FILES = {
    "human": (800_919, "d90233175a9fec389e5ac04cc4aac8cfc08c4aa86217e2e5c10221de78023580"),
    "mouse": (250_458, "f76c869a38bfc79690d7a43e86f155db9b8ac8085ff5a717f99358b3253cd230"),
}
"""Size and sha256 of the authors' tables."""
ASSEMBLIES = {"human": ("hg38", "GRCh38"), "mouse": ("mm10", "GRCm38")}


NOTES = (
    "Values are on the scale of the authors' training data: coverage summed or averaged over 128 "
    "bp, clipped and scaled per track. No inverse is published, so none is made.",
    "Tracks have the authors' names when their table of targets lies beside the weights. Without "
    "it a track is called by assay and row of the head: DNASE.0.",
    "Bases beyond a contig's end are N: zeros in all four channels.",
    "Training, validation and test regions lie on all chromosomes, so no contig was held out.",
    "Variants: the base lies at position window/2 - 1; the score is the log2 ratio of the means of "
    "the middle 8 bins, alternative over reference (after He and Danko). The pseudocount is all "
    "but 0; for CAGE 1 is usual (Karollus et al. 2023, doi:10.1186/s13059-023-02899-9).",
    "No track has a strand, not even CAGE: the reverse complement predicts the same track "
    "backwards. Averaging both is right and takes twice the time.",
    "For variants use float32 without TF32: log2 ratios are often below 0.01.",
)


def card_of(species: Species) -> ModelCard:
    """Return the card of one output head, its tracks named as far as is known without a table."""
    tracks = species.tracks()
    size, digest = TABLE_FILES[species.name]
    return ModelCard(
        name=f"enformer-{species.name}",
        version="1",
        summary=f"Enformer, {species.name}: {len(tracks):,} DNase, ATAC, ChIP and CAGE tracks",
        code_licence="MIT",
        weights_licence="CC-BY-4.0",
        citation="Avsec et al. 2021, Nature Methods, doi:10.1038/s41592-021-01252-x",
        authors="DeepMind and Calico; weights converted to PyTorch by EleutherAI and P. Wang",
        geometry=WindowGeometry(
            window=WINDOW,
            core_start=(WINDOW - BINS * BIN) // 2,
            core_length=BINS * BIN,
            bin=BIN,
        ),
        alphabet=Alphabet(order="ACGT", unknown=0.0, heterozygous="unknown"),
        tracks=tracks,
        reverse_complement="allowed",
        assemblies=ASSEMBLIES[species.name],
        weights=(
            # The name on disk carries the revision, so that weights of the user's own that are
            # called pytorch_model.bin are not taken for a damaged copy of the published ones.
            WeightFile(
                f"enformer-official-rough.{REVISION[:7]}.bin",
                size=1_005_149_571,
                sha256="99b09d602e195d89c7d4debe144bb2f43907ba0d74006e97098e99d9171c439c",
                urls=(f"{HUB}/pytorch_model.bin",),
            ),
            WeightFile(
                f"basenji-0.5.{species.table}",
                size=size,
                sha256=digest,
                urls=tuple(TABLES.format(branch, species.name) for branch in ("0.5", "master")),
                names_tracks=True,
            ),
        ),
        weights_of=f"enformer-{HUMAN.name}",
        variants=VariantDefaults(
            scores=("log2fc",),
            position=WINDOW // 2 - 1,
            bins=(444, 452),
            reduce="mean",
            pseudocount=1e-6,
            max_allele=1000,
        ),
        notes=NOTES,
    )


def find_weights(species: Species, place: Path) -> WeightPaths:
    """Return the weight file, and ``config.json`` and the table of targets beside it."""
    return {"": find_files(place, species.table)}


def describe(species: Species, card: ModelCard, weights: WeightPaths) -> ModelCard:
    """Return the card with the tracks of the table beside the weights.

    Raises
    ------
    InputError
        The table is damaged, or an identifier in it is unfit or given twice.
    """
    table = table_of(weights.get("", ()), species.table)
    if table is None:
        return card
    tracks = tracks_of_table(table)
    try:
        return replace(card, tracks=tracks)
    except CardError as error:
        raise InputError(f"{table} cannot name the tracks. {error}") from error


def load(species: Species, card: ModelCard, request: LoadRequest) -> Predictor:
    """Return the network of the asked tracks, on the CPU.

    Raises
    ------
    InputError
        The weights are not those of an Enformer of the card's geometry and tracks.
    TrustError
        The file holds pickled objects.
    """
    from tracksmith_enformer.network import Enformer

    files = request.weights.get("", ())
    if not files:
        raise PluginError(f"{card.name} needs its weight file: none was given to load().")
    described = describe(species, card, request.weights)
    config = config_beside(files)
    tensors, sizes = read_weights(files[0], config)
    count = dict(sizes.outputs).get(species.name, 0)
    problems = []
    bins = config.get("target_length", BINS)
    if (bins, sizes.bin) != (BINS, BIN):
        problems.append(f"it predicts {bins} bins of {sizes.bin} bp, not {BINS} of {BIN}")
    if count != len(described.tracks):
        problems.append(f"its {species.name} head has {count} tracks, not {len(described.tracks)}")
    if problems:
        table = table_of(files, species.table)
        origin = f"the table {table.name}" if table else "the card"
        raise InputError(
            f"{files[0]} does not fit {card.name}: {' and '.join(problems)}, as {origin} says."
        )
    rows = _rows(card, described, request.tracks)
    network = Enformer(tensors, sizes, WINDOW, BINS, species.name, rows)
    return Predictor({"": network}, tracks=request.tracks or None)


def _rows(card: ModelCard, described: ModelCard, ids: Sequence[str]) -> list[int] | None:
    """Return the head's row of every track, by either of its names; None for all rows."""
    if not ids:
        return None
    rows = {track.id: row for row, track in enumerate(described.tracks)}
    if len(card.tracks) == len(described.tracks):
        rows = {track.id: row for row, track in enumerate(card.tracks)} | rows
    unknown = [track for track in ids if track not in rows]
    if unknown:
        raise UsageError(
            f"{card.name} has no track {', '.join(unknown[:5])}. "
            f"`tracksmith models tracks {card.name}` lists them."
        )
    return [rows[track] for track in ids]


def _model(species: Species) -> Model:
    card = card_of(species)
    return Model(
        card=card,
        load=partial(load, species, card),
        find_weights=partial(find_weights, species),
        describe=partial(describe, species, card),
    )


@hookimpl
def tracksmith_models() -> Sequence[Model]:
    """Return one model for each output head."""
    return [_model(HUMAN), _model(MOUSE)]
