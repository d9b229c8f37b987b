"""A long run on a GPU begins with a comparison; a CPU stands in for the GPU, right or wrong."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import verbs
from engine_toys import Dense, toy_card
from region_toys import Neighbours
from region_toys import toy as region_toy

import tracksmith
from tracksmith.engine import agreement
from tracksmith.engine.agreement import GUARDED_TIMES, is_guarded, refuse_wrong_device
from tracksmith.errors import DeviceError, UsageError
from tracksmith.models.card import WindowGeometry
from tracksmith.models.contract import Model, Predictor

GEOMETRY = WindowGeometry(64, 16, 32, 1)
LONG = 32 * 3 * GUARDED_TIMES
"""Bases of a genome with as many windows as a run must have."""


@pytest.fixture
def like_a_gpu(monkeypatch):
    """Let the CPU be looked at as a GPU is; return whom it compared."""
    compared = []

    def guarded(device, few, windows):
        return is_guarded(SimpleNamespace(type="cuda"), few, windows)

    def watched(sample, device, dtype):
        compared.append((sample.name, len(sample)))
        refuse_wrong_device(sample, device, dtype)

    monkeypatch.setattr("tracksmith.engine.guard.is_guarded", guarded)
    monkeypatch.setattr("tracksmith.engine.guard.refuse_wrong_device", watched)
    return compared


def wrong_where_it_is_moved(network: type, by: float):
    """A network whose numbers are off by a share from the second device on."""

    class Wrong(network):
        moves = 0

        def _apply(self, function, recurse=True):
            self.moves += 1
            return super()._apply(function, recurse)

        def forward(self, x):
            values = super().forward(x)
            return values * (1 + by) if self.moves > 1 else values

    return Wrong


def toy(by: float = 0.0, folds=("1",)) -> Model:
    kind = wrong_where_it_is_moved(Dense, by)
    card = toy_card(GEOMETRY, folds)
    return Model(
        card, lambda request: Predictor({name: kind(GEOMETRY, 0) for name in request.weights})
    )


def test_only_long_runs_on_a_gpu_are_guarded():
    for kind, windows, expected in (("cuda", 2_999, False), ("cuda", 3_000, True),
                                    ("cpu", 10**9, False), ("mps", 10**9, False)):  # fmt: skip
        assert is_guarded(SimpleNamespace(type=kind), 3, windows) is expected


def test_a_wrong_gpu_is_refused_before_the_first_part(
    register, write_genome, random_bases, tmp_path, like_a_gpu
):
    register(toy(by=2e-4))
    genome = write_genome(chr1=random_bases(LONG, 1))
    with pytest.raises(DeviceError, match=r"differ by 0.0002 .*doctor --self-test toy -d cpu"):
        tracksmith.predict("toy", genome, tmp_path / "run", device="cpu")
    assert not list(tmp_path.glob("run/parts/*.bin")) and like_a_gpu == [("toy", 3)]


def test_a_gpu_that_rounds_otherwise_may_go_on_with_the_same_bytes(
    register, write_genome, random_bases, tmp_path, like_a_gpu
):
    genome = write_genome(chr1=random_bases(LONG, 1))
    register(toy(by=0.0))
    guarded = tracksmith.predict("toy", genome, tmp_path / "guarded", device="cpu")
    assert like_a_gpu == [("toy", 3)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tracksmith.engine.guard.is_guarded", is_guarded)
        plain = tracksmith.predict("toy", genome, tmp_path / "plain", device="cpu")
    assert len(like_a_gpu) == 1
    for path in (plain.folder / "tracks").iterdir():
        assert (guarded.folder / "tracks" / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize(("bases", "folds", "guarded"), [
    (LONG - 32, ("1",), False), (LONG // 2, ("1",), False), (LONG // 2, ("1", "2"), True),
])  # fmt: skip
def test_windows_and_folds_decide_what_is_long(
    register, write_genome, random_bases, tmp_path, like_a_gpu, bases, folds, guarded
):
    register(toy(by=0.5, folds=folds))
    request = verbs.request("toy", write_genome(chr1=random_bases(bases, 1)), device="cpu")
    run = verbs.plan(request, tmp_path / "run")
    worker = verbs.worker(run)
    if guarded:
        with pytest.raises(DeviceError):
            worker.load()
    else:
        worker.load()


def test_a_few_variants_of_a_large_genome_are_no_long_run(
    register, write_genome, random_bases, tmp_path, like_a_gpu
):
    register(toy(by=0.5))
    text = random_bases(LONG, 1)
    genome, table = write_genome(chr1=text), tmp_path / "in.tsv"
    rows = [f"chr1\t{at + 1}\t{text[at]}\t{'CA'[text[at] == 'C']}\n" for at in range(100, 1_700)]
    table.write_text("".join(rows[:20]))
    request = {"genome": genome, "device": "cpu", "scores": ["diff"]}
    tracksmith.score_variants(table, "toy", out=tmp_path / "few", **request)
    assert like_a_gpu == []
    table.write_text("".join(rows))
    with pytest.raises(DeviceError):
        tracksmith.score_variants(table, "toy", out=tmp_path / "many", **request)


@pytest.mark.parametrize(("by", "error"), [(0.5, DeviceError), (0.0, None)])
def test_region_models_are_guarded_alike(
    register, write_genome, random_bases, tmp_path, like_a_gpu, monkeypatch, by, error
):
    monkeypatch.setattr(agreement, "GUARDED_TIMES", 5)
    register(region_toy(network=wrong_where_it_is_moved(Neighbours, by)))
    genome, peaks = write_genome(chr1=random_bases(9_000, 1)), tmp_path / "peaks.bed"
    peaks.write_text("".join(f"chr1\t{s}\t{s + 50}\n" for s in range(100, 8_000, 300)))
    run = {"genome": genome, "out": tmp_path / "run", "peaks": peaks, "device": "cpu"}
    if error is None:
        assert tracksmith.predict("toy", **run).finished
    else:
        with pytest.raises(error, match="computes other values of toy"):
            tracksmith.predict("toy", **run)
    assert like_a_gpu[0] == ("toy", 1)


class Halved:
    """A sample that is exact in float32 and off by a share in other precisions."""

    name = "toy"

    def __init__(self, coarse: float, exact: float = 0.0):
        self.errors = {"float32": exact, "bf16": coarse}

    def __len__(self):
        return 1

    def on(self, device, dtype):
        return np.ones((1, 1, 4), np.float32)

    def as_run(self, device, dtype):
        values = np.ones((1, 1, 4), np.float32) * np.float32(1 + self.errors[dtype])
        values[..., 0] = np.nan  # a gap
        return values


def test_a_precision_that_is_too_coarse_is_not_laid_on_the_device():
    device = torch.device("cpu")
    refuse_wrong_device(Halved(coarse=0.19), device, "bf16")
    with pytest.raises(UsageError, match=r"--dtype bf16 changes .* by 0\.3 .*Leave --dtype out"):
        refuse_wrong_device(Halved(coarse=0.3), device, "bf16")
    with pytest.raises(DeviceError):
        refuse_wrong_device(Halved(coarse=0.3, exact=0.25), device, "bf16")
    refuse_wrong_device(Halved(0, exact=9e-5), device, "float32")
    with pytest.raises(DeviceError):
        refuse_wrong_device(Halved(0, exact=1.1e-4), device, "float32")


def test_a_device_that_fails_while_it_is_compared_is_told_in_a_sentence():
    class Failing(Halved):
        def as_run(self, device, dtype):
            raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")

    with pytest.raises(DeviceError, match="illegal memory access"):
        refuse_wrong_device(Failing(0), torch.device("cpu"), "float32")
