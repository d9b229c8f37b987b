"""What only a GPU does, done on a CPU: bases sent as masks, chunks and parts that overlap."""

import threading
from functools import partial

import numpy as np
import pytest
import torch
import verbs
from engine_toys import Dense
from test_runs import GEOMETRY, Notes, toy

import tracksmith
from tracksmith.engine import work
from tracksmith.engine.feed import Feed, on_device
from tracksmith.engine.windows import Encoder
from tracksmith.errors import IncompleteError
from tracksmith.genome.bases import COMPLEMENT
from tracksmith.models.card import Alphabet
from tracksmith.models.contract import Model, Predictor
from tracksmith.models.encoding import encoding_table
from tracksmith.runs.overlap import computed_parts

CPU = torch.device("cpu")


@pytest.fixture
def like_a_gpu(monkeypatch):
    """Take every turn that a GPU takes but those of CUDA itself."""
    monkeypatch.setattr("tracksmith.engine.forward.Feed", partial(Feed, on_device=True))
    opened = work.WindowWorker.__init__

    def open_worker(self, *arguments):
        opened(self, *arguments)
        self.side_by_side, self._ahead = 2, 1

    monkeypatch.setattr(work.WindowWorker, "__init__", open_worker)


@pytest.mark.parametrize("heterozygous", ["half", "sum", "unknown"])
@pytest.mark.parametrize("order", ["ACGT", "GATC"])
def test_channels_made_on_the_device_are_those_made_on_the_host(order, heterozygous):
    alphabet = Alphabet(order=order, known=2.0, unknown=0.25, heterozygous=heterozygous)
    table = encoding_table(alphabet)
    masks = np.arange(16, dtype=np.uint8)[np.random.default_rng(1).permutation(160) % 16]
    masks = masks.reshape(8, 20)
    feed = Feed(table, CPU, on_device=True)
    for complement in (False, True):
        loaded = feed.load(masks, complement=complement)
        assert loaded.dtype is torch.uint8 and loaded.numel() == masks.size
        channels = feed.channels(loaded, complement=complement)
        expected = Encoder(table[COMPLEMENT] if complement else table)(masks)
        assert channels.is_contiguous() and np.array_equal(channels.numpy(), expected)


def run_bytes(run):
    return {path.name: path.read_bytes() for path in sorted((run.folder / "tracks").iterdir())}


def test_chunks_and_parts_that_overlap_change_no_byte(
    register, write_genome, random_bases, tmp_path, request
):
    register(toy(("1", "2")))
    genome = write_genome(
        chr1=random_bases(40_000, 1) + "N" * 300 + random_bases(9_000, 2) + "NRYK" * 20,
        chr2="", chr3=random_bases(70, 3), chr4="N" * 500,
    )  # fmt: skip
    options = {"folds": "mean:1,2", "spread": True, "reverse_complement": True, "parts": 5}
    plain = tracksmith.predict("toy", genome, tmp_path / "plain", **options)
    request.getfixturevalue("like_a_gpu")
    again = tracksmith.predict("toy", genome, tmp_path / "again", **options)
    assert run_bytes(again) == run_bytes(plain) and len(run_bytes(plain)) == 6


class OnceBroken(Dense):
    """Breaks its contract in windows that begin with a long run of T."""

    def forward(self, bases):
        values = super().forward(bases)
        broken = bases[:, 3, :40].sum(1) == 40
        return torch.where(broken[:, None, None], torch.nan, values)


def test_a_part_that_a_plugin_breaks_is_set_aside_and_the_next_gets_its_turn(
    register, write_genome, random_bases, tmp_path, like_a_gpu
):
    model = toy()
    register(Model(model.card, lambda request: Predictor({"1": OnceBroken(GEOMETRY, 0)})))
    sequence = random_bases(30_000, 4)
    genome = write_genome(chr1=sequence[:9_000] + "T" * 64 + sequence[9_064:])
    done = threading.Event()
    raised = []

    def run():
        try:
            tracksmith.predict("toy", genome, tmp_path / "run", parts=6)
        except IncompleteError as error:
            raised.append(str(error))
        done.set()

    threading.Thread(target=run, daemon=True).start()
    assert done.wait(60), "a part waits for a turn that never comes"
    assert "1 of 4 parts failed" in raised[0] and "On contig chr1" in raised[0]
    assert len(verbs.status(tmp_path / "run").problems) == 1


class Slow:
    """A worker whose parts last until they are told to stop."""

    side_by_side = 2

    def __init__(self):
        self.stopped, self.begun, self.given_up = threading.Event(), [], []

    def compute(self, part):
        self.begun.append(part)
        if part:
            assert self.stopped.wait(30)
            self.given_up.append(part)
            raise RuntimeError("given up")

    def stop(self):
        self.stopped.set()


def test_leaving_early_gives_up_the_parts_under_way_and_begins_no_other():
    worker = Slow()
    parts = computed_parts(worker, range(9))
    assert next(parts) == (0, None)
    with pytest.raises(KeyboardInterrupt):
        parts.throw(KeyboardInterrupt)
    assert worker.given_up == [part for part in worker.begun if part]
    assert len(worker.begun) <= 3


@pytest.mark.parametrize("cards", [["A"], ["A", "B"]])
def test_a_finished_run_names_the_gpus_and_says_that_they_differ(
    register, write_genome, random_bases, tmp_path, monkeypatch, cards
):
    register(toy())
    genome = write_genome(chr1=random_bases(30_000, 4))
    turn = iter(range(99))

    def properties_of(device):
        card = cards[next(turn) % len(cards)]
        return {"device": "cuda:0", "gpu": card, "capability": "9.0", "cuda": "13.0", "cudnn": "9"}

    monkeypatch.setattr("tracksmith.engine.work.device_facts", properties_of)
    notes = Notes()
    run = tracksmith.predict("toy", genome, tmp_path / "run", parts=4, progress=notes)
    named = tuple(f"{card} (capability 9.0), CUDA 13.0, cuDNN 9" for card in cards)
    assert run.results.gpus == named
    assert any("2 kinds of GPU" in text for text in notes.said) is (len(cards) > 1)


def test_each_thread_works_on_the_device_of_its_worker(monkeypatch):
    entered = []

    class Current:
        def __init__(self, device):
            self.device = device

        def __enter__(self):
            entered.append(str(self.device))

        def __exit__(self, *_):
            entered.append("left")

    monkeypatch.setattr("torch.cuda.device", Current)
    with on_device(torch.device("cuda", 1)), on_device(CPU):
        assert entered == ["cuda:1"]
    assert entered == ["cuda:1", "left"]
