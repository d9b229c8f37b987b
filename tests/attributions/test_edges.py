"""Ends of contigs, unknown bases, contigs that no fold may predict."""

from dataclasses import replace

import numpy as np
import pytest
from attribution_toys import Positive, letters, model_of

import tracksmith
from tracksmith.models.card import Fold
from tracksmith.models.contract import Model, Predictor

METHODS = ["ism", "gradient", "integrated", "deeplift"]


@pytest.mark.parametrize("method", METHODS)
def test_bases_at_the_ends_of_contigs_have_letters_and_unknown_ones_have_gaps(
    register, write_genome, random_bases, tmp_path, method
):
    register(model_of(Positive()))
    text = random_bases(90, 1)
    text = text[:30] + "NNRN" + text[34:]
    genome = write_genome(chr1=text, chr2="N" * 80, chr3="ACGTA")
    run = tracksmith.explain(
        "toy", genome, tmp_path / "run", regions=["chr1", "chr2", "chr3"], device="cpu",
        method=method, references=2, path_points=2, hypothetical=True,
    )  # fmt: skip
    found = letters(run, f"toy.both.{method}.bw", "chr1")
    gaps = np.zeros(90, bool)
    gaps[30:34] = True
    np.testing.assert_array_equal(np.isnan(found), gaps)
    assert np.isnan(letters(run, f"toy.both.{method}.bw", "chr2")).all()
    assert np.isfinite(letters(run, f"toy.both.{method}.bw", "chr3")).all()
    with np.load(run.folder / f"explain/toy.both.{method}.shap.npz") as file:
        assert np.isfinite(file["arr_0"]).all()


@pytest.mark.parametrize("method", METHODS)
def test_a_contig_that_no_fold_may_predict_is_a_gap(
    register, write_genome, random_bases, tmp_path, method
):
    networks = {"1": Positive(), "2": Positive(seed=1)}
    held = (Fold("1", ("chr1",)), Fold("2", ("chr1",)))
    card = replace(model_of(networks).card, folds=held)
    register(Model(card, lambda request: Predictor({n: networks[n] for n in request.weights})))
    genome = write_genome(chr1=random_bases(120, 1), chr2=random_bases(120, 2))
    run = tracksmith.explain(
        "toy", genome, tmp_path / "run", regions=["chr1:51-60", "chr2:51-60"], device="cpu",
        method=method, references=2, path_points=2, folds="held-out", spread=True,
    )  # fmt: skip
    for end in ("", ".sd"):
        name = f"toy.both.{method}{end}.bw"
        assert np.isfinite(letters(run, name, "chr1")[50:60]).all()
        assert np.isnan(letters(run, name, "chr2")).all()
