"""Bases as one byte each: a 4-bit mask of A, C, G and T.

A is 1, C 2, G 4 and T (or U) 8; an IUPAC code is the union of its bases, so
that N is 15. Places outside a contig are 0. The codes are those of the
Nomenclature Committee of the IUB (Nucleic Acids Research 13:3021, 1985).
Gap characters and ``X`` are no bases: the table holds ``ILLEGAL`` for them.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "COMPLEMENT",
    "ILLEGAL",
    "OUTSIDE",
    "TABLE",
    "TABLE_BYTES",
    "Masks",
    "N",
    "decode",
    "encode",
    "reverse_complement",
]

Masks: TypeAlias = NDArray[np.uint8]

N: Final = 15
OUTSIDE: Final = 0
ILLEGAL: Final = 255

_LETTERS: Final = "-ACMGRSVTWYHKDBN"
"""The letter of every mask from 0 to 15; 0, outside the contig, is shown as '-'."""


def _table() -> Masks:
    table = np.full(256, ILLEGAL, dtype=np.uint8)
    for mask, letter in enumerate(_LETTERS):
        if mask:
            table[ord(letter)] = table[ord(letter.lower())] = mask
    table[ord("U")] = table[ord("u")] = table[ord("T")]
    table.flags.writeable = False
    return table


def _complement() -> Masks:
    masks = np.arange(16)
    wide = ((masks & 1) << 3) | ((masks & 2) << 1) | ((masks & 4) >> 1) | ((masks & 8) >> 3)
    swapped = wide.astype(np.uint8)
    swapped.flags.writeable = False
    return swapped


TABLE: Final[Masks] = _table()
"""uint8, shape (256,): the mask of every byte, ``ILLEGAL`` where it is no base."""

TABLE_BYTES: Final[bytes] = TABLE.tobytes()
"""The same table for :meth:`bytes.translate`."""

COMPLEMENT: Final[Masks] = _complement()
"""uint8, shape (16,): the mask of the complementary bases."""

_COMPLEMENT_BYTES: Final = bytes(COMPLEMENT) + bytes([ILLEGAL]) * 240


def encode(text: bytes | str) -> Masks:
    """Return the mask of every character; ``ILLEGAL`` (255) marks what is no base.

    Lower case reads as upper case, U as T.

    Returns
    -------
    masks : uint8, shape (len(text),)
    """
    raw = text.encode("latin-1", "replace") if isinstance(text, str) else text
    return np.frombuffer(bytearray(raw.translate(TABLE_BYTES)), dtype=np.uint8)


def decode(masks: Masks) -> str:
    """Return one upper-case IUPAC letter a mask; 0 (outside the contig) becomes ``-``.

    Raises
    ------
    ValueError
        A value above 15 is no mask.
    """
    if masks.size and int(masks.max()) > N:
        raise ValueError("a value above 15 is no mask of bases")
    return np.frombuffer(_LETTERS.encode("ascii"), dtype=np.uint8)[masks].tobytes().decode("ascii")


def reverse_complement(masks: Masks) -> Masks:
    """Return the other strand, read in its own direction: reversed and complemented.

    The last axis is the sequence; leading axes are kept.
    """
    flat = np.ascontiguousarray(masks[..., ::-1]).tobytes().translate(_COMPLEMENT_BYTES)
    return np.frombuffer(bytearray(flat), dtype=np.uint8).reshape(masks.shape)
