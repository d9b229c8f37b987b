"""The strongest rows of a variant table, and where a view opens."""

import gzip

import pyBigWig
import pytest

from tracksmith.errors import InputError, UsageError
from tracksmith.hub import loci
from tracksmith.hub.loci import Region, find_locus, opening, regions_of, top_variants
from tracksmith.hub.runs import open_runs
from tracksmith.runs.record import VariantCounts


@pytest.fixture
def run(builder, variants):
    return builder().model("toy").bigwig("signal").variants(variants).write()


def rewrite(run, text):
    path = run / "variants" / "toy.tsv.gz"
    path.write_bytes(gzip.compress(text.encode()))
    return open_runs([run])[0]


def test_rows_come_strongest_first_whatever_the_sign(run):
    (table,) = top_variants(open_runs([run])[0], 2)
    assert [row[2] for row in table.rows] == ["rs2", "chrB:400:C>CTT"]
    assert [str(locus) for locus in table.loci] == ["chrA:1400-1600", "chrB:300-500"]
    assert (table.total, table.complete) == (3, True)


def test_equal_effects_keep_the_order_of_the_table(run):
    lines = [f"chrA\t{100 + n}\tv{n}\tA\tC\tt\t1" for n in range(20)]
    shown = rewrite(run, "contig\tpos\tid\tref\talt\ttrack\teffect\n" + "\n".join(lines) + "\n")
    assert [row[2] for row in top_variants(shown, 3)[0].rows] == ["v0", "v1", "v2"]


def test_values_that_are_no_numbers_come_last(run):
    text = "##made by\n#chrom\tpos\teffect\nchrA\t5\tnan\nchrA\t6\t.\nchrA\t7\t-0.1\nchrA\t8\tinf\n"
    (table,) = top_variants(rewrite(run, text), 10)
    assert table.columns == ("chrom", "pos", "effect")
    assert table.rows[0] == ("chrA", "7", "-0.1")
    assert len(table.rows) == 4


def test_a_table_without_effects_is_left_out(run):
    assert top_variants(rewrite(run, "a\tb\n1\t2\n")) == []
    assert top_variants(rewrite(run, "")) == []


def test_a_long_table_is_looked_at_in_part_and_says_so(run, monkeypatch):
    monkeypatch.setattr(loci, "MOST_LINES", 5)
    lines = "".join(f"chrA\t{n}\t{n}\n" for n in range(1, 9))
    (table,) = top_variants(rewrite(run, "contig\tpos\teffect\n" + lines), 3)
    assert [row[2] for row in table.rows] == ["5", "4", "3"]
    assert (table.total, table.complete) == (5, False)


def test_the_total_is_that_of_the_run_not_of_its_table_of_the_strongest(builder, variants):
    made = builder().model("toy").bigwig("signal").variants(variants)
    made.model("other").bigwig("signal").variants(variants[:1])
    for model, rows in (("toy", 100_000), ("other", 1)):
        made.counts[model] = VariantCounts(alleles_scored=rows)
    toy, other = top_variants(open_runs([made.write()])[0])
    assert (len(toy.rows), toy.total) == (3, 100_000)
    assert (len(other.rows), other.total) == (1, 1)


def test_a_damaged_table_is_said(run):
    path = run / "variants" / "toy.tsv.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"toy\.tsv\.gz cannot be read"):
        top_variants(open_runs([run])[0])


def test_a_locus_stays_inside_its_contig_and_is_none_where_there_is_no_such_place(run):
    places = ("chrB\t1500", "chrA\t2", "chrQ\t5", "chrB\t1502", "chrB\t0", "chrA\tx", "chrB\t1501")
    rows = [f"{place}\t{9 - rank}" for rank, place in enumerate(places)]
    (table,) = top_variants(rewrite(run, "contig\tpos\teffect\n" + "\n".join(rows) + "\n"))
    shown = [str(locus) if locus else None for locus in table.loci]
    assert shown == ["chrB:1400-1501", "chrA:1-102", None, None, None, None, "chrB:1401-1501"]


def test_regions_are_read_from_the_run_and_only_if_it_had_any(builder):
    run = builder("a", regions=[("chrA", 0, 10), ("chrB", 5, 9)]).model().bigwig("signal").write()
    shown = open_runs([run])[0]
    assert regions_of(shown) == [Region("chrA", 0, 10), Region("chrB", 5, 9)]
    assert opening([shown]) == "chrA:1-10"
    (run / "regions.bed").write_text("chrA\tx\t9\n")
    with pytest.raises(InputError, match=r"regions\.bed:1"):
        regions_of(shown)
    whole = open_runs([builder("b").model().bigwig("signal").write()])[0]
    assert opening([whole]) == "chrA:21-3000"
    (whole.folder / "tracks" / "toy.signal.bw").write_bytes(b"")
    assert opening([whole]) == "chrA:1-3000"


def test_a_view_of_a_short_stretch_opens_on_all_of_it(builder):
    made = builder(contigs={"chrA": 900_000}, genome_name="long.fa").model("toy")
    made.bigwig("signal")
    path = made.folder / "tracks" / "toy.signal.bw"
    path.unlink()
    handle = pyBigWig.open(str(path), "w")
    handle.addHeader([("chrA", 900_000)])
    handle.addEntries("chrA", 700_000, values=[1.0] * 300, span=1, step=1)
    handle.close()
    assert opening(open_runs([made.write()])) == "chrA:700001-700300"


@pytest.mark.parametrize(
    ("text", "locus"),
    [
        ("chrA:1,000-2,000", "chrA:1000-2000"),
        ("chrB", "chrB:1-1501"),
        ("chrA:700", "chrA:600-800"),
        ("chrB:1500", "chrB:1400-1501"),
        ("rs2", "chrA:1400-1600"),
        ("chrB:400:C>CTT", "chrB:300-500"),
    ],
)
def test_what_a_user_wants_to_see_is_a_region_or_a_variant(run, text, locus):
    assert find_locus(open_runs([run]), text) == locus


@pytest.mark.parametrize("text", ["chrZZ:1-5", "chrA:5-1", "chrA:1-9999", "rs999", "", "<b>"])
def test_what_is_neither_a_region_nor_a_variant_is_refused(run, text):
    with pytest.raises(UsageError, match="Nor is it the id of a variant"):
        find_locus(open_runs([run]), text)


def test_a_table_whose_blocks_are_damaged_is_named(run):
    path = run / "variants" / "toy.tsv.gz"
    data = bytearray(path.read_bytes())
    data[20:24] = b"\xff" * 4
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"toy\.tsv\.gz cannot be read"):
        top_variants(open_runs([run])[0])


def test_regions_meet_where_they_share_a_base():
    middle = Region("chrA", 10, 20)
    for start, end, met in ((0, 10, False), (0, 11, True), (19, 30, True), (20, 30, False),
                            (12, 13, True), (0, 30, True)):  # fmt: skip
        assert middle.meets(Region("chrA", start, end)) is met
        assert Region("chrA", start, end).meets(middle) is met
    assert not middle.meets(Region("chrB", 10, 20))
