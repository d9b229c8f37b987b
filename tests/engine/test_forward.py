"""The engine's arithmetic against a plain loop over letters, window by window."""

import numpy as np
import pytest
import torch
from engine_toys import Dense, complement, cut, dense_by_hand, toy_card
from torch import nn

from tracksmith.engine.forward import Forward, ForwardOptions
from tracksmith.engine.tiling import tile
from tracksmith.engine.windows import Stretch
from tracksmith.errors import PluginError, ResourceError
from tracksmith.genome.bases import encode
from tracksmith.models.card import WindowGeometry
from tracksmith.models.contract import Predictor
from tracksmith.runs.batch import BatchSize

CPU = torch.device("cpu")


def random_sequence(length: int, seed: int = 0) -> str:
    generator = np.random.default_rng(seed)
    return "".join(generator.choice(list("ACGT"), length))


def masks_of(sequence: str, start: int, end: int) -> np.ndarray:
    inside = encode(sequence[max(0, start) : max(0, end)])
    left, right = max(0, min(end, 0) - start), max(0, end - max(start, len(sequence)))
    return np.concatenate([np.zeros(left, np.uint8), inside, np.zeros(right, np.uint8)])


def run_engine(
    sequence, networks, geometry, stride=None, span=None, batch=4, wanted=None, **options
):
    card = toy_card(geometry, list(networks))
    forward = Forward(
        card,
        Predictor(networks),
        tile(geometry, stride),
        CPU,
        BatchSize(batch),
        ForwardOptions(**options),
    )
    start, end = span or (0, len(sequence))
    low, high = forward.reach(start, end)
    stretch = Stretch(masks_of(sequence, low, high), low)
    return forward.predict(stretch, start, end, list(networks), wanted)


def run_by_hand(sequence, networks, geometry, stride=None, reverse=False, shifts=(0,)):
    """Predict a whole contig: every bin from the window whose kept core holds it."""
    stride = stride or geometry.core_length
    trim = (geometry.core_length - stride) // 2 // geometry.bin
    per_core = stride // geometry.bin
    bins = -(-len(sequence) // geometry.bin)
    total = np.zeros((len(networks), 3, bins))
    for fold, network in enumerate(networks.values()):
        for shift in shifts:
            moved = shift if geometry.bin == 1 else round(shift / geometry.bin)
            for number in range(bins):
                core, place = divmod(number - moved, per_core)
                start = core * stride - geometry.core_start - trim * geometry.bin + shift
                views = [(start, False)]
                if reverse:
                    right = geometry.window - geometry.core_start - geometry.core_length
                    views.append((start + geometry.core_start - right, True))
                for begin, turned in views:
                    text = cut(sequence, begin, begin + geometry.window)
                    if turned:
                        values = dense_by_hand(network, complement(text))[[1, 0, 2], ::-1]
                    else:
                        values = dense_by_hand(network, text)
                    total[fold, :, number] += values[:, trim + place] / (len(shifts) * len(views))
    return total


def closeness(mine: np.ndarray, truth: np.ndarray) -> float:
    return float(np.abs(mine - truth).max() / np.abs(truth).max())


CENTRED = WindowGeometry(64, 16, 32, 1)
ASKEW = WindowGeometry(60, 8, 32, 4)


@pytest.mark.parametrize(
    ("geometry", "stride", "reverse", "shifts"),
    [
        (CENTRED, None, False, (0,)),
        (CENTRED, 10, False, (0,)),
        (ASKEW, None, False, (0,)),
        (ASKEW, None, True, (0,)),
        (ASKEW, 12, True, (0,)),
        (CENTRED, None, True, (-7, 0, 7)),
        (ASKEW, None, True, (-5, 0, 6)),
    ],
)
@pytest.mark.parametrize("length", [1, 31, 210])
def test_tracks_equal_a_loop_over_windows(geometry, stride, reverse, shifts, length):
    sequence = random_sequence(length)
    networks = {"1": Dense(geometry, 1), "2": Dense(geometry, 2)}
    mine = run_engine(sequence, networks, geometry, stride, reverse=reverse, shifts=shifts)
    truth = run_by_hand(sequence, networks, geometry, stride, reverse, shifts).mean(axis=0)
    assert closeness(mine, truth) < 1e-5


def test_the_spread_is_the_standard_deviation_over_folds():
    sequence = random_sequence(150)
    networks = {name: Dense(CENTRED, seed) for seed, name in enumerate("123")}
    mine = run_engine(sequence, networks, CENTRED, reverse=True, spread=True)
    truth = run_by_hand(sequence, networks, CENTRED, reverse=True).std(axis=0, ddof=1)
    assert mine.shape == (6, 150)
    assert closeness(mine[3:], truth) < 1e-5


def test_raw_outputs_are_averaged_before_they_become_tracks():
    sequence = random_sequence(64)
    networks = {"1": Dense(CENTRED, 1), "2": Dense(CENTRED, 2)}
    card = toy_card(CENTRED, ["1", "2"])
    predictor = Predictor(networks, to_tracks=lambda raw: raw**2)
    forward = Forward(card, predictor, tile(CENTRED), CPU, BatchSize(4), ForwardOptions())
    stretch = Stretch(masks_of(sequence, *forward.reach(0, 64)), forward.reach(0, 64)[0])
    mine = forward.predict(stretch, 0, 64, ["1", "2"])
    truth = run_by_hand(sequence, networks, CENTRED).mean(axis=0) ** 2
    assert closeness(mine, truth) < 1e-5


@pytest.mark.parametrize("span", [(32, 128), (64, 97), (96, 210)])
def test_a_piece_of_a_contig_has_the_values_of_the_whole(span):
    sequence = random_sequence(210)
    networks = {"1": Dense(CENTRED, 1)}
    whole = run_engine(sequence, networks, CENTRED, reverse=True, shifts=(-3, 0, 3))
    piece = run_engine(sequence, networks, CENTRED, span=span, reverse=True, shifts=(-3, 0, 3))
    assert closeness(piece, whole[:, span[0] : span[1]]) < 1e-6


def test_bases_that_are_n_become_gaps_and_nothing_else_does():
    sequence = random_sequence(300)
    sequence = sequence[:90] + "N" * 120 + sequence[210:250] + "n" + sequence[251:]
    values = run_engine(sequence, {"1": Dense(CENTRED, 1)}, CENTRED, reverse=True)
    unknown = np.array([letter in "Nn" for letter in sequence])
    assert (np.isnan(values) == unknown).all()
    truth = run_by_hand(sequence, {"1": Dense(CENTRED, 1)}, CENTRED, reverse=True)[0]
    assert closeness(values[:, ~unknown], truth[:, ~unknown]) < 1e-5


def test_a_bin_with_one_known_base_has_a_value():
    sequence = "N" * 40 + "NNAN" + "N" * 56
    values = run_engine(sequence, {"1": Dense(ASKEW, 1)}, ASKEW)
    assert np.flatnonzero(~np.isnan(values[0])).tolist() == [10]


def test_only_wanted_bins_are_computed_and_written():
    calls = []

    class Counting(Dense):
        def forward(self, bases):
            calls.append(len(bases))
            return super().forward(bases)

    sequence = random_sequence(640)
    wanted = np.zeros(640, dtype=bool)
    wanted[[5, 100, 101, 639]] = True
    network = Counting(CENTRED, 1)
    values = run_engine(sequence, {"1": network}, CENTRED, wanted=wanted)
    assert sum(calls) == 3
    assert (~np.isnan(values) == wanted).all()
    whole = run_engine(sequence, {"1": network}, CENTRED)
    assert closeness(values[:, wanted], whole[:, wanted]) < 1e-6


def test_no_fold_for_a_contig_gives_gaps_only():
    geometry = CENTRED
    networks = {"1": Dense(geometry, 1)}
    forward = Forward(
        toy_card(geometry), Predictor(networks), tile(geometry), CPU, BatchSize(4), ForwardOptions()
    )
    stretch = Stretch(masks_of(random_sequence(64), *forward.reach(0, 64)), -16)
    assert np.isnan(forward.predict(stretch, 0, 64, [])).all()


@pytest.mark.parametrize("spoil", [float("nan"), float("inf")])
def test_a_value_that_is_no_number_stops_the_part_and_names_the_window(spoil):
    class Spoilt(Dense):
        def forward(self, bases):
            values = super().forward(bases)
            hot = bases[:, 0, :4].sum(dim=1) == 4
            return torch.where(hot[:, None, None], torch.full_like(values, spoil), values)

    sequence = random_sequence(200)
    sequence = sequence[:80] + "AAAA" + sequence[84:]
    with pytest.raises(PluginError, match=r"toy returned (nan|inf) .* position 97, .* 81-144"):
        run_engine(sequence, {"1": Spoilt(CENTRED, 1)}, CENTRED)


class _Wrong(nn.Module):
    def __init__(self, change):
        super().__init__()
        self.change = change
        self.dense = Dense(CENTRED, 1)

    def forward(self, bases):
        return self.change(self.dense(bases))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda y: y[:, 0], r"returned shape \(4, 32\)"),
        (lambda y: y[:, :, :-1], r"returned shape \(4, 3, 31\)"),
        (lambda y: y[:, :2], "returned 2 tracks; the card promises 3"),
        (lambda y: y.double(), "returned torch.float64"),
        (lambda y: y.numpy(), "returned ndarray, not a tensor"),
    ],
)
def test_a_network_that_breaks_the_contract_is_refused_with_its_shape(change, message):
    with pytest.raises(PluginError, match=message):
        run_engine(random_sequence(128), {"1": _Wrong(change)}, CENTRED)


def test_a_plugin_that_fails_once_gets_a_second_try():
    failures = [True]

    def once(values):
        if failures:
            failures.clear()
            raise ValueError("hiccup")
        return values

    steady = run_engine(random_sequence(128), {"1": Dense(CENTRED, 1)}, CENTRED)
    shaky = run_engine(random_sequence(128), {"1": _Wrong(once)}, CENTRED)
    assert (steady == shaky).all()


def test_a_plugin_that_keeps_failing_is_named_with_the_window():
    def broken(values):
        raise ValueError("no such layer")

    with pytest.raises(PluginError, match=r"toy raised ValueError: no such layer\n.*at -15-48"):
        run_engine(random_sequence(128), {"1": _Wrong(broken)}, CENTRED)


def test_a_batch_that_does_not_fit_into_memory_is_halved_until_it_does():
    sizes = []

    class Small(Dense):
        def forward(self, bases):
            sizes.append(len(bases))
            if len(bases) > 3:
                raise torch.cuda.OutOfMemoryError("CUDA out of memory")
            return super().forward(bases)

    sequence = random_sequence(32 * 20)
    mine = run_engine(sequence, {"1": Small(CENTRED, 1)}, CENTRED, batch=16)
    plain = run_engine(sequence, {"1": Dense(CENTRED, 1)}, CENTRED, batch=16)
    assert max(sizes[2:]) <= 5
    assert sizes[-1] <= 3
    assert closeness(mine, plain) < 1e-6


@pytest.mark.parametrize("words", [(), ("",), ("\n",), ("no room\nfor 9 GiB",)])
def test_a_window_that_does_not_fit_into_memory_is_told_whatever_the_error_says(words):
    def full(values):
        raise MemoryError(*words)

    with pytest.raises(ResourceError, match=r"Out of memory with a single window: .*\nFree memory"):
        run_engine(random_sequence(128), {"1": _Wrong(full)}, CENTRED)


@pytest.mark.parametrize("code", [0, None, 3, "gone"])
def test_a_plugin_that_ends_the_program_has_failed(code):
    """So that a command never ends with 0 in the middle of its work."""

    def leave(values):
        raise SystemExit(code)

    with pytest.raises(PluginError, match="toy raised SystemExit"):
        run_engine(random_sequence(128), {"1": _Wrong(leave)}, CENTRED)


def test_a_stretch_gives_the_values_of_its_windows_on_both_strands():
    class Shared(Dense):
        stretch_windows = 3
        calls = 0

        def predict_stretch(self, bases, stride):
            type(self).calls += 1
            windows = bases.unfold(1, CENTRED.window, stride).permute(1, 0, 2)
            return self.forward(windows)

    sequence = random_sequence(500)
    sequence = sequence[:200] + "N" * 130 + sequence[330:]
    mine = run_engine(sequence, {"1": Shared(CENTRED, 1)}, CENTRED, reverse=True)
    plain = run_engine(sequence, {"1": Dense(CENTRED, 1)}, CENTRED, reverse=True)
    known = ~np.isnan(plain[0])
    assert Shared.calls > 2
    assert (np.isnan(mine[0]) == ~known).all()
    assert closeness(mine[:, known], plain[:, known]) < 1e-6


@pytest.mark.parametrize("dtype", ["bf16"])
def test_half_precision_is_close_and_returns_float32(dtype):
    sequence = random_sequence(200)
    whole = run_engine(sequence, {"1": Dense(CENTRED, 1)}, CENTRED)
    half = run_engine(sequence, {"1": Dense(CENTRED, 1)}, CENTRED, dtype=dtype)
    assert half.dtype == np.float32
    assert 0 < closeness(half, whole) < 0.05
