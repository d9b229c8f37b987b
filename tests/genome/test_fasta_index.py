"""An index is used only where it is proven to be that of the file."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pysam
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tracksmith.errors import InputError
from tracksmith.genome import fasta_index
from tracksmith.genome.bases import decode
from tracksmith.genome.contigs import Contigs
from tracksmith.genome.fasta import Genome
from tracksmith.genome.fasta_index import index_files

TEXT = ">chr1 first\nACGTN\nRYKMS\nac\n>chr2\nGG\n>empty\n>chr3\nTTTTTTTT\n"
SEQUENCES = {"chr1": "ACGTNRYKMSAC", "chr2": "GG", "chr3": "TTTTTTTT"}


def contents(genome: Genome) -> dict[str, str]:
    return {name: decode(genome.read(name, 0, length)) for name, length in genome.contigs}


def bgzip(path: Path, text: str) -> None:
    with pysam.BGZFile(str(path), "w") as handle:
        handle.write(text.encode())


def plain(path: Path, text: str) -> None:
    path.write_text(text)


@pytest.fixture(params=["plain", "bgzip"])
def write(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    return {"plain": plain, "bgzip": bgzip}[request.param]


OTHERS = {
    "a contig more": TEXT + ">chr4\nAC\n",
    "a contig less": TEXT[: TEXT.index(">chr3")],
    "a base more at the end": TEXT.rstrip("\n") + "A\n",
    "a base less at the end": TEXT.rstrip("\n")[:-1] + "\n",
    "a base more in the first contig": TEXT.replace("ac\n", "acg\n"),
    "a base moved to the next contig": TEXT.replace("ac\n", "a\n").replace("GG", "GGG"),
    "a name changed": TEXT.replace("chr2", "chrZ"),
    "names swapped": TEXT.replace("chr2", "x").replace("chr3", "chr2").replace(">x", ">chr3"),
    "a longer description": TEXT.replace("first", "first one"),
    "CRLF": TEXT.replace("\n", "\r\n"),
    "wrapped anew": TEXT.replace("ACGTN\nRYKMS\nac", "ACGTNRYKMSac"),
    "wrapped anew to the same size": TEXT.replace("ACGTN\nRYKMS\nac", "ACGT\nNRYK\nMSac")[:-1],
    "a header in place of bases": TEXT.replace("RYKMS", ">chr5"),
    "a header without bases twice": TEXT + ">empty\n",
}


@pytest.mark.parametrize("text", OTHERS.values(), ids=OTHERS)
def test_an_index_of_an_earlier_state_is_never_used(text, write, tmp_path, notes) -> None:
    path = tmp_path / "x.fa"
    write(path, TEXT)
    assert contents(Genome.open(path)) == SEQUENCES
    pysam.faidx(str(path))
    write(path, text)
    for place in tmp_path.iterdir():  # whatever the times say
        os.utime(place, ns=(0, 0))
    (tmp_path / "alone").mkdir()
    alone = tmp_path / "alone" / "x.fa"
    alone.write_text(text)
    try:
        expected = contents(Genome.open(alone))
    except InputError:
        with pytest.raises(InputError):
            Genome.open(path)
        return
    assert contents(Genome.open(path, notes.append)) == expected


@pytest.mark.parametrize(
    "index",
    ["", "\0\xff", "chr1\t12\t13\t5\t6\n", "chr1\t12\t12\t5\t6\nchr2\t2\t33\t2\t3\n"],
    ids=["empty", "junk", "another place", "a contig less"],
)
def test_what_lies_beside_a_file_is_left_alone(index: str, write, tmp_path, notes) -> None:
    write(tmp_path / "x.fa", TEXT)
    for suffix in (".fai", ".gzi"):
        (tmp_path / f"x.fa{suffix}").write_text(index, encoding="latin-1")
    assert contents(Genome.open(tmp_path / "x.fa", notes.append)) == SEQUENCES
    assert "is indexed" in notes[-1]
    for suffix in (".fai", ".gzi"):
        assert (tmp_path / f"x.fa{suffix}").read_text(encoding="latin-1") == index


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(at=st.integers(0, len(TEXT) - 1), byte=st.integers(0, 255), kind=st.integers(0, 2))
def test_base_by_base_a_file_with_one_byte_wrong_reads_as_at_once_or_is_refused(
    tmp_path: Path, at: int, byte: int, kind: int
) -> None:
    content = TEXT.encode()
    middle = (bytes([byte]), bytes([byte]) + content[at : at + 1], b"")[kind]
    path = tmp_path / "x.fa"
    path.write_bytes(content[:at] + middle + content[at + 1 :])
    try:
        with Genome.open(path) as genome:
            for name, length in genome.contigs:
                singly = [decode(genome.read(name, i, i + 1)) for i in range(length)]
                assert "".join(singly) == decode(genome.read(name, 0, length))
    except InputError as error:
        assert str(path) in str(error)


def test_an_index_is_made_once_for_a_file_wherever_it_lies(write, tmp_path, notes, monkeypatch):
    write(tmp_path / "x.fa", TEXT)
    (tmp_path / "y.fa").write_bytes((tmp_path / "x.fa").read_bytes())
    Genome.open(tmp_path / "x.fa", notes.append)
    monkeypatch.setattr(fasta_index, "scan_fasta", lambda path: pytest.fail("made again"))
    assert contents(Genome.open(tmp_path / "y.fa", notes.append)) == SEQUENCES
    assert len(notes) == 2
    assert sorted(place.name for place in tmp_path.iterdir()) == ["x.fa", "y.fa"]


@pytest.mark.parametrize("name", ["genome.fai", "genome.gzi", "seal"])
@pytest.mark.parametrize("damage", ["gone", "empty", "cut", "a byte changed"])
def test_a_damaged_index_in_the_cache_is_made_anew(name, damage, tmp_path, cache, notes) -> None:
    bgzip(tmp_path / "x.fa", TEXT * 1)
    Genome.open(tmp_path / "x.fa")
    (place,) = cache.rglob(name)
    good = place.read_bytes()
    bad = {"empty": b"", "cut": good[:-1], "a byte changed": good.replace(good[:1], b"z", 1)}
    if damage == "gone":
        place.unlink()
    else:
        place.write_bytes(bad[damage])
    assert contents(Genome.open(tmp_path / "x.fa", notes.append)) == SEQUENCES
    assert "is indexed" in notes[-1]
    assert place.read_bytes() == good


def test_without_a_cache_that_can_be_written_the_index_is_kept_in_memory(
    tmp_path: Path, write, monkeypatch, notes: list[str]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    write(tmp_path / "x.fa", TEXT)
    genome = Genome.open(tmp_path / "x.fa", notes.append)
    assert "in memory alone" in notes[-1]
    assert contents(genome) == SEQUENCES
    assert sorted(place.name for place in tmp_path.iterdir()) == ["file", "x.fa"]


def test_the_cache_is_where_the_variable_says(tmp_path, monkeypatch, notes) -> None:
    monkeypatch.setenv("TRACKSMITH_CACHE", str(tmp_path / "mine"))
    plain(tmp_path / "x.fa", TEXT)
    Genome.open(tmp_path / "x.fa", notes.append)
    digest = hashlib.sha256(TEXT.encode()).hexdigest()
    assert list((tmp_path / "mine" / "indexes").glob(f"{digest}*/seal"))


def test_a_genome_of_real_size_has_the_index_that_samtools_and_bgzip_make(shared, cache) -> None:
    source = shared / "data/hg38_chr21/chr21.hg38.0-26.0Mb.Npad.fa.gz"
    Genome.open(source)
    for suffix in (".fai", ".gzi"):
        (place,) = cache.rglob(f"genome{suffix}")
        assert place.read_bytes() == Path(f"{source}{suffix}").read_bytes()


def test_a_browser_gets_the_kept_index_or_one_beside_the_file_of_the_same_contigs(
    write, tmp_path, cache
) -> None:
    path, contigs = tmp_path / "x.fa", Contigs(list(SEQUENCES), [12, 2, 8])
    write(path, TEXT)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert index_files(path, digest, contigs) is None
    pysam.faidx(str(path))
    blocks = Path(f"{path}.gzi") if Path(f"{path}.gzi").exists() else None
    assert index_files(path, digest, contigs) == (Path(f"{path}.fai"), blocks)
    assert index_files(path, digest, Contigs(["chr1"], [12])) is None
    Genome.open(path)
    fai, gzi = index_files(path, digest, contigs) or (path, None)
    assert fai.read_bytes() == Path(f"{path}.fai").read_bytes()
    assert cache in fai.parents
    assert (gzi is None) == (blocks is None)
    Path(f"{path}.fai").unlink()
    (cache / "tracksmith" / "indexes" / f"{digest}-1").rename(cache / "tracksmith" / "planted-1")
    assert index_files(path, "../planted", contigs) is None


def test_a_zipped_file_without_an_index_of_its_blocks_is_not_drawn(tmp_path: Path) -> None:
    bgzip(tmp_path / "x.fa", TEXT)
    pysam.faidx(str(tmp_path / "x.fa"))
    (tmp_path / "x.fa.gzi").unlink()
    assert index_files(tmp_path / "x.fa", "", Contigs(list(SEQUENCES), [12, 2, 8])) is None
