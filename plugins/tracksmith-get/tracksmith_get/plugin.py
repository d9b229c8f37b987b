"""The models ``get-expression`` and ``get-atac``: cards and loading. Imports no torch."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracksmith.errors import InputError, UsageError
from tracksmith.plugin import (
    FeatureRequest,
    FeatureSource,
    LoadRequest,
    Model,
    ModelCard,
    Option,
    RegionEffect,
    RegionGeometry,
    RegionScore,
    Track,
    VariantDefaults,
    WeightFile,
    WeightPaths,
    hookimpl,
)

if TYPE_CHECKING:
    from tracksmith_get.network import RegionTransformer

__all__ = ["ATAC", "EXPRESSION", "tracksmith_models"]

_BUCKET = "https://2023-get-xf2217.s3.amazonaws.com/get_demo/checkpoints"
LARGEST_FILE = 2_000_000_000
"""Bytes; the weights alone take 341 MB, and an optimiser's state twice that."""

_SCAN_ENDS = Option(
    "scan_ends",
    "moods",
    ("all", "moods"),
    "moods leaves out the motif hits that MOODS misses: fewer than 7 bases, at a region's very end",
)
_HEADS = Option(
    "heads",
    "auto",
    (),
    "attention heads of the checkpoint; auto: one per 64 channels, as published",
)
_ALLELES = Option(
    "alleles",
    "ratio",
    ("ratio", "recompute"),
    "features of an allele. ratio: as the authors, (s_alt + 0.01) / (s_ref + 0.01) of the sums of "
    "motif scores, substitutions only; recompute: the region scanned again with the allele",
)
_NOTES = (
    "The published model saw fetal and adult cell types in training, all but astrocytes: tracks "
    "for a trained cell type are not held-out predictions.",
    "Values depend on the set of peaks: on its motif maxima and on the neighbours of each peak. "
    "Use the same peaks, or the stored normalisers, for runs that are to be compared.",
    "The authors drop chrM, chrY and unplaced contigs, and note a patent application.",
)

EXPRESSION = ModelCard(
    name="get-expression",
    version="1",
    summary="Expression of every accessible region from motifs and accessibility of its neighbours",
    authors="Fu, Mo, Buendia, Laurent, Shao, ... Xing, Rabadan",
    code_licence="MIT (this code); the original code is CC BY-NC 4.0",
    weights_licence="CC BY-NC 4.0: non-commercial use only",
    commercial_use=False,
    citation="doi:10.1038/s41586-024-08391-z",
    geometry=RegionGeometry(
        context=200,
        stride=100,
        inputs=("peaks", "motifs", "clusters", "archetypes", "accessibility"),
    ),
    reverse_complement="wrong",
    assemblies=("hg38",),
    tracks=(
        Track(
            id="plus",
            label="GET expression, + strand",
            strand="+",
            rc_partner="minus",
            assay="RNA-seq",
            units="log10(TPM+1)",
            transform="log10p1",
            color=(178, 34, 34),
        ),
        Track(
            id="minus",
            label="GET expression, - strand",
            strand="-",
            rc_partner="plus",
            assay="RNA-seq",
            units="log10(TPM+1)",
            transform="log10p1",
            color=(31, 78, 121),
        ),
    ),
    weights=(
        WeightFile(
            "checkpoint-best.pth",
            urls=(
                f"{_BUCKET}/regulatory_inference_checkpoint_fetal_adult/"
                "finetune_fetal_adult_leaveout_astrocyte/checkpoint-best.pth",
            ),
            limit=LARGEST_FILE,
        ),
    ),
    options=(
        Option(
            "accessibility",
            "binary",
            ("binary", "global", "window"),
            "binary: 1 for every region; global: log10 signal over its maximum; "
            "window: divided by each window's maximum as well, as the authors' later code does",
        ),
        _SCAN_ENDS,
        _HEADS,
        _ALLELES,
    ),
    variants=VariantDefaults(scores=("diff", "strongest")),
    notes=(
        *_NOTES,
        "The authors' bucket asks whoever downloads to pay: `models fetch` says how to get the "
        "checkpoint with an account of your own, and takes it with --from FOLDER.",
    ),
)

ATAC = replace(
    EXPRESSION,
    name="get-atac",
    summary="Accessibility of every region from the motifs of its neighbours",
    geometry=RegionGeometry(
        context=200, stride=100, inputs=("peaks", "motifs", "clusters", "archetypes")
    ),
    tracks=(
        Track(
            id="atac",
            label="GET accessibility",
            assay="ATAC-seq",
            units="aTPM over its maximum",
            color=(0, 100, 0),
        ),
    ),
    weights=(),
    options=(_SCAN_ENDS, _HEADS, _ALLELES),
    notes=("No trained checkpoint is published: train your own with the authors' code.", *_NOTES),
)


def open_features(request: FeatureRequest) -> FeatureSource:
    """Open motif features; see :func:`tracksmith_get.features.open_features`."""
    from tracksmith_get.features import open_features

    return open_features(request)


def find_weights(place: Path) -> WeightPaths:
    """Return the one checkpoint that ``place`` is or holds.

    Raises
    ------
    InputError
        There is none, or more than one.
    """
    if place.is_file():
        return {"": (place,)}
    checkpoints = (path for path in place.glob("*") if path.suffix in (".pth", ".ckpt", ".pt"))
    files = sorted(path for path in checkpoints if path.is_file())
    if len(files) != 1:
        names = ", ".join(path.name for path in files) or "none"
        raise InputError(
            f"{place} must hold one GET checkpoint (.pth or .ckpt); it holds {names}. "
            "Name the file itself with --weights."
        )
    return {"": (files[0],)}


def _load(card: ModelCard, request: LoadRequest) -> RegionTransformer:
    from tracksmith.models.safe_load import load_tensors
    from tracksmith_get.network import build

    path = request.weights[""][0]
    heads = _heads(request.options.get("heads", "auto"))
    last = request.options.get("accessibility", "binary")
    column = "ones" if card is ATAC else "window" if last == "window" else "given"
    network = build(load_tensors(path, legacy=True), path.name, heads, column)
    tracks, features = network.tracks, network.features
    if tracks != len(card.tracks):
        other = {1: "get-atac", 2: "get-expression"}.get(tracks, "another model")
        raise InputError(
            f"{path} predicts {tracks} values a region; {card.name} needs {len(card.tracks)}. "
            f"Is it a checkpoint for {other}?"
        )
    if request.features and len(request.features) != features:
        raise InputError(
            f"{path} reads {features - 1} motif clusters and accessibility; the cluster table "
            f"names {len(request.features) - 1}. Give the table that the model was trained with."
        )
    return network


def _heads(text: str) -> int | None:
    if text == "auto":
        return None
    if not text.isdigit() or int(text) == 0:
        raise UsageError(f"--option heads={text}: give a whole number, or auto.")
    return int(text)


def _log2fc(reference: Any, alternative: Any, own: int) -> RegionEffect:
    from tracksmith_get.scores import log2fc

    return log2fc(reference, alternative, own)


LOG2FC = RegionScore(
    _log2fc, "log2((10^a - 1 + 1) / (10^r - 1 + 1)) at the variant's own peak", "log2 ratio"
)


@hookimpl
def tracksmith_models() -> list[Model]:
    """Return both models."""
    return [
        Model(
            card=card,
            load=partial(_load, card),
            find_weights=find_weights,
            features=open_features,
            scores={"log2fc": LOG2FC},
            golden=Path(__file__).with_name(f"{card.name}.golden.json"),
        )
        for card in (EXPRESSION, ATAC)
    ]
