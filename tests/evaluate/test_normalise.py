"""Tracks as quantiles: where each value stands among all of its track."""

import numpy as np
import pytest
from click.testing import CliRunner
from evaluate_toys import WIDE, peaks_model, stored
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import tracksmith
from tracksmith.cli import main
from tracksmith.hub.runs import open_runs
from tracksmith.models.card import WindowGeometry
from tracksmith.runs.run import Run
from tracksmith.tracks.quantile_tracks import Quantiles

LENGTHS = {"chr1": 3_000, "chr2": 1_500}
VALUES = st.sampled_from([0.0, -0.0, 1.0, 1.5, -2.0, 300.0, 1e-20, -1e30, float("nan")])


@given(arrays(np.float32, st.integers(1, 40), elements=VALUES))
def test_a_quantile_is_the_share_of_smaller_values_and_half_of_the_equal_ones(values):
    counted = Quantiles()
    counted.add(values[:7])
    counted.add(values[7:])
    quantiles = Quantiles.look_up(counted.table(), values)
    known = values[~np.isnan(values)]
    for value, quantile in zip(values, quantiles, strict=True):
        if np.isnan(value):
            assert np.isnan(quantile)
        else:
            truth = ((known < value).sum() + (known == value).sum() / 2) / len(known)
            assert quantile == pytest.approx(truth, abs=1e-6)


@given(arrays(np.float32, 60, elements=st.floats(-1e6, 1e6, width=32)))
def test_quantiles_ascend_with_the_values_and_resolve_one_in_4096(values):
    counted = Quantiles()
    counted.add(values)
    order = np.argsort(values, kind="stable")
    quantiles = Quantiles.look_up(counted.table(), values)[order]
    assert (np.diff(quantiles) >= 0).all()
    ascending = values[order]
    apart = np.abs(np.diff(ascending)) > np.abs(ascending[1:]) / 2048 + 1e-37
    both_signs = np.sign(ascending[1:]) == np.sign(ascending[:-1])
    assert (np.diff(quantiles)[apart & both_signs] > 0).all()


@pytest.fixture
def run(predicted, tmp_path):
    """A copy of a finished run."""
    import shutil

    def copy(name="plain", model=None, **options):
        shutil.copytree(predicted(name, model, **options), tmp_path / "run")
        return tmp_path / "run"

    return copy


MODELS = {"plain": None, "wide": WIDE, "whole": WindowGeometry(64, 16, 32, 32, whole_window=True)}


@pytest.mark.parametrize("name", MODELS)
def test_tracks_of_quantiles_stand_beside_the_predictions(name, run):
    geometry = MODELS[name]
    stride = {"stride": 8} if name == "whole" else {}
    folder = run(name, geometry and peaks_model(geometry), **stride)
    done = CliRunner().invoke(main, ["normalise", str(folder), "-q"])
    assert done.exit_code == 0, done.output
    for track, sign in (("plus", 1), ("minus", -1)):
        values, quantiles = (
            {c: sign * stored(folder / f"tracks/toy.{track}{what}.bw", c, n)
             for c, n in LENGTHS.items()} for what in ("", ".quantile")
        )  # fmt: skip
        every = np.concatenate([v[~np.isnan(v)] for v in values.values()])
        for contig, found in quantiles.items():
            assert np.array_equal(np.isnan(found), np.isnan(values[contig]))
            known = ~np.isnan(found)
            truth = [((every < v).sum() + (every == v).sum() / 2) / len(every)
                     for v in values[contig][known]]  # fmt: skip
            assert np.abs(found[known] - truth).max() < 0.01, "a class is 1/4096 of a value wide"
            assert found[known].min() >= 0 and found[known].max() <= 1


def test_a_hub_shows_them_and_a_second_call_writes_them_anew(run):
    folder = run()
    tracksmith.normalise(folder)
    before = (folder / "run.json").read_bytes()
    tracksmith.normalise(folder)
    assert (folder / "run.json").read_bytes() == before
    opened = Run.open(folder)
    assert [file.path for file in opened.files if file.statistic == "quantile"] == [
        "tracks/toy.plus.quantile.bw", "tracks/toy.minus.quantile.bw",
    ]  # fmt: skip
    titles = [output.title for output in open_runs([folder])[0].outputs()]
    assert "plus, quantile among all bases" in titles
    report = tracksmith.build_hub(folder, email="me@example.org")
    text = report.hub.read_text()
    assert "toy.plus.quantile.bw" in text and "toy.minus.quantile.bw" in text
    assert not [f for f in tracksmith.check_hub(report.hub.parent) if f.level == "error"]
