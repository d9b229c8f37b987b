"""Tables that other programs read as they are meant: one name a column, numbers as numbers."""

import gzip

import pysam
import pytest

import tracksmith
from tracksmith.effects.tables import COLUMNS

NUMBERS = {
    "pos", "end", "line", "allele", "value", "sd", "percentile", "reference", "alternative", "at",
    "nFraction", "effect",
}  # fmt: skip


@pytest.fixture
def folder(register, toy, small, write_vcf, tmp_path):
    """A run whose tables have numbers that are not defined: l2 compares no totals, and so on."""
    register(toy(scores=("diff", "l2", "maxabs")))
    genome, texts = small
    t = texts["chr1"]
    rows = [
        ("chr1", p + 1, ".", t[p], "ACGT"[("ACGT".index(t[p]) + 1) % 4]) for p in (99, 300, 500)
    ]
    rows += [("chr1", 601, "del", t[600:610], t[600]), ("chr1", 651, "odd", t[650], "<DEL>")]
    source = write_vcf(rows)
    tracksmith.score_variants(source, "toy", genome, tmp_path / "run", max_skipped=1)
    return tmp_path / "run/variants"


def tables(folder):
    return [folder / "toy.tsv.gz", folder / "toy.top.tsv", folder / "skipped.tsv"]


def test_a_column_has_one_name_in_every_file(folder):
    known = {*COLUMNS, "effect", "reason", "detail"}
    for path in tables(folder):
        with (gzip.open if path.suffix == ".gz" else open)(path, "rt") as handle:
            names = next(handle).rstrip("\n").split("\t")
        assert {"chrom", "pos", "id", "ref", "alt"} <= set(names) <= known, path
    parquet = pytest.importorskip("pyarrow.parquet").read_schema(folder / "toy.parquet")
    assert tuple(parquet.names) == COLUMNS


def test_columns_of_numbers_hold_numbers_or_nothing(folder, table_of):
    empty = set()
    for path in tables(folder):
        rows = table_of(path)
        assert rows
        for row in rows:
            for name in NUMBERS & row.keys():
                if row[name]:
                    float(row[name])
                else:
                    empty.add(name)
    assert empty == {"sd", "reference", "alternative", "at"}


def test_pandas_takes_columns_of_numbers_for_numbers(folder):
    pandas = pytest.importorskip("pandas")
    for path in tables(folder):
        frame = pandas.read_csv(path, sep="\t")
        for name in NUMBERS & {*frame.columns}:
            assert pandas.api.types.is_numeric_dtype(frame[name]), (path, name)
        assert set(frame["id"]) <= {".", "del", "odd"}


def test_the_table_is_indexed_by_all_bases_of_the_reference_allele(folder):
    with pysam.TabixFile(str(folder / "toy.tsv.gz")) as table:
        middle = [line.split("\t") for line in table.fetch("chr1", 604, 605)]
        assert {(line[1], line[2], line[3]) for line in middle} == {("601", "610", "del")}
        assert not list(table.fetch("chr1", 610, 611))
        assert len(list(table.fetch("chr1"))) == 4 * 3 * 4
