"""From base codes (one 4-bit mask a base) to a model's own channels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tracksmith.models.card import Alphabet

__all__ = ["complement_columns", "encoding_table"]

BITS = {"A": 1, "C": 2, "G": 4, "T": 8}
COMPLEMENT = {"A": "T", "C": "G", "G": "C", "T": "A"}


def encoding_table(alphabet: Alphabet) -> NDArray[np.float32]:
    """Return what each base code becomes in a model's channels.

    Returns
    -------
    table : float32, shape (16, 4)
        Row: the mask A 1, C 2, G 4, T 8 and their sums (N 15, outside the
        contig 0); column: the channels in ``alphabet.order``. A mask of two
        bases follows ``alphabet.heterozygous``; three bases are read as N.
    """
    known, unknown = alphabet.known, alphabet.unknown
    table = np.full((16, 4), unknown, dtype=np.float32)
    both = {"half": known / 2, "sum": known, "unknown": None}[alphabet.heterozygous]
    for mask in range(1, 15):
        present = [bool(mask & BITS[base]) for base in alphabet.order]
        value = {1: known, 2: both}.get(sum(present))
        if value is not None:
            table[mask] = np.where(present, value, 0.0)
    return table


def complement_columns(alphabet: Alphabet) -> list[int]:
    """Return the channel order that turns a base into its complement.

    ``encoded[..., columns, :]`` of ``(batch, 4, window)``, read backwards, is
    the reverse complement.
    """
    return [alphabet.order.index(COMPLEMENT[base]) for base in alphabet.order]
