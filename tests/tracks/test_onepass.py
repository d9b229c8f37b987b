"""The compiled survey of values against the one in numpy: the same, bit for bit."""

import ctypes
import importlib.util
import itertools
import math
import os
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tracksmith.tracks import TrackOptions, compiled, encode_values, encoding, survey
from tracksmith.tracks.survey import Bins, survey_bins
from tracksmith.tracks.zoom import BinGrid

ROOT = Path(__file__).resolve().parents[2]
FLAGS = os.environ.get("TRACKSMITH_TEST_CFLAGS", "").split()
"""More options for the compiler, such as ``-g -fsanitize=address,undefined``."""


@pytest.fixture(scope="session")
def hook():
    """The module that builds the library."""
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def built(hook, tmp_path_factory):
    """A library built from the source as it is now."""
    target = tmp_path_factory.mktemp("onepass") / compiled.LIBRARY.name
    if failure := hook.build(target, *FLAGS):
        if failure.startswith("no C compiler"):
            pytest.skip(failure)
        pytest.fail(failure)
    return target


@pytest.fixture(scope="session")
def native(built):
    return compiled.load(built).compiled


ODD = [0.0, -0.0, np.nan, np.inf, -np.inf, 1e-45, -1e-40, 3e38, 2.0**47, -(2.0**47), 1.0, 1.5]
WORDS = st.integers(0, 2**32 - 1)


@st.composite
def bins_of_a_contig(draw):
    """Stretches of every sort, anywhere on a contig, the last bin short or not."""
    parts = []
    for _ in range(draw(st.integers(1, 5))):
        count = draw(st.integers(1, 40) | st.sampled_from([63, 64, 65, 255, 256, 1024, 1500]))
        random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        sort = draw(st.sampled_from(["noise", "odd", "bits", "steps", "same", "gap", "holes"]))
        part = random.normal(size=count).astype(np.float32)
        if sort == "odd":
            part = random.choice(np.float32(ODD), count)
        elif sort == "bits":
            part = random.integers(0, 2**32, count, dtype=np.uint32).view(np.float32)
        elif sort == "steps":
            part = np.repeat(np.round(part), 7)[:count]
        elif sort == "same":
            part[:] = draw(st.sampled_from(ODD))
        elif sort == "gap":
            part[:] = np.nan
        elif sort == "holes":
            part[random.random(count) < draw(st.sampled_from([0.01, 0.5]))] = np.nan
        parts.append(part)
    values = np.concatenate(parts)
    bin_size = draw(st.sampled_from([1, 2, 16, 128, 1000]))
    room = (2**32 - 1) // bin_size - len(values)
    first = draw(st.integers(0, 200) | st.just(room))
    short = draw(st.integers(0, bin_size - 1))
    start = first * bin_size
    return Bins(values, BinGrid(draw(st.integers(0, 9)), start, bin_size),
                start + len(values) * bin_size - short)  # fmt: skip


def assert_same(one: survey.Survey, other: survey.Survey) -> None:
    assert one.zoom.tobytes() == other.zoom.tobytes()
    assert one.histogram.tobytes() == other.histogram.tobytes()
    assert one.sections.table.tobytes() == other.sections.table.tobytes()
    assert bytes(one.sections.content) == bytes(other.sections.content)
    assert one.summary[:2] == other.summary[:2]
    np.testing.assert_array_equal(one.summary[2:4], other.summary[2:4])
    if np.isfinite(other.zoom["sum_squares"]).all():  # else the values are refused
        assert repr(one.summary) == repr(other.summary)  # 0 and -0 are told apart


@settings(max_examples=400, deadline=None)
@given(bins=bins_of_a_contig(), items=st.sampled_from([1, 3, 100, 4096, 65_535]))
@example(Bins(np.float32([-0.0] * 70), BinGrid(0, 0, 1), 70), 4096)
@example(Bins(np.float32([5.0]), BinGrid(0, 0, 128), 3), 4096)
def test_compiled_code_gives_what_numpy_gives_bit_for_bit(native, bins, items):
    with np.errstate(all="ignore"):
        assert_same(native.survey_bins(bins, items), survey_bins(bins, items))


@pytest.mark.parametrize("count", [32_768, 32_769, 32_832, 33_000, 300_000])
def test_long_pieces_are_the_same_too(native, count):
    """Numpy works on 512 records at once; what is left may be one."""
    values = np.random.default_rng(count).normal(size=count).astype(np.float32)
    bins = Bins(values, BinGrid(1, 64, 1), 64 + count)
    assert_same(native.survey_bins(bins, 4096), survey_bins(bins, 4096))


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(
        st.floats(-(2.0**47), 2.0**47, width=32).filter(lambda v: v == 0 or abs(v) > 1e-20)
        | st.sampled_from([2.0**47, -(2.0**47), 1e-20, 0.1]),
        min_size=64, max_size=640,
    )
)  # fmt: skip
def test_totals_are_the_exact_sums_of_the_records_rounded_once(native, values):
    """As math.fsum of the records, which the standard library computes in its own way."""
    values = np.float32(values)
    survey = native.survey_bins(Bins(values, BinGrid(0, 0, 1), len(values)), 4096)
    assert survey.summary.sum == math.fsum(survey.zoom["sum"].tolist())
    assert survey.summary.sum_squares == math.fsum(survey.zoom["sum_squares"].tolist())


@settings(max_examples=60, deadline=None)
@given(bins=bins_of_a_contig())
def test_a_piece_has_the_same_bytes_either_way(native, bins):
    values = np.clip(bins.values, -(2.0**47), 2.0**47)
    options = TrackOptions(items_per_block=100)
    pieces = []
    for code in (native, None):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(encoding, "loaded", lambda code=code: compiled.Loaded(code))
            pieces.append(
                encode_values(
                    values, bins.grid.start, bins.grid.bin_size, bins.end, options,
                    contig=bins.grid.contig,
                ).to_bytes()
            )  # fmt: skip
    assert pieces[0] == pieces[1]


def test_values_in_any_memory_layout_are_read_as_they_are(native, monkeypatch):
    monkeypatch.setattr(encoding, "loaded", lambda: compiled.Loaded(native))
    values = np.random.default_rng(0).normal(size=500).astype(np.float32)
    frozen = values.copy()
    frozen.flags.writeable = False
    shifted = np.frombuffer(b"\0" + values.tobytes(), np.float32, 500, 1)
    assert not shifted.flags.aligned
    backwards = values[::-1].copy()[::-1]
    wide, other_order = values.astype(np.float64), values.astype(">f4")
    pieces = {
        encode_values(given, 0, 1, 500, TrackOptions(), contig=0).to_bytes()
        for given in (values, frozen, shifted, backwards, wide, other_order, values.tolist())
    }
    assert len(pieces) == 1


def test_no_room_is_an_error_and_nothing_is_written_beyond(native):
    """The sizes that are handed over are kept to."""
    values = np.random.default_rng(0).normal(size=5_000).astype(np.float32)
    given = compiled._Bins(values.ctypes.data, 5_000, 0, 5_000, 1, 0, 4096)
    room, place = compiled._room("a test", 1 << 17)
    assert len(room) == 1 << 17  # and stays alive
    result = compiled._Result()
    counts = np.zeros(1 << 16, np.uint32)
    survey_to = (ctypes.byref(given), counts.ctypes.data, place, place + 4096)
    for most in (0, 1, 100):
        assert native._survey(*survey_to, most, place + (1 << 16), ctypes.byref(result)) == 1
        assert not counts.any()
    assert native._survey(*survey_to, 5_000, place + (1 << 16), ctypes.byref(result)) == 0
    for sections, size in itertools.product((0, result.sections - 1, result.sections),
                                            (0, result.bytes - 1, result.bytes)):  # fmt: skip
        table, content = (
            np.zeros((result.sections, 3), np.uint64),
            np.full(result.bytes, 7, np.uint8),
        )
        status = native._sections(
            ctypes.byref(given), place + (1 << 16), table.ctypes.data, sections,
            content.ctypes.data, size,
        )  # fmt: skip
        whole = (sections, size) == (result.sections, result.bytes)
        assert status == (0 if whole else 1)
        assert (content[size:] == 7).all() and (table[sections:] == 0).all()


def test_a_library_that_cannot_be_used_is_left_aside_and_says_why(built, tmp_path):
    assert "no C compiler built it" in compiled.load(tmp_path / "none.so").reason
    (tmp_path / "broken.so").write_bytes(b"no library")
    assert "does not load" in compiled.load(tmp_path / "broken.so").reason
    (tmp_path / "other.c").write_bytes(compiled.SOURCE.read_bytes() + b"\n")
    library = compiled.load(built, tmp_path / "other.c")
    assert library.compiled is None and "built from another source" in library.reason


def test_without_the_library_numpy_encodes(monkeypatch):
    calls = []
    monkeypatch.setattr(encoding, "loaded", lambda: compiled.Loaded(None, "not built"))
    monkeypatch.setattr(encoding, "survey_bins",
                        lambda *given: calls.append(1) or survey_bins(*given))  # fmt: skip
    encode_values(np.ones(10, np.float32), 0, 1, 10, TrackOptions(), contig=0)
    assert calls == [1]


def test_a_failing_compiler_is_reported_and_leaves_no_library(hook, tmp_path, monkeypatch):
    monkeypatch.setenv("CC", f"{sys.executable} -c 'raise SystemExit(3)'")
    assert "failed" in hook.build(tmp_path / "a.so")
    monkeypatch.setattr(hook.shutil, "which", lambda name: None)
    assert hook.build(tmp_path / "a.so").startswith("no C compiler")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("opened_by", "let_go"), [(ctypes.CDLL, True), (ctypes.PyDLL, False)])
def test_other_threads_run_while_a_piece_is_surveyed(built, opened_by, let_go):
    """PyDLL keeps the interpreter's lock: with it, the other thread gets no turn."""
    code = compiled.Compiled(opened_by(str(built)))
    values = np.zeros(20_000_000, np.float32)
    bins = Bins(values, BinGrid(0, 0, 1), len(values))
    interval = sys.getswitchinterval()
    done, moments = threading.Event(), []

    def note_turns():
        while not done.is_set():
            moments.append(time.perf_counter())
            time.sleep(0)

    other = threading.Thread(target=note_turns)
    other.start()
    try:
        sys.setswitchinterval(10.0)  # nobody is asked to let the lock go
        began = time.perf_counter()
        code.survey_bins(bins, 4096)
        ended = time.perf_counter()
    finally:
        sys.setswitchinterval(interval)
        done.set()
        other.join()
    assert any(began < moment < ended for moment in moments) == let_go
