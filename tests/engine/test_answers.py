"""Spreads, gaps and batches at their edges: a right answer or a refusal, never a silent gap."""

import numpy as np
import pytest
import torch
from engine_toys import Dense, toy_card
from test_forward import CENTRED, masks_of, random_sequence, run_engine
from test_runs import toy, values
from torch import nn

import tracksmith
from tracksmith.engine.device import BatchSize
from tracksmith.engine.forward import Forward, ForwardOptions
from tracksmith.engine.tiling import tile
from tracksmith.engine.windows import Stretch
from tracksmith.errors import PluginError
from tracksmith.models.card import Fold, WindowGeometry
from tracksmith.models.contract import Model, Predictor


def test_a_contig_in_no_list_of_folds_is_a_gap_in_mean_and_spread(
    register, write_genome, random_bases, tmp_path
):
    seen = {"1": ("chr1",), "2": ("chr2",), "3": ("chr2",)}
    folds = tuple(Fold(name, contigs) for name, contigs in seen.items())
    networks = {name: Dense(CENTRED, seed) for seed, name in enumerate(seen)}
    card = toy_card(CENTRED, folds=folds)
    register(Model(card, lambda request: Predictor(networks)))
    genome = write_genome(chr2=random_bases(700, 1), chrUn=random_bases(500, 2))
    run = tracksmith.predict("toy", genome, tmp_path / "run", folds="held-out", spread=True)
    for name in ("toy.both.bw", "toy.both.sd.bw"):
        assert np.isfinite(values(run, name, "chr2")).all()
        assert np.isnan(values(run, name, "chrUn")).all()


class Constant(nn.Module):
    """The same value everywhere, but another where a window begins with AAAA."""

    def __init__(self, value: float, hot: float | None = None) -> None:
        super().__init__()
        self.value, self.hot = value, value if hot is None else hot

    def forward(self, bases):
        hot = bases[:, 0, :4].sum(dim=1) == 4
        found = torch.where(hot, self.hot, self.value)
        return found[:, None, None].expand(-1, 3, 32).contiguous()


@pytest.mark.parametrize("spoil", [float("nan"), float("inf")])
def test_a_fold_that_is_no_number_is_named_with_its_window(spoil):
    sequence = random_sequence(200)
    sequence = sequence[:80] + "AAAA" + sequence[84:]
    networks = {"a": Constant(1.0), "b": Constant(1.0, spoil)}
    with pytest.raises(PluginError, match=r"returned (nan|inf) for track plus of fold b .* 81-144"):
        run_engine(sequence, networks, CENTRED, spread=True)


def test_tracks_of_a_fold_that_are_no_number_are_refused_where_the_mean_is_finite():
    networks = {"a": Constant(-1.0), "b": Constant(3.0)}
    forward = Forward(
        toy_card(CENTRED, ["a", "b"]), Predictor(networks, to_tracks=torch.sqrt), tile(CENTRED),
        torch.device("cpu"), BatchSize(4), ForwardOptions(spread=True),
    )  # fmt: skip
    stretch = Stretch(masks_of(random_sequence(64), *forward.reach(0, 64)), -16)
    with pytest.raises(PluginError, match="returned nan for track plus of fold a"):
        forward.predict(stretch, 0, 64, ["a", "b"])


def test_the_spread_of_folds_far_apart_does_not_overflow():
    networks = {"a": Constant(-1e30), "b": Constant(1e30)}
    mine = run_engine(random_sequence(64), networks, CENTRED, spread=True)
    assert np.allclose(mine[3:], np.float32(np.sqrt(2) * 1e30), rtol=1e-6)


def test_a_value_too_large_for_a_track_names_contig_and_track(
    register, write_genome, random_bases, tmp_path
):
    register(Model(toy_card(CENTRED, ("1",)), lambda request: Predictor({"1": Constant(1e20)})))
    genome = write_genome(chr7=random_bases(700, 1))
    with pytest.raises(PluginError, match=r"mean of track plus: .* at 0 bp .* of contig chr7 is"):
        tracksmith.predict("toy", genome, tmp_path / "run")
    assert (tmp_path / "run" / "parts" / "part-00000.failed.txt").is_file()


def test_a_shift_past_a_short_contig_leaves_a_gap(register, write_genome, random_bases, tmp_path):
    """No window of that shift holds a base: there is not a single batch."""
    register(toy(geometry=WindowGeometry(230, 90, 50, 50, True)))
    genome = write_genome(chr1=random_bases(5000, 1), scaffold=random_bases(80, 2))
    run = tracksmith.predict("toy", genome, tmp_path / "run", stride=230, shifts=(0, 100))
    assert np.isnan(values(run, "toy.both.bw", "scaffold")).all()
    assert np.isfinite(values(run, "toy.both.bw", "chr1")).any()
