import gzip
import resource
import signal
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pysam
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tracksmith.errors import InputError, ResourceError, UsageError
from tracksmith.genome.bgzf_writer import BgzfWriter, write_tabix_index
from tracksmith.genome.stream import ByteStream
from tracksmith.genome.vcf import VariantFile
from tracksmith.genome.vcf_writer import InfoField, annotated_vcf
from tracksmith.tracks.options import TrackOptions

FIELDS = (
    InfoField("TS_max", "A", "Float", 'strongest effect, "log2" \\ ratio'),
    InfoField("TS_track", "1", "String", "its track"),
)
HEADER = (
    b"##fileformat=VCFv4.2\n##contig=<ID=chr1,length=2000000000>\n##contig=<ID=chr2>\n"
    b'##INFO=<ID=DP,Number=1,Type=Integer,Description="d">\n'
    b'##INFO=<ID=OLD,Number=0,Type=Flag,Description="o">\n'
    b'##FORMAT=<ID=GT,Number=1,Type=String,Description="g">\n'
    b"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts1\n"
)
ROWS = (
    b"chr1\t5\trs1\tA\tC,G\t9.50\tPASS\tDP=1;OLD\tGT\t0|1\n"
    b"chr1\t9\trs2\ta\t<DEL>\t.\t.\t.\tGT:\t./.\n"
    b"chr2\t1\t\xe9;x\tA\tT\t1e3\tq\tOLD\tGT\t1\n"
)


def annotate(source: Path, target: Path, values=None, notes=None) -> None:
    notify = notes.append if notes is not None else (lambda message: None)
    with VariantFile(source) as file, annotated_vcf(target, file.header, FIELDS, notify) as out:
        for record, line in file.lines():
            given_values = {"TS_max": [0.125] * len(record.alts), "TS_track": "a;b =%,c"}
            out.write(record, line, given_values if values is None else values)


def without_info(line: bytes) -> list[bytes]:
    parts = line.split(b"\t")
    return parts[:7] + parts[8:]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
def test_every_field_but_info_is_kept_byte_for_byte(end: bytes, tmp_path: Path) -> None:
    source, target = tmp_path / "x.vcf", tmp_path / "y.vcf.gz"
    rows = ROWS.replace(b"\n", end)
    source.write_bytes(HEADER + rows)
    annotate(source, target)
    lines = gzip.decompress(target.read_bytes()).splitlines(keepends=True)
    head = [line for line in lines if line.startswith(b"#")]
    added = [line for line in head if line not in HEADER.splitlines(keepends=True)]
    assert [line for line in head if line not in added] == HEADER.splitlines(keepends=True)
    assert added == [field.line() + b"\n" for field in FIELDS]
    body = lines[len(head) :]
    before = rows.splitlines(keepends=True)
    assert [without_info(line) for line in body] == [without_info(line) for line in before]
    info = [line.split(b"\t")[7] for line in body]
    track = b"TS_track=a%3Bb%20%3D%25%2Cc"
    assert info == [
        b"DP=1;OLD;TS_max=0.125,0.125;" + track,
        b"TS_max=0.125;" + track,
        b"OLD;TS_max=0.125;" + track,
    ]


def test_the_written_file_is_valid_and_indexed(tmp_path: Path) -> None:
    (tmp_path / "x.vcf").write_bytes((HEADER + ROWS).replace(b"\xe9;", b"e;"))
    annotate(tmp_path / "x.vcf", tmp_path / "y.vcf.gz")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x.vcf", "y.vcf.gz", "y.vcf.gz.tbi"]
    with pysam.VariantFile(str(tmp_path / "y.vcf.gz")) as file:
        assert file.header.info["TS_max"].number == "A"
        (record,) = file.fetch("chr1", 8, 9)
        assert record.info["TS_max"] == (0.125,)
        assert [r.info["TS_max"] for r in file.fetch("chr1")] == [(0.125, 0.125), (0.125,)]


def test_writing_again_replaces_what_was_added(tmp_path: Path) -> None:
    (tmp_path / "x.vcf").write_bytes(HEADER + ROWS)
    annotate(tmp_path / "x.vcf", tmp_path / "y.vcf.gz")
    annotate(tmp_path / "y.vcf.gz", tmp_path / "z.vcf.gz")
    assert (tmp_path / "y.vcf.gz").read_bytes() == (tmp_path / "z.vcf.gz").read_bytes()


def test_missing_values_are_dots_and_a_field_of_them_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "x.vcf").write_bytes(HEADER + ROWS)
    values = {"TS_max": [None, float("nan"), 2, 1e-9, -0.5], "TS_track": None}
    annotate(tmp_path / "x.vcf", tmp_path / "y.vcf.gz", values)
    with VariantFile(tmp_path / "y.vcf.gz") as file:
        assert b";TS_max=.,.,2,1e-09,-0.5\t" in next(iter(file.lines()))[1]
    annotate(tmp_path / "x.vcf", tmp_path / "y.vcf.gz", {"TS_max": [None, None]})
    with VariantFile(tmp_path / "y.vcf.gz") as file:
        assert [line.split(b"\t")[7] for _, line in file.lines()] == [b"DP=1;OLD", b".", b"OLD"]


@pytest.mark.parametrize(
    "rows", [ROWS + ROWS, ROWS.replace(b"\t9\t", b"\t4\t")], ids=["contig again", "position back"]
)
def test_an_unsorted_file_gets_no_index_and_that_is_said(rows, tmp_path, notes) -> None:
    (tmp_path / "x.vcf").write_bytes(HEADER + rows)
    (tmp_path / "y.vcf.gz.tbi").write_bytes(b"of a file that was replaced")
    annotate(tmp_path / "x.vcf", tmp_path / "y.vcf.gz", notes=notes)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x.vcf", "y.vcf.gz"]
    assert "no index" in notes[0]
    with VariantFile(tmp_path / "y.vcf.gz") as file:
        assert len(list(file)) == rows.count(b"\n")


def test_a_contig_longer_than_a_tbi_can_index_gets_a_csi(tmp_path: Path) -> None:
    (tmp_path / "x.vcf").write_bytes(HEADER + ROWS.replace(b"\t9\t", b"\t1500000000\t"))
    annotate(tmp_path / "x.vcf", tmp_path / "y.vcf.gz")
    assert not (tmp_path / "y.vcf.gz.tbi").exists()
    with pysam.TabixFile(str(tmp_path / "y.vcf.gz"), index=str(tmp_path / "y.vcf.gz.csi")) as file:
        assert len(list(file.fetch("chr1", 1_499_999_999, 1_500_000_000))) == 1


@pytest.mark.parametrize("info", [b"END=600000000", b"DP=3;SVLEN=-600000000", b"SVLEN=1,600000000"])
def test_a_record_that_reaches_further_than_a_tbi_can_index_gets_a_csi(info, tmp_path) -> None:
    row = b"chr1\t9\t.\tA\t<DEL>\t.\t.\t" + info + b"\tGT\t0|1\n"
    if b"," in info:
        row = row.replace(b"<DEL>", b"<INS>,<DEL>")
    (tmp_path / "x.vcf").write_bytes(HEADER + row)
    with (
        VariantFile(tmp_path / "x.vcf") as file,
        annotated_vcf(tmp_path / "y.vcf.gz", file.header, FIELDS) as out,
    ):
        for record, line in file.lines():
            out.write(record, line, {})
    assert not (tmp_path / "y.vcf.gz.tbi").exists()
    with pysam.TabixFile(str(tmp_path / "y.vcf.gz"), index=str(tmp_path / "y.vcf.gz.csi")) as file:
        assert len(list(file.fetch("chr1", 8, 9))) == 1


def test_a_header_alone_makes_a_valid_empty_file(tmp_path: Path) -> None:
    (tmp_path / "x.vcf").write_bytes(HEADER)
    annotate(tmp_path / "x.vcf", tmp_path / "y.vcf.gz")
    with pysam.VariantFile(str(tmp_path / "y.vcf.gz")) as file:
        assert list(file) == []
        assert "TS_max" in file.header.info


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "x.vcf").write_bytes(HEADER + ROWS)
    with (
        pytest.raises(RuntimeError),
        VariantFile(tmp_path / "x.vcf") as file,
        annotated_vcf(tmp_path / "y.vcf.gz", file.header, FIELDS) as out,
    ):
        record, line = next(file.lines())
        out.write(record, line, {"TS_track": "x"})
        raise RuntimeError("the model failed")
    assert [p.name for p in tmp_path.iterdir()] == ["x.vcf"]
    with pytest.raises(ResourceError, match="Cannot write"):
        annotate(tmp_path / "x.vcf", tmp_path / "absent" / "y.vcf.gz")


@contextmanager
def largest_file(size: int):
    """No file may grow beyond ``size`` bytes, as on a disk that is full."""
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, old)


def test_a_full_disk_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    rows = b"".join(
        b"chr1\t%d\t.\tA\tC\t.\t.\tX=%d\tGT\t0\n" % (i, i * i) for i in range(1, 60_000)
    )
    (tmp_path / "x.vcf").write_bytes(HEADER + rows)
    with largest_file(50_000), pytest.raises(ResourceError, match="File too large"):
        annotate(tmp_path / "x.vcf", tmp_path / "y.vcf.gz")
    assert [p.name for p in tmp_path.iterdir()] == ["x.vcf"]


def test_a_disk_that_is_full_at_the_index_is_told_from_a_file_without_index(
    tmp_path: Path, monkeypatch, capfd
) -> None:
    notes: list[str] = []
    (tmp_path / "x.vcf").write_bytes(HEADER + ROWS.replace(b"chr2", b"\0hr2"))
    annotate(tmp_path / "x.vcf", tmp_path / "y.vcf.gz", notes=notes)
    assert "y.vcf.gz gets no index: " in notes[0]
    assert {p.name for p in tmp_path.iterdir()} == {"x.vcf", "y.vcf.gz"}
    assert capfd.readouterr().err == ""

    def fail(*args, **options):
        raise OSError("building of index failed")

    monkeypatch.setattr("pysam.tabix_index", fail)
    (tmp_path / "y.vcf.gz").unlink()
    (tmp_path / "x.vcf").write_bytes(HEADER + ROWS)
    with largest_file(1_000_000), pytest.raises(ResourceError, match="File too large"):
        annotate(tmp_path / "x.vcf", tmp_path / "y.vcf.gz")
    assert [p.name for p in tmp_path.iterdir()] == ["x.vcf"]


def test_a_table_cannot_be_annotated_and_bad_keys_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.tsv").write_text("chr1\t5\tA\tC\n")
    with pytest.raises(InputError, match="no header"):
        annotate(tmp_path / "x.tsv", tmp_path / "y.vcf.gz")
    for key in ("1x", "a b", "a;b", "", "1000G"):
        with pytest.raises(UsageError, match="INFO"):
            InfoField(key, "1", "Float", "x")


def test_a_bcf_is_annotated_as_its_vcf(tmp_path: Path, to_bcf) -> None:
    rows = ROWS.replace(b"\xe9;", b"e;").replace(b"GT:", b"GT").replace(b"\tq\t", b"\tPASS\t")
    (tmp_path / "x.vcf").write_bytes(HEADER + rows)
    to_bcf(tmp_path / "x.vcf", tmp_path / "x.bcf")
    annotate(tmp_path / "x.bcf", tmp_path / "y.vcf.gz")
    with pysam.VariantFile(str(tmp_path / "y.vcf.gz")) as file:
        assert [(r.pos, r.ref, r.info["TS_max"]) for r in file] == [
            (5, "A", (0.125, 0.125)), (9, "a", (0.125,)), (1, "A", (0.125,)),
        ]  # fmt: skip
        assert not any("IDX" in str(line) for line in file.header.records)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(pieces=st.lists(st.binary(max_size=300).map(lambda b: b * 700), max_size=6))
def test_bgzip_blocks_hold_what_was_written(tmp_path: Path, pieces: list[bytes]) -> None:
    path = tmp_path / "x.gz"
    with BgzfWriter(path) as out:
        for piece in pieces:
            out.write(piece)
    whole = b"".join(pieces)
    assert gzip.decompress(path.read_bytes()) == whole
    with pysam.BGZFile(str(path)) as theirs:
        assert theirs.read() == whole
    with ByteStream(path) as ours:
        assert ours.read(len(whole) + 5) == whole


def test_bytes_that_do_not_compress_still_fit_a_block(tmp_path: Path) -> None:
    import random

    noise = random.Random(1).randbytes(300_000)
    with BgzfWriter(tmp_path / "x.gz") as out:
        out.write(noise)
    assert gzip.decompress((tmp_path / "x.gz").read_bytes()) == noise


def test_a_bed_is_indexed_too(tmp_path: Path) -> None:
    with BgzfWriter(tmp_path / "x.bed.gz") as out:
        out.write(b"chr1\t0\t5\nchr1\t7\t9\n")
    write_tabix_index(tmp_path / "x.bed.gz", tmp_path / "x.bed.gz.tbi", "bed")
    with pysam.TabixFile(str(tmp_path / "x.bed.gz")) as file:
        assert list(file.fetch("chr1", 7, 8)) == ["chr1\t7\t9"]


@pytest.mark.parametrize("compressor", ["zlib", "isal"])
def test_blocks_of_any_compressor_are_read_back_by_htslib(tmp_path: Path, compressor: str) -> None:
    rng = np.random.default_rng(1)
    text = b"".join(b"chr1\t%d\t%d\n" % (i, rng.integers(0, 1 << 40)) for i in range(20_000))
    noise = rng.integers(0, 256, 100_000, np.uint8).tobytes()  # which does not compress
    path = tmp_path / "x.gz"
    with BgzfWriter(path, TrackOptions.of(compressor).compress_text) as out:
        for piece in (text, noise, text[:50]):
            out.write(piece)
    with pysam.BGZFile(str(path)) as file:
        assert file.read() == text + noise + text[:50]
