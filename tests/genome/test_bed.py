import gzip
import tempfile
from pathlib import Path

import pysam
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tracksmith.errors import InputError
from tracksmith.genome.bed import read_bed
from tracksmith.genome.bgzf_writer import BgzfWriter
from tracksmith.genome.contigs import Contigs
from tracksmith.genome.fasta import Genome
from tracksmith.genome.regions import resolve_regions

CONTIGS = Contigs(["chr1", "chr2"], [1_000, 200])
PLAIN = b"chr1\t10\t20\tpeak\t0\t-\nchr2\t0\t200\tother\t1\t+\nchr1\t5\t15\n"

SAME = {
    "CRLF": PLAIN.replace(b"\n", b"\r\n"),
    "no final newline": PLAIN.rstrip(b"\n"),
    "blank last lines": PLAIN + b"\n  \n\r\n",
    "byte order mark": b"\xef\xbb\xbf" + PLAIN,
    "comments": b"# made by x\n" + PLAIN + b"#end\n",
    "browser and track lines": b"browser position chr1:1-9\ntrack name=x\n" + PLAIN,
    "titles": b"chrom\tchromStart\tchromEnd\tname\n" + PLAIN,
    "marked titles": b"#chrom\tstart\tend\n" + PLAIN,
    "gzip": gzip.compress(PLAIN),
    "two gzip members": gzip.compress(PLAIN[:20]) + gzip.compress(PLAIN[20:]),
    "names without prefix": PLAIN.replace(b"chr", b""),
}


@pytest.mark.parametrize("content", SAME.values(), ids=SAME)
def test_decoration_line_ends_and_compression_do_not_matter(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.bed").write_bytes(content)
    bed = read_bed(tmp_path / "x.bed", CONTIGS)
    assert [(i.contig, i.start, i.end) for i in bed] == [
        ("chr1", 10, 20), ("chr2", 0, 200), ("chr1", 5, 15),
    ]  # fmt: skip
    assert bed.names == ["peak", "other", ""]
    assert bed.strands == ["-", "+", "."]
    assert bed.extra == [("peak", "0", "-"), ("other", "1", "+"), ()]
    assert [str(region) for region in bed.regions()] == ["chr1:6-20", "chr2:1-200"]


def bgzipped(content: bytes) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        with BgzfWriter(Path(folder) / "x") as out:
            out.write(content)
        return (Path(folder) / "x").read_bytes()


BAD = {
    "start equals end": (b"chr1\t5\t5\n", r":1: start 5 is not below end 5"),
    "start above end": (b"chr1\t1\t2\nchr1\t9\t5\n", r":2: start 9"),
    "negative": (b"chr1\t-1\t5\n", r":1: start -1 is before .* number is 0. --clip"),
    "not whole": (b"chr1\t1\t5.5\n", r":1: end '5.5' is no whole number"),
    "scientific": (b"chr1\t1\t5\nchr1\t1e2\t5\n", r":2: start '1e2'"),
    "titles later": (b"chr1\t1\t5\nchr\tstart\tend\n", r":2: start 'start'"),
    "one column": (b"#x\nchr1\n", r":2: 'chr1' has fewer than three"),
    "region string": (b"chr1:1-5\n", r":1: .*fewer than three"),
    "blanks for tabs": (b"chr1 1 5\n", r":1: columns are separated by blanks"),
    "past the end": (b"chr2\t0\t201\n", r":1: end 201 passes the end of chr2.*200 bp.*--clip"),
    "unknown contig": (b"chr1\t0\t1\nchrZ\t0\t1\n", r":2: .*no contig 'chrZ'.*--alias"),
    "mitochondria": (b"MT\t0\t1\n", r":1: .*no contig 'MT'"),
    "empty": (b"", r"holds no regions"),
    "only comments": (b"#a\ntrack x\n\n", r"holds no regions"),
    "zero bytes": (b"chr1\0\0\n", r":1: .*zero byte"),
    "UTF-16": ("chr1\t1\t5\n".encode("utf-16"), r"no plain text; its first bytes, ff fe"),
    "spreadsheet": (b"PK\x03\x04aaaa", r"no plain text"),
    "cut gzip": (gzip.compress(PLAIN)[:-12], r"cut short or broken after the start"),
    "cut bgzip": (bgzipped(PLAIN * 3000)[:-28], r"lacks the end marker .* line 9000 is the last"),
    "bgzip cut in a block": (bgzipped(PLAIN * 20_000)[:-400], r"broken after line \d+"),
    "broken gzip": (
        gzip.compress(PLAIN)[:12] + b"\xff" * 30,
        r"cut short or broken after the start",
    ),
    "huge": (b"chr1\t1\t" + b"9" * 30 + b"\n", r":1: end 9{30} passes the end"),
    "5,000 digits": (b"chr1\t1\t" + b"9" * 5_000 + b"\n", r":1: end 9{60} passes the end"),
    "minus 5,000 digits": (b"chr1\t-" + b"9" * 5_000 + b"\t7\n", r":1: start -9{59} is before"),
    "minus alone": (b"chr1\t-\t7\n", r":1: start '-' is no whole number"),
    "commas": (b"chr1,1,5\n", r":1: columns are separated by commas"),
    "2bit": (b"\x43\x27\x41\x1a" + bytes(9), r"no plain text; .* are a 2bit file"),
    "GFF": (b"##gff\nchr1\tx\texon\t1\t9\t.\t+\t.\tID=a\n", r":2: this is GFF or GTF, .* from 1"),
    "VCF": (b"##fileformat=VCF\nchr1\t5\trs\tA\tC\t.\t.\t.\n", r":2: this is VCF, no BED"),
    "interval list": (b"@HD\tVN:1.6\tSO:x\nchr1\t1\t9\t+\tx\n", r":1: .* interval list .* from 1"),
}


@pytest.mark.parametrize(("content", "message"), BAD.values(), ids=BAD)
def test_a_wrong_bed_file_is_refused_with_line_and_cause(content, message, tmp_path) -> None:
    (tmp_path / "x.bed").write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read_bed(tmp_path / "x.bed", CONTIGS)
    assert str(tmp_path / "x.bed") in str(caught.value)
    assert caught.value.exit_code == 4


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"No file at .*absent.bed"):
        read_bed(tmp_path / "absent.bed", CONTIGS)
    with pytest.raises(InputError, match="is a folder"):
        read_bed(tmp_path, CONTIGS)


def test_clip_cuts_at_the_contig_end_and_says_so(tmp_path: Path, notes: list[str]) -> None:
    (tmp_path / "x.bed").write_text("chr2\t150\t999\tcut\nchr2\t300\t400\tgone\nchr2\t0\t9\tkept\n")
    bed = read_bed(tmp_path / "x.bed", CONTIGS, notes.append, clip=True)
    assert [(i.start, i.end) for i in bed] == [(150, 200), (0, 9)]
    assert bed.names == ["cut", "kept"]
    assert "2 intervals passed an end" in notes[0]
    (tmp_path / "y.bed").write_text("chr2\t300\t400\n")
    with pytest.raises(InputError, match="no regions within the genome"):
        read_bed(tmp_path / "y.bed", CONTIGS, clip=True)


def test_clip_cuts_at_the_contig_start_too(tmp_path: Path, notes: list[str]) -> None:
    (tmp_path / "x.bed").write_text("chr2\t-5\t30\nchr2\t-9\t-2\nchr2\t-3\t0\nchr2\t-1\t900\n")
    bed = read_bed(tmp_path / "x.bed", CONTIGS, notes.append, clip=True)
    assert [(i.start, i.end) for i in bed] == [(0, 30), (0, 200)]
    assert "4 intervals passed an end" in notes[0]


RANGES = (
    "seqnames\tstart\tend\twidth\tstrand\tname\n"
    "chr1\t11\t20\t10\t-\tone\nchr2\t1\t200\t200\t*\ttwo\n"
)
MACS = (
    "# of MACS\n\nchr\tstart\tend\tlength\tabs_summit\tpileup\n"
    "chr1\t11\t20\t10\t15\t9.5\nchr2\t1\t200\t200\t50\t1\n"
)
COUNTED_FROM_1 = {
    "GenomicRanges": (RANGES, ["one", "two"], ["-", "."]),
    "marked": ("#" + RANGES, ["one", "two"], ["-", "."]),
    "MACS": (MACS, ["", ""], [".", "."]),
}


@pytest.mark.parametrize(("text", "names", "strands"), COUNTED_FROM_1.values(), ids=COUNTED_FROM_1)
def test_a_table_that_counts_from_1_is_read_so(text, names, strands, tmp_path, notes) -> None:
    (tmp_path / "x.tsv").write_text(text)
    bed = read_bed(tmp_path / "x.tsv", CONTIGS, notes.append)
    assert [(i.contig, i.start, i.end) for i in bed] == [("chr1", 10, 20), ("chr2", 0, 200)]
    assert (bed.names, bed.strands) == (names, strands)
    assert notes == [f"{tmp_path}/x.tsv: positions count from 1, as its column of widths shows."]


def test_a_table_of_widths_that_counts_from_0_is_read_so(tmp_path: Path, notes: list[str]) -> None:
    (tmp_path / "x.tsv").write_text(RANGES.replace("\t11\t", "\t10\t").replace("\t1\t", "\t0\t"))
    bed = read_bed(tmp_path / "x.tsv", CONTIGS, notes.append)
    assert [(i.start, i.end) for i in bed] == [(10, 20), (0, 200)]
    assert not notes


BAD_TABLES = {
    "no width": (
        "seqnames\tstart\tend\nchr1\t1\t9\n",
        r":1: .*GenomicRanges.* but no column width",
    ),
    "quoted": ('"seqnames"\t"start"\t"end"\t"width"\n', r":1: its columns are quoted, as R does"),
    "row names": (RANGES.replace("chr1", "1\tchr1"), r":2: .*row names, as R writes them"),
    "another width": (RANGES.replace("\t10\t", "\t12\t"), r":2: column 4 is '12', which is not"),
    "mixed": (RANGES.replace("\t1\t", "\t0\t"), r":3: column 4 is '200', which is not"),
    "short row": (RANGES + "chr1\t1\t9\n", r":4: column 4 is '', which is not"),
    "position 0": (RANGES.replace("\t11\t20\t10", "\t0\t20\t21"), r":2: start 0 is before .* is 1"),
    "titles twice": ("chrom\tstart\tend\n" * 2, r":2: start 'start' is no whole number"),
}


@pytest.mark.parametrize(("text", "message"), BAD_TABLES.values(), ids=BAD_TABLES)
def test_a_wrong_table_of_regions_is_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "x.tsv").write_text(text)
    with pytest.raises(InputError, match=message):
        read_bed(tmp_path / "x.tsv", CONTIGS)


def test_an_alias_file_names_the_contigs(tmp_path: Path, notes: list[str]) -> None:
    (tmp_path / "x.bed").write_text("NC_1\t0\t5\n")
    (tmp_path / "alias").write_text("NC_1\tchr2\n")
    bed = read_bed(tmp_path / "x.bed", CONTIGS, notes.append, alias=tmp_path / "alias")
    assert [i.contig for i in bed] == ["chr2"]
    assert "by the alias file" in notes[0]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=80) | st.text("chr12\t\n -#.\r", max_size=60).map(str.encode))
def test_any_bytes_are_read_or_refused_but_never_crash(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.bed"
    path.write_bytes(content)
    try:
        bed = read_bed(path, CONTIGS)
    except InputError as error:
        assert str(path) in str(error)
    else:
        assert all(0 <= i.start < i.end <= CONTIGS.length(i.contig) for i in bed)


def test_measured_peaks_agree_with_tabix(shared: Path) -> None:
    path = shared / "data/hg38_chr21/K562_PROcap_PINTS.chr21_25Mb.bed.gz"
    bed = read_bed(path, Contigs(["chr21"], [46_709_983]))
    with pysam.TabixFile(str(path)) as tabix:
        rows = [line.split("\t") for line in tabix.fetch("chr21")]
    assert [(i.contig, i.start, i.end) for i in bed] == [(r[0], int(r[1]), int(r[2])) for r in rows]
    assert bed.extra == [tuple(row[3:]) for row in rows]
    assert len(bed) == 14


@pytest.fixture
def genome(genome_of) -> Genome:
    return genome_of(">chr1\n" + "ACGTACGTAC\n" * 10 + ">chr2\nACGT\n>alt|1\nACGT\n")


def test_regions_and_chroms_are_joined_and_limited(genome: Genome, tmp_path: Path) -> None:
    (tmp_path / "x.bed").write_text("chr1\t0\t10\nchr2\t0\t2\n")
    bed = str(tmp_path / "x.bed")

    def regions(arguments: list[str], chroms: list[str]) -> list[str]:
        regions = resolve_regions(arguments, chroms, genome)
        assert regions is not None
        return [str(region) for region in regions]

    assert resolve_regions([], [], genome) is None
    assert regions([bed, "chr1:5-20"], []) == ["chr1:1-20", "chr2:1-2"]
    assert regions([bed], ["chr2"]) == ["chr2:1-2"]
    assert regions([], ["chr*"]) == ["chr1:1-100", "chr2:1-4"]
    assert regions([], ["1", "alt|1"]) == ["chr1:1-100", "alt|1:1-4"]
    assert regions(["alt|1"], []) == ["alt|1:1-4"]


def test_regions_that_name_nothing_are_refused(genome: Genome, notes: list[str]) -> None:
    for arguments, chroms, message in (
        (["absent.bed"], [], "No BED file at absent.bed"),
        (["https://x.org/a.bed"], [], "https://x.org/a.bed is an address"),
        (["/"], [], "is a folder. Name the BED file in it"),
        ([""], [], "-r '' names no region: give CONTIG"),
        ([" "], [], "no contig ' '"),
        (["chr1:" + "9" * 5_000], [], r"Region 'chr1:9{55}\.\.\.' must begin .* has 100 bp"),
        (["chr1:5-" + "9" * 5_000], [], "has 100 bp"),
        (["chr1:" + "9" * 5_000 + "x"], [], "no contig|is no region"),
        (["chr7:1-2"], [], "no contig 'chr7'"),
        ([], ["chrZ*"], "'chrZ\\*' matches no contig"),
        (["chr1"], ["chr2"], "No region is left"),
    ):
        with pytest.raises(InputError, match=message):
            resolve_regions(arguments, chroms, genome)
    resolve_regions(["1:1-2"], [], genome, notes.append)
    assert notes == ["-r: contig '1' is read as the genome's 'chr1', up to the prefix 'chr'."]


def test_typed_regions_and_chroms_go_by_the_alias_file(genome: Genome, tmp_path, notes) -> None:
    (tmp_path / "alias").write_text("NC1\tchr1\nNC2\tchr2\nNC:3\talt|1\nboth\tchr1\nboth\tchr2\n")
    (tmp_path / "x.bed").write_text("NC1\t0\t10\n")

    def regions(arguments: list[str], chroms: list[str]) -> list[str]:
        alias = tmp_path / "alias"
        pieces = resolve_regions(arguments, chroms, genome, notes.append, alias=alias, clip=True)
        return [str(region) for region in pieces or ()]

    assert regions(["NC1:1-10"], []) == ["chr1:1-10"]
    assert notes == ["-r: contig 'NC1' is read as the genome's 'chr1', by the alias file."]
    assert regions(["NC2"], []) == ["chr2:1-4"]
    assert regions(["NC:3:2-900"], []) == ["alt|1:2-4"]
    assert regions([str(tmp_path / "x.bed"), "NC2:1"], []) == ["chr1:1-10", "chr2:1-1"]
    assert regions([], ["NC1"]) == ["chr1:1-100"]
    assert regions([], ["NC?"]) == ["chr1:1-100", "chr2:1-4"]
    with pytest.raises(InputError, match="gives contig 'both' to 'chr1', 'chr2'"):
        regions(["both:1-2"], [])
    with pytest.raises(InputError, match="'both\\*' matches no contig"):
        regions([], ["both*"])
    with pytest.raises(InputError, match=r"-r: the genome has no contig 'NC9'.*--alias FILE"):
        regions(["NC9:1-2"], [])


def test_typed_regions_are_clipped_as_those_of_a_file(tmp_path: Path, notes: list[str]) -> None:
    (tmp_path / "x.fa").write_text(">chr1\nACGTACGT\n>#odd\nACGT\n")
    genome = Genome.open(tmp_path / "x.fa")
    with pytest.raises(InputError, match="has 8 bp"):
        resolve_regions(["chr1:3-60,000"], [], genome)
    regions = resolve_regions(["chr1:3-60,000"], [], genome, notes.append, clip=True)
    assert [str(region) for region in regions] == ["chr1:3-8"]
    assert notes == ["'chr1:3-60,000' passes the end of its contig: clipped to chr1:3-8."]
    assert len(resolve_regions(["chr1:3-8"], [], genome, notes.append, clip=True)) == 1
    assert len(notes) == 1
    with pytest.raises(InputError, match="has 8 bp"):
        resolve_regions(["chr1:9-60"], [], genome, clip=True)


def test_regions_that_are_too_long_for_a_path_or_for_bed_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.fa").write_text(">chr1\nACGTACGT\n>#odd\nACGT\n")
    genome = Genome.open(tmp_path / "x.fa")
    with pytest.raises(InputError, match="no contig 'cccc"):
        resolve_regions(["c" * 300], [], genome)
    with pytest.raises(InputError, match="'#odd' begin with '#'"):
        resolve_regions(["#odd:1-3"], [], genome)
