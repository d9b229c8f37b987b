"""Genotypes: each is read as it is written, or refused with its line."""

from pathlib import Path

import pysam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracksmith.errors import InputError, UsageError
from tracksmith.genome.genotypes import GenotypeFile, choose_samples, read_sample_names

HEAD = (
    "##fileformat=VCFv4.3\n##contig=<ID=chr1,length=1000>\n"
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="G">\n'
    '##FORMAT=<ID=PS,Number=1,Type=Integer,Description="P">\n'
)


def write(folder: Path, rows: list[str], samples: str = "ann\tbob") -> Path:
    path = folder / "people.vcf"
    path.write_text(
        f"{HEAD}#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{samples}\n"
        + "".join(f"chr1\t{n + 10}\t.\tA\tC,G\t.\t.\t.\t{row}\n" for n, row in enumerate(rows))
    )
    return path


def calls(path: Path, *samples: str) -> list:
    return [
        [(call.alleles, call.phased, call.phase_set) for call in called.calls]
        for called in GenotypeFile(path, choose_samples(path, samples))
    ]


@pytest.mark.parametrize(
    ("text", "alleles", "phased"),
    [
        ("0|1", (0, 1), True), ("2|1", (2, 1), True), ("0/1", (0, 1), False),
        ("1", (1,), None), (".|.", (-1, -1), True), ("./.", (-1, -1), False), (".", (-1,), None),
        (".|1", (-1, 1), True), ("1/.", (1, -1), False), ("|0|1", (0, 1), True), ("/1", (1,), None),
    ],
)  # fmt: skip
def test_a_genotype_is_read_as_it_is_written(text, alleles, phased, tmp_path):
    (found,), *rest = calls(write(tmp_path, [f"GT\t{text}\t0|0"]), "ann")
    assert rest == []
    assert found[0] == alleles
    assert phased is None or found[1] == phased


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("GT\t0|0|1\t0|0", r"people.vcf:6: chr1:10, sample ann: the genotype 0\|0\|1 is of 3"),
        ("GT\t0|3\t0|0", "names allele 3; ALT of the record holds 2."),
        ("GT\t0|x\t0|0", "the genotype '0\\|x' is none"),
        ("GT\t\t0|0", "the genotype '' is none"),
        ("GT\t0|\t0|0", "is none"),
        ("GT\t-1|0\t0|0", "is none"),
        ("GT\t99999|0\t0|0", "is none"),
        ("GT\t0|1\x00\t0|0", "is none"),
    ],
)  # fmt: skip
def test_a_genotype_that_is_none_is_refused_with_its_line(row, said, tmp_path):
    with pytest.raises(InputError, match=said):
        calls(write(tmp_path, [row]), "ann")


def test_what_is_wrong_with_somebody_else_is_not_looked_at(tmp_path):
    path = write(tmp_path, ["GT\t0|0|1\t0|1", "GT\tx\t1|1"])
    assert [found[0] for (found,) in calls(path, "bob")] == [(0, 1), (1, 1)]


def test_phase_sets_and_missing_fields_are_read_by_the_names_in_format(tmp_path):
    rows = ["DP:GT:PS\t3:0|1:77\t.", "GT:PS\t1|0\t0|1:.", "DP\t3\t4", "PS:GT\tA:1|1\t."]
    found = calls(write(tmp_path, rows), "ann", "bob")
    assert [ann[2] for ann, _ in found] == ["77", "", "", "A"]
    assert [bob[0] for _, bob in found] == [(-1,), (0, 1), (-1,), (-1,)]


@given(st.lists(st.tuples(*[st.sampled_from(["0|1", "1", "./.", "0/2", ".|1", "2|2"])] * 3)))
def test_pysam_reads_the_same(rows):
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        lines = ["GT\t" + "\t".join(row) for row in rows]
        path = write(Path(folder), lines, "a\tb\tc")
        with pysam.VariantFile(str(path)) as file:
            expected = [
                [tuple(-1 if a is None else a for a in r.samples[n]["GT"]) for n in "abc"]
                for r in file
            ]
        assert [[call[0] for call in row] for row in calls(path, "a", "b", "c")] == expected


def test_a_bcf_gives_the_same_calls(tmp_path):
    path = write(tmp_path, ["GT:PS\t0|1:5\t1/2:.", "GT\t1\t.|1"])
    with (
        pysam.VariantFile(str(path)) as source,
        pysam.VariantFile(str(tmp_path / "people.bcf"), "wb", header=source.header) as out,
    ):
        for record in source:
            out.write(record)
    found = calls(tmp_path / "people.bcf", "ann", "bob")
    assert found == calls(path, "ann", "bob")
    assert len(found) == 2


def test_more_records_than_a_batch_keep_their_order(tmp_path):
    rows = [f"GT\t{n % 2}|{1 - n % 2}\t0|0" for n in range(5000)]
    assert [found[0] for (found,) in calls(write(tmp_path, rows), "ann")] == [
        (n % 2, 1 - n % 2) for n in range(5000)
    ]


def test_lines_that_end_cyvcf2s_interpreter_are_refused_with_their_number(tmp_path):
    path = write(tmp_path, ["GT\t0|1\t0|0"])
    text = path.read_text()
    for broken in (text.replace("\t10\t", "\t.\t"), text.replace("GT\t0|1\t0|0\n", "GT\n")):
        path.write_text(broken)
        with pytest.raises(InputError, match=r"people\.vcf:6"):
            calls(path, "ann")
    path.write_text(text + "\n\n")
    assert len(calls(path, "ann")) == 1


@pytest.mark.parametrize("kind", ["failed", "passed"])
def test_files_that_a_validator_knows_are_read_or_refused(kind, shared):
    for path in sorted((shared / "data" / "bad_vcf" / kind).glob("*.vcf"))[:200]:
        try:
            list(GenotypeFile(path, choose_samples(path, [])))
        except (InputError, UsageError) as error:
            assert str(error)


def test_a_sample_is_chosen_by_its_name_and_each_once(tmp_path):
    path = write(tmp_path, [])
    assert choose_samples(path, ["bob", "ann", "bob"]) == ["bob", "ann"]
    with pytest.raises(UsageError, match=r"no such sample; it has 'ann', 'bob'\. Did you mean bob"):
        choose_samples(path, ["bobb"])
    with pytest.raises(UsageError, match=r"2 samples: 'ann', 'bob'\. Choose with --sample"):
        choose_samples(path, [])
    with pytest.raises(UsageError, match="2 samples so called"):
        choose_samples(write(tmp_path, [], "ann\tann"), ["ann"])
    assert choose_samples(write(tmp_path, [], "ann"), []) == ["ann"]


def test_a_file_without_genotypes_is_refused(tmp_path):
    path = tmp_path / "sites.vcf"
    path.write_text("##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n")
    with pytest.raises(InputError, match="has no samples"):
        choose_samples(path, [])
    table = tmp_path / "alleles.tsv"
    table.write_text("chr1\t10\tA\tC\n")
    with pytest.raises(InputError, match="is a table, which has no genotypes"):
        choose_samples(table, [])


def test_names_of_samples_come_one_a_line(tmp_path):
    path = tmp_path / "names.txt"
    path.write_text("# people\nann\n\n bob \n")
    assert read_sample_names(path) == ["ann", "bob"]
    path.write_text("\n")
    with pytest.raises(InputError, match="names no sample"):
        read_sample_names(path)
    with pytest.raises(InputError, match="Cannot read the names of samples"):
        read_sample_names(tmp_path / "absent")
