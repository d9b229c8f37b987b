"""Damage by the dice: to bytes, to the values of JSON, to a sealed run.json."""

import copy
import hashlib
import json
import math
import random
import struct
from contextlib import suppress
from typing import Any

from tracksmith.errors import TracksmithError
from tracksmith.files import canonical_json
from tracksmith.runs.codec import decode
from tracksmith.runs.record import PlanRecord

NUMBERS = (
    *(0, 1, 2, 3, 7, 63, 255, 256, 65_535),
    *(2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63, 2**64 - 1),
)
PRINTABLE = r"""
{ } [ ] , : " "" null true NaN Infinity -1 0 1e999 1.5 {} [] [[]] \ \u0000 \ud800 = # # 0x10 inf %
[hub] [[variants]] [predict] ../x /etc/passwd <b> 1979-05-27 ' \'\'\' """
TOKENS = (
    *(word.encode() for word in PRINTABLE.split()),
    *(b"\xff", b"\0", b" ", b"\n", b"\xe2\x80\xa8", b"9" * 5_000, b"[" * 3_000, b"x" * 300),
    b"a." * 2_000 + b"b=1\n",
)
VALUES: tuple[Any, ...] = (
    None, True, False, -1, 0, 3, 2**31, 10**30, 10**400, 0.5, math.inf, math.nan, "", "x", "..",
    "/etc/passwd", "a\nb", "\ud800", "<img src=x onerror=1>", "%", "é" * 200, [], {}, ["x"], [[1]],
    {"x": 1}, [0, 0], [1, 0], "mean", "held-out",
)  # fmt: skip
"""What a field of a record is replaced by."""


def damaged_bytes(content: bytes, rng: random.Random) -> bytes:
    """Change a few places: a byte, a bit, a number, a piece less, twice or elsewhere, a cut."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        # The heads of files decide how the rest is read.
        reach = len(data) if rng.random() < 0.5 else min(len(data), 1 << rng.randrange(5, 20))
        at = rng.randrange(reach + 1)
        size = rng.choice((1, 2, 4, 9, 40))
        kind = rng.randrange(9)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            data[at : at + 1] = bytes([rng.randrange(256)])
        elif kind in (2, 3):
            width = rng.choice("BHIQ")
            number = rng.choice((*NUMBERS, len(data) + rng.randint(-40, 40)))
            piece = struct.pack(f"<{width}", number % 256 ** struct.calcsize(width))
            data[at : at + len(piece)] = piece
        elif kind == 4:
            del data[at : at + size]
        elif kind == 5:
            data[at:at] = data[at : at + size]
        elif kind == 6:
            other = rng.randrange(len(data) + 1)
            data[at : at + size] = data[other : other + size]
        elif kind == 7 and rng.random() < 0.3:
            del data[at:]
        else:
            data[at : at + rng.choice((0, 0, 1, 5))] = rng.choice(TOKENS)
    return bytes(data)


def damaged_value(value: Any, rng: random.Random) -> Any:
    """Return JSON content with a few of its values replaced, removed, doubled or moved."""
    changed = copy.deepcopy(value)
    for _ in range(rng.choice((1, 1, 2, 4))):
        place, key = _place(changed, rng)
        if place is None:
            return copy.deepcopy(rng.choice(VALUES))
        kind = rng.randrange(8)
        if kind == 0:
            del place[key]
        elif kind == 1 and isinstance(place, list):
            place.insert(key, copy.deepcopy(place[key]))
        elif kind == 1:
            place[f"{key}x"] = place.pop(key)
        elif kind == 2:
            other, name = _place(changed, rng)
            place[key] = copy.deepcopy(other[name])
        elif kind == 3 and isinstance(place[key], int | float):
            place[key] = place[key] + rng.choice((-1, 1, 10**6))
        else:
            place[key] = copy.deepcopy(rng.choice(VALUES))
    return changed


def _place(value: Any, rng: random.Random) -> tuple[Any, Any]:
    """Return a list or dictionary somewhere inside, and a key of it; None where there is none."""
    place, key = None, None
    while isinstance(value, dict | list) and value:
        if place is not None and rng.random() < 0.25:
            break
        place = value
        key = rng.choice(list(value)) if isinstance(value, dict) else rng.randrange(len(value))
        value = value[key]
    return place, key


def damaged_json(content: bytes, rng: random.Random) -> bytes:
    """Change the values of JSON, now and then its letters."""
    if rng.random() < 0.2:
        return damaged_bytes(content, rng)
    return json.dumps(damaged_value(json.loads(content), rng)).encode()


def damaged_run(content: bytes, rng: random.Random) -> bytes:
    """Change a run.json and give it the identity and the seal of what it holds now."""
    text = damaged_json(content, rng)
    try:
        record = json.loads(text)
        record["id"] = decode(PlanRecord, record["plan"], "plan").id
    except (ValueError, TypeError, KeyError, RecursionError, TracksmithError):
        return text
    sealed = {key: value for key, value in record.items() if key not in ("places", "seal")}
    with suppress(ValueError, TypeError):
        record["seal"] = hashlib.sha256(canonical_json(sealed).encode()).hexdigest()
    return json.dumps(record).encode()
