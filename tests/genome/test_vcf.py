import gzip
import io
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pysam
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tracksmith.errors import InputError
from tracksmith.genome.aliases import ContigNames
from tracksmith.genome.bgzf import EOF_MARKER
from tracksmith.genome.contigs import Contigs
from tracksmith.genome.vcf import VariantFile, VariantRecord, check_assembly

META = b"##fileformat=VCFv4.2\n##contig=<ID=chr1,length=1000>\n##contig=<ID=chr2>\n"
COLUMNS = b"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
ROWS = (
    b"chr1\t5\trs1\tA\tC,<DEL>\t9\tPASS\tX=1\n"
    b"chr2\t7\t.\tac\t.\t.\t.\t.\n"
    b"chr1\t0\t.\tN\tA\t.\t.\t.\n"
)
TEXT = META + COLUMNS + ROWS
RECORDS = [
    VariantRecord(5, "chr1", 4, "rs1", "A", ("C", "<DEL>")),
    VariantRecord(6, "chr2", 6, ".", "ac", ()),
    VariantRecord(7, "chr1", -1, ".", "N", ("A",)),
]


def read(path: Path, **options) -> list[VariantRecord]:
    with VariantFile(path, **options) as file:
        return list(file)


def bgzip(path: Path, content: bytes) -> Path:
    with pysam.BGZFile(str(path), "w") as handle:
        handle.write(content)
    return path


SAME = {
    "plain": TEXT,
    "CRLF": TEXT.replace(b"\n", b"\r\n"),
    "no final newline": TEXT.rstrip(b"\n"),
    "blank lines at the end": TEXT + b"\n\n",
    "gzip": gzip.compress(TEXT),
    "gzip of two members": gzip.compress(TEXT[:100]) + gzip.compress(TEXT[100:]),
    "latin-1 and long INFO": TEXT.replace(b"X=1", b"X=\xe9;" + b"Y" * 100_000),
}


@pytest.mark.parametrize("content", SAME.values(), ids=SAME)
def test_line_ends_and_compression_do_not_matter(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.vcf").write_bytes(content)
    assert read(tmp_path / "x.vcf") == RECORDS
    with VariantFile(tmp_path / "x.vcf") as file:
        assert file.format == "vcf"
        assert file.header.contigs == {"chr1": 1000, "chr2": None}
        assert file.header.columns == 8
        assert b"\n".join(file.header.lines) + b"\n" == META + COLUMNS


def test_a_bgzipped_file_and_standard_input_read_as_the_plain_one(tmp_path, monkeypatch) -> None:
    assert read(bgzip(tmp_path / "x.vcf.gz", TEXT)) == RECORDS
    for content in (TEXT, gzip.compress(TEXT), (tmp_path / "x.vcf.gz").read_bytes()):
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(content)))
        with VariantFile("-") as file:
            assert list(file) == RECORDS
            assert file.name == "standard input"


def test_a_real_pipe_is_read(tmp_path: Path) -> None:
    import sys

    code = (
        "from tracksmith.genome.vcf import VariantFile\n"
        "with VariantFile('-') as file: print(sum(1 for _ in file))"
    )
    rows = b"".join(b"chr1\t%d\t.\tA\tC\t.\t.\t.\n" % i for i in range(1, 20_001))
    done = subprocess.run(
        [sys.executable, "-c", code], input=META + COLUMNS + rows, capture_output=True, check=True
    )
    assert done.stdout == b"20000\n"


def test_a_header_without_records_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "x.vcf").write_bytes(META + COLUMNS)
    assert read(tmp_path / "x.vcf") == []


def row(**changed: bytes) -> bytes:
    columns = {
        "c": b"chr1",
        "p": b"5",
        "i": b".",
        "r": b"A",
        "a": b"C",
        "q": b".",
        "f": b".",
        "x": b".",
    }
    return b"\t".join({**columns, **changed}.values()) + b"\n"


BAD = {
    "empty": (b"", r"is empty\. Give a VCF"),
    "blank": (b"\n\n", r"first line is empty"),
    "no header": (row(), r"has no header: its first line is 'chr1"),
    "junk": (bytes(range(200, 250)), r"is no VCF: its first bytes are c8 c9"),
    "BED": (b"chr1\t1\t5\n", r"is no VCF: its first bytes"),
    "byte order mark": (b"\xef\xbb\xbf" + TEXT, r"byte order mark.*remove it"),
    "UTF-16": (TEXT.decode().encode("utf-16"), r"ff fe.* UTF-16"),
    "zip": (b"PK\x03\x04" + bytes(20), r"zip archive"),
    "zstd": (b"\x28\xb5\x2f\xfd" + bytes(20), r"zstd"),
    "no columns line": (META + row(), r":4: 'chr1.*stands in the header"),
    "only meta": (META, r"no '#CHROM' line"),
    "columns by blanks": (META + COLUMNS.replace(b"\t", b" "), r":4: .*separated by blanks"),
    "other columns": (META + b"#CHROM\tPOS\tID\tALT\tREF\n", r":4: .*columns must be #CHROM POS"),
    "short line": (TEXT + b"chr1\t5\t.\tA\n", r":8: 4 columns where the header has 8"),
    "long line": (TEXT + row(x=b".\tGT\t0/1"), r":8: 10 columns where the header has 8"),
    "blanks for tabs": (TEXT + row().replace(b"\t", b" "), r":8: columns are separated by blanks"),
    "zero bytes": (TEXT + b"chr1\0\0\0\n", r":8: .*zero byte"),
    "second header": (TEXT + TEXT, r":8: a header line stands among the records"),
    "POS text": (TEXT + row(p=b"12a"), r":8: POS is '12a'"),
    "POS missing": (TEXT + row(p=b"."), r":8: POS is '\.'"),
    "POS empty": (TEXT + row(p=b""), r":8: POS is ''"),
    "POS negative": (TEXT + row(p=b"-4"), r":8: POS is '-4'"),
    "POS too large": (TEXT + row(p=b"3000000000"), r":8: POS 3000000000 is above 2147483647"),
    "POS of 5,000 digits": (TEXT + row(p=b"9" * 5_000), r":8: POS 9{40} is above 2147483647"),
    "CHROM empty": (TEXT + row(c=b""), r":8: CHROM is empty"),
    "cut gzip": (gzip.compress(TEXT * 1)[:-12], r"cut short or broken after"),
}


@pytest.mark.parametrize(("content", "message"), BAD.values(), ids=BAD)
def test_a_wrong_vcf_is_refused_with_line_and_cause(content, message, tmp_path) -> None:
    (tmp_path / "x.vcf").write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read(tmp_path / "x.vcf")
    assert str(tmp_path / "x.vcf") in str(caught.value)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"No file at .*absent.vcf"):
        VariantFile(tmp_path / "absent.vcf")
    with pytest.raises(InputError, match="is a folder"):
        VariantFile(tmp_path)


def large(rows: int = 30_000) -> bytes:
    lines = (
        b"chr1\t%d\trs%d\tA\tC\t.\t.\tX=%d\n" % (i, i * 7919 % 10007, i) for i in range(1, rows)
    )
    return META + COLUMNS + b"".join(lines)


def test_a_cut_bgzip_file_names_the_last_good_place(tmp_path: Path) -> None:
    path = bgzip(tmp_path / "x.vcf.gz", large())
    whole = path.read_bytes()
    path.write_bytes(whole[: -len(EOF_MARKER)])
    with pytest.raises(InputError, match=r"end marker.*line 30003 \(chr1:29999\).*--allow-trunc"):
        read(path)
    assert len(read(path, allow_truncated=True)) == 29_999
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"cut short or broken after line \d+ \(chr1:\d+\)"):
        read(path)
    with pytest.raises(InputError, match=r"cut short"):
        read(path, allow_truncated=True)


def test_a_flipped_bit_is_found(tmp_path: Path) -> None:
    path = bgzip(tmp_path / "x.vcf.gz", large())
    content = bytearray(path.read_bytes())
    content[len(content) * 2 // 3] ^= 16
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"cut short or broken after line \d+|:\d+: "):
        read(path)


def test_ten_thousand_samples_and_ten_megabytes_of_info_are_read(tmp_path: Path) -> None:
    samples = b"\t".join(b"s%d" % i for i in range(10_000))
    columns = COLUMNS.rstrip(b"\n") + b"\tFORMAT\t" + samples + b"\n"
    genotypes = b"\tGT" + b"\t0|1" * 10_000 + b"\n"
    rows = [row(p=b"%d" % i).rstrip(b"\n") + genotypes for i in range(1, 51)]
    rows.append(row(x=b"Z" * 10_000_000).rstrip(b"\n") + genotypes)
    (tmp_path / "x.vcf").write_bytes(META + columns + b"".join(rows))
    records = read(tmp_path / "x.vcf")
    assert [record.position for record in records] == [*range(50), 4]


def test_every_malformed_file_of_the_corpus_is_read_whole_or_refused(shared: Path) -> None:
    for path in sorted((shared / "data/bad_vcf/failed").glob("*.vcf")):
        lines = [line for line in path.read_bytes().splitlines() if line and line[:1] != b"#"]
        try:
            assert len(read(path)) == len(lines), path
        except InputError as error:
            assert str(path) in str(error)


def test_every_valid_file_of_the_corpus_is_read_whole(shared: Path) -> None:
    paths = sorted((shared / "data/bad_vcf/passed").glob("*.vcf"))
    for path in paths:
        lines = [line for line in path.read_bytes().splitlines() if line and line[:1] != b"#"]
        records = read(path)
        assert [(r.contig, str(r.position + 1), r.ref) for r in records] == [
            tuple(line.decode().split("\t")[i] for i in (0, 1, 3)) for line in lines
        ]
    assert len(paths) == 13


REAL = [
    "hg38_chr21/PlatinumGenomes_NA12878.chr21_25Mb.vcf.gz",
    "hg38_chr21/1KGP_SV_5samples_symbolic.chr21_25Mb.vcf.gz",
    "hg19_chr20/1000G_phase3_sites.chr20_1-2Mb.vcf.gz",
    "hg19_chr20/1000G_300samples_phased.chr20_1-2Mb.vcf.gz",
]


def by_pysam(path: Path) -> list[tuple]:
    with pysam.VariantFile(str(path)) as theirs:
        return [(r.chrom, r.pos - 1, r.id or ".", r.ref, r.alts or ()) for r in theirs]


@pytest.mark.parametrize("file", REAL)
def test_real_files_read_as_by_pysam_and_as_their_bcf(file, shared, tmp_path, to_bcf) -> None:
    path = shared / "data" / file
    ours = [(r.contig, r.position, r.id, r.ref, r.alts) for r in read(path)]
    assert ours == by_pysam(path)
    to_bcf(path, tmp_path / "x.bcf")
    with VariantFile(tmp_path / "x.bcf") as file_:
        assert file_.format == "bcf"
        assert [(r.contig, r.position, r.id, r.ref, r.alts) for r in file_] == ours


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=60) | st.text("chr12\t\n.#ACG", max_size=60).map(str.encode))
def test_any_bytes_after_the_header_are_read_or_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.vcf").write_bytes(META + COLUMNS + content)
    try:
        records = read(tmp_path / "x.vcf")
    except InputError as error:
        assert "x.vcf:" in str(error)
    else:
        assert len(records) == sum(1 for line in content.split(b"\n") if line.strip())


TABLES = {
    "no titles": "chr1\t5\tA\tC,<DEL>\trs1\nchr2\t7\tac\t.\n",
    "titles": "chrom\tpos\tref\talt\tid\nchr1\t5\tA\tC,<DEL>\trs1\nchr2\t7\tac\t.\t.\n",
    "other order": "rsid\talt\tref\tg\tposition\tCHR\nrs1\tC,<DEL>\tA\t\t5\tchr1\n"
    ".\t.\tac\t\t7\tchr2\n",
    "CRLF and comments": "#a b\r\nchr1\t5\tA\tC,<DEL>\trs1\r\n\r\nchr2\t7\tac\t.\r\n",
    "byte order mark": "\ufeffchrom\tpos\tref\talt\tid\nchr1\t5\tA\tC,<DEL>\trs1\n"
    "chr2\t7\tac\t.\t.\n",
}  # fmt: skip


@pytest.mark.parametrize("text", TABLES.values(), ids=TABLES)
def test_a_table_of_alleles_is_read(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.tsv").write_text(text, newline="")
    (tmp_path / "x.tsv.gz").write_bytes(gzip.compress(text.encode()))
    (tmp_path / "other").write_text(text, newline="")
    expected = [("chr1", 4, "rs1", "A", ("C", "<DEL>")), ("chr2", 6, ".", "ac", ())]
    for path, options in (("x.tsv", {}), ("x.tsv.gz", {}), ("other", {"format": "table"})):
        records = read(tmp_path / path, **options)
        assert [(r.contig, r.position, r.id, r.ref, r.alts) for r in records] == expected


BAD_TABLES = {
    "empty": ("", "holds no variants"),
    "too few": ("chr1\t5\tA\tC\nchr1\t5\tA\n", r":2: 3 columns"),
    "blanks": ("chr1 5 A C\n", r":1: columns are separated by blanks"),
    "POS": ("chr1\t5\tA\tC\nchr1\tx\tA\tC\n", r":2: POS is 'x'"),
    "POS of 5,000 digits": (f"chr1\t{'9' * 5_000}\tA\tC\n", r":1: POS 9{40} is above"),
    "POS no UTF-8": ("chr1\t\udcff5\tA\tC\n", r":1: POS is '\ufffd5'"),
    "POS no ASCII": ("chr1\t\u00b2\tA\tC\n", r":1: POS is '\u00b2'"),
}


@pytest.mark.parametrize(("text", "message"), BAD_TABLES.values(), ids=BAD_TABLES)
def test_a_wrong_table_is_refused_with_line_and_cause(text, message, tmp_path) -> None:
    (tmp_path / "x.tsv").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError, match=message):
        read(tmp_path / "x.tsv")


def test_leading_zeros_are_no_fault_and_other_text_is_kept(tmp_path: Path) -> None:
    odd = row(c="chr\u00e9".encode(), p=b"0" * 5_000 + b"7", i=b"\xff;\x01", a=b"C,\xe9")
    (tmp_path / "x.vcf").write_bytes(META + COLUMNS + odd + row(p=b"0000000007"))
    assert read(tmp_path / "x.vcf") == [
        VariantRecord(5, "chr\u00e9", 6, "\udcff;\\x01", "A", ("C", "\udce9")),
        VariantRecord(6, "chr1", 6, ".", "A", ("C",)),
    ]


@given(
    st.lists(
        st.tuples(
            st.text("chr\u00e91 ", min_size=1, max_size=4),
            st.integers(0, 2**31 - 1).map(str) | st.from_regex("0{0,9}[0-9]", fullmatch=True),
            *(st.text("ACGT<>,. \x1f\u00e9", max_size=5),) * 3,
        ),
        min_size=1,
        max_size=4,
    )
)
def test_the_quick_pattern_reads_what_the_careful_way_reads(rows) -> None:
    """Every line is read by both; what the pattern does not match goes the careful way."""
    file = VariantFile.__new__(VariantFile)
    for columns in rows:
        line = "\t".join([*columns, "9", "PASS", "."]).encode() + b"\n"
        assert file._record(1, line, 8) == file._odd_record(1, line, 8)


def test_a_contig_of_impossible_length_is_of_another_assembly(tmp_path: Path) -> None:
    (tmp_path / "x.vcf").write_bytes(TEXT.replace(b"length=1000", b"length=" + b"9" * 5_000))
    names = ContigNames(Contigs(["chr1"], [1000]), "x.vcf")
    with VariantFile(tmp_path / "x.vcf") as file, pytest.raises(InputError, match="differ in len"):
        check_assembly(file.header, names)


def test_a_vcf_is_known_by_its_content_and_not_its_name(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_bytes(TEXT)
    assert read(tmp_path / "x.txt") == RECORDS


def test_a_file_of_another_assembly_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.vcf").write_bytes(TEXT)

    def check(*contigs: tuple[str, int]) -> None:
        names = ContigNames(Contigs([c[0] for c in contigs], [c[1] for c in contigs]), "x.vcf")
        with VariantFile(tmp_path / "x.vcf") as file:
            check_assembly(file.header, names)

    check(("chr1", 1000), ("chr2", 5))
    check(("1", 1000), ("other", 5))
    with pytest.raises(InputError, match=r"another assembly(?s:.)*chr1: 1,000 bp in the file, 999"):
        check(("chr1", 999), ("chr2", 5))
    with pytest.raises(InputError, match=r"x.vcf: the genome has no contig 'chr1', 'chr2'"):
        check(("scaffold", 1000))
