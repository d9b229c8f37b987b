"""What is worth knowing of an allele's score: flags, as bits and as words of the tables."""

from __future__ import annotations

__all__ = [
    "EDGE",
    "FILLS_BINS",
    "FLAG_HELP",
    "FLAG_TEXTS",
    "REPEAT",
    "SWAPPED",
    "UNKNOWN",
    "flag_names",
]

EDGE, SWAPPED, UNKNOWN, REPEAT, FILLS_BINS = 1, 2, 4, 8, 16

_FLAGS = {
    EDGE: ("edge", "the window passes the end of the contig"),
    SWAPPED: ("swapped", "the genome has the alternative"),
    UNKNOWN: ("nInWindow", "N in the window"),
    REPEAT: ("repeat", "the bases that change lie in a repeat; of all places the closest counts"),
    FILLS_BINS: ("fillsBins", "inserted bases fill whole bins"),
}


def flag_names(flags: int) -> str:
    """Return the names of flags, with commas; '.' for none."""
    return ",".join(name for bit, (name, _) in _FLAGS.items() if flags & bit) or "."


FLAG_TEXTS = tuple(flag_names(flags) for flags in range(2 * max(_FLAGS)))
"""The names of every combination of flags, by its number."""

FLAG_HELP = "; ".join(f"{name}: {text}" for name, text in _FLAGS.values())
"""What the words mean, for the heads of files."""
