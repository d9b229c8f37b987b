"""Zoom levels against values: wrong sums of pyBigWig are found, three right writers are not."""

import shutil
import struct
import zlib
from functools import partial
from pathlib import Path

import numpy as np
import pybigtools
import pyBigWig
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tracksmith
from tracksmith.cli import main
from tracksmith.errors import InputError
from tracksmith.hub.build import build_hub
from tracksmith.hub.check import check_hub
from tracksmith.hub.check.zooms import PLACES, find_zoom_fault
from tracksmith.tracks import TrackOptions, encode_values, write_bigwig
from tracksmith.tracks.intervals import INTERVAL_BIN, encode_intervals

CONTIGS = [("chrA", 80_000), ("chrB", 40_001), ("empty", 10)]


def fault_of(path, **options):
    data = Path(path).read_bytes()
    return find_zoom_fault(lambda start, length: data[start : start + length], "file", **options)


def signal(name, length):
    """Random values for each base, or rare peaks on zeros."""
    generator = np.random.default_rng(length)
    if name == "signed":
        return generator.standard_normal(length).astype(np.float32)
    if name == "constant":
        return np.ones(length, np.float32)
    return np.where(generator.random(length) < 0.1, 5, 0).astype(np.float32)


def by_pybigwig(path, name):
    handle = pyBigWig.open(str(path), "w")
    handle.addHeader(CONTIGS)
    for contig, length in CONTIGS[:2]:
        handle.addEntries(contig, 0, values=signal(name, length), span=1, step=1)
    handle.close()


def by_pybigtools(path, name):
    rows = ((contig, at, at + 1, value) for contig, length in CONTIGS[:2]
            for at, value in enumerate(signal(name, length).tolist()))  # fmt: skip
    pybigtools.open(str(path), "w").write(dict(CONTIGS), rows)


def by_us(path, name, gap=0):
    options, pieces = TrackOptions("zlib"), []
    for number, (_, length) in enumerate(CONTIGS[:2]):
        values = signal(name, length)
        values[1000 : 1000 + gap] = np.nan
        pieces.append((number, encode_values(values, 0, 1, length, options, contig=number)))
    write_bigwig(path, CONTIGS, lambda: pieces, 1, options)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("name", ["signed", "constant", "peaks"])
def test_the_wrong_sums_of_pybigwig_are_found_and_no_others(name, full, tmp_path):
    by_pybigwig(tmp_path / "bad.bw", name)
    by_pybigtools(tmp_path / "other.bw", name)
    by_us(tmp_path / "good.bw", name)
    by_us(tmp_path / "gaps.bw", name, 20_000)
    fault = fault_of(tmp_path / "bad.bw", full=full)
    assert fault is not None
    assert fault.stored == 0
    _, length = CONTIGS[fault.contig]
    values = signal(name, length)[fault.start : fault.end].astype(float)
    true = values.sum() if fault.what == "sum of its values" else (values**2).sum()
    assert fault.least == pytest.approx(true, rel=1e-5)
    for right in ("other.bw", "good.bw", "gaps.bw"):
        assert fault_of(tmp_path / right, full=full) is None


@pytest.mark.parametrize("place", PLACES)
def test_each_place_of_the_sample_finds_what_lies_there(place, tmp_path):
    by_pybigwig(tmp_path / "bad.bw", "constant")
    assert fault_of(tmp_path / "bad.bw", places=(place,)) is not None


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_right_file_of_intervals_is_blamed(data, tmp_path):
    cuts = data.draw(st.lists(st.integers(0, 5000), min_size=2, max_size=60, unique=True))
    number = st.floats(-(2.0**46), 2.0**46, width=32)
    cuts = np.array(sorted(cuts))
    kept = np.array(data.draw(st.lists(st.booleans(), min_size=len(cuts) - 1,
                                       max_size=len(cuts) - 1)))  # fmt: skip
    kept[0] = True
    starts, ends = cuts[:-1][kept], cuts[1:][kept]
    values = data.draw(st.lists(number, min_size=len(starts), max_size=len(starts)))
    options = TrackOptions("zlib")
    piece = encode_intervals(
        starts, ends, np.array(values, np.float32), 5000, options, contig=0
    )  # fmt: skip
    path = tmp_path / "some.bw"
    write_bigwig(path, [("chrA", 5000)], lambda: [(0, piece)], INTERVAL_BIN, options)
    assert fault_of(path) is None
    assert fault_of(path, full=True) is None


def spoil_a_record(path, level, change):
    """Change a record in the middle of a level's only block; it stays as long."""
    data = bytearray(path.read_bytes())
    index = struct.unpack_from("<Q", data, 64 + 24 * level + 16)[0]
    offset, size = struct.unpack_from("<QQ", data, index + 48 + 4 + 16)
    raw = np.frombuffer(zlib.decompress(data[offset : offset + size]), "<f4").reshape(-1, 8).copy()
    change(raw[len(raw) // 3])
    packed = zlib.compress(raw.tobytes(), 9)
    assert len(packed) <= size
    data[offset : offset + size] = packed.ljust(size, b"\0")
    path.write_bytes(data)


def test_a_single_wrong_record_is_found_by_a_full_look(tmp_path):
    path = tmp_path / "one.bw"
    by_us(path, "peaks")

    def change(record):
        record[6] = 0

    spoil_a_record(path, 3, change)
    assert fault_of(path) is None
    fault = fault_of(path, full=True)
    assert fault.contig == 0
    assert fault.what == "sum of its values"
    assert fault.stored < fault.least


@pytest.fixture(scope="module")
def good_run(tmp_path_factory, run_builder) -> Path:
    folder = tmp_path_factory.mktemp("zooms") / "run"
    folder.mkdir()
    run = run_builder(folder).model("toy").bigwig("signal").write()
    build_hub([run], run / "hub", "a@example.org")
    assert check_hub(run) == []
    return run


@pytest.fixture
def bad_run(good_run, tmp_path) -> Path:
    """A hub whose only bigWig pyBigWig wrote."""
    run = shutil.copytree(good_run, tmp_path / "run")
    path = run / "tracks" / "toy.signal.bw"
    path.unlink()
    handle = pyBigWig.open(str(path), "w")
    handle.addHeader([("chrA", 3000), ("chrB", 1501)])
    handle.addEntries("chrB", 0, values=np.ones(1501, np.float32), span=1, step=1)
    handle.close()
    return run


def test_the_checker_warns_with_file_cause_and_cure(bad_run):
    (finding,) = check_hub(bad_run)
    assert finding.level == "warning"
    assert finding.file.endswith("hub/hub.txt")
    for wanted in ("toy.signal.bw", "wide views show wrong means", "at 16 bp a record, chrB:",
                   "stores 0 as the sum of its values", "pyBigWig"):  # fmt: skip
        assert wanted in str(finding)
    assert tracksmith.check_hub(bad_run, full=True)
    result = CliRunner().invoke(main, ["hub", "check", str(bad_run)])
    assert result.exit_code == 0
    assert "0 errors, 1 warning" in result.output
    assert CliRunner().invoke(main, ["hub", "check", "--strict", str(bad_run)]).exit_code == 4


def test_a_full_look_at_a_good_hub_finds_nothing(good_run):
    result = CliRunner().invoke(main, ["hub", "check", "--full", "--strict", str(good_run)])
    assert result.exit_code == 0, result.output
    assert "0 errors, 0 warnings" in result.output


def test_a_file_cut_within_its_blocks_is_an_error(bad_run):
    path = bad_run / "tracks" / "toy.signal.bw"
    path.write_bytes(path.read_bytes()[:-400])
    assert any(item.level == "error" and "damaged" in str(item) for item in check_hub(bad_run))


@pytest.mark.parametrize("full", [False, True])
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(places=st.lists(st.tuples(st.integers(0, 1 << 30), st.integers(0, 255)), max_size=20))
def test_damage_is_named_and_never_crashes_or_hangs(full, good_run, places):
    data = bytearray((good_run / "tracks" / "toy.signal.bw").read_bytes())
    for at, value in places:
        data[at % (len(data) - 64) + 64] = value

    def read(start, length):
        return bytes(data[start : start + length])

    look = partial(find_zoom_fault, read, "file", full=full)
    try:
        look()
    except InputError as error:
        assert "damaged" in str(error)


def big_endian(kind=3):
    """Return the bytes of a file that is not compressed, with one section of a kind."""
    header = struct.pack(">IHHQQQHHQQIQ", 0x888FFC26, 4, 1, 0, 200, 300, 0, 0, 0, 0, 0, 0)
    zoom = struct.pack(">IIQQ", 10, 0, 500, 600)
    values = struct.pack(">IIIIIBBH", 0, 0, 4, 1, 1, kind, 0, 4) + struct.pack(">4f", 1, 2, 3, 4)
    record = struct.pack(">4I4f", 0, 0, 4, 4, 1, 4, 9, 30)

    def index(offset, size):
        head = struct.pack(">IIQIIIIQII", 0x2468ACE0, 256, 1, 0, 0, 0, 4, 0, 1, 0)
        return head + struct.pack(">BBH4IQQ", 1, 0, 1, 0, 0, 0, 4, offset, size)

    data = bytearray(800)
    for at, part in ((0, header), (64, zoom), (220, values), (300, index(220, len(values))),
                     (504, record), (600, index(504, len(record)))):  # fmt: skip
        data[at : at + len(part)] = part
    return data


def test_a_file_of_the_other_byte_order_is_read(tmp_path):
    """Such files were written by UCSC's programs on machines of that order."""
    data = big_endian()
    path = tmp_path / "big.bw"
    path.write_bytes(data)
    assert str(fault_of(path)) == "stores 9 as the sum of its values, which is 10"
    data[504 + 24 : 504 + 28] = struct.pack(">f", 10)
    path.write_bytes(data)
    assert fault_of(path) is None
    assert fault_of(path, full=True) is None


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("kind", [0, 4, 255])
def test_a_section_of_an_unknown_kind_is_damage(tmp_path, kind, full):
    (tmp_path / "odd.bw").write_bytes(big_endian(kind))
    with pytest.raises(InputError, match="damaged"):
        fault_of(tmp_path / "odd.bw", full=full)
