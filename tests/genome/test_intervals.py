import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracksmith.errors import InputError
from tracksmith.genome.contigs import Contigs
from tracksmith.genome.intervals import Interval, Regions, merge, parse_region

CONTIGS = Contigs(["chr1", "chr2", "HLA-A*01:02", "empty"], [1_000, 200, 30, 0])


@st.composite
def intervals(draw: st.DrawFn) -> Interval:
    name, length = draw(st.sampled_from([pair for pair in CONTIGS if pair[1]]))
    start = draw(st.integers(0, length - 1))
    return Interval(name, start, draw(st.integers(start + 1, length)))


def covered(regions: Regions) -> set[tuple[str, int]]:
    return {(r.contig, base) for r in regions for base in range(r.start, r.end)}


@given(st.lists(intervals(), max_size=12))
def test_merging_covers_the_same_bases_sorted_and_disjoint(given_intervals) -> None:
    regions = merge(given_intervals, CONTIGS)
    bases = {(i.contig, base) for i in given_intervals for base in range(i.start, i.end)}
    assert covered(regions) == bases
    assert regions.bases == len(bases)
    for number in range(len(CONTIGS)):
        starts, ends = regions.contig_arrays(number)
        assert (starts[1:] > ends[:-1]).all()
        assert (ends > starts).all()
        assert starts.dtype == ends.dtype == np.int64


@given(st.lists(intervals(), max_size=12), st.randoms())
def test_merging_is_idempotent_and_blind_to_order(given_intervals, random) -> None:
    regions = merge(given_intervals, CONTIGS)
    shuffled = list(given_intervals) * 2
    random.shuffle(shuffled)
    for other in (merge(regions, CONTIGS), merge(shuffled, CONTIGS)):
        assert other == regions
        assert other.digest() == regions.digest()


@given(st.lists(intervals(), max_size=8), st.integers(1, 300))
def test_widening_adds_the_least_that_makes_whole_bins(given_intervals, size) -> None:
    regions = merge(given_intervals, CONTIGS)
    bins = {(name, base // size) for name, base in covered(regions)}
    expected = {
        (name, base)
        for name, number in bins
        for base in range(number * size, min((number + 1) * size, CONTIGS.length(name)))
    }
    assert covered(regions.widen_to_bins(size)) == expected


@given(intervals())
def test_a_region_string_reads_back_as_the_interval(interval: Interval) -> None:
    assert parse_region(str(interval), CONTIGS) == interval
    commas = f"{interval.contig}:{interval.start + 1:,}-{interval.end:,}"
    assert parse_region(commas, CONTIGS) == interval


def test_region_strings_are_one_based_and_inclusive() -> None:
    assert parse_region("chr1:1-10", CONTIGS) == Interval("chr1", 0, 10)
    assert parse_region("chr1:10", CONTIGS) == Interval("chr1", 9, 10)
    assert parse_region("chr1", CONTIGS) == Interval("chr1", 0, 1_000)
    assert parse_region("1:1,000", CONTIGS) == Interval("chr1", 999, 1_000)
    assert parse_region("HLA-A*01:02", CONTIGS) == Interval("HLA-A*01:02", 0, 30)
    assert parse_region("HLA-A*01:02:3-4", CONTIGS) == Interval("HLA-A*01:02", 2, 4)
    assert len(Interval("chr1", 3, 10)) == 7


BAD = {
    "chr9": "no contig 'chr9'",
    "chr9:1-2": "no contig 'chr9'",
    "": "no contig ''",
    "chr1:": "no contig 'chr1:'|no region",
    "chr1:0-5": "begin at 1",
    "chr1:5-4": "not end before",
    "chr1:1-1001": "1,000 bp",
    "chr1:-5": "no region",
    "chr1:1-": "no region",
    "chr1:1-2-3": "no region",
    "chr1:1.5-2": "no region",
    "chr1:1 - 2": "no region",
    "chr1:١-٢": "no region",
}


@pytest.mark.parametrize("text", BAD)
def test_a_wrong_region_string_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(InputError, match=BAD[text]):
        parse_region(text, CONTIGS)


def test_the_whole_genome_is_one_region_a_contig_that_has_bases() -> None:
    whole = Regions.whole(CONTIGS)
    assert [str(r) for r in whole] == ["chr1:1-1000", "chr2:1-200", "HLA-A*01:02:1-30"]
    assert whole.bases == CONTIGS.bases
    assert len(whole.contig_arrays(3)[0]) == 0


def test_touching_intervals_become_one_and_neighbours_on_other_contigs_do_not() -> None:
    regions = merge(
        [Interval("chr1", 990, 1_000), Interval("chr2", 0, 5), Interval("chr2", 5, 9)], CONTIGS
    )
    assert [str(r) for r in regions] == ["chr1:991-1000", "chr2:1-9"]


def test_an_interval_outside_its_contig_is_refused() -> None:
    for start, end in ((-1, 5), (0, 201), (7, 3)):
        with pytest.raises(InputError, match=rf"\[{start}, {end}\) lies outside chr2"):
            merge([Interval("chr2", start, end)], CONTIGS)


def test_a_million_intervals_are_merged_as_by_a_mask() -> None:
    rng = np.random.default_rng(5)
    contigs = Contigs(["a", "b"], [3_000_000, 3_000_000])
    contig = rng.integers(0, 2, 1_000_000)
    starts = rng.integers(0, 2_999_990, 1_000_000)
    ends = starts + rng.integers(1, 4, 1_000_000)
    regions = Regions(contigs, contig, starts, ends)
    for number in range(2):
        change = np.zeros(3_000_001, dtype=np.int64)
        np.add.at(change, starts[contig == number], 1)
        np.add.at(change, ends[contig == number], -1)
        mask = np.cumsum(change) > 0
        edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]])))
        found_starts, found_ends = regions.contig_arrays(number)
        assert np.array_equal(found_starts, edges[::2])
        assert np.array_equal(found_ends, edges[1::2])
