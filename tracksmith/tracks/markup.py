"""Text of files that browsers paste into HTML: an id of a VCF may not become a tag there.

UCSC shows columns of a bigBed as HTML, igv.js pastes them into its popups, and
the text of a tooltip may be pasted twice. So escapes do not help (``&lt;``
pasted twice is a tag), and whoever reads the file otherwise, or searches for a
name, would meet them. Instead the few characters that HTML gives a meaning
become others.
"""

from __future__ import annotations

import re
from html import unescape

# decision: no-markup-written (UCSC and igv.js paste text into HTML)
__all__ = ["may_hold_markup", "without_markup"]

_REFERENCE = re.compile("&[^&]*")
_OTHERS = str.maketrans({"<": "(", '"': "`", "'": "`"})


def may_hold_markup(text: str) -> bool:
    """Say, quickly, whether :func:`without_markup` may change a text."""
    return any(char in text for char in "<&\"'")


def without_markup(text: str) -> str:
    """Return text in which HTML finds no tag, no end of an attribute and no character reference.

    ``<`` becomes ``(``, quotes become back quotes, and an ``&`` that begins a
    reference becomes ``+``. All else stays, ``>`` and other ``&`` included: they are part
    of many ids (``c.68-7T>A``, ``rs1&rs2``), and harmless alone. So does the
    length in bytes.
    """
    return _REFERENCE.sub(_unreferenced, text.translate(_OTHERS))


def _unreferenced(part: re.Match[str]) -> str:
    return part[0] if unescape(part[0]) == part[0] else f"+{part[0][1:]}"
