"""`hub check` over damaged hubs: whatever the bytes, it ends soon, in findings or a named error.

A small seeded part of what `TRACKSMITH_FUZZ=5000` runs for longer, from another
`TRACKSMITH_FUZZ_SEED` if wished.
"""

import os
import random
import re
import shutil
import socket
import struct
import time

import pytest

from tracksmith.errors import InputError, ResourceError
from tracksmith.hub.build import build_hub
from tracksmith.hub.check import check_hub

CASES = int(os.environ.get("TRACKSMITH_FUZZ", "40"))
SEED = int(os.environ.get("TRACKSMITH_FUZZ_SEED", "1"))
LONGEST = 20.0  # seconds for one damaged hub, on a busy machine

PRINTABLE = """
0 -1 9 1e999 nan inf ² ٣ 99999999999999999999 1:0 0:0 : , . .. / // \\ # % %00 %ff %2e%2e $ ${a} + -
on off group full bigWig bigBed bigLolly include hub.txt ./hub.txt html/../hub.txt track parent view
container compositeTrack superTrack subGroup1 filter. filterLimits. = a=b * ? [ ] http://[x/ http://
http://127.0.0.1:9/x http:/x //[x/y file:///etc/passwd ftp://x javascript:1 http://127.0.0.1:99999/
chrA:,-, chrA:1-, chrA:1-9999999999999999999999 :1-2 <b> "x" 'x'
"""
WORDS = [
    *PRINTABLE.split(),
    "x" * 70,
    "x" * 5000,
    "9" * 5000,
    "http://" + "a" * 64 + ".example/",
    "\x00",
    "\x0b",
    "é",
]
NUMBERS = (0, 1, 2, 3, 7, 63, 64, 255, 256, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63,
           2**64 - 1)  # fmt: skip


def damaged_text(text: str, dice: random.Random) -> str:
    """Return a hub's text with a few changes: lines, words, letters."""
    lines = text.split("\n")
    for _ in range(dice.choice((1, 1, 2, 5))):
        at = dice.randrange(len(lines))
        kind = dice.randrange(8)
        if kind == 0:
            del lines[at : at + dice.choice((1, 1, 5))]
        elif kind == 1:
            lines.insert(at, lines[dice.randrange(len(lines))])
        elif kind == 2:
            lines.insert(at, f"{dice.choice(WORDS)} {dice.choice(WORDS)}")
        elif kind == 3 and lines[at]:
            place = dice.randrange(len(lines[at]))
            lines[at] = lines[at][:place] + dice.choice(WORDS) + lines[at][place:]
        else:
            words = lines[at].split(" ")
            words[dice.randrange(len(words))] = dice.choice(WORDS)
            lines[at] = " ".join(words)
        lines = lines or [""]
    return "\n".join(lines)


def damaged_bytes(data: bytes, dice: random.Random, heads: list[int]) -> bytes:
    """Return a file with a few changes, mostly near the offsets ``heads`` of its structures."""
    changed = bytearray(data)
    for _ in range(dice.choice((1, 1, 2, 4))):
        at = dice.randrange(len(changed)) if changed else 0
        if dice.random() < 0.8:
            at = dice.choice(heads) + 2 * dice.randrange(36)
        width = dice.choice("BHIQ")
        number = dice.choice((*NUMBERS, *heads, len(data) + dice.randint(-40, 40)))
        kind = dice.randrange(12)
        if kind == 0:
            del changed[at:]
        elif kind == 1:
            del changed[at : at + dice.randrange(40)]
        elif at + struct.calcsize(width) <= len(changed):
            limit = 256 ** struct.calcsize(width)
            struct.pack_into(f"<{width}", changed, at, number % limit)
    return bytes(changed)


def plain_bigwig(order: str) -> bytes:
    """Return a bigWig of two contigs, not compressed, so that damage reaches its records."""
    values = struct.pack(f"{order}5IBBH", 0, 0, 40, 10, 10, 3, 0, 4)
    values += struct.pack(f"{order}4f", 1, 2, 3, 4)
    graph = struct.pack(f"{order}5IBBH", 1, 5, 9, 0, 0, 1, 0, 1) + struct.pack(
        f"{order}2If", 5, 9, 2
    )
    record = struct.pack(f"{order}4I4f", 0, 0, 40, 40, 1, 4, 100, 300)
    names = struct.pack(f"{order}IIIIQQ", 0x78CA8C91, 2, 4, 8, 2, 0)
    names += struct.pack(f"{order}BBH4sII4sII", 1, 0, 2, b"chrA", 0, 3000, b"chrB", 1, 1501)

    def index(*blocks: tuple[int, ...]) -> bytes:
        head = struct.pack(f"{order}IIQIIIIQII", 0x2468ACE0, 256, len(blocks), 0, 0, 1, 9, 0, 1, 0)
        rows = [struct.pack(f"{order}IIIIQQ", *block) for block in blocks]
        return head + struct.pack(f"{order}BBH", 1, 0, len(rows)) + b"".join(rows)

    at = {"names": 160, "data": 300, "index": 400, "record": 604, "zoom": 700}
    head = struct.pack(f"{order}IHHQQQHHQQIQ", 0x888FFC26, 4, 1, at["names"], at["data"],
                       at["index"], 0, 0, 0, 96, 0, 0)  # fmt: skip
    parts = {
        0: head + struct.pack(f"{order}IIQQ", 10, 0, 600, at["zoom"]),
        96: struct.pack(f"{order}Q4d", 44, 1, 4, 108, 316),
        at["names"]: names,
        at["data"]: struct.pack(f"{order}I", 2) + values + graph,
        at["index"]: index((0, 0, 0, 40, 304, len(values)),
                           (1, 5, 1, 9, 304 + len(values), len(graph))),
        at["record"]: record,
        at["zoom"]: index((0, 0, 0, 40, at["record"], len(record))),
    }  # fmt: skip
    data = bytearray(900)
    for place, part in parts.items():
        data[place : place + len(part)] = part
    return bytes(data)


@pytest.fixture(scope="module")
def good_run(tmp_path_factory, run_builder, pair):
    folder = tmp_path_factory.mktemp("fuzz") / "run"
    folder.mkdir()
    made = run_builder(folder).model("clip", pair).bigwig("plus").bigwig("minus", scale=-1)
    made.model("toy").bigwig("signal").bigwig("signal", "sd", 0.2)
    run = made.variants([("chrA", 700, "rs1", "A", "C", 0.5)]).write()
    build_hub([run], run / "hub", "hub@example.org", name="toyhub", title="A toy hub")
    assert check_hub(run) == []
    return run


@pytest.fixture
def hub(good_run, tmp_path, monkeypatch):
    """A copy of the hub, to be spoiled; no name is looked up in a network."""

    def unknown(host, *_, **__):
        host.encode("idna") if isinstance(host, str) else None
        raise socket.gaierror("not in a test")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    return shutil.copytree(good_run, tmp_path / "run") / "hub"


def look(hub, *, full=False):
    """Check a damaged hub, which may end in findings or be refused by name."""
    start = time.monotonic()
    try:
        check_hub(hub, full=full)
    except (InputError, ResourceError) as error:
        assert str(error)
    assert time.monotonic() - start < LONGEST


def in_several_files(hub):
    """Cut the hub into hub.txt, genomes.txt, trackDb.txt and a file that this includes."""
    text = (hub / "hub.txt").read_text()
    head, genome, first, *tracks = re.split(r"\n\n+(?=\s*(?:genome|track) )", text)
    parts = {
        "hub.txt": head.replace("useOneFile on", "genomesFile genomes.txt"),
        "genomes.txt": f"{genome}\ntrackDb trackDb.txt\n",
        "trackDb.txt": f"{first}\n\ninclude more.txt\n",
        "more.txt": "\n\n".join(tracks),
    }
    for name, part in parts.items():
        (hub / name).write_text(part)
    assert check_hub(hub) == []
    return [hub / name for name in parts]


@pytest.mark.parametrize("layout", ["one file", "several files"])
def test_any_damage_to_the_text_is_named(hub, layout):
    paths = in_several_files(hub) if layout == "several files" else [hub / "hub.txt"]
    paths.append(hub / "groups.txt")
    texts = {path: path.read_text() for path in paths}
    for number in range(CASES):
        dice = random.Random(f"{SEED} {layout} {number}")
        path = dice.choice([paths[0], *paths])
        path.write_text(damaged_text(texts[path], dice), newline="")
        look(hub)
        path.write_text(texts[path])


@pytest.fixture
def small_hub(hub):
    """The hub with one track of each kind of file: less to read, more damage in less time."""
    text = (hub / "hub.txt").read_text()
    head, *tracks = re.split(r"\n\n+(?=\s*track )", text)
    kept = [
        track
        for track in tracks
        if re.search(r"track (toy|toy_tracks|toy_signal|toy_variants)\n", track)
    ]
    (hub / "hub.txt").write_text("\n\n".join([head, *kept]))
    return hub


def spoil(hub, path, data, heads):
    for number in range(CASES):
        dice = random.Random(f"{SEED} {path.name} {number}")
        path.write_bytes(damaged_bytes(data, dice, heads))
        look(hub, full=number % 2 == 0)


@pytest.mark.parametrize("order", ["<", ">", "compressed"])
def test_any_damage_to_a_bigwig_is_named(small_hub, order):
    path = small_hub.parent / "tracks" / "toy.signal.bw"
    data = path.read_bytes() if order == "compressed" else plain_bigwig(order)
    path.write_bytes(data)
    assert [item for item in check_hub(small_hub, full=True) if item.level == "error"] == []
    mark = "<" if order == "compressed" else order
    start = struct.unpack_from(f"{mark}IHHQQQHHQQIQ", data)
    zooms = [struct.unpack_from(f"{mark}QQ", data, 64 + 24 * n + 8) for n in range(start[2])]
    spoil(small_hub, path, data, [0, 0, 64, *start[3:6], *start[9:10], *sum(zooms, ())])


def test_any_damage_to_a_bigbed_is_named(small_hub):
    path = small_hub.parent / "variants" / "toy.bb"
    data = path.read_bytes()
    start = struct.unpack_from("<IHHQQQHHQQIQ", data)
    spoil(small_hub, path, data, [0, 0, 64, *start[3:6], *start[8:10], start[11]])


def test_any_damage_to_a_2bit_file_is_named(small_hub):
    (path,) = small_hub.glob("*.2bit")
    data = path.read_bytes()
    spoil(small_hub, path, data, [0, 0, *struct.unpack_from("<I", data, 21)])
