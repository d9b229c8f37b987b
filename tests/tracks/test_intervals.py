from itertools import pairwise

import numpy as np
import pybigtools
import pyBigWig
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracksmith.errors import InputError, TracksmithError
from tracksmith.genome.contigs import Contigs
from tracksmith.tracks.bigwig import write_bigwig
from tracksmith.tracks.intervals import INTERVAL_BIN, encode_intervals, sum_over_intervals
from tracksmith.tracks.options import TrackOptions, parse_precision

CONTIGS = [("a", 100_000), ("b", 3_000), ("empty", 50)]


def write(path, by_contig, options=TrackOptions()):  # noqa: B008 - frozen
    def pieces():
        for contig, (starts, ends, values) in by_contig.items():
            columns = np.array(starts), np.array(ends), np.array(values, np.float32)
            length = CONTIGS[contig][1]
            yield contig, encode_intervals(*columns, length, options, contig=contig)

    return write_bigwig(path, CONTIGS, pieces, INTERVAL_BIN, options)


@st.composite
def intervals(draw, length=100_000):
    edges = draw(st.lists(st.integers(0, length), min_size=2, max_size=60, unique=True))
    edges.sort()
    pairs = list(pairwise(edges))
    kept = draw(st.lists(st.sampled_from(pairs), min_size=1, unique=True))
    kept.sort()
    values = draw(st.lists(st.floats(-100, 100, width=32), min_size=len(kept), max_size=len(kept)))
    return [a for a, _ in kept], [b for _, b in kept], values


@settings(max_examples=25, deadline=None)
@given(table=intervals())
def test_intervals_read_back_as_they_were_written(tmp_path_factory, table):
    path = tmp_path_factory.mktemp("bw") / "x.bw"
    summary = write(path, {0: table})
    expected = [(a, b, np.float32(v)) for a, b, v in zip(*table, strict=True)]
    with pyBigWig.open(str(path)) as file:
        assert list(file.intervals("a")) == expected
        assert file.intervals("b") is None
        assert file.chroms() == dict(CONTIGS)
    assert [tuple(row) for row in pybigtools.open(str(path)).records("a")] == expected
    widths = np.subtract(table[1], table[0])
    assert summary.bases == widths.sum()
    assert summary.totals.values == len(widths)
    assert summary.totals.mean == pytest.approx(np.average(table[2], weights=widths), abs=1e-5)


@settings(max_examples=25, deadline=None)
@given(table=intervals(98_304))
def test_zoom_levels_hold_the_mean_and_the_extremes_over_covered_bases(tmp_path_factory, table):
    path = tmp_path_factory.mktemp("bw") / "x.bw"
    write(path, {0: table})
    dense = np.full(98_304, np.nan)
    for start, end, value in zip(*table, strict=True):
        dense[start:end] = value
    # Bins of 16,384 bp are answered from the zoom level of 4,096 bp, whose cells they contain.
    bins = dense.reshape(6, -1)
    covered = ~np.isnan(bins)
    with pyBigWig.open(str(path)) as file:
        by_kind = {
            kind: file.stats("a", 0, len(dense), nBins=6, type=kind)
            for kind in ("mean", "max", "min", "coverage")
        }
    for number, (row, known) in enumerate(zip(bins, covered, strict=True)):
        assert (by_kind["coverage"][number] or 0) == pytest.approx(known.mean(), abs=1e-6)
        if known.any():
            assert by_kind["mean"][number] == pytest.approx(row[known].mean(), abs=1e-4)
            assert by_kind["max"][number] == pytest.approx(row[known].max(), abs=1e-5)
            assert by_kind["min"][number] == pytest.approx(row[known].min(), abs=1e-5)


def test_contigs_and_precision_are_kept_apart(tmp_path):
    path = tmp_path / "x.bw"
    table = {0: ([5], [9], [1.234567]), 1: ([0, 10], [10, 3_000], [2.5, 2.5])}
    write(path, table, TrackOptions(precision=parse_precision("1decimals")))
    with pyBigWig.open(str(path)) as file:
        assert file.intervals("a") == ((5, 9, pytest.approx(1.2)),)
        assert file.intervals("b") == ((0, 10, 2.5), (10, 3_000, 2.5))


@pytest.mark.parametrize(
    ("table", "error"),
    [
        (([], [], []), TracksmithError),
        (([5, 3], [9, 4], [1, 1]), TracksmithError),
        (([5, 8], [9, 12], [1, 1]), TracksmithError),
        (([5], [5], [1]), TracksmithError),
        (([-1], [5], [1]), TracksmithError),
        (([5], [100_001], [1]), TracksmithError),
        (([5], [9], [np.nan]), InputError),
        (([5], [9], [np.inf]), InputError),
    ],
)
def test_intervals_that_a_bigwig_cannot_hold_are_refused(tmp_path, table, error):
    with pytest.raises(error):
        write(tmp_path / "x.bw", {0: table})
    assert list(tmp_path.iterdir()) == []


def sums(path, table, notify=print):
    contig, starts, ends = np.array(table, dtype=np.int64).T
    names, lengths = zip(*CONTIGS, strict=True)
    return sum_over_intervals(path, Contigs(names, lengths), contig, starts, ends, notify)


def bigwig(path, entries, chroms=CONTIGS):
    with pyBigWig.open(str(path), "w") as file:
        file.addHeader(list(chroms))
        for name, start, end, value in entries:
            file.addEntries([name], [start], ends=[end], values=[value])
    return path


def test_a_bigwig_is_summed_over_intervals_and_gaps_count_nothing(tmp_path):
    entries = [("a", 10, 20, 2.0), ("a", 30, 40, 0.5), ("b", 0, 5, 7.0)]
    path = bigwig(tmp_path / "x.bw", entries)
    table = [(0, 0, 10), (0, 15, 35), (0, 10, 40), (1, 4, 100), (2, 0, 50)]
    np.testing.assert_array_equal(sums(path, table), [0, 12.5, 25, 7, 0])


def test_contigs_of_a_bigwig_are_matched_by_name_and_length(tmp_path):
    notes = []
    other = bigwig(tmp_path / "x.bw", [("chra", 0, 5, 1.0)], [("chra", 100_000)])
    np.testing.assert_array_equal(sums(other, [(0, 0, 10), (1, 0, 9)], notes.append), [5, 0])
    assert "no contig 'b'" in notes[0]
    with pytest.raises(InputError, match="differ in the length"):
        sums(bigwig(tmp_path / "y.bw", [("a", 0, 5, 1.0)], [("a", 99)]), [(0, 0, 10)])
    with pytest.raises(InputError, match="shares no contig"):
        sums(bigwig(tmp_path / "z.bw", [("q", 0, 5, 1.0)], [("q", 99)]), [(0, 0, 10)])


def test_a_signal_that_is_negative_or_no_bigwig_is_refused(tmp_path):
    path = bigwig(tmp_path / "x.bw", [("a", 10, 20, 2.0), ("a", 20, 22, -1.0)])
    assert sums(path, [(0, 10, 20)]) == [20]
    with pytest.raises(InputError, match=r"x\.bw holds -1 at a:21"):
        sums(path, [(0, 10, 21)])
    with pytest.raises(InputError):
        sums(tmp_path / "absent.bw", [(0, 0, 1)])
    (tmp_path / "text.bw").write_text("track")
    with pytest.raises(InputError):
        sums(tmp_path / "text.bw", [(0, 0, 1)])
