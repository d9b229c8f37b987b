"""Windows of variants' own, and alleles as long as a window holds."""

import numpy as np
import pytest
import torch
from effect_toys import Variant, spliced
from engine_toys import cut, toy_card
from matching_by_hand import by_base, by_bin, closest, squares
from torch import nn

import tracksmith
from tracksmith.effects.scorer import Scorer
from tracksmith.effects.scores import choose_scores
from tracksmith.effects.stretches import Alleles
from tracksmith.engine.forward import Forward, ForwardOptions
from tracksmith.engine.tiling import tile
from tracksmith.genome.bases import encode
from tracksmith.genome.fasta import Genome
from tracksmith.models.card import Track, VariantDefaults, WindowGeometry
from tracksmith.models.contract import Model, Predictor
from tracksmith.runs.batch import BatchSize

LONG, SHORT = WindowGeometry(2_000, 100, 1_800), WindowGeometry(200, 50, 120, 4)
TRACKS = (Track("count", "Count"),)


SEEN: list[int] = []
"""Lengths of the windows that were read; lanes have copies of a network."""


class Counts(nn.Module):
    """Reads windows of any length: 1 for every C, in bins of the card's window of that length."""

    def forward(self, bases):
        SEEN.append(bases.shape[2])
        geometry = SHORT if bases.shape[2] == SHORT.window else LONG
        end = geometry.core_start + geometry.core_length
        return bases[:, 1:2, geometry.core_start : end].unflatten(2, (-1, geometry.bin)).sum(3)


def test_the_window_of_variants_is_the_one_that_is_read(
    register, write_genome, write_vcf, random_bases, tmp_path, table_of
):
    SEEN.clear()
    defaults = VariantDefaults(("diff",), geometry=SHORT, position=90, max_allele=20)
    card = toy_card(LONG, tracks=TRACKS, variants=defaults)
    register(Model(card, lambda request: Counts()))
    text = random_bases(4_000, 3)
    at, new = 2_000, "C" if text[2_000] != "C" else "G"
    rows = [("chr1", at + 1, "snv", text[at], new), ("chr1", 1_501, "in", text[1_500], "TCCC")]
    genome, source = write_genome(chr1=text), write_vcf(rows)
    run = tracksmith.score_variants(
        source, "toy", genome, tmp_path / "run", around=["top:2"], max_skipped=1
    ).run
    assert set(SEEN) == {200}
    by_id = {row["id"]: row for row in table_of(run.folder / "variants/toy.tsv.gz")}
    core = text[at - 90 + 50 : at - 90 + 170]
    assert float(by_id["snv"]["reference"]) == core.count("C")
    assert float(by_id["snv"]["value"]) == (1 if new == "C" else -1)
    inserted = "TCCC".count("C") - text[1_500].count("C")
    assert float(by_id["in"]["value"]) == pytest.approx(inserted, abs=1)
    for name in ("ref", "alt", "delta"):
        (file,) = (f for f in run.files if f.statistic == name)
        assert file.bin == 4


def scorer_of(path, geometry, max_allele=None, position=None):
    class Sum(nn.Module):
        def forward(self, bases):
            end = geometry.core_start + geometry.core_length
            core = bases[:, 1:2, geometry.core_start : end]
            return core.unflatten(2, (-1, geometry.bin)).sum(3)

    defaults = VariantDefaults(("diff", "l2"), max_allele=10, position=position)
    card = toy_card(geometry, tracks=TRACKS, variants=defaults)
    forward = Forward(
        card, Predictor({"": Sum()}), tile(geometry), torch.device("cpu"), BatchSize(8),
        ForwardOptions(),
    )  # fmt: skip
    scores = choose_scores(("diff", "l2"), card, {})
    return Scorer(forward, Genome.open(path), scores, [("",)], max_allele=max_allele)


@pytest.mark.parametrize(("size", "position"), [(1, None), (8, None), (1, 20), (8, 20), (8, 60)])
def test_alleles_may_be_as_long_as_the_window_holds(write_genome, random_bases, size, position):
    geometry = WindowGeometry(400, 40, 320, size)
    text = random_bases(3_000, 4)
    path = write_genome(chr1=text)
    assert scorer_of(path, geometry).limit == 10, "what the card says"
    assert scorer_of(path, geometry, 50).limit == 50
    assert scorer_of(path, geometry, 10_000).limit == 200, "the half behind the variant"
    assert scorer_of(path, geometry, 10_000, position=390).limit == 10
    scorer = scorer_of(path, geometry, 10_000, position)
    generator = np.random.default_rng(8)
    rows = []
    for length in (11, 47, 120, 199):
        at = int(generator.integers(500, 2_500))
        rows.append(Variant("chr1", at, text[at], text[at] + "G" * (length - 2) + "T"))
        rows.append(Variant("chr1", at, text[at : at + length], text[at]))
    alleles = Alleles(
        np.zeros(len(rows), np.int64),
        np.array([v.position for v in rows], np.int64),
        np.array([len(v.reference) for v in rows], np.int64),
        [encode(v.alternative).tobytes() for v in rows],
    )
    together = scorer.score(alleles).value
    for row, variant in enumerate(rows):
        alone = scorer.score(alleles.piece(row, row + 1)).value[0]
        assert np.array_equal(alone, together[row]), "whatever else is in the block"
        pairs = by_hand(text, variant, geometry, 200 if position is None else position)
        truth = sum(pair.alternative - pair.reference for pair in pairs)
        assert together[row, 0, 0] == pytest.approx(truth, abs=1e-4)
        assert together[row, 1, 0] == pytest.approx(squares(pairs) ** 0.5, abs=1e-4)


def by_hand(text, variant, geometry, offset):
    """The number of C in corresponding bins of both alleles."""
    changed, _ = spliced(text, variant)
    start, size = variant.position - offset + geometry.core_start, geometry.bin
    change, bins = len(changed) - len(text), (0, geometry.bins)
    reference, left, right = (
        [
            cut(sequence, at, at + size).count("C")
            for at in range(first, first + geometry.core_length, size)
        ]
        for sequence, first in ((text, start), (changed, start), (changed, start + change))
    )
    if size == 1:
        return closest(by_base(reference, left, start, bins, text, variant))
    return closest(by_bin(reference, left, right, start, size, bins, text, variant))
