"""Whole numbers from files and command lines, however long they are."""

from __future__ import annotations

__all__ = ["clipped_number"]


def clipped_number(digits: str | bytes, most: int) -> int:
    """Return a whole number, or ``most + 1`` where it is larger.

    ``int`` refuses texts of more than 4,300 digits, and takes long over fewer.

    Parameters
    ----------
    digits
        ASCII digits alone, at least one.
    """
    text = digits.decode("ascii") if isinstance(digits, bytes) else digits
    text = text.lstrip("0") or "0"
    return int(text) if len(text) <= len(str(most)) and int(text) <= most else most + 1
