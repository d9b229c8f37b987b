"""A shuffled sequence keeps its pairs of neighbours, and each is as likely as another."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracksmith.genome.bases import encode
from tracksmith.perturbations.shuffle import Dice, shuffled

TEXTS = st.text("ACGTN", min_size=0, max_size=60)


def pairs(masks):
    return Counter(zip(masks.tolist(), masks.tolist()[1:], strict=False))


@given(TEXTS, st.integers(0, 1 << 40))
def test_bases_and_pairs_of_neighbours_are_as_many_as_before(text, seed):
    masks = encode(text)
    found = shuffled(masks, Dice(str(seed)))
    assert found.dtype == np.uint8
    assert Counter(found.tolist()) == Counter(masks.tolist())
    assert pairs(found) == pairs(masks)
    if len(masks):
        assert (found[0], found[-1]) == (masks[0], masks[-1])


@given(TEXTS, st.integers(0, 1 << 40))
def test_a_seed_gives_the_same_sequence_again(text, seed):
    masks = encode(text)
    first, second = (shuffled(masks, Dice(str(seed))) for _ in range(2))
    assert first.tobytes() == second.tobytes()


@pytest.mark.parametrize("text", ["ACAGACCA", "ACGTTGCAAC", "NANACNA"])
def test_every_sequence_with_these_neighbours_is_as_likely(text):
    masks = encode(text)
    draws = 6000
    seen = Counter(shuffled(masks, Dice(str(seed))).tobytes() for seed in range(draws))
    assert set(seen) == walks(masks)
    expected = draws / len(seen)
    statistic = sum((count - expected) ** 2 / expected for count in seen.values())
    freedom = len(seen) - 1
    assert statistic < freedom + 4 * (2 * freedom) ** 0.5 + 4


def walks(masks):
    """Every sequence with the same first base and the same pairs, by trying all."""
    found, left = set(), pairs(masks)

    def go(walk):
        if len(walk) == len(masks):
            found.add(bytes(walk))
            return
        for pair, count in left.items():
            if count and pair[0] == walk[-1]:
                left[pair] -= 1
                go([*walk, pair[1]])
                left[pair] += 1

    go([int(masks[0])])
    return found


def test_the_numbers_are_those_of_every_version():
    dice = Dice("a seed")
    assert [dice.below(1000) for _ in range(5)] == [25, 794, 57, 569, 521]
    text = "AACACGTGATTCGGCA"
    assert shuffled(encode("ACGTTGCAACGGATCA"), Dice("1")).tobytes() == encode(text).tobytes()
