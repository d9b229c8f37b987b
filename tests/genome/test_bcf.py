"""BCF, held against the same records as text."""

import gzip
import io
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tracksmith.errors import InputError
from tracksmith.genome.bgzf import EOF_MARKER
from tracksmith.genome.vcf import VariantFile, VariantRecord

META = b"##fileformat=VCFv4.2\n##contig=<ID=chr1,length=1000>\n##contig=<ID=chr2>\n"
COLUMNS = b"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
ROWS = (
    b"chr1\t5\trs1\tA\tC,<DEL>\t9\tPASS\tX=1\n"
    b"chr2\t7\t.\tac\t.\t.\t.\t.\n"
    b"chr1\t0\t.\tN\tA\t.\t.\t.\n"
)
TEXT = META + COLUMNS + ROWS


def read(path: Path | str, **options) -> list[VariantRecord]:
    with VariantFile(path, **options) as file:
        return list(file)


@pytest.fixture
def bcf(tmp_path: Path, to_bcf) -> bytes:
    text = TEXT.replace(b"rs1\tA\tC,", b"rs1;rs2\tA" + b"CGT" * 40 + b"\tC,")
    declared = b'##INFO=<ID=X,Number=1,Type=Integer,Description="x">\n'
    (tmp_path / "x.vcf").write_bytes(text.replace(b"##contig", declared + b"##contig", 1))
    to_bcf(tmp_path / "x.vcf", tmp_path / "x.bcf")
    return (tmp_path / "x.bcf").read_bytes()


def test_a_bcf_with_long_alleles_no_alt_and_a_telomere_is_read(bcf: bytes, tmp_path) -> None:
    records = read(tmp_path / "x.bcf")
    assert [record.line for record in records] == [1, 2, 3]
    assert records[0] == VariantRecord(1, "chr1", 4, "rs1;rs2", "A" + "CGT" * 40, ("C", "<DEL>"))
    assert records[1].alts == ()
    assert records[2].position == -1
    with VariantFile(tmp_path / "x.bcf") as file:
        assert [(record, line.split(b"\t")[1]) for record, line in file.lines()] == [
            (records[0], b"5"), (records[1], b"7"), (records[2], b"0"),
        ]  # fmt: skip


def test_a_bcf_is_read_plain_and_bgzipped_and_its_ends_are_looked_at(bcf: bytes, tmp_path) -> None:
    whole = read(tmp_path / "x.bcf")
    (tmp_path / "plain.bcf").write_bytes(gzip.decompress(bcf))
    assert read(tmp_path / "plain.bcf") == whole
    (tmp_path / "gzip.bcf").write_bytes(gzip.compress(gzip.decompress(bcf)))
    with pytest.raises(InputError, match=r"compressed with gzip, a BCF with bgzip. Recompress it"):
        read(tmp_path / "gzip.bcf")
    (tmp_path / "cut.bcf").write_bytes(bcf[: -len(EOF_MARKER)])
    with pytest.raises(
        InputError, match=r"end marker .* record 3 \(chr1:0\) is the last .*--allow-t"
    ):
        read(tmp_path / "cut.bcf")
    assert read(tmp_path / "cut.bcf", allow_truncated=True) == whole
    (tmp_path / "cut.bcf").write_bytes(bcf[: len(bcf) // 2])
    with pytest.raises(InputError, match="cut short or broken after"):
        read(tmp_path / "cut.bcf", allow_truncated=True)
    (tmp_path / "cut.bcf").write_bytes(gzip.decompress(bcf)[:-4])
    with pytest.raises(
        InputError, match=r"record 3 of this BCF is broken: .* last good .* record 2"
    ):
        read(tmp_path / "cut.bcf")


def test_a_bcf_that_cannot_be_opened_twice_is_refused(bcf: bytes, monkeypatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(bcf)))
    with pytest.raises(InputError, match="a BCF is read from a file on disk"):
        read("-")


def test_htslib_writes_nothing_while_a_bcf_is_read(bcf: bytes, tmp_path, capfd) -> None:
    read(tmp_path / "x.bcf")
    broken = gzip.decompress(bcf)
    (tmp_path / "x.bcf").write_bytes(broken[:-9])
    with pytest.raises(InputError, match="broken"):
        read(tmp_path / "x.bcf")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("space", [b"\t", b"\n"])
def test_a_bcf_whose_id_would_break_a_line_is_refused(space, tmp_path, to_bcf) -> None:
    rows = b"c\t5\trs12\tA\tC\t.\t.\t.\nc\t6\tr_34\tA\tC\t.\t.\t.\n"
    head = b"##fileformat=VCFv4.3\n##contig=<ID=c,length=9>\n"
    columns = b"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    (tmp_path / "x.vcf").write_bytes(head + columns + rows)
    to_bcf(tmp_path / "x.vcf", tmp_path / "x.bcf")
    plain = gzip.decompress((tmp_path / "x.bcf").read_bytes())
    assert plain.count(b"r_34") == 1
    (tmp_path / "y.bcf").write_bytes(plain.replace(b"r_34", b"r" + space + b"34"))
    with pytest.raises(InputError, match=r"y\.bcf: record 2 .*its ID 'r\\[tn]34' holds a tab or"):
        read(tmp_path / "y.bcf")


@pytest.fixture
def two_records(tmp_path: Path, to_bcf) -> bytearray:
    """A BCF of two records, not compressed."""
    rows = b"c\t5\trs12\tA\tC\t.\t.\t.\nc\t6\trs34\tG\tT\t.\t.\t.\n"
    (tmp_path / "x.vcf").write_bytes(META.replace(b"chr1", b"c") + COLUMNS + rows)
    to_bcf(tmp_path / "x.vcf", tmp_path / "x.bcf")
    return bytearray(gzip.decompress((tmp_path / "x.bcf").read_bytes()))


@pytest.mark.parametrize("position", [-2, -5, -(2**31), 2**31 - 1])
def test_a_bcf_position_that_no_vcf_could_hold_is_refused(position, two_records, tmp_path) -> None:
    first = 9 + int.from_bytes(two_records[5:9], "little")
    two_records[first + 12 : first + 16] = position.to_bytes(4, "little", signed=True)
    (tmp_path / "y.bcf").write_bytes(two_records)
    with pytest.raises(InputError, match=r"record 1 of this BCF is broken: its position is"):
        read(tmp_path / "y.bcf")


def test_an_alternative_allele_of_a_dot_is_none(two_records, tmp_path) -> None:
    (tmp_path / "y.bcf").write_bytes(two_records.replace(b"\x17A\x17C", b"\x17A\x17."))
    assert [record.alts for record in read(tmp_path / "y.bcf")] == [(), ("T",)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(at=st.integers(0, 10_000), value=st.integers(0, 255), cut=st.booleans())
def test_a_damaged_bcf_is_refused_or_read_but_never_crashes(bcf, tmp_path, at, value, cut) -> None:
    plain = bytearray(gzip.decompress(bcf))
    at %= len(plain)
    if cut:
        del plain[at:]
    else:
        plain[at] = value
    (tmp_path / "y.bcf").write_bytes(bytes(plain))
    try:
        read(tmp_path / "y.bcf")
    except InputError as error:
        assert "y.bcf" in str(error)
