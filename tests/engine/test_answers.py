"""Spreads, gaps and batches at their edges: a right answer or a refusal, never a silent gap."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import verbs
from engine_toys import Dense, toy_card
from test_forward import CENTRED, closeness, masks_of, random_sequence, run_engine
from test_runs import toy, values
from torch import nn

import tracksmith
from tracksmith.engine.forward import Forward, ForwardOptions
from tracksmith.engine.tiling import tile
from tracksmith.engine.windows import Encoder, Stretch
from tracksmith.errors import PluginError, UsageError
from tracksmith.models.card import Alphabet, Fold, WindowGeometry
from tracksmith.models.contract import Model, Predictor
from tracksmith.models.encoding import encoding_table
from tracksmith.runs.batch import BatchSize
from tracksmith.runs.device import default_batch_size
from tracksmith.runs.record import BaseCounts


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
        outputs = torch.where(hot, self.hot, self.value)
        return outputs[:, None, None].expand(-1, 3, 32).contiguous()


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


@pytest.mark.parametrize(("known", "unknown"), [(-1.0, 0.0), (1.0, 0.25), (0.5, 1.0), (2.0, -1.0)])
@pytest.mark.parametrize("order", ["ACGT", "TGCA"])
def test_bases_are_encoded_as_the_alphabet_says(known, unknown, order):
    table = encoding_table(Alphabet(order=order, known=known, unknown=unknown))
    masks = np.random.default_rng(0).integers(0, 16, (5, 90), dtype=np.uint8)
    assert (Encoder(table)(masks) == table[masks].transpose(0, 2, 1)).all()


def test_only_bases_that_were_asked_for_are_counted(register, write_genome, random_bases, tmp_path):
    register(toy())
    bases = random_bases(1000, 1)
    genome = write_genome(chr1="N" * 10 + bases[:490] + "NNR" + bases[:497])
    run = tracksmith.predict("toy", genome, tmp_path / "run", regions=("chr1:5-14", "chr1:503-510"))
    assert run.results.bases_read["toy"] == BaseCounts(18, 6, 1)


def test_an_estimate_counts_the_windows_that_regions_touch(
    register, write_genome, random_bases, tmp_path
):
    calls = []

    class Counting(Dense):
        def forward(self, bases):
            calls.append(len(bases))
            return super().forward(bases)

    model = Model(toy_card(CENTRED, ("1",)), lambda request: Predictor({"1": Counting(CENTRED, 0)}))
    register(model)
    genome = write_genome(chr1=random_bases(3000, 1), chr2=random_bases(70, 2))
    for number, regions in enumerate([("chr1:31-34", "chr1:40-41", "chr1:900-1100", "chr2"), ()]):
        job_request = verbs.request(("toy",), genome, regions=regions)
        run = verbs.plan(job_request, tmp_path / f"run{number}")
        estimated = verbs.worker(run).costs()[0].windows
        calls.clear()
        verbs.work(run.folder)
        assert estimated == sum(calls)


def test_a_batch_size_that_somebody_chose_is_kept_by_a_model_with_a_stretch(
    register, write_genome, random_bases, tmp_path
):
    sizes = []

    class Shared(Dense):
        stretch_windows = 3

        def forward(self, bases):
            sizes.append(len(bases))
            return super().forward(bases)

        def predict_stretch(self, bases, stride):
            return self.forward(bases.unfold(1, CENTRED.window, stride).permute(1, 0, 2))

    model = Model(toy_card(CENTRED, ("1",)), lambda request: Predictor({"1": Shared(CENTRED, 0)}))
    register(model)
    genome = write_genome(chr1=random_bases(320, 1))
    tracksmith.predict("toy", genome, tmp_path / "one", batch_size=1)
    assert sizes == [1] * 10
    sizes.clear()
    tracksmith.predict("toy", genome, tmp_path / "auto")
    assert max(sizes) >= 3


@pytest.mark.parametrize(
    "said",
    [
        "CUDA error: out of memory\nCompile with TORCH_USE_CUDA_DSA",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    ],
)
def test_memory_errors_of_the_libraries_below_torch_halve_the_batch(said):
    class Small(Dense):
        def forward(self, bases):
            if len(bases) > 1:
                raise RuntimeError(said)
            return super().forward(bases)

    sequence = random_sequence(32 * 4)
    mine = run_engine(sequence, {"1": Small(CENTRED, 1)}, CENTRED, batch=4)
    assert closeness(mine, run_engine(sequence, {"1": Dense(CENTRED, 1)}, CENTRED)) < 1e-6


def test_the_automatic_batch_of_a_gpu_does_not_depend_on_what_is_free(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    cards = [SimpleNamespace(total_memory=140 << 30), SimpleNamespace(total_memory=2 << 30)]
    monkeypatch.setattr("torch.cuda.get_device_properties", lambda index: cards[index])
    sizes = set()
    for free in (2 << 30, 100 << 30):
        monkeypatch.setattr("torch.cuda.mem_get_info", lambda free=free: (free, 140 << 30))
        sizes.add(default_batch_size("cuda", 4096))
    assert len(sizes) == 1


def test_the_automatic_batch_follows_the_memory_of_the_gpu_that_was_named(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    cards = [SimpleNamespace(total_memory=140 << 30), SimpleNamespace(total_memory=2 << 30)]
    monkeypatch.setattr("torch.cuda.get_device_properties", lambda index: cards[index])
    assert default_batch_size("cuda:0", 4096) == default_batch_size("cuda", 4096) == 1024
    assert default_batch_size("cuda:1", 4096) == 16


def test_a_run_goes_on_with_its_own_automatic_batch_size(
    register, write_genome, random_bases, tmp_path, monkeypatch
):
    register(toy())
    genome = write_genome(chr1=random_bases(3000, 1))
    request = verbs.request(("toy",), genome)
    run = verbs.plan(request, tmp_path / "run")
    monkeypatch.setattr("tracksmith.engine.record.default_batch_size", lambda kind, window: 3)
    assert verbs.plan(request, tmp_path / "run").id == run.id
    with pytest.raises(UsageError, match="batch_size"):
        verbs.plan(verbs.changed(request, batch_size=5), tmp_path / "run")
