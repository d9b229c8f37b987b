import pysam
import pytest

from tracksmith.errors import InputError
from tracksmith.genome.aliases import ContigNames
from tracksmith.genome.contigs import Contigs
from tracksmith.genome.tabix import TabixBed

ROWS = [("chr1", 10, 20, "AP1/1", "3.5"), ("chr1", 20, 30, "E2F", "1"), ("chr2", 0, 4, "E2F", "2")]


@pytest.fixture()
def bed(tmp_path):
    plain = tmp_path / "a.bed"
    plain.write_text("".join("\t".join(map(str, row)) + "\n" for row in ROWS))
    return tmp_path / pysam.tabix_index(str(plain), preset="bed")


def test_records_that_share_a_base_are_found_and_those_that_touch_are_not(bed):
    with TabixBed(bed) as file:
        assert [row[3] for row in file.overlapping("chr1", 0, 10)] == []
        assert [row[3] for row in file.overlapping("chr1", 0, 11)] == ["AP1/1"]
        assert [row[3] for row in file.overlapping("chr1", 19, 21)] == ["AP1/1", "E2F"]
        assert [row[3:] for row in file.overlapping("chr1", 20, 21)] == [("E2F", "1")]
        assert list(file.overlapping("chr3", 0, 100)) == []


def test_a_file_without_index_or_that_is_no_bgzip_is_refused(bed, tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        TabixBed(tmp_path / "absent.bed.gz")
    (tmp_path / "b.bed.gz").write_bytes(bed.read_bytes())
    with pytest.raises(InputError, match=r"no index.*tabix -p bed"):
        TabixBed(tmp_path / "b.bed.gz")
    (tmp_path / "b.bed.gz.tbi").write_text("nonsense")
    with pytest.raises(InputError, match="Cannot read"):
        TabixBed(tmp_path / "b.bed.gz")


def test_contigs_go_by_the_genomes_names_and_two_for_one_are_refused(bed):
    with TabixBed(bed, ContigNames(Contigs(["1", "2"], [100, 100]), "a.bed.gz")) as file:
        assert file.contigs == ("1", "2")
        assert [row[:2] for row in file.overlapping("1", 0, 11)] == [("chr1", "10")]
        assert list(file.overlapping("chr1", 0, 11)) == []
    both = ContigNames(Contigs(["x"], [100]), "a", aliases={"chr1": ("x",), "chr2": ("x",)})
    with pytest.raises(InputError, match="'chr1' and 'chr2', both of which the genome calls 'x'"):
        TabixBed(bed, both)


def test_the_genomes_own_name_wins_over_another_for_the_same_contig(bed):
    names = Contigs(["chr2"], [100])
    with TabixBed(bed, ContigNames(names, "a", aliases={"chr1": ("chr2",)})) as file:
        assert [row[0] for row in file.overlapping("chr2", 0, 100)] == ["chr2"]


@pytest.mark.parametrize("csi", [False, True])
def test_an_index_of_an_earlier_state_of_the_file_is_refused(tmp_path, csi):
    rows = [(f"chr{c}", 10 * n, 10 * n + 5, "x") for c in (1, 2) for n in range(40_000)]
    path = tmp_path / "a.bed.gz"

    def write(some):
        with pysam.BGZFile(str(path), "wb", None) as out:
            out.write("".join("\t".join(map(str, row)) + "\n" for row in some).encode())

    write(rows[:-9_000])
    pysam.tabix_index(str(path), preset="bed", force=True, csi=csi)
    with TabixBed(path) as file:
        assert len(list(file.overlapping("chr2", 0, 100))) == 10
    for other in (rows, rows[:-60_000]):
        write(other)
        with pytest.raises(InputError, match=r"does not belong to .* as it is now\. Index it"):
            TabixBed(path)


@pytest.mark.parametrize("text", ["# nothing yet\n", "chr1\t10\t15\tx\n# the end\n", ""])
def test_comments_after_the_last_record_make_no_index_stale(tmp_path, text):
    path = tmp_path / "a.bed.gz"
    with pysam.BGZFile(str(path), "wb", None) as out:
        out.write(text.encode())
    pysam.tabix_index(str(path), preset="bed", force=True)
    with TabixBed(path) as file:
        assert len(list(file.overlapping("chr1", 0, 100))) == text.count("chr1")
