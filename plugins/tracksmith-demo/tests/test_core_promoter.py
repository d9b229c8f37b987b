"""The demonstration model against an independent reading of its definition, and its laws."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from tracksmith_demo.plugin import CARD, ELEMENTS, INITIATOR, MARGIN, THRESHOLD, load

from tracksmith.plugin import LoadRequest

LETTERS = {
    "A": "A", "C": "C", "G": "G", "T": "T", "R": "AG", "Y": "CT", "S": "CG", "W": "AT",
    "K": "GT", "V": "ACG", "N": "ACGT",
}  # fmt: skip
COMPLEMENT = str.maketrans("ACGTN", "TGCAN")
WINDOW = CARD.window_geometry.window


@pytest.fixture(scope="module")
def network():
    torch.set_num_threads(1)
    return load(LoadRequest()).eval()


def random_sequence(length, seed):
    return "".join(np.random.default_rng(seed).choice(list("ACGT"), length))


def encode(*sequences):
    return torch.tensor([[[float(b == c) for b in s] for c in "ACGT"] for s in sequences])


def predict(network, *sequences):
    with torch.inference_mode():
        return network(encode(*sequences))


def reverse_complement(sequence):
    return sequence.translate(COMPLEMENT)[::-1]


def strength(element, sequence, start):
    """Score one place in 64ths, then cut off, in exact fractions."""
    score = 0
    for letter, good, bad, base in zip(
        element.consensus,
        element.match,
        element.mismatch,
        sequence[start : start + len(element.consensus)],
        strict=True,
    ):
        if base != "N":
            score += good if base in LETTERS[letter] else -bad
    return max(Fraction(score - element.cutoff, 64), Fraction(0)) * element.weight


def best(element, sequence, site):
    length = len(element.consensus)
    strongest = Fraction(0)
    for offset in range(element.first, element.last + 1):
        start = site + offset
        strongest = max(strongest, strength(element, sequence, start))
        if element.both_orientations:
            turned = reverse_complement(sequence[start : start + length])
            strongest = max(strongest, strength(element, turned, 0))
    return strongest


def expected_plus(sequence, site):
    support = sum(best(element, sequence, site) for element in ELEMENTS)
    return best(INITIATOR, sequence, site) * max(support - Fraction(THRESHOLD), Fraction(0))


def planted(site=600, seed=5):
    """A window with a full promoter on the plus strand at ``site``."""
    text = list(random_sequence(WINDOW, seed))
    for offset, motif in ((-2, "CCATTCC"), (-31, "TATAAAAG"), (-60, "GGGGCGGGG"), (27, "AGACG")):
        text[site + offset : site + offset + len(motif)] = motif
    return "".join(text)


def test_every_value_is_what_the_definition_says(network):
    sequence = planted()
    minus = reverse_complement(sequence)
    got = predict(network, sequence)[0]
    core = CARD.window_geometry.core_length
    assert got.shape == (2, core)
    for index in [*range(0, core, 7), *range(600 - MARGIN - 5, 600 - MARGIN + 6), core - 1]:
        site = MARGIN + index
        assert Fraction(got[0, index].item()) == expected_plus(sequence, site)
        assert Fraction(got[1, index].item()) == expected_plus(minus, WINDOW - 1 - site)


def test_the_planted_site_is_the_highest_value(network):
    got = predict(network, planted(site=600))[0]
    assert got[0].argmax().item() == 600 - MARGIN
    assert got[0].max() > 20
    assert got[1].max() < got[0].max() / 2


def test_weights_are_multiples_of_a_64th_and_consensus_scores_one():
    for element in (INITIATOR, *ELEMENTS):
        matrix = np.array(element.matrix())
        assert np.array_equal(matrix * 64, np.round(matrix * 64))
        assert matrix.max(0).sum() == 1
        assert set(element.consensus) <= set(LETTERS)


def test_the_core_keeps_every_element_inside_the_window():
    geometry = CARD.window_geometry
    right = geometry.window - geometry.core_start - geometry.core_length
    for element in (INITIATOR, *ELEMENTS):
        reach = max(-element.first, element.last + len(element.consensus) - 1)
        assert reach <= min(geometry.core_start, right)


@pytest.mark.parametrize("batch", [7, 64])
def test_results_are_bit_equal_whatever_the_batch(network, batch):
    sequences = [planted(300 + 20 * i, i) for i in range(batch)]
    together = predict(network, *sequences)
    alone = torch.cat([predict(network, sequence) for sequence in sequences])
    assert together.max() > 0
    assert torch.equal(together, alone)


def test_reverse_complement_swaps_and_reverses_exactly(network):
    sequences = [planted(300 + 100 * i, i) for i in range(8)]
    forward = predict(network, *sequences)
    backward = predict(network, *map(reverse_complement, sequences))
    assert torch.equal(backward, forward.flip(1, 2))
    assert CARD.rc_partners() == [1, 0]


def test_a_window_of_n_gives_zero(network):
    assert torch.equal(predict(network, "N" * WINDOW), torch.zeros(1, 2, 1792))


def test_half_codes_stay_exact(network):
    mixed = (encode(planted(seed=1)) + encode(planted(seed=2))) / 2
    with torch.inference_mode():
        single, double = network(mixed), network.double()(mixed.double())
        network.float()
    assert torch.equal(single.double(), double)


@pytest.mark.parametrize("stride", [1792, 256, 100])
def test_the_long_stretch_equals_plain_windows(network, stride):
    sequence = planted() + planted(900, seed=9)
    count = (len(sequence) - WINDOW) // stride + 1
    windows = [sequence[i * stride : i * stride + WINDOW] for i in range(count)]
    stretch = encode(sequence[: WINDOW + (count - 1) * stride])[0]
    with torch.inference_mode():
        got = network.predict_stretch(stretch, stride)
    assert torch.equal(got, predict(network, *windows))
