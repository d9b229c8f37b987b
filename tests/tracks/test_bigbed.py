"""bigBed files against two other readers, an independent decoder and the rows themselves."""

import struct
import zlib
from collections import Counter
from dataclasses import replace

import numpy as np
import pybigtools
import pyBigWig
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tracksmith.errors import InputError, ResourceError, TracksmithError, UsageError
from tracksmith.tracks import (
    BED9,
    AutoSql,
    Column,
    bed9_schema,
    bigbed,
    write_bigbed,
)
from tracksmith.tracks.external_sort import DiskSorter

CONTIGS = [("chr2", 40_000), ("chr10", 700), ("chr1", 5_000)]
SCHEMA = bed9_schema(
    "variants",
    "Effects of variants",
    [
        Column("lstring", "ref", "Reference allele"),
        Column("float", "effect", "Alternative minus reference"),
        Column("uint", "nTracks", "Number of tracks"),
        Column("lstring", "_mouseOver", "Shown under the pointer"),
    ],
)
QUICK = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def row(contig="chr2", start=10, end=11, name="rs1", effect=0.5, **changes):
    values = {
        "chrom": contig, "chromStart": start, "chromEnd": end, "name": name, "score": 7,
        "strand": "+", "thickStart": start, "thickEnd": end, "reserved": "202,0,32",
        "ref": "A", "effect": effect, "nTracks": 3, "_mouseOver": "A>G  +0.5",
    }  # fmt: skip
    return tuple((values | changes).values())


def text_of(given):
    return "\t".join([*map(str, given[3:10]), f"{given[10]:.6g}", *map(str, given[11:])])


@st.composite
def tables(draw):
    """Rows anywhere in the genome, overlapping and in no order."""
    rows = []
    for number in range(draw(st.integers(1, 30))):
        contig, length = draw(st.sampled_from(CONTIGS))
        start = draw(st.integers(0, length - 1))
        end = min(length, start + draw(st.sampled_from([1, 1, 1, 7, 300, 3_000])))
        name = draw(st.sampled_from(["rs", "x", f"chr2:{number}:A>G"])) + str(number % 7)
        effect = draw(st.floats(-1e6, 1e6))
        tip = draw(
            st.text(
                st.characters(exclude_categories=["C", "Z"], exclude_characters="<\"'&"), max_size=8
            )
        )
        rows.append(row(contig, start, end, name, effect, ref=tip))
    return rows


def in_genome_order(rows):
    place = {name: number for number, (name, _) in enumerate(CONTIGS)}
    return sorted(rows, key=lambda r: (place[r[0]], r[1], r[2], text_of(r).encode()))


def rows_of(decoded):
    """All rows of a decoded file as (contig name, start, end, text)."""
    names = {number: name for name, (number, _) in decoded.contigs.items()}
    table = []
    for extent, block in decoded.blocks:
        ends = []
        while block:
            contig, start, end = struct.unpack_from("<III", block)
            text, block = block[12:].split(b"\0", 1)
            table.append((names[contig], start, end, text.decode()))
            ends.append((contig, end))
        if extent:
            assert {contig for contig, _ in ends} == {extent[0]}
            assert max(ends) == extent[2:]
    return table


@QUICK
@given(rows=tables())
def test_rows_come_back_whole_and_in_order(tmp_path, decode, rows):
    path = tmp_path / "a.bb"
    summary = write_bigbed(path, CONTIGS, rows, SCHEMA)
    expected = [(*r[:3], text_of(r)) for r in in_genome_order(rows)]
    decoded = decode(path)
    assert rows_of(decoded) == expected
    assert (decoded.head["fields"], decoded.head["defined"]) == (13, 9)
    items = struct.unpack_from("<Q", decoded.raw, decoded.head["data"])[0]
    assert summary.rows == items == len(rows)


@QUICK
@given(rows=tables())
def test_two_other_readers_see_every_row(tmp_path, rows):
    path = tmp_path / "a.bb"
    write_bigbed(path, CONTIGS, rows, SCHEMA)
    first, second = pyBigWig.open(str(path)), pybigtools.open(str(path))
    assert first.isBigBed() and first.SQL() == SCHEMA.text().encode()
    assert first.chroms() == dict(CONTIGS) == second.chroms()
    for name, length in CONTIGS:
        expected = [(*r[1:3], text_of(r)) for r in in_genome_order(rows) if r[0] == name]
        assert (first.entries(name, 0, length) or []) == expected
        # this reader splits at spaces, too
        records = [e[:3] for e in second.records(name, 0, length)]
        assert records == [(start, end, text.split("\t")[0]) for start, end, text in expected]


@QUICK
@given(rows=tables())
def test_every_zoom_record_counts_how_many_rows_cover_its_bases(tmp_path, decode, rows):
    path = tmp_path / "a.bb"
    summary = write_bigbed(path, CONTIGS, rows, SCHEMA)
    depth = [np.zeros(length) for _, length in CONTIGS]
    place = {name: number for number, (name, _) in enumerate(CONTIGS)}
    for r in rows:
        depth[place[r[0]]][r[1] : r[2]] += 1
    everything = np.concatenate(depth)
    covered = everything[everything > 0]
    decoded = decode(path)
    assert decoded.totals[0] == summary.depth.bases == len(covered)
    moments = (covered.min(), covered.max(), covered.sum(), (covered**2).sum())
    assert decoded.totals[1:] == moments
    assert decoded.zooms
    for reduction, records in decoded.zooms.items():
        assert sum(record[3] for record in records) == len(covered)
        for contig, start, end, count, low, high, total, squares in records:
            assert start // reduction == (end - 1) // reduction
            part = depth[contig][start:end]
            assert part[0] and part[-1]
            part = part[part > 0]
            assert (count, low, high) == (len(part), part.min(), part.max())
            assert (total, squares) == (part.sum(), (part**2).sum())


def test_without_rows_the_file_still_opens(tmp_path, decode):
    path = tmp_path / "a.bb"
    summary = write_bigbed(path, CONTIGS, [], SCHEMA)
    assert (summary.rows, summary.depth.bases, summary.zoom_levels) == (0, 0, 0)
    assert rows_of(decode(path)) == []
    first = pyBigWig.open(str(path))
    assert first.SQL() == SCHEMA.text().encode() and not first.entries("chr2", 0, 40_000)
    assert list(pybigtools.open(str(path)).records("chr2")) == []


def indexes_of(decoded):
    """The extra indexes as {field number: offset}, from the extended header."""
    size, count, entries = struct.unpack_from("<HHQ", decoded.raw, decoded.head["extension"])
    assert size == 64
    offsets = {}
    for number in range(count):
        kind, fields, offset, _, column, _ = struct.unpack_from(
            "<HHQIHH", decoded.raw, entries + 20 * number
        )
        assert (kind, fields) == (0, 1)
        offsets[column] = offset
    return offsets


def check_index(decoded, column, tree):
    """The index names the block of every row, and nothing else."""
    listed = Counter(tree(decoded.raw, indexes_of(decoded)[column]))
    blocks = {value: struct.unpack("<QQ", value) for _, value in listed}
    wanted = Counter()
    for value, (offset, size) in blocks.items():
        data = zlib.decompress(decoded.raw[offset : offset + size])
        for _, _, _, text in rows_of(replace(decoded, blocks=[(None, data)])):
            wanted[text.split("\t")[column - 3].encode(), value] += 1
    assert listed == wanted
    assert len(blocks) == len(decoded.blocks)


@QUICK
@given(rows=tables())
def test_every_name_is_found_through_the_index(tmp_path, decode, decode_name_tree, rows):
    path = tmp_path / "a.bb"
    write_bigbed(path, CONTIGS, rows, SCHEMA)
    decoded = decode(path)
    assert list(indexes_of(decoded)) == [3]
    check_index(decoded, 3, decode_name_tree)


def test_several_columns_and_many_names_can_be_indexed(tmp_path, decode, decode_name_tree):
    schema = bed9_schema("t", "t", [Column("string", "gene", "Gene"), Column("int", "n", "n")])
    rows = [
        ("chr2", i, i + 1, f"rs{i * 7919 % 30_011}", 0, ".", i, i + 1, "0,0,0", f"g{i % 50}", -i)
        for i in range(30_000)
    ]
    path = tmp_path / "a.bb"
    write_bigbed(path, CONTIGS, rows, schema, extra_index=("name", "gene"), presorted=True)
    decoded = decode(path)
    assert list(indexes_of(decoded)) == [3, 9]
    for column in (3, 9):
        check_index(decoded, column, decode_name_tree)
    tree = decode_name_tree(decoded.raw, indexes_of(decoded)[3])
    assert len(tree) == len({key for key, _ in tree}) == 30_000


def test_without_an_index_none_is_declared(tmp_path, decode):
    path = tmp_path / "a.bb"
    write_bigbed(path, CONTIGS, [row()], SCHEMA, extra_index=())
    assert indexes_of(decode(path)) == {}


def test_long_items_stay_open_while_many_short_ones_pass(tmp_path, decode, monkeypatch):
    monkeypatch.setattr("tracksmith.tracks.depth.ITEMS_AT_ONCE", 16)
    long = [row(start=100 * i, end=40_000 - i) for i in range(30)]
    short = [row(start=i * 40, end=i * 40 + 3) for i in range(900)]
    path = tmp_path / "a.bb"
    write_bigbed(path, CONTIGS, long + short, SCHEMA)
    depth = np.zeros(40_000)
    for r in long + short:
        depth[r[1] : r[2]] += 1
    for reduction, records in decode(path).zooms.items():
        for _, start, end, count, low, high, total, _ in records:
            part = depth[start:end][depth[start:end] > 0]
            assert (count, low, high) == (len(part), part.min(), part.max()), reduction
            assert total == np.float32(part.sum())


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (row(name="a\tb"), r"column name .* tab"),
        (row(name="a\nb"), r"column name .* line break"),
        (row(_mouseOver="a\0b"), r"column _mouseOver .* NUL"),
        (row(_mouseOver="a\rb"), r"column _mouseOver .* line break"),
        (row(ref="A" * 65_536), r"column ref .* longer than 65535 bytes"),
        (row(name="é" * 128), r"column name .* longer than 255 bytes"),
        (row(start=12, end=11), "ends before it starts"),
        (row(start=11, end=11), "covers no base"),
        (row(start=-1, end=11), "does not lie in 0-40000"),
        (row(end=40_001), "does not lie in 0-40000"),
        (row(contig="chr3"), "'chr3' that the genome does not have"),
        (row(score=1_001), r"column score .* 0 to 1000"),
        (row(score=0.5), r"column score .* whole number"),
        (row(strand="?"), r"column strand .* \+ - \."),
        (row(reserved="300,0,0"), "column reserved"),
        (row(reserved="red"), "column reserved"),
        (row(reserved=0), "column reserved"),
        (row(thickStart=9), "drawn thick at 9-11"),
        (row(thickEnd=12), "drawn thick at 10-12"),
        (row(effect=float("nan")), r"column effect .* not finite"),
        (row(effect=float("-inf")), r"column effect .* not finite"),
        (row(effect="0.5"), "column effect"),
        (row(nTracks=-1), r"column nTracks .* 0 to 4294967295"),
        (row(nTracks=None), "column nTracks"),
        (row(ref=5), r"column ref .* not a text"),
        (row()[:-1], "has 12 columns, not 13"),
    ],
)
def test_a_row_that_no_browser_could_read_is_refused_by_name(tmp_path, bad, message):
    path = tmp_path / "a.bb"
    path.write_bytes(b"old")
    with pytest.raises(InputError, match=rf"(?s)^Row 2 .*{message}"):
        write_bigbed(path, CONTIGS, [row(), bad, row()], SCHEMA)
    assert path.read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 1


def test_numbers_of_numpy_are_written_like_those_of_python(tmp_path, decode):
    path = tmp_path / "a.bb"
    given = row(start=np.int64(3), end=np.uint32(9), effect=np.float32(0.1), nTracks=np.int8(5))
    write_bigbed(path, CONTIGS, [given], SCHEMA)
    expected = row(start=3, end=9, effect=0.1, nTracks=5)
    assert rows_of(decode(path)) == [("chr2", 3, 9, text_of(expected))]


def test_rows_said_to_be_sorted_must_be(tmp_path):
    place = [row(start=5, end=6), row(start=4, end=5)]
    other = [row("chr10"), row("chr2")]
    for rows in (place, other):
        with pytest.raises(InputError, match=r"Row 2 .* sorted by contig"):
            write_bigbed(tmp_path / "a.bb", CONTIGS, rows, SCHEMA, presorted=True)
    assert list(tmp_path.iterdir()) == []


def test_sorting_on_disk_and_rows_sorted_before_give_the_same_file(tmp_path, monkeypatch):
    rows = [row(start=i * 7919 % 30_011, end=30_020, name=f"n{i}") for i in range(3_000)]
    write_bigbed(tmp_path / "a.bb", CONTIGS, in_genome_order(rows), SCHEMA, presorted=True)
    small = lambda folder: DiskSorter(folder, 10_000)  # noqa: E731
    monkeypatch.setattr("tracksmith.tracks.bedrows.DiskSorter", small)
    monkeypatch.setattr(bigbed, "DiskSorter", small)
    write_bigbed(tmp_path / "b.bb", CONTIGS, rows, SCHEMA)
    assert (tmp_path / "a.bb").read_bytes() == (tmp_path / "b.bb").read_bytes()
    assert len(list(tmp_path.iterdir())) == 2


@settings(QUICK, max_examples=100)
@given(records=st.lists(st.binary(max_size=300)), run_bytes=st.integers(1, 2_000))
def test_sorting_on_disk_is_sorting(tmp_path, records, run_bytes):
    with DiskSorter(tmp_path, run_bytes) as sorter:
        for record in records:
            sorter.add(record)
        assert list(sorter) == sorted(records) and sorter.count == len(records)
        assert sorter.longest == max(map(len, records), default=0)


def test_an_error_of_the_source_passes_through(tmp_path):
    def rows():
        yield row()
        raise KeyError("the model failed")

    with pytest.raises(KeyError, match="the model failed"):
        write_bigbed(tmp_path / "a.bb", CONTIGS, rows(), SCHEMA)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_a_clear_error(tmp_path):
    with pytest.raises(ResourceError, match="No such file or directory"):
        write_bigbed(tmp_path / "no" / "a.bb", CONTIGS, [row()], SCHEMA)


def test_a_changed_row_is_noticed_before_the_file_gets_its_name(tmp_path, monkeypatch):
    sound = bigbed._Block.add

    def add(self, contig, start, end, text):
        sound(self, contig, start, end, text)
        self.rows[-1] = (start, end, text.replace(b"0.5", b"0.6"))

    monkeypatch.setattr(bigbed._Block, "add", add)
    with pytest.raises(TracksmithError, match="row chr2:10-11 is missing or changed"):
        write_bigbed(tmp_path / "a.bb", CONTIGS, [row()], SCHEMA)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "make",
    [
        lambda: Column("text", "a", "").formatter(),
        lambda: bed9_schema("t", "t", [Column("text", "a", "")]),
        lambda: bed9_schema("t", "t", [Column("int", "a b", "")]),
        lambda: bed9_schema("t", "t", [Column("int", "name", "")]),
        lambda: bed9_schema("1t", "t", []),
        lambda: bed9_schema("t", 'say "t"', []),
        lambda: bed9_schema("t", "t", [Column("int", "a", "two\nlines")]),
        lambda: AutoSql("t", "t", BED9[1:]),
        lambda: AutoSql("t", "t", BED9, 10),
        lambda: write_bigbed(None, CONTIGS, [], SCHEMA, extra_index=("ref",)),
        lambda: write_bigbed(None, CONTIGS, [], SCHEMA, extra_index=("chrom",)),
        lambda: write_bigbed(None, CONTIGS, [], SCHEMA, extra_index=("nothing",)),
    ],
)
def test_a_table_that_readers_would_misread_is_refused(make):
    with pytest.raises(UsageError):
        make()
