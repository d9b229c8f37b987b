"""Plain tables and wrapped text for a terminal."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Sequence

__all__ = ["output_width", "paired_lines", "table"]

GAP = "  "
NARROWEST = 8


def output_width() -> int | None:
    """Return the columns of the terminal; None when the output goes elsewhere.

    What is piped into another program is not cut; ``COLUMNS`` decides if set.
    """
    if sys.stdout.isatty() or os.environ.get("COLUMNS"):
        return max(40, shutil.get_terminal_size().columns)
    return None


def table(
    headers: Sequence[str], rows: Sequence[Sequence[str]], width: int | None, right: str = ""
) -> str:
    """Return rows under headers, in columns.

    Parameters
    ----------
    width
        Columns of the terminal; the widest texts are cut with ``...`` to fit,
        but neither the first column nor numbers.
    right
        Names of the headers whose column is right-aligned, joined by blanks.
    """
    lines = [list(headers), *(list(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    aligned = right.split()
    if width is not None:
        texts_only = [i for i, header in enumerate(headers) if i and header not in aligned]
        _shrink(widths, texts_only, width - len(GAP) * (len(widths) - 1))
    texts = []
    for line in lines:
        fields = [
            _cut(field, size).rjust(size) if header in aligned else _cut(field, size).ljust(size)
            for field, size, header in zip(line, widths, headers, strict=True)
        ]
        texts.append(GAP.join(fields).rstrip())
    return "\n".join(texts)


def _shrink(widths: list[int], columns: list[int], room: int) -> None:
    while sum(widths) > room and columns:
        widest = max(columns, key=lambda column: widths[column])
        if widths[widest] <= NARROWEST:
            return
        widths[widest] -= 1


def _cut(text: str, size: int) -> str:
    return text if len(text) <= size else text[: max(size - 3, 0)] + "..."[:size]


def paired_lines(pairs: Sequence[tuple[str, str]], width: int | None) -> str:
    """Return ``name  value`` lines, long values wrapped under themselves."""
    indent = max((len(name) for name, _ in pairs), default=0) + len(GAP)
    lines: list[str] = []
    for name, value in pairs:
        for number, line in enumerate(value.split("\n")):
            first = (name if number == 0 else "").ljust(indent)
            lines += textwrap.wrap(
                line,
                width or 100,
                initial_indent=first,
                subsequent_indent=" " * indent,
                break_long_words=False,
                break_on_hyphens=False,
            ) or [first.rstrip()]
    return "\n".join(lines)
