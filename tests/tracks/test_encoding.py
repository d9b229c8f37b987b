"""Encoding of values: precision, refusals, storage of pieces, quantiles."""

import importlib.util
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracksmith.errors import InputError, TracksmithError, TrustError, UsageError
from tracksmith.tracks import (
    LARGEST_VALUE,
    EncodedPiece,
    Histogram,
    Precision,
    TrackOptions,
    default_compressor,
    encode_values,
    forecast_bytes,
    parse_precision,
    quantiles,
)
from tracksmith.tracks.histogram import CLASSES, count_values
from tracksmith.tracks.options import round_values

PLAIN = TrackOptions()
FLOATS = st.floats(-(2.0**47), 2.0**47, width=32)


def encode(values, start=0, bin_size=1, length=10_000, options=PLAIN, contig=0):
    return encode_values(np.asarray(values), start, bin_size, length, options, contig=contig)


def noise(count, seed=0):
    return np.random.default_rng(seed).normal(size=count).astype(np.float32)


@pytest.mark.parametrize("bad", [np.inf, -np.inf, 1e39, -1e300, 2 * LARGEST_VALUE])
@pytest.mark.parametrize("place", [0, 777, 1999])
def test_an_infinite_or_overflowing_value_is_refused_with_its_position(bad, place):
    values = noise(2_000).astype(np.float64)
    values[place] = bad
    values[place + 1 : place + 3] = np.nan
    with pytest.raises(InputError, match=rf"at {4000 + 4 * place:,} bp .* contig 3 "):
        encode(values, start=4_000, bin_size=4, length=12_000, contig=3)


def test_an_infinite_value_in_the_short_last_bin_is_refused():
    with pytest.raises(InputError, match="at 128 bp"):
        encode([1.0, np.inf], bin_size=128, length=130)


def test_rounding_must_not_make_a_value_infinite():
    with pytest.raises(InputError, match="at 0 bp"):
        encode([np.finfo(np.float32).max], options=TrackOptions(precision=Precision("bits", 2)))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"values": []}, TracksmithError, "shape"),
        ({"values": np.ones((2, 2))}, TracksmithError, "shape"),
        ({"values": [1.0], "start": 3, "bin_size": 2}, TracksmithError, "multiples"),
        ({"values": [1.0], "start": -4, "bin_size": 4}, TracksmithError, "cannot start"),
        ({"values": [1.0], "bin_size": 0}, TracksmithError, "cannot start"),
        ({"values": [1.0] * 11, "length": 10}, InputError, "pass the end"),
        ({"values": [1.0, 1.0], "start": 8, "bin_size": 4, "length": 12}, InputError, "pass"),
        ({"values": [1.0], "length": 1 << 32}, InputError, "32 bits"),
    ],
)
def test_bins_off_the_grid_or_outside_the_contig_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        encode(**arguments)


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    compressor=st.sampled_from(["zlib", "isal", "deflate"]),
    gaps=st.booleans(),
)
def test_the_same_arguments_always_give_the_same_bytes(seed, compressor, gaps):
    values = noise(3_000, seed)
    if gaps:
        values[values < 0] = np.nan
    options = TrackOptions(compressor=compressor, precision=Precision("bits", 10))
    first, second = (encode(values.copy(), 64, options=options).to_bytes() for _ in range(2))
    assert first == second


def test_a_piece_read_back_is_the_piece():
    piece = encode(noise(5_000), start=128, bin_size=1)
    stored = piece.to_bytes()
    assert len(stored) == piece.nbytes
    again = EncodedPiece.from_bytes(stored)
    for name in ("grid", "end", "summary", "block_size"):
        assert getattr(again, name) == getattr(piece, name)
    for name in ("sections", "zoom", "histogram", "samples"):
        np.testing.assert_array_equal(getattr(again, name), getattr(piece, name))
    assert bytes(again.data) == piece.data
    assert again.to_bytes() == stored


@settings(max_examples=200, deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_one_changed_bit_of_a_stored_piece_is_noticed(place, bit):
    stored = bytearray(encode(noise(700)).to_bytes())
    stored[int(place * len(stored))] ^= 1 << bit
    with pytest.raises(TrustError, match="corrupted"):
        EncodedPiece.from_bytes(stored)


@pytest.mark.parametrize("kept", [0, 7, 50, 107, 108, 1_000, -1])
def test_a_truncated_piece_is_noticed(kept):
    stored = encode(noise(700)).to_bytes()
    with pytest.raises(TrustError, match="corrupted"):
        EncodedPiece.from_bytes(stored[:kept])
    with pytest.raises(TrustError, match="corrupted"):
        EncodedPiece.from_bytes(stored + b"\0")


def sections_of(piece):
    """Return kind, item count and span of each section."""
    rows = []
    for _, _, offset, size in piece.sections.tolist():
        raw = zlib.decompress(piece.data[offset : offset + size])
        rows.append((raw[20], int.from_bytes(raw[22:24], "little"), len(raw)))
    return rows


def test_noise_is_stored_as_fixed_steps_and_constants_as_one_interval():
    kinds = sections_of(encode(np.concatenate([noise(2_048), np.zeros(4_096), noise(1_024)])))
    assert kinds == [(3, 2048, 24 + 4 * 2048), (1, 1, 36), (3, 1024, 24 + 4 * 1024)]


def test_a_few_values_among_gaps_share_one_section():
    values = np.full(9_000, np.nan)
    values[::100] = noise(90)
    assert sections_of(encode(values)) == [(1, 90, 24 + 12 * 90)]


def test_short_runs_of_equal_values_stay_fixed_steps():
    values = np.repeat(noise(2_048), 2)
    assert {kind for kind, _, _ in sections_of(encode(values))} == {3}
    assert {kind for kind, _, _ in sections_of(encode(np.repeat(noise(500), 8)))} == {1}


def test_no_section_holds_more_items_than_asked():
    options = TrackOptions(items_per_block=65_535)
    counts = [count for _, count, _ in sections_of(encode(noise(70_000), length=70_000,
                                                          options=options))]  # fmt: skip
    assert counts == [65_535, 70_000 - 65_535]


@settings(max_examples=100, deadline=None)
@given(values=st.lists(FLOATS, min_size=1, max_size=50), bits=st.integers(0, 23))
def test_mantissa_bits_bound_the_relative_error(values, bits):
    values = np.float32([v if abs(v) > 1e-37 else 0 for v in values])
    rounded = round_values(values, Precision("bits", bits))
    assert (np.abs(rounded.astype(float) - values) <= 2.0 ** -(bits + 1) * np.abs(values)).all()
    assert (rounded.view(np.uint32) & ((1 << (23 - bits)) - 1) == 0).all()


@settings(max_examples=100, deadline=None)
@given(values=st.lists(st.floats(-1000, 1000, width=32), min_size=1), decimals=st.integers(0, 6))
def test_decimals_bound_the_absolute_error(values, decimals):
    rounded = round_values(np.float32(values), Precision("decimals", decimals))
    error = np.abs(rounded.astype(float) - values)
    assert (error <= 0.5 * 10.0**-decimals + 1000 * 2.0**-24).all()


def test_rounding_keeps_gaps_and_leaves_the_input_alone():
    values = np.float32([1.2345678, np.nan, -0.001])
    before = values.copy()
    for precision in (Precision("bits", 3), Precision("decimals", 2)):
        assert np.isnan(round_values(values, precision)).tolist() == [False, True, False]
    np.testing.assert_array_equal(values, before)
    assert not np.signbit(round_values(np.float32([-0.001]), Precision("decimals", 2)))[0]


def test_a_precision_is_read_as_it_is_printed():
    for text in ("10bits", "2decimals", "0decimals", "23bits"):
        assert str(parse_precision(text)) == text
    assert parse_precision(" 1 Decimal ") == Precision("decimals", 1)
    for text in ("", "10", "bits", "24bits", "7decimals", "-1bits", "1.5bits"):
        with pytest.raises(UsageError):
            parse_precision(text)


def test_options_that_make_no_sense_are_refused():
    for items in (0, 65_536):
        with pytest.raises(UsageError, match="1 to 65535"):
            TrackOptions(items_per_block=items)
    with pytest.raises(UsageError, match="No compressor"):
        TrackOptions(compressor="lzma").compress(b"x")


def test_isal_compresses_where_it_is_installed_and_zlib_everywhere(monkeypatch):
    there = {"isal", "deflate"}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name if name in there else None)
    for expected in ("isal", "deflate", "zlib"):
        assert default_compressor.__wrapped__() == expected
        there.discard(expected)


@settings(max_examples=100, deadline=None)
@given(
    values=st.lists(FLOATS.filter(lambda v: v == 0 or abs(v) > 1e-30), min_size=1),
    probabilities=st.lists(st.floats(0, 1), min_size=1),
    cut=st.integers(0, 100),
)
def test_quantiles_from_merged_counts_are_within_half_a_percent(values, probabilities, cut):
    values = np.float32(values)
    histogram = Histogram()
    histogram.add(count_values(values[cut:]))
    histogram.add(count_values(values[:cut]))
    assert histogram.total == len(values)
    truth = np.quantile(values.astype(float), probabilities, method="inverted_cdf")
    np.testing.assert_allclose(quantiles(histogram, probabilities), truth, rtol=0.004)


@pytest.mark.parametrize("count", [600_000, 4_000, 3])
def test_counts_cover_every_finite_value_once(count):
    values = noise(count)
    values[::3] = np.nan
    sparse = count_values(values)
    assert sparse["count"].sum() == np.isfinite(values).sum()
    assert sparse["key"].max() < CLASSES
    truth = np.bincount(values[np.isfinite(values)].view(np.uint32) >> 16)
    np.testing.assert_array_equal(np.flatnonzero(truth), sparse["key"])


def test_the_size_forecast_is_within_a_tenth_for_noise():
    for precision in (None, Precision("bits", 10), Precision("bits", 7)):
        options = TrackOptions(precision=precision)
        values = np.random.default_rng(0).random(1 << 18).astype(np.float32)
        piece = encode_values(values, 0, 1, 1 << 18, options, contig=0)
        true = len(piece.data) + 0.43 * len(values)
        assert forecast_bytes(len(values), options) == pytest.approx(true, rel=0.1)
