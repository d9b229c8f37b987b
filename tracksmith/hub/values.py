"""Values of hub settings: what is allowed, and making text safe for one line of a hub.

Every function of the form ``check(value) -> str | None`` returns None for a
good value, else what is wrong, in words that complete "the value ...".
"""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Callable
from pathlib import PurePosixPath
from urllib.parse import urlsplit

__all__ = [
    "LONG_LABEL",
    "SHORT_LABEL",
    "Grammar",
    "anything",
    "choice",
    "colour",
    "field_words",
    "first_short",
    "html_path",
    "integer",
    "label",
    "limits",
    "line_problem",
    "mail",
    "name_problem",
    "number",
    "numbers",
    "on_off",
    "one_line",
    "pairs",
    "parent",
    "pixels",
    "plain_text",
    "relative_url",
    "safe_name",
    "text_up_to",
    "track_type",
    "whole_number",
    "without_end",
    "word",
    "y_label",
]

Grammar = Callable[[str], "str | None"]

SHORT_LABEL = 17
LONG_LABEL = 76

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_WORD = re.compile(r"\S+")
_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SWAPPED = str.maketrans({"<": "(", ">": ")", '"': "'", "\\": "/", "`": "'"})
_MAX_NAME = 120


def plain_text(text: str) -> str:
    """Return ``text`` on one line: white space runs become a space, unprintable characters go.

    Angle brackets, double quotes, back quotes and backslashes become their harmless
    neighbours, since browsers paste labels into HTML and hubs join lines at a backslash.
    """
    kept = text
    if not text.isprintable():
        spaced = "".join(" " if char.isspace() or ord(char) < 32 else char for char in text)
        kept = "".join(char for char in spaced if char.isprintable())
    return " ".join(kept.translate(_SWAPPED).split())


def label(text: str, limit: int) -> str:
    """Return ``text`` as an ASCII label of at most ``limit`` characters, never empty.

    Accents are dropped; other characters outside ASCII become ``?``. A label
    that is too long loses its middle, where names of tracks rarely differ.
    """
    decomposed = unicodedata.normalize("NFKD", plain_text(text))
    ascii_text = "".join(
        char if ord(char) < 127 else "?" for char in decomposed if not unicodedata.combining(char)
    )
    ascii_text = " ".join(ascii_text.translate(_SWAPPED).split())
    if len(ascii_text) > limit:
        tail = (limit - 2) // 2
        ascii_text = f"{ascii_text[: limit - 2 - tail]}..{ascii_text[-tail:]}"
    return ascii_text.strip() or "unnamed"


def without_end(text: str) -> str:
    """Return a sentence as a long label shows it: where it is too long, its last words go."""
    return textwrap.shorten(plain_text(text), LONG_LABEL, placeholder=" ...")


def first_short(*texts: str, limit: int = SHORT_LABEL) -> str:
    """Return the first text that a label of ``limit`` characters shows whole, else the last one."""
    fitting = (text.strip() for text in texts if 0 < len(text.strip()) <= limit)
    return next(fitting, texts[-1])


def safe_name(*parts: str) -> str:
    """Return a track name of ``[A-Za-z][A-Za-z0-9_-]*`` made of the parts, joined by ``_``."""
    joined = "_".join(part for part in parts if part)
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", joined)
    if not name[:1].isascii() or not name[:1].isalpha():
        name = f"t_{name}"
    return name[:_MAX_NAME]


def line_problem(value: str) -> str | None:
    """Say why ``value`` cannot stand on one line of a hub, whatever the setting."""
    if not value.strip():
        return "is empty"
    if value != value.strip():
        return "begins or ends with a space"
    if "\\" in value:
        return "holds a backslash, which joins lines"
    bad = next((char for char in value if not char.isprintable()), None)
    return None if bad is None else f"holds the unprintable character {bad!r}"


def name_problem(name: str) -> str | None:
    """Say why ``name`` is no track name."""
    if _NAME.fullmatch(name):
        return None
    if name[:1].isdigit() or not name[:1].isalpha():
        return "must begin with a letter"
    return "may hold letters, digits, '_' and '-' only; UCSC turns others into '_' silently"


def anything(value: str) -> str | None:
    """Accept every line."""
    return None


def text_up_to(limit: int) -> Grammar:
    """Return the grammar of a label of at most ``limit`` printable characters."""

    def check(value: str) -> str | None:
        if len(value) > limit:
            return f"has {len(value)} characters; browsers show {limit}"
        if "<" in value or ">" in value:
            return "holds an angle bracket, which browsers paste into HTML"
        return None

    return check


def one_line(value: str) -> str | None:
    """Accept any text without angle brackets."""
    return "holds an angle bracket" if "<" in value or ">" in value else None


def word(value: str) -> str | None:
    """One word without white space."""
    return None if _WORD.fullmatch(value) else "must be one word"


def integer(value: str) -> str | None:
    """A whole number."""
    return None if re.fullmatch(r"[+-]?[0-9]+", value) else "must be a whole number"


def whole_number(text: str) -> int | None:
    """Return a whole number of up to 18 digits (0-9 alone), None for every other text."""
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None


def number(value: str) -> str | None:
    """A number."""
    return None if _NUMBER.fullmatch(value) else "must be a number"


def on_off(value: str) -> str | None:
    """``on`` or ``off``."""
    return None if value in ("on", "off") else "must be on or off"


def choice(*allowed: str) -> Grammar:
    """Return the grammar of one of a few words."""

    def check(value: str) -> str | None:
        return None if value in allowed else f"must be one of {', '.join(allowed)}"

    return check


def colour(value: str) -> str | None:
    """``r,g,b`` with numbers from 0 to 255."""
    parts = [whole_number(part) for part in value.split(",")]
    if len(parts) == 3 and all(part is not None and part <= 255 for part in parts):
        return None
    return "must be red,green,blue with whole numbers from 0 to 255"


def limits(value: str) -> str | None:
    """``low:high``, low below high."""
    low, colon, high = value.partition(":")
    if not colon or number(low) or number(high):
        return "must be LOW:HIGH, two numbers"
    return None if float(low) < float(high) else "must have its lower number first"


def numbers(value: str) -> str | None:
    """One number, or ``low:high``."""
    return None if number(value) is None else limits(value)


def pixels(value: str) -> str | None:
    """``max:default:min`` in pixels."""
    parts = [whole_number(part) for part in value.split(":")]
    if len(parts) != 3 or None in parts:
        return "must be MAX:DEFAULT:MIN in pixels"
    most, usual, least = (part or 0 for part in parts)
    return None if most >= usual >= least > 0 else "must fall from MAX over DEFAULT to MIN"


def relative_url(value: str) -> str | None:
    """An http(s) or ftp address, or a path relative to the hub; one word."""
    if not _WORD.fullmatch(value):
        return "must be an address without spaces (write %20)"
    try:
        scheme = urlsplit(value).scheme.lower()
    except ValueError as error:
        return f"is no address: {error}"
    if scheme and scheme not in ("http", "https", "ftp"):
        return f"has the scheme {scheme!r}; only http, https, ftp or a relative path can be loaded"
    return None


def html_path(value: str) -> str | None:
    """A relative address of an HTML page."""
    return relative_url(value)


def mail(value: str) -> str | None:
    """An e-mail address."""
    return None if re.fullmatch(r"[^@\s]+@[^@\s]+", value) else "must be an e-mail address"


def parent(value: str) -> str | None:
    """``NAME`` or ``NAME on|off``."""
    match = re.fullmatch(r"(\S+)( (on|off))?", value)
    if not match:
        return "must be a track name, then on or off if wished"
    return name_problem(match[1])


def pairs(value: str) -> str | None:
    """``key=value`` words."""
    words = value.split()
    return None if all("=" in item.strip("=") for item in words) else "must be KEY=VALUE words"


def field_words(value: str) -> str | None:
    """Field names joined by commas."""
    good = all(_FIELD.fullmatch(item) for item in value.replace(" ", "").split(","))
    return None if good else "must be field names joined by commas"


def y_label(value: str) -> str | None:
    """``VALUE on|off R,G,B TEXT``: a line across a lollipop plot."""
    parts = value.split(" ", 3)
    if len(parts) < 4 or number(parts[0]) or on_off(parts[1]) or colour(parts[2]):
        return "must be Y on|off RED,GREEN,BLUE TEXT"
    return None


def track_type(value: str) -> str | None:
    """``bigWig MIN MAX``, ``bigBed N +``, ``bigLolly``, or another format's name."""
    words = value.split()
    if words[0] == "bigWig":
        return _big_wig_type(words)
    if words[0] == "bigBed":
        fields = whole_number(words[1]) if len(words) > 1 else None
        if fields is None or not 3 <= fields <= 15 or words[2:] not in ([], ["+"], ["."]):
            return "must be `bigBed N`, or `bigBed N +` with a space before the plus"
    return None


def _big_wig_type(words: list[str]) -> str | None:
    if len(words) == 1:
        return "gives no range: write `bigWig MIN MAX`, else UCSC scales to 0:1000"
    if len(words) != 3 or number(words[1]) or number(words[2]):
        return "must be `bigWig MIN MAX` with two numbers"
    return None if float(words[1]) < float(words[2]) else "must have MIN below MAX"


def is_inside(path: str) -> bool:
    """Say whether a relative path stays below its folder."""
    pure = PurePosixPath(path)
    return not pure.is_absolute() and ".." not in pure.parts
