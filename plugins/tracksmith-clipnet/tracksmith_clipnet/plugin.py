"""The cards of CLIPNET's two published sets of weights, and how to find and load them.

He and Danko, doi:10.1101/2024.03.13.583868. Nothing here imports torch or h5py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tracksmith.plugin import (
    Alphabet,
    Fold,
    InputError,
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

__all__ = ["K562", "LCL", "find_weights", "load"]

HELD_OUT = {
    "1": ("chr5", "chr7"),
    "2": ("chr11", "chr12"),
    "3": ("chr14", "chr15", "chr18"),
    "4": ("chr1",),
    "5": ("chr2", "chr22"),
    "6": ("chr4", "chr6"),
    "7": ("chr3", "chr16"),
    "8": ("chr10", "chr19"),
    "9": ("chr8", "chr17"),
}
"""Contigs that a fold was tested on, from the authors' data_fold_assignments.csv."""
UNSEEN = ("chr9", "chr13", "chr20", "chr21", "chrX", "chrY", "chrM")
"""The authors' fold 0, and what their table of folds leaves out."""

_OTHER_ARCHITECTURE = (
    "CLIPNET's PyTorch weights (f1.torch ... f9.torch) are another architecture with other "
    "inputs and outputs, not a conversion of these: this plugin reads the Keras files "
    "fold_1.h5 ... fold_9.h5."
)
LARGEST_FILE = 200_000_000
"""Bytes; the nine are listed with 96.8 MB each."""
_FOLD_FILE = re.compile(r"fold_([1-9])\.(?:h5|hdf5)")

_EPSILON = Option(
    "eps",
    default="1e-3",
    choices=("1e-3", "0"),
    help=(
        "added to the profile's sum before the profile is scaled to the quantity; 1e-3 as in the "
        "authors' variant scores, 0 as in their README, where a profile of zeros gives NaN"
    ),
)
_CALIBRATE = Option(
    "calibrate",
    default="no",
    choices=("no", "yes"),
    help=(
        "map the quantity q of the nine-fold mean to 10^(1.59687745 log10 q - 0.80203685), the "
        "authors' calibration; refused with other --folds and with --spread"
    ),
    mean_only=("yes",),
)
_NOTES = (
    "Trained on windows around PRO-cap peaks only, their centre within 250 bp of the peak: "
    "silent DNA is outside what the model has seen, and predictions there are to be doubted.",
    "The profile head is a dense layer over the whole window: every output base depends on "
    "every input base, N included, and windows placed at another phase give other values.",
    "Folds are averaged as profile and quantity, then scaled to tracks, as the authors do.",
    "Fold k was stopped early on the contigs that fold k + 1 holds out (fold 9: those of fold 1).",
    "chrX, chrY and chrM are in no fold: the authors trained on autosomes only. "
    "chr9, chr13, chr20 and chr21 are held out from all nine.",
    "The authors never average with the reverse complement when they predict; it is off unless "
    "asked for.",
    "Variant effects are alternative over reference. The papers print reference over "
    "alternative: the opposite sign.",
    "The authors encode substitutions only. Insertions and deletions shift the sequence in the "
    "window, which the model was not tested on.",
)


def _tracks(cell: str, cell_type: str, ontology: str) -> tuple[Track, ...]:
    plus = Track(
        "plus",
        f"{cell} PRO-cap initiation, plus strand",
        "+",
        "minus",
        assay="PRO-cap",
        cell_type=cell_type,
        ontology=ontology,
        units="RPM",
        color=(192, 57, 43),
    )
    minus = replace(
        plus,
        id="minus",
        label=f"{cell} PRO-cap initiation, minus strand",
        strand="-",
        rc_partner="plus",
        color=(36, 87, 160),
    )
    return plus, minus


def _weight_files(*folders: str) -> tuple[WeightFile, ...]:
    return tuple(
        WeightFile(
            f"fold_{fold}.h5",
            fold,
            urls=tuple(f"{folder}/fold_{fold}.h5" for folder in folders),
            limit=LARGEST_FILE,
        )
        for fold in HELD_OUT
    )


def _card(
    name: str,
    summary: str,
    weights_licence: str,
    tracks: tuple[Track, ...],
    weights: tuple[WeightFile, ...],
    options: tuple[Option, ...],
    notes: tuple[str, ...],
) -> ModelCard:
    return ModelCard(
        name=name,
        version="1",
        summary=summary,
        code_licence="MIT",
        weights_licence=weights_licence,
        citation="He and Danko 2024, doi:10.1101/2024.03.13.583868",
        authors="Adam Y. He, Charles G. Danko",
        geometry=WindowGeometry(window=1000, core_start=250, core_length=500),
        alphabet=Alphabet(order="ACGT", known=2.0, unknown=0.0, heterozygous="half"),
        tracks=tracks,
        reverse_complement="allowed",
        assemblies=("hg38",),
        folds=tuple(Fold(fold, contigs) for fold, contigs in HELD_OUT.items()),
        unseen=UNSEEN,
        weights=weights,
        options=options,
        variants=VariantDefaults(scores=("log2fc", "l2"), pseudocount=1e-6),
        notes=_NOTES + notes,
    )


LCL = _card(
    "clipnet-lcl",
    "Transcription initiation (PRO-cap) in lymphoblastoid cell lines, both strands, per base",
    "MIT (the authors' repository and model page)",
    _tracks("LCL", "lymphoblastoid cell line", "EFO:0005292"),
    _weight_files(
        "https://zenodo.org/records/10408623/files",
        "https://huggingface.co/adamyhe/clipnet/resolve/main",
    ),
    (_EPSILON, _CALIBRATE),
    (
        "Nine files of about 97 MB each. `models fetch` asks Zenodo for their md5 or Hugging Face "
        "for their sha256, and keeps what it was told.",
    ),
)
K562 = _card(
    "clipnet-k562",
    "Transcription initiation (PRO-cap) in K562, both strands, per base",
    "MIT (the authors' repository)",
    _tracks("K562", "K562", "EFO:0002067"),
    _weight_files("https://zenodo.org/records/11196189/files"),
    (_EPSILON,),
    (
        "Nine files of about 97 MB each, fine-tuned from clipnet-lcl with the same folds. `models "
        "fetch` asks Zenodo for their md5 and keeps what it was told. A later tutorial of the "
        "authors links Zenodo record 15306864 instead of 11196189; whether the files are the same "
        "is not known.",
    ),
)


def find_weights(path: Path) -> WeightPaths:
    """Return the weight files by fold.

    Parameters
    ----------
    path
        A file ``fold_1.h5`` ... ``fold_9.h5`` (or ``.hdf5``), or a folder with
        any number of them; other files in the folder are left alone.

    Raises
    ------
    InputError
        No such file is there, or a fold is there twice.
    """
    if path.is_dir():
        files = sorted(item for item in path.iterdir() if item.is_file())
    elif path.is_file():
        files = [path]
    else:
        raise InputError(f"There is nothing at {path}. Name a file fold_1.h5 or a folder of them.")
    by_fold: dict[str, tuple[Path, ...]] = {}
    for file in files:
        match = _FOLD_FILE.fullmatch(file.name)
        if match is None:
            continue
        fold = match.group(1)
        if fold in by_fold:
            raise InputError(
                f"{path} has fold {fold} twice: {by_fold[fold][0].name} and {file.name}."
            )
        by_fold[fold] = (file,)
    if not by_fold:
        raise InputError(_why_nothing(path, files))
    return dict(sorted(by_fold.items()))


def _why_nothing(path: Path, files: Sequence[Path]) -> str:
    if any(file.suffix == ".torch" for file in files):
        return f"{path}: {_OTHER_ARCHITECTURE}"
    names = [file.name for file in files if path.is_file() or file.suffix in {".h5", ".hdf5"}]
    shown = ", ".join(names[:5]) + (" ..." if len(names) > 5 else "")
    seen = f"does not match: {shown}" if names else "no .h5 or .hdf5 file is there"
    return (
        f"No CLIPNET weights in {path}: {seen}. "
        "They are called fold_1.h5 ... fold_9.h5, because the number says which contigs the "
        "model never saw; rename a file only if you know its fold."
    )


def load(request: LoadRequest) -> Predictor:
    """Return one network per fold and the rule that scales averaged outputs to tracks."""
    from tracksmith_clipnet.hdf5 import read_layers
    from tracksmith_clipnet.network import Clipnet, rescale

    calibrate = request.options.get("calibrate", "no") == "yes"
    if calibrate and set(request.weights) != set(HELD_OUT):
        raise UsageError(
            "calibrate=yes was fitted to the mean of all nine folds, and here are only "
            f"{len(request.weights)}: {', '.join(request.weights)}. "
            "Give all nine files, or leave the option out."
        )
    networks = {fold: Clipnet(read_layers(files[0])) for fold, files in request.weights.items()}
    epsilon = float(request.options.get("eps", "1e-3"))
    return Predictor(networks, to_tracks=rescale(epsilon, calibrate=calibrate))


@hookimpl
def tracksmith_models() -> Sequence[Model]:
    """Return both models; they differ in weights and card only."""
    return [Model(card, load, find_weights) for card in (LCL, K562)]
