"""The cards of MPRALegNet, and how to find and load its weights.

Agarwal et al. 2025, doi:10.1038/s41586-024-08430-9. Nothing here imports torch.

One network per cell line and training run. Folds are training runs: the authors
trained 90 per cell line, for every test fold 1..10 with every other fold for
validation. A fold of this plugin holds the networks of all cell lines that are
there, so the cell lines must have the same training runs.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import partial

from tracksmith.plugin import (
    Alphabet,
    Fold,
    LoadRequest,
    Model,
    ModelCard,
    Option,
    Predictor,
    Track,
    UsageError,
    VariantDefaults,
    WeightFile,
    WeightPaths,
    WindowGeometry,
    hookimpl,
)
from tracksmith_mpralegnet.files import (
    CELL_LINES,
    FOLDS,
    by_cell_line,
    find_weights,
    place_in_folder,
)

__all__ = ["GENOMIC", "INSERT", "STRANDED", "describe", "load"]

ONTOLOGY = {"HepG2": "EFO:0001187", "K562": "EFO:0002067", "WTC11": "EFO:0009747"}
COLORS = {"HepG2": (27, 120, 55), "K562": (118, 42, 131), "WTC11": (179, 88, 6)}
PLUS, MINUS = "_plus", "_minus"

_AVERAGE = Option(
    "average",
    default="yes",
    choices=("yes", "no"),
    help=(
        "average the oligo with its whole reverse complement, adapters included, as the authors "
        "do for networks trained so (all that are published)"
    ),
)
_NOTES = (
    "A value is what the 200 bp around it would do in a lentiviral reporter, log2(RNA/DNA), "
    "painted over the middle of the window; it is no signal measured along the genome.",
    "The published folds are folds of library elements, not of chromosomes: which training run "
    "never saw a genomic position cannot be told from its contig, so --folds held-out is refused.",
    "Weights: an archive in Zenodo records 10558183 and 8219231, which `models fetch` brings, "
    "checks and unpacks; `--only 'K562/*'` or `--only '*test1_val2*'` takes a part of the 90 "
    "training runs a cell line. Single checkpoints are on Hugging Face, Ni-os/MPRALegNet: put them "
    "into folders HepG2, K562 and WTC11, with config.json if there is one.",
    "All cell lines that are there need the same training runs. Cell lines without weights are "
    "left out of the model.",
    "Variant effects are alternative minus reference. The authors print reference minus "
    "alternative: the opposite sign.",
)

ARCHIVE = WeightFile(
    "best_model.zip",
    urls=tuple(
        f"https://zenodo.org/records/{record}/files/best_model.zip"
        for record in ("10558183", "8219231")
    ),
    limit=20_000_000_000,
)
"""All training runs; the older record names the file, the newer one replaces it."""


def _track(cell_line: str, suffix: str = "") -> Track:
    track = Track(
        cell_line + suffix,
        f"{cell_line} lentiMPRA activity",
        assay="lentiMPRA",
        cell_type=cell_line,
        ontology=ONTOLOGY[cell_line],
        units="log2(RNA/DNA)",
        transform="log2",
        signed=True,
        color=COLORS[cell_line],
    )
    if not suffix:
        return track
    plus = suffix == PLUS
    return replace(
        track,
        label=f"{track.label}, insert as on the {suffix[1:]} strand",
        strand="+" if plus else "-",
        rc_partner=cell_line + (MINUS if plus else PLUS),
    )


INSERT = ModelCard(
    name="mpralegnet",
    version="1",
    summary="Reporter activity (lentiMPRA) of 200 bp in HepG2, K562 and WTC11",
    code_licence="MIT",
    weights_licence="MIT (the authors' repository and model page)",
    citation="Agarwal et al. 2025, doi:10.1038/s41586-024-08430-9",
    authors="Vikram Agarwal, Dmitry Penzar, Ivan Kulakovskiy, Martin Kircher, Jay Shendure, "
    "Nadav Ahituv and others",
    geometry=WindowGeometry(200, core_start=75, core_length=50, bin=50, whole_window=True),
    alphabet=Alphabet(order="AGCT", unknown=0.25, heterozygous="half"),
    tracks=tuple(_track(cell_line) for cell_line in CELL_LINES),
    # decision: insert-is-not-turned (the adapters would stay: another element)
    reverse_complement="wrong",
    assemblies=("hg38",),
    folds=tuple(Fold(name) for name in FOLDS),
    archives=(ARCHIVE,),
    weights_of="mpralegnet",
    options=(_AVERAGE,),
    variants=VariantDefaults(scores=("diff",)),
    notes=(
        "The window is the insert as the plus strand reads it, between the library's adapters "
        "of 15 bp, which stay where they are. The reverse complement of a window is the insert "
        "in the other orientation, another element of the library with an activity of its own: "
        "averaging the two (--rc) is refused. mpralegnet-stranded predicts both.",
        *_NOTES,
    ),
)
STRANDED = replace(
    INSERT,
    name="mpralegnet-stranded",
    summary="Reporter activity (lentiMPRA) of 200 bp in both insert orientations",
    tracks=tuple(_track(line, suffix) for line in CELL_LINES for suffix in (PLUS, MINUS)),
    reverse_complement="allowed",
    notes=(
        "Each window is an insert in both orientations between the library's adapters of 15 bp: "
        "plus as the plus strand reads it, minus reverse-complemented. The reverse complement of "
        "a window swaps the two, so averaging with it (--rc) changes nothing.",
        *_NOTES,
    ),
)
GENOMIC = replace(
    INSERT,
    name="mpralegnet-genomic",
    summary="MPRALegNet on 231 bp of genome without adapters, as in the authors' variant analysis",
    geometry=WindowGeometry(231, core_start=90, core_length=50, bin=50, whole_window=True),
    reverse_complement="allowed",
    notes=(
        "The authors' protocol for allele-specific variants: 231 bp of genome, the variant in the "
        "middle (offset 115), no adapters, both strands averaged. Longer than what the network "
        "was trained on and without what surrounded every training sequence.",
        "Both strands are averaged already unless --option average=no; then --rc does the same.",
        *_NOTES,
    ),
)


def describe(card: ModelCard, weights: WeightPaths) -> ModelCard:
    """Return the card with the cell lines and training runs that are there."""
    first = next(iter(weights.values()), ())
    present = set(by_cell_line(first))
    return replace(
        card,
        tracks=tuple(track for track in card.tracks if track.cell_type in present),
        folds=tuple(fold for fold in card.folds if fold.name in weights),
    )


def load(card: ModelCard, request: LoadRequest) -> Predictor:
    """Return one network per fold that predicts the tracks asked for.

    Raises
    ------
    UsageError
        A cell line was asked for whose weights are not there.
    """
    from tracksmith_mpralegnet.checkpoint import read_checkpoint
    from tracksmith_mpralegnet.reporter import Reporter

    both_strands = request.options.get("average", "yes") == "yes"
    tracks = [track for track in card.tracks if track.id in request.tracks or not request.tracks]
    lines = list(dict.fromkeys(track.cell_type for track in tracks))
    outputs = [(lines.index(t.cell_type), t.strand == "-") for t in tracks]
    networks = {}
    for fold, paths in request.weights.items():
        files = by_cell_line(paths)
        _refuse_missing(lines, files, fold)
        networks[fold] = Reporter(
            [read_checkpoint(*files[line], both_strands=both_strands) for line in lines],
            outputs,
            adapters=card.name != GENOMIC.name,
            both_strands=both_strands,
        )
    return Predictor(networks, tracks=tuple(track.id for track in tracks))


def _refuse_missing(lines: Sequence[str], there: Collection[str], fold: str) -> None:
    missing = [line for line in lines if line not in there]
    if missing:
        raise UsageError(
            f"There are no weights for {', '.join(missing)} in training run {fold}, only for "
            f"{', '.join(there) or 'nothing'}. Choose tracks of these, or add a folder "
            f"{missing[0]} with its checkpoints."
        )


@hookimpl
def tracksmith_models() -> Sequence[Model]:
    """Return the three ways to use the same weights."""
    return [
        Model(
            card,
            partial(load, card),
            find_weights,
            partial(describe, card),
            unpack=place_in_folder,
        )
        for card in (INSERT, STRANDED, GENOMIC)
    ]
