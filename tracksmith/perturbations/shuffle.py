"""Sequences shuffled so that every pair of neighbouring bases comes as often as before.

A sequence is a walk over a graph whose vertices are bases and whose edges are its pairs of
neighbours (Altschul & Erickson 1985, Mol Biol Evol 2:526): any other walk over all edges from the
same first base holds the same pairs. Walks are drawn evenly: the last way out of each base from a
random tree (Wilson 1996), the order of the other ways out at random.
"""

from __future__ import annotations

import hashlib
from itertools import pairwise

import numpy as np

from tracksmith.genome.bases import Masks

__all__ = ["Dice", "shuffled"]


class Dice:
    """Random numbers that are the same in every version of numpy: raw bits of PCG64."""

    def __init__(self, text: str) -> None:
        digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
        self._bits = np.random.PCG64(int.from_bytes(digest[:16], "little"))

    def below(self, count: int) -> int:
        """Return a whole number from 0 to ``count - 1``, each as likely."""
        limit = (1 << 64) // count * count
        while (number := int(self._bits.random_raw())) >= limit:
            pass
        return number % count

    def shuffle(self, items: list[int]) -> None:
        """Put a list into a random order, in place."""
        for last in range(len(items) - 1, 0, -1):
            other = self.below(last + 1)
            items[last], items[other] = items[other], items[last]


def shuffled(masks: Masks, dice: Dice) -> Masks:
    """Return the bases in another order, with the same counts of bases and of neighbours.

    The first and the last base stay. N and other codes count as bases of their own.
    """
    sequence = masks.tolist()
    if len(sequence) < 3:
        return masks.copy()
    ways: dict[int, list[int]] = {}
    for base, following in pairwise(sequence):
        ways.setdefault(base, []).append(following)
    last_way = _random_tree(ways, sequence[-1], dice)
    for base, onward in ways.items():
        if base in last_way:
            onward.remove(last_way[base])
        dice.shuffle(onward)
        if base in last_way:
            onward.append(last_way[base])
        onward.reverse()  # so that the next one is popped from the end
    walk = [sequence[0]]
    for _ in range(len(sequence) - 1):
        walk.append(ways[walk[-1]].pop())
    return np.array(walk, np.uint8)


def _random_tree(ways: dict[int, list[int]], root: int, dice: Dice) -> dict[int, int]:
    """Return the way out of every base but the root that leads there, each tree as likely."""
    chosen: dict[int, int] = {}
    done = {root}
    for start in ways:
        base = start
        while base not in done:
            chosen[base] = ways[base][dice.below(len(ways[base]))]
            base = chosen[base]
        base = start
        while base not in done:
            done.add(base)
            base = chosen[base]
    return chosen
