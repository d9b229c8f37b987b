"""Files of the user's own beside runs: what is shown is what the files hold, or a sentence."""

import gzip
import json
import struct
from pathlib import Path

import pyBigWig
import pysam
import pytest
from click.testing import CliRunner

import tracksmith
from tracksmith.cli import main
from tracksmith.errors import InputError, UsageError
from tracksmith.files import cache_root
from tracksmith.genome.contigs import Contigs
from tracksmith.hub.added import own_files, read_added
from tracksmith.hub.check import check_hub
from tracksmith.hub.page import write_page
from tracksmith.study import read_study

CONTIGS = Contigs(["chrA", "chrB", "HLA-A*01"], [3000, 1501, 150])


VCF_HEAD = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def bigwig(path: Path, name: str = "chrA", length: int = 3000) -> Path:
    with pyBigWig.open(str(path), "w") as file:
        file.addHeader([(name, length)])
        file.addEntries([name], [1200], ends=[1700], values=[3.5])
    return path


def added(*wanted: object, alias: Path | None = None, contigs: Contigs = CONTIGS) -> list:
    return list(read_added(own_files(wanted, alias), contigs))


def rows_of(path: Path) -> dict[str, list]:
    """Read a bigBed again, by another program's code."""
    with pyBigWig.open(str(path)) as file:
        return {
            contig: [(start, end, *text.split("\t")) for start, end, text in entries]
            for contig, length in file.chroms().items()
            if (entries := file.entries(contig, 0, length))
        }


def test_bed_of_every_width_keeps_what_bed_says_and_the_rest_as_text(tmp_path):
    cells = ["chrA", "10", "90", "peak", "7", "-", "20", "80", "1,2,3", "2", "10,20,", "0,60"]
    for width in (3, 4, 5, 6, 8, 9, 12):
        path = write(tmp_path / f"{width}.bed", "\t".join(cells[:width]) + "\n")
        (row,) = rows_of(added(path)[0].path)["chrA"]
        expected = [*cells[3:width], *["", "0", ".", "10", "90", "0,0,0"][width - 3 :]]
        if width == 12:
            expected[-1] += ","
        assert row == (10, 90, *expected), width


def test_peaks_of_encode_keep_their_values_and_a_score_of_9999_is_1000(tmp_path):
    path = write(tmp_path / "x.narrowPeak", "chrB\t5\t50\tp1\t9999\t.\t7.5\t-1\t2e-3\t20\n")
    (track,) = added(path)
    assert [column.name for column in track.head.fields[9:]] == [
        "signalValue", "pValue", "qValue", "peak",
    ]  # fmt: skip
    assert rows_of(track.path)["chrB"] == [
        (5, 50, "p1", "1000", ".", "5", "50", "0,0,0", "7.5", "-1", "2e-3", "20")
    ]


def test_genes_become_blocks_that_are_thick_where_they_are_translated(tmp_path):
    text = (
        'chrA\tx\texon\t101\t200\t.\t-\t.\tgene_id "G"; transcript_id "T"; gene_name "ABC";\n'
        'chrA\tx\texon\t301\t400\t.\t-\t.\tgene_id "G"; transcript_id "T";\n'
        'chrA\tx\tCDS\t151\t200\t.\t-\t.\tgene_id "G"; transcript_id "T";\n'
    )
    (track,) = added(write(tmp_path / "g.gtf", text))
    assert rows_of(track.path)["chrA"] == [
        (100, 400, "ABC", "0", "-", "150", "200", "12,12,120", "2", "100,100,", "0,200,", "T",
         "transcript"),
    ]  # fmt: skip
    assert (track.head.defined_field_count, track.head.indexed) == (12, ("name", "transcript"))


@pytest.mark.parametrize("kind", ["vcf", "vcf.gz", "bcf"])
def test_variants_are_items_by_their_ids_or_alleles(tmp_path, kind):
    text = (
        "##fileformat=VCFv4.2\n##contig=<ID=chrA,length=3000>\n"
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
        "chrA\t5\trs1\tACG\tA\t.\t.\t.\nchrA\t9\t.\tT\tC,G\t.\t.\t.\n"
    )
    path = write(tmp_path / "v.vcf", text)
    if kind != "vcf":
        with pysam.VariantFile(str(path)) as source:
            mode = "wz" if kind == "vcf.gz" else "wb"
            with pysam.VariantFile(str(tmp_path / f"v2.{kind}"), mode, header=source.header) as out:
                for record in source:
                    out.write(record)
        path = tmp_path / f"v2.{kind}"
    assert [row[:3] + row[-2:] for row in rows_of(added(path)[0].path)["chrA"]] == [
        (4, 7, "rs1", "ACG", "A"), (8, 9, "T>C,G", "T", "C,G"),
    ]  # fmt: skip


def test_names_are_the_genome_s_and_rows_elsewhere_are_counted(tmp_path):
    said: list[str] = []
    path = write(tmp_path / "x.bed", "A\t1\t2\nchrB\t3\t4\nchrZ\t1\t2\nMT\t1\t2\n")
    alias = write(tmp_path / "alias.tsv", "chrA\tA\n")
    for _ in range(2):  # from the file, and from what is kept
        (track,) = read_added(own_files([path], alias, said.append), CONTIGS)
        assert {name: len(rows) for name, rows in rows_of(track.path).items()} == {
            "chrA": 1, "chrB": 1,
        }  # fmt: skip
        assert any("2 rows lie on contigs" in note and "'chrZ', 'MT'" in note for note in said)
        said.clear()


def test_a_text_is_made_once_and_again_where_it_changed_or_was_damaged(tmp_path):
    path = write(tmp_path / "x.bed", "chrA\t1\t2\n")
    first = added(path)[0].path
    stamp = first.stat().st_mtime_ns
    assert added(path)[0].path == first and first.stat().st_mtime_ns == stamp
    assert first.is_relative_to(cache_root() / "added")
    first.write_bytes(first.read_bytes()[:200])
    assert rows_of(added(path)[0].path)["chrA"][0][:2] == (1, 2)
    write(path, "chrA\t1\t3\n")
    assert added(path)[0].path != first
    other = Contigs(["chrA"], [5000])
    assert added(path, contigs=other)[0].path != added(path)[0].path


def test_labels_are_taken_after_the_file_that_is_there(tmp_path):
    plain = write(tmp_path / "a.bed", "chrA\t1\t2\n")
    odd = write(tmp_path / "b=c.bed", "chrA\t1\t2\n")
    zipped = tmp_path / "My peaks.narrowPeak.gz"
    zipped.write_bytes(gzip.compress(b"chrA\t1\t2\n"))
    made = added(plain, f"{plain}=x=y", odd, f"{odd}=d", zipped, f"{plain}=<b>\n\x1b&")
    labels = ["a", "x=y", "b=c", "d", "My peaks", "(b) &"]
    assert [track.label for track in made] == labels


SAYS = {
    "gone.bed": (None, "No file to show at"),
    "empty label": ("chrA\t1\t2\n", "the label is empty. Give FILE=LABEL"),
    "x.bam": ("BAM", "reads are not shown; make their coverage a bigWig"),
    "x.bedGraph.gz": ("chrA\t1\t2\t3\n", "make it a bigWig: bedGraphToBigWig"),
    "x.vcf.gz.tbi": ("", "this is an index; give the file that it belongs to"),
    "x.dat": ("\0\1\2", "Give a bigWig, bigBed, BED, GFF3, GTF, VCF or BCF file"),
    "x.xlsx": ("PK\x03\x04", "it is a zip archive (or a spreadsheet)"),
    "long.bed": ("chrA\t1\t3001\n", "long.bed:1: end 3001 passes the end of chrA"),
    "z.bed": ("chrZ\t1\t2\n", "the genome has none of its contigs, 'chrZ'"),
    "none.gtf": ("#only words\n", "none.gtf holds nothing to show"),
    "other.vcf": (
        "##fileformat=VCFv4.2\n##contig=<ID=chrA,length=9>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\t"
        "FILTER\tINFO\n",
        "was made on another assembly",
    ),
}


@pytest.mark.parametrize("name", SAYS)
def test_what_cannot_be_shown_ends_in_a_sentence(tmp_path, name):
    text, says = SAYS[name]
    path = tmp_path / name
    if text is not None:
        write(path, text)
    with pytest.raises((InputError, UsageError)) as raised:
        added(f"{path}=" if name == "empty label" else path)
    assert says in str(raised.value)


def test_a_bigwig_of_another_genome_or_with_other_names_is_refused(tmp_path):
    with pytest.raises(InputError, match="differ in the length of 1 of 1"):
        added(bigwig(tmp_path / "longer.bw", length=3001))
    with pytest.raises(InputError, match="shares no contig with the genome"):
        added(bigwig(tmp_path / "else.bw", "chrZ", 2777))
    named = bigwig(tmp_path / "named.bw", "A")
    with pytest.raises(InputError, match=r"calls its contigs 'A', .* bigWigToBedGraph named\.bw"):
        added(named, alias=write(tmp_path / "alias.tsv", "chrA\tA\n"))


def test_a_bigwig_without_totals_that_are_numbers_is_refused(tmp_path):
    path = bigwig(tmp_path / "nan.bw")
    data = bytearray(path.read_bytes())
    struct.pack_into("<d", data, struct.unpack_from("<Q", data, 44)[0] + 8, float("nan"))
    path.write_bytes(data)
    with pytest.raises(InputError, match="totals are no numbers"):
        added(path)


@pytest.fixture
def own(tmp_path):
    """One file of each kind, as given on the command line."""
    write(tmp_path / "g.gff3", "##gff-version 3\nchrA\t.\tgene\t5\t9\t.\t+\t.\tID=g;Name=<i>\n")
    write(tmp_path / "p.bed", "chrA\t1\t2\n")
    write(tmp_path / "v.vcf", f"{VCF_HEAD}chrA\t5\trs1\tACG\tA\t.\t.\t.\n")
    bigwig(tmp_path / "s.bw")
    names = ("g.gff3", "p.bed=Toy signal", "v.vcf=$x ${y} \\", "s.bw=<script>1</script>")
    return [str(tmp_path / name) for name in names]


@pytest.mark.parametrize("copy", [False, True])
@pytest.mark.parametrize("genome", [None, "assembly"])
def test_a_hub_with_added_files_has_no_finding(strand_run, own, tmp_path, copy, genome):
    hub = tmp_path / "hub"
    report = tracksmith.build_hub(
        strand_run, hub, email="me@example.org", add=own, copy=copy, genome=genome
    )
    plain = tracksmith.build_hub(strand_run, tmp_path / "plain", email="me@example.org")
    assert report.tracks == plain.tracks + 4
    assert [item for item in check_hub(hub, full=True) if "pyBigWig" not in str(item)] == []
    text = (hub / "hub.txt").read_text()
    stanzas = dict(
        block.split("\n", 1) for block in text.split("\n\n") if block.startswith("track")
    )
    assert "type bigBed 12 +\nbigDataUrl added/1_g.bb" in stanzas["track added_g"]
    assert "searchIndex name,transcript" in stanzas["track added_g"]
    assert "shortLabel Toy signal\n" in stanzas["track added_Toy_signal"]
    assert "<" not in text
    linked = "added/4_t__script_1_script_.bw" if copy else "../s.bw"
    assert f"type bigWig 0 4.5\nbigDataUrl {linked}\n" in stanzas["track added__script_1_script_"]
    assert (tmp_path / "s.bw" in report.upload) is not copy
    session = (hub / "session.xml").read_text()
    assert f'path="{linked}"' in session and 'path="added/1_g.bb"' in session
    assert "&lt;" not in session
    assert "&lt;i&gt;" not in (hub / "html" / "added_g.html").read_text()


def test_a_hub_s_own_tracks_keep_their_names_beside_added_ones(strand_run, own, tmp_path):
    text = (tracksmith.build_hub(
        strand_run, tmp_path / "hub", email="me@example.org", add=[f"{own[0]}=x", f"{own[0]}=x"]
    ).hub).read_text()  # fmt: skip
    names = [line for line in text.splitlines() if line.strip().startswith("track ")]
    assert len(names) == len(set(names))
    assert "track added_x\n" in text and "track added_x_2\n" in text


def test_a_page_repeated_without_a_file_forgets_it(strand_run, own, tmp_path):
    page = tmp_path / "page"
    write_page([strand_run], page, igv="cdn", add=own_files(own, None))
    data = json.loads((page / "index.html").read_text().split('id="tracksmith-data">')[1]
                      .split("</script>")[0])  # fmt: skip
    assert [track["name"] for track in data["tracks"]][:4] == [
        "g", "Toy signal", "$x ${y} /", "(script)1(/script)",
    ]  # fmt: skip
    assert data["shown"] == 24 and data["session"]["tracks"] == data["tracks"]
    write_page([strand_run], page, igv="cdn")
    assert not (page / "added").exists()


def run(*arguments: object, code: int = 0) -> str:
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert done.exit_code == code, done.output
    return done.output


def test_the_commands_take_files_and_say_what_was_left_out(strand_run, tmp_path):
    path = write(tmp_path / "x.bed", "chrA\t1\t2\nchrZ\t1\t2\n")
    said = run("hub", "page", strand_run, "-o", tmp_path / "page", "--igv", "cdn", "--add", path)
    assert "NOTE: " in said and "1 row lies on contigs that the genome does not have" in said
    assert f"--add {path}" in said
    said = run(
        "hub", "build", strand_run, "-o", tmp_path / "hub", "--email", "a@b.c", "--add", path
    )
    assert "1 row lies on contigs" in said
    assert "No file to show at" in run("view", strand_run, "--add", tmp_path / "no.bed", code=4)


def test_a_study_s_hub_takes_them_from_its_folder(tmp_path):
    (tmp_path / "study.toml").write_text(
        'models = ["core-promoter"]\ngenome = "g.fa"\n[predict]\nout = "o"\n'
        '[hub]\nout = "h"\nemail = "a@b.c"\nadd = ["genes.gtf=Genes", "/x/y.bw"]\nalias = "a.tsv"\n'
    )
    hub = read_study(tmp_path / "study.toml").hub
    assert hub["add"] == [f"{tmp_path}/genes.gtf=Genes", "/x/y.bw"]
    assert hub["alias"] == f"{tmp_path}/a.tsv"
