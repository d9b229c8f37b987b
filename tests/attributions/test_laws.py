"""Attributions against what they must be: weights, differences, variants, the other strand."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from attribution_toys import GEOMETRY, Positive, letters, linear_model, model_of
from engine_toys import Dense, complement
from numpy.testing import assert_allclose
from torch import Tensor, nn

import tracksmith
from tracksmith.attributions.differentiable import Differentiable
from tracksmith.attributions.references import References
from tracksmith.attributions.steps import windows_of
from tracksmith.attributions.targets import Targets
from tracksmith.models.card import Alphabet, Fold, Track, WindowGeometry
from tracksmith.models.contract import Model, Predictor
from tracksmith.runs.record import ModelRecord

ACGT = "ACGT"
ODD = WindowGeometry(65, 16, 33, 1)
"""A window that has a middle, which the other strand has as well."""
REGION = "chr1:101-131"


def explain(model_name, genome, out, **options):
    options = {"regions": [REGION], "device": "cpu", **options}
    return tracksmith.explain(model_name, genome, out, **options)


@pytest.mark.parametrize(
    ("method", "options"),
    [("ism", {}), ("gradient", {}), ("integrated", {"baseline": "uniform", "path_points": 3})],
)
@pytest.mark.parametrize("alphabet", [Alphabet(), Alphabet("TGAC", known=2.0)])
def test_the_letters_of_a_linear_model_are_its_weights(
    register, write_genome, random_bases, tmp_path, method, options, alphabet
):
    """Against the mean of the four bases; by mutation, against the mean of the other three."""
    weight = np.random.default_rng(2).standard_normal((4, 40))
    register(linear_model(weight, alphabet))
    text = random_bases(400, 1)
    run = explain("toy", write_genome(chr1=text), tmp_path / "run", method=method, **options)
    # Gradients see one window, in whose middle the region lies; mutations one for each base.
    found = letters(run, f"toy.value.{method}.bw", "chr1")
    for place in range(100, 131):
        column = weight[:, 20 if method == "ism" else place - 115 + 20] * alphabet.known
        row = alphabet.order.index(text[place])
        others = np.delete(column, row) if method == "ism" else column
        assert_allclose(found[place], column[row] - others.mean(), rtol=1e-4, atol=1e-5)
    assert np.isnan(np.delete(found, np.arange(100, 131))).all()


class InDouble(nn.Module):
    """A network in double precision."""

    def __init__(self) -> None:
        super().__init__()
        self.network = Positive().double()

    def forward(self, bases: Tensor) -> Tensor:
        return self.network(bases.double())


def test_gradients_are_those_of_finite_differences(write_genome, random_bases):
    """In double precision, through the targets of a run, for every track and function."""

    model = model_of(Positive(), tracks=_positive_tracks())
    record = ModelRecord(model.card, ("plus", "minus"), "toys", 32, 4)
    windows = windows_of(record)
    functions = ("log2fc", "diff", "shift", "profile")
    targets = Targets(model.card, record.tracks, functions, "sum", windows.frame)
    predictor = Predictor({"": InDouble()}, tracks=("plus", "minus", "both"))
    network = Differentiable(record, predictor, targets, windows, torch.device("cpu"))
    masks = np.random.default_rng(1).choice(np.array([1, 2, 4, 8], np.uint8), 64)
    network.probe(masks, [""])
    way = network.ways[0]
    channels = network.channels(masks[None], way).double()
    own = network.own("", channels, way)
    _, gradients = network.gradients("", channels, way, own)
    step, random = 1e-6, np.random.default_rng(3)
    for target, gradient in enumerate(gradients):
        for _ in range(5):
            move = torch.from_numpy(random.standard_normal(channels.shape))
            up, down = (
                network.values("", channels + sign * step * move, way, own)[target].item()
                for sign in (1, -1)
            )
            due = (up - down) / (2 * step)
            assert abs((gradient * move).sum().item() - due) <= 1e-3 * max(1, abs(due))


def _positive_tracks():

    return (
        Track("plus", "plus", "+", rc_partner="minus"),
        Track("minus", "minus", "-", rc_partner="plus"),
        Track("both", "both"),
    )


@pytest.mark.parametrize("score", ["diff", "log2fc"])
def test_letters_by_mutation_are_minus_the_mean_of_single_variants(
    register, write_genome, random_bases, tmp_path, score
):
    networks = {name: Positive(seed=seed) for seed, name in enumerate("123")}
    held = (Fold("1", ("chr1",)), Fold("2", ("chr1",)), Fold("3", ("chr2",)))
    card = replace(model_of(networks, tracks=_positive_tracks()).card, folds=held)
    register(Model(card, lambda request: Predictor({n: networks[n] for n in request.weights})))
    texts = {"chr1": random_bases(400, 1), "chr2": random_bases(300, 2)}
    texts["chr1"] = texts["chr1"][:110] + "N" + texts["chr1"][111:]
    genome, shared = write_genome(**texts), {"folds": "held-out", "scores": [score]}
    asked = {"regions": [REGION, "chr2:51-60"], **shared}
    run = explain("toy", genome, tmp_path / "run", method="ism", **asked)
    scored = tracksmith.score_variants(
        _every_variant(texts, tmp_path), "toy", genome, tmp_path / "scored", device="cpu", **shared
    )
    effects: dict = {}
    for piece in scored.pieces():
        for contig, place, track, value in zip(
            *(piece[name] for name in ("chrom", "pos", "track", "value")), strict=True
        ):
            effects.setdefault((track, contig, int(place) - 1), []).append(value)
    assert len(effects) == 3 * 40 + 40  # three tracks, and the pair of strands
    for track in ("plus", "minus", "both", "plus+minus"):
        for contig, text in texts.items():
            due = np.full(len(text), np.nan)
            for (name, where, place), values in effects.items():
                if (name, where) == (track, contig):
                    assert len(values) == 3
                    due[place] = -np.mean(values)
            found = letters(run, f"toy.{track}.ism.bw", contig)
            assert_allclose(found, due, rtol=1e-4, atol=1e-6)


def _every_variant(texts, folder):
    lines = ["##fileformat=VCFv4.2", "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]
    for contig, places in (("chr1", range(100, 131)), ("chr2", range(50, 60))):
        for place in places:
            base = texts[contig][place]
            others = ",".join(other for other in ACGT if other != base)
            if base != "N":
                lines.append(f"{contig}\t{place + 1}\t.\t{base}\t{others}\t.\t.\t.")
    path = folder / "every.vcf"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("method", ["ism", "gradient"])
def test_spread_is_the_deviation_of_the_letters_of_single_folds(
    register, write_genome, random_bases, tmp_path, method
):
    networks = {name: Dense(GEOMETRY, seed) for seed, name in enumerate("123")}
    model = model_of(networks)
    register(Model(model.card, lambda r: Predictor({n: networks[n] for n in r.weights})))
    genome = write_genome(chr1=random_bases(400, 1))
    asked = {"method": method, "tracks": ["plus"]}
    run = explain("toy", genome, tmp_path / "run", spread=True, **asked)
    single = [
        letters(explain("toy", genome, tmp_path / fold, folds=fold, **asked), name, "chr1")
        for fold in "123"
        for name in (f"toy.plus.{method}.bw",)
    ]
    found = letters(run, f"toy.plus.{method}.sd.bw", "chr1")
    assert_allclose(found, np.std(single, axis=0, ddof=1), rtol=1e-3, atol=1e-5)
    mean = letters(run, f"toy.plus.{method}.bw", "chr1")
    assert_allclose(mean, np.mean(single, axis=0), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("method", ["ism", "gradient", "integrated"])
@pytest.mark.parametrize("rc", [False, True])
def test_the_other_strand_of_a_genome_has_the_letters_of_the_partner_turned_round(
    register, write_genome, random_bases, tmp_path, method, rc
):
    """Of a network that treats both strands alike, by its making or by the mean over both."""
    network = Positive(ODD) if rc else BothStrands(Positive(ODD))
    register(model_of(network, ODD, scores=("log2fc", "l2"), tracks=_positive_tracks()))
    text = random_bases(400, 1)
    asked = {
        "method": method, "reverse_complement": rc, "baseline": "uniform", "path_points": 4,
    }  # fmt: skip
    own = explain("toy", write_genome(chr1=text), tmp_path / "own", **asked)
    turned = write_genome("turned.fa", chr1=complement(text))
    other = explain("toy", turned, tmp_path / "other", regions=["chr1:270-300"], **asked)
    for end in ("", ".profile"):
        for track, partner in (("plus", "minus"), ("both", "both"), ("plus+minus", "plus+minus")):
            found = letters(other, f"toy.{partner}{end}.{method}.bw", "chr1")[::-1]
            due = letters(own, f"toy.{track}{end}.{method}.bw", "chr1")
            assert np.isfinite(due).sum() == 31
            assert_allclose(found, due, rtol=1e-3, atol=2e-5)


class BothStrands(nn.Module):
    """The mean of a network's tracks of both strands, turned back."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, bases: Tensor) -> Tensor:
        other = self.network(bases.flip(1, 2)).flip(2)[:, [1, 0, 2]]
        return (self.network(bases) + other) / 2


def test_integrated_gradients_of_a_smooth_network_add_up(
    register, write_genome, random_bases, tmp_path
):
    register(model_of(Dense(GEOMETRY, 1)))
    genome = write_genome(chr1=random_bases(400, 1))
    run = explain("toy", genome, tmp_path / "run", method="integrated", references=3, path_points=4)
    table = (run.folder / "explain/toy.integrated.completeness.tsv").read_text().splitlines()
    titles, *rows = [line.split("\t") for line in table]
    assert len(rows) == 4
    for row in (dict(zip(titles, cells, strict=True)) for cells in rows):
        difference = float(row["prediction"]) - float(row["reference"])
        assert abs(difference) > 1
        assert abs(float(row["sum_of_letters"]) - difference) <= 1e-3 * abs(difference)
        assert float(row["largest_delta"]) <= 1e-2


def test_shuffled_references_keep_every_pair_of_neighbours_and_follow_the_seed():

    random = np.random.default_rng(1)
    stretch = random.choice(np.array([1, 2, 4, 8, 15], np.uint8), 300)
    shuffles = References("shuffled", 4, 7).shuffles(stretch, 3)
    again = References("shuffled", 4, 7).shuffles(stretch, 3)
    assert (shuffles == again).all()
    assert (References("shuffled", 4, 8).shuffles(stretch, 3) != shuffles).any()
    assert (References("shuffled", 4, 7).shuffles(stretch, 4) != shuffles).any()

    def pairs(masks):
        return sorted(zip(masks[:-1].tolist(), masks[1:].tolist(), strict=True))

    for shuffle in shuffles:
        assert (shuffle != stretch).any()
        assert pairs(shuffle) == pairs(stretch)
