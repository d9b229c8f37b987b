"""bigWig files against two other readers, an independent decoder and the values themselves."""

import itertools
import math

import numpy as np
import pybigtools
import pyBigWig
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tracksmith.errors import InputError, ResourceError, TracksmithError
from tracksmith.tracks import (
    EncodedPiece,
    TrackOptions,
    encode_values,
    pyramid,
    read_contigs,
    read_summary,
    read_values,
    write_bigwig,
)

QUICK = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@st.composite
def stretches(draw, bins):
    """Values of consecutive bins: noise, constants, repeats and gaps, side by side."""
    values = np.empty(0, np.float32)
    while len(values) < bins:
        count = draw(st.integers(1, bins))
        seed = draw(st.integers(0, 2**32 - 1))
        noise = np.random.default_rng(seed).normal(0, 10, count).astype(np.float32)
        kind = draw(st.sampled_from(["noise", "constant", "steps", "gap", "holes"]))
        if kind == "constant":
            noise[:] = draw(st.floats(-(2.0**47), 2.0**47, width=32))
        elif kind == "steps":
            noise = np.round(noise)
        elif kind == "gap":
            noise[:] = np.nan
        elif kind == "holes":
            noise[noise < 0] = np.nan
        values = np.concatenate([values, noise])
    return values[:bins]


@st.composite
def tracks(draw):
    """A bin size, contigs with lengths, values per contig, and where pieces are cut."""
    bin_size = draw(st.sampled_from([1, 4, 128]))
    names = draw(st.lists(st.sampled_from(["chr10", "chr2", "chrM", "1", "x_y|z"]),
                          min_size=1, max_size=3, unique=True))  # fmt: skip
    contigs, values, cuts = [], [], []
    for name in names:
        length = draw(st.integers(1, 6_000)) * draw(st.sampled_from([1, bin_size]))
        bins = -(-length // bin_size)
        contigs.append((name, length))
        values.append(draw(stretches(bins)))
        cuts.append(sorted(draw(st.sets(st.integers(1, max(1, bins - 1)), max_size=3))))
    return bin_size, contigs, values, cuts


def pieces_of(values, cuts, bin_size, contigs, options):
    for contig, (track, where) in enumerate(zip(values, cuts, strict=True)):
        edges = [0, *[cut for cut in where if cut < len(track)], len(track)]
        for first, last in itertools.pairwise(edges):
            length = contigs[contig][1]
            part = track[first:last]
            yield (
                contig,
                encode_values(part, first * bin_size, bin_size, length, options, contig=contig),
            )


def write(path, bin_size, contigs, values, cuts=None, options=None):
    options = options or TrackOptions(items_per_block=100)
    cuts = cuts or [[] for _ in contigs]
    pieces = list(pieces_of(values, cuts, bin_size, contigs, options))
    return write_bigwig(path, contigs, lambda: pieces, bin_size, options)


def per_base(values, bin_size, length):
    return np.repeat(values, bin_size)[:length]


@QUICK
@given(track=tracks())
def test_two_other_readers_see_every_value_and_every_gap(tmp_path, track):
    bin_size, contigs, values, cuts = track
    path = tmp_path / "a.bw"
    write(path, bin_size, contigs, values, cuts)
    first, second = pyBigWig.open(str(path)), pybigtools.open(str(path))
    assert first.chroms() == dict(contigs) == second.chroms() == read_contigs(path)
    for (name, length), track_values in zip(contigs, values, strict=True):
        truth = per_base(track_values, bin_size, length)
        np.testing.assert_array_equal(np.float32(first.values(name, 0, length)), truth)
        np.testing.assert_array_equal(read_values(path, name, 0, length), truth)
        if np.isfinite(truth).any():
            numbers = second.values(name, 0, length, fillna=None)
            np.testing.assert_array_equal(np.float32(numbers), truth)
    first.close()
    second.close()


@QUICK
@given(track=tracks())
def test_every_zoom_record_of_every_level_tells_the_truth(tmp_path, decode, track):
    bin_size, contigs, values, cuts = track
    path = tmp_path / "a.bw"
    summary = write(path, bin_size, contigs, values, cuts)
    decoded = decode(path)
    truth = [
        per_base(track, bin_size, length).astype(np.float64)
        for track, (_, length) in zip(values, contigs, strict=True)
    ]
    everything = np.concatenate(truth)
    everything = everything[np.isfinite(everything)]
    assert summary.bases == len(everything) == decoded.totals[0]
    assert bool(decoded.zooms) == (summary.bases > 0)
    for reduction, records in decoded.zooms.items():
        assert reduction in [64 * bin_size * 4**level for level in range(10)]
        cells = [(contig, start // reduction) for contig, start, *_ in records]
        assert cells == sorted(set(cells)), "a cell has two records or they are out of order"
        assert sum(record[3] for record in records) == len(everything)
        for contig, start, end, count, low, high, total, squares in records:
            assert start // reduction == (end - 1) // reduction and end <= contigs[contig][1]
            part = truth[contig][start:end]
            assert np.isfinite(part[0]) and np.isfinite(part[-1])
            part = part[np.isfinite(part)]
            assert (count, low, high) == (len(part), part.min(), part.max())
            scale = np.abs(part).sum()
            assert total == pytest.approx(part.sum(), rel=1e-6, abs=1e-6 * scale)
            assert squares == pytest.approx((part * part).sum(), rel=1e-6, abs=1e-38)
    if len(everything):
        low, high, total, squares = decoded.totals[1:]
        assert (low, high) == (everything.min(), everything.max())
        assert total == pytest.approx(everything.sum(), abs=1e-9 * np.abs(everything).sum())
        assert squares == pytest.approx((everything * everything).sum(), rel=1e-9)


@QUICK
@given(track=tracks())
def test_items_never_overlap_and_add_up_to_the_track(tmp_path, decode, track):
    bin_size, contigs, values, cuts = track
    path = tmp_path / "a.bw"
    write(path, bin_size, contigs, values, cuts)
    decoded = decode(path)
    rebuilt = [np.full(length, np.nan, np.float32) for _, length in contigs]
    before = (0, 0)
    for contig, start, end, value in decoded.items():
        assert before <= (contig, start) and start < end <= contigs[contig][1]
        before = (contig, end)
        rebuilt[contig][start:end] = value
    for have, track_values, (_, length) in zip(rebuilt, values, contigs, strict=True):
        np.testing.assert_array_equal(have, per_base(track_values, bin_size, length))
    assert decoded.contigs == {name: (i, length) for i, (name, length) in enumerate(contigs)}


@settings(QUICK, max_examples=20)
@given(track=tracks())
def test_bytes_do_not_depend_on_how_pieces_travelled(tmp_path, track):
    bin_size, contigs, values, cuts = track
    options = TrackOptions(items_per_block=100)
    plain = list(pieces_of(values, cuts, bin_size, contigs, options))
    late = reversed(list(pieces_of(values, cuts, bin_size, contigs, options)))
    stored = [EncodedPiece.from_bytes(piece.to_bytes()) for _, piece in late]
    again = sorted(((piece.grid.contig, piece) for piece in stored), key=lambda row: row[1].grid)
    write_bigwig(tmp_path / "a.bw", contigs, lambda: plain, bin_size, options)
    write_bigwig(tmp_path / "b.bw", contigs, lambda: iter(again), bin_size, options)
    assert (tmp_path / "a.bw").read_bytes() == (tmp_path / "b.bw").read_bytes()


def test_summaries_of_a_constant_track_are_that_constant(tmp_path):
    path = tmp_path / "a.bw"
    write(path, 1, [("c", 100_000)], [np.ones(100_000, np.float32)])
    for bins in (1, 3, 10, 500):
        np.testing.assert_array_equal(read_summary(path, "c", 0, 100_000, bins), 1.0)


def test_zoomed_means_agree_with_the_values_in_both_readers(tmp_path):
    values = np.random.default_rng(0).normal(size=1 << 18).astype(np.float32)
    path = tmp_path / "a.bw"
    write(path, 1, [("c", len(values))], [values], options=TrackOptions())
    truth = values.astype(np.float64).reshape(16, -1)
    summary = read_summary(path, "c", 0, len(values), 16)
    np.testing.assert_allclose(summary, truth.mean(axis=1), atol=1e-6)
    second = pybigtools.open(str(path)).values(
        "c", 0, len(values), bins=16, summary="mean", fillna=None
    )
    np.testing.assert_allclose(second, truth.mean(axis=1), atol=1e-6)
    np.testing.assert_array_equal(
        read_summary(path, "c", 0, len(values), 16, "max"), truth.max(axis=1)
    )


def test_fifty_thousand_contigs_are_found_by_name(tmp_path, decode):
    contigs = [(f"scaffold_{(i * 7919) % 50_000}", 300 + i % 7) for i in range(50_000)]
    options = TrackOptions()
    filled = range(0, 50_000, 101)

    def pieces():
        for i in filled:
            values = np.full(contigs[i][1], i, np.float32)
            yield i, encode_values(values, 0, 1, contigs[i][1], options, contig=i)

    path = tmp_path / "a.bw"
    summary = write_bigwig(path, contigs, pieces, 1, options)
    assert summary.bases == sum(contigs[i][1] for i in filled)
    decoded = decode(path)
    assert decoded.contigs == {name: (i, length) for i, (name, length) in enumerate(contigs)}
    first, second = pyBigWig.open(str(path)), pybigtools.open(str(path))
    assert first.chroms() == dict(contigs) == second.chroms()
    for i in (0, 101, 25_048, 49_995):
        name, length = contigs[i]
        assert first.stats(name, 0, length) == [i]
        assert set(second.values(name, 0, length, fillna=None)) == {i}
    assert first.intervals(contigs[1][0]) is None


def test_many_blocks_need_an_index_of_several_levels(tmp_path, decode):
    values = np.random.default_rng(1).random(300_000).astype(np.float32)
    path = tmp_path / "a.bw"
    summary = write(path, 1, [("c", 300_000)], [values], options=TrackOptions(items_per_block=4))
    assert summary.sections == 75_000 == len(decode(path).blocks)
    np.testing.assert_array_equal(read_values(path, "c", 123_456, 123_999), values[123_456:123_999])
    numbers = pybigtools.open(str(path)).values("c", 299_000, 300_000, fillna=None)
    np.testing.assert_array_equal(np.float32(numbers), values[299_000:])


def test_a_track_of_gaps_is_an_empty_file_that_opens(tmp_path, decode):
    path = tmp_path / "a.bw"
    summary = write(path, 1, [("a", 500), ("b", 3)], [np.full(500, np.nan), np.full(3, np.nan)])
    assert summary.bases == 0 and summary.zoom_levels == 0
    assert math.isnan(summary.quantiles([0.5])[0])
    assert decode(path).blocks == []
    assert np.isnan(read_values(path, "a", 0, 500)).all()
    assert pyBigWig.open(str(path)).stats("a") == [None]
    assert pybigtools.open(str(path)).chroms() == {"a": 500, "b": 3}


def test_no_pieces_at_all_give_the_same_empty_file(tmp_path):
    write_bigwig(tmp_path / "a.bw", [("a", 5)], lambda: [], 1, TrackOptions())
    write(tmp_path / "b.bw", 1, [("a", 5)], [np.full(5, np.nan)], options=TrackOptions())
    assert (tmp_path / "a.bw").read_bytes() == (tmp_path / "b.bw").read_bytes()


def test_zooming_stops_when_it_saves_nothing(tmp_path, decode):
    values = np.random.default_rng(2).random(1_000).astype(np.float32)
    path = tmp_path / "a.bw"
    write(path, 1, [("a", 1_000), ("b", 1_000)], [values, values])
    levels = decode(path).zooms
    assert [len(records) for records in levels.values()] == [32, 8, 2]


OPTIONS = TrackOptions()


def piece(start=0, length=100, contig=0, bin_size=1, bins=10):
    return encode_values(np.ones(bins), start, bin_size, length, OPTIONS, contig=contig)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([(0, piece(start=50)), (0, piece())], "out of order"),
        ([(0, piece()), (0, piece(start=5))], "overlaps"),
        ([(1, piece(contig=1)), (0, piece())], "out of order"),
        ([(0, piece(start=90, length=1000, bins=20))], "passes the contig's end"),
        ([(0, piece(contig=1))], "another track"),
        ([(2, piece(contig=2))], "another track"),
        ([(0, piece(bin_size=4, bins=2))], "another track"),
    ],
)
def test_pieces_that_do_not_fit_together_are_refused(tmp_path, given, message):
    with pytest.raises(TracksmithError, match=message):
        write_bigwig(tmp_path / "a.bw", [("a", 100), ("b", 100)], lambda: given, 1, OPTIONS)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "contigs", [[], [("a", 5), ("a", 6)], [("", 5)], [("a\0", 5)], [("a", 0)], [("a", 1 << 32)]]
)
def test_contigs_that_no_file_can_list_are_refused(tmp_path, contigs):
    with pytest.raises(InputError):
        write_bigwig(tmp_path / "a.bw", contigs, lambda: [], 1, OPTIONS)
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_the_source_passes_through_and_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.bw"
    path.write_bytes(b"old")

    def pieces():
        yield 0, piece()
        raise KeyError("the model failed")

    with pytest.raises(KeyError, match="the model failed"):
        write_bigwig(path, [("a", 100)], pieces, 1, OPTIONS)
    assert [item.name for item in tmp_path.iterdir()] == ["a.bw"]
    assert path.read_bytes() == b"old"


def test_a_missing_folder_is_a_clear_error(tmp_path):
    with pytest.raises(ResourceError, match="No such file or directory"):
        write_bigwig(tmp_path / "no" / "a.bw", [("a", 100)], lambda: [(0, piece())], 1, OPTIONS)


@pytest.mark.parametrize("broken", range(5))
def test_a_wrong_zoom_level_is_noticed_before_the_file_gets_its_name(tmp_path, monkeypatch, broken):
    values = np.random.default_rng(3).random(100_000).astype(np.float32)
    sound = pyramid.ZoomLevel._write_block

    def spoilt(level, records):
        if level.reduction == 64 * 4**broken:
            records = records.copy()
            records["sum"] *= 0.99
        sound(level, records)

    monkeypatch.setattr(pyramid.ZoomLevel, "_write_block", spoilt)
    with pytest.raises(TracksmithError, match=f"zoom level {64 * 4**broken} "):
        write(tmp_path / "a.bw", 1, [("a", 100_000)], [values])
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_value_is_noticed_before_the_file_gets_its_name(tmp_path):
    good, other = piece(), encode_values(np.full(10, 2.0), 0, 1, 100, OPTIONS, contig=0)
    mixed = EncodedPiece(**{**vars(good), "blocks": other.blocks, "sections": other.sections})
    with pytest.raises(TracksmithError, match=r"a:0-1 holds 2.0, not 1.0"):
        write_bigwig(tmp_path / "a.bw", [("a", 100)], lambda: [(0, mixed)], 1, OPTIONS)
    assert list(tmp_path.iterdir()) == []


def test_thinning_keeps_a_bounded_and_even_choice():
    kept = pyramid.Thinned(8)
    for number in range(1_000):
        kept.append(number)
    assert kept.items == list(range(0, 1_000, 128))
