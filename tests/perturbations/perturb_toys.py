"""Tables read back by the standard library, edits made by hand, a toy that sees far."""

from __future__ import annotations

import gzip
from pathlib import Path

import torch
import torch.nn.functional as F
from engine_toys import complement, toy_card
from torch import Tensor, nn

from tracksmith.models.card import Track, VariantDefaults, WindowGeometry
from tracksmith.models.contract import Model, Predictor

TITLES = "chrom\tstart\tend\tname\top\tbases\tto\treadout"


def rows_of(path: Path) -> list[dict[str, str]]:
    """The rows of a table of a run."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as handle:
        header, *lines = (line.rstrip("\n").split("\t") for line in handle)
    return [dict(zip(header, line, strict=True)) for line in lines]


def pairs_of(run: Path, model: str) -> list[dict[str, str]]:
    return rows_of(run / "perturb" / f"{model}.tsv.gz")


def write_table(path: Path, *rows: tuple) -> Path:
    """A table of edits with titles; shorter rows are filled up."""
    lines = ["\t".join([*map(str, row), *["."] * (8 - len(row))]) for row in rows]
    path.write_text("\n".join([TITLES, *lines]) + "\n")
    return path


def by_hand(text: str, operation: str, start: int, end: int, bases="", to=None) -> str:
    """The sequence with one edit, by cutting text."""
    piece = text[start:end]
    if operation == "mask":
        return text[:start] + "N" * len(piece) + text[end:]
    if operation == "keep":
        return "N" * start + piece + "N" * (len(text) - end)
    if operation == "invert":
        return text[:start] + complement(piece) + text[end:]
    if operation == "duplicate":
        at = end if to is None else to
        return text[:at] + piece + text[at:]
    if operation == "move":
        without = text[:start] + text[end:]
        at = to if to <= start else to - len(piece)
        return without[:at] + piece + without[at:]
    return text[:start] + bases + text[end:]  # delete, insert, replace


ENHANCER, PROMOTER = "TGACTCAGGAAGTC", "TATAAATAGGCGCG"
LETTERS = "ACGT"
FAR = WindowGeometry(window=8192, core_start=3072, core_length=2048, bin=128)


class LongRange(nn.Module):
    """Promoters make as much as enhancers within the window tell them to, near ones more.

    Both are one exact word, on either strand; every number is a small multiple of 1/64.
    """

    def __init__(self) -> None:
        super().__init__()
        words = [ENHANCER, complement(ENHANCER), PROMOTER, complement(PROMOTER)]
        one_hot = torch.stack(
            [torch.eye(4)[[LETTERS.index(letter) for letter in word]].T for word in words]
        )
        self.register_buffer("words", one_hot)
        self.register_buffer("minimum", torch.full((4,), float(-len(ENHANCER) + 1)))
        places = torch.arange(FAR.window - len(ENHANCER) + 1)
        middles = FAR.core_start + 64 + 128 * torch.arange(FAR.bins)
        far = (places[None] - middles[:, None]).abs()
        self.register_buffer("weight", 8.0 - (far // 1024).clamp(max=8).float())

    def forward(self, bases: Tensor) -> Tensor:
        found = F.conv1d(bases, self.words, self.minimum).clamp(min=0)
        enhancers = found[:, 0] + found[:, 1]
        promoters = found[:, 2] + found[:, 3]
        told = enhancers @ self.weight.T
        own = promoters[:, FAR.core_start : FAR.core_start + FAR.core_length]
        return (own.unflatten(1, (FAR.bins, FAR.bin)).sum(2) * (1 + told))[:, None]


def long_range_model() -> Model:
    card = toy_card(
        FAR, name="long-range", tracks=(Track("signal", "Signal", "."),),
        reverse_complement="default", variants=VariantDefaults(scores=("diff",), pseudocount=1.0),
    )  # fmt: skip
    return Model(card, lambda request: Predictor({"": LongRange()}))
