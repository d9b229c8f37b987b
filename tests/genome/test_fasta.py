import gzip
import hashlib
import multiprocessing
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pysam
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tracksmith.errors import InputError
from tracksmith.genome import fasta_scan
from tracksmith.genome.bases import decode, encode
from tracksmith.genome.bgzf import EOF_MARKER, block_index
from tracksmith.genome.fasta import Genome
from tracksmith.genome.fasta_index import FastaIndex

TEXT = ">chr1 first\nACGTN\nRYKMS\nac\n>chr2\nGG\n>empty\n>chr3\nTTTTTTTT\n"
SEQUENCES = {"chr1": "ACGTNRYKMSAC", "chr2": "GG", "chr3": "TTTTTTTT"}


def contents(genome: Genome) -> dict[str, str]:
    return {name: decode(genome.read(name, 0, length)) for name, length in genome.contigs}


def bgzip(path: Path, text: str) -> Path:
    plain = path.with_suffix("")
    plain.write_text(text)
    pysam.tabix_compress(str(plain), str(path), force=True)
    return path


SAME = {
    "plain": TEXT,
    "CRLF": TEXT.replace("\n", "\r\n"),
    "no final newline": TEXT.rstrip("\n"),
    "CRLF, no final newline": TEXT.replace("\n", "\r\n").rstrip("\r\n"),
    "lower case": TEXT.replace("ACGTN", "acgtn").replace("GG", "gG"),
    "U for T": TEXT.replace("TTTTTTTT", "UUUUuuuu"),
    "blank lines between contigs and at the end": TEXT.replace("GG\n", "GG\n\n") + "\n\n",
    "blank lines first": "\n\n" + TEXT,
    "a contig without bases at the end": TEXT + ">last",
}


@pytest.mark.parametrize("text", SAME.values(), ids=SAME)
def test_line_ends_and_case_do_not_matter(text: str, genome_of) -> None:
    assert contents(genome_of(text)) == SEQUENCES


def test_a_bgzipped_file_reads_as_the_plain_one(tmp_path: Path, notes: list[str]) -> None:
    genome = Genome.open(bgzip(tmp_path / "x.fa.gz", TEXT), notes.append)
    assert contents(genome) == SEQUENCES
    assert "1 contigs without bases are left out" in notes[0]
    assert "is indexed; the index is kept in" in notes[1]
    assert len(notes) == 2


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    st.lists(st.text("ACGTNRacgt", max_size=70), min_size=1, max_size=5),
    st.integers(1, 12),
    st.integers(1, 40),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
def test_any_layout_and_any_chunk_give_the_index_that_samtools_makes(
    tmp_path, monkeypatch, sequences, width, chunk, line_end, final
) -> None:
    monkeypatch.setattr(fasta_scan, "_CHUNK", chunk)
    lines = []
    for number, sequence in enumerate([*sequences, "ACGT"]):
        lines.append(f">c{number} some text")
        lines.extend(sequence[i : i + width] for i in range(0, len(sequence), width))
    path = tmp_path / "x.fa"
    path.write_text(line_end.join(lines) + line_end * final, newline="")
    expected = {f"c{n}": s.upper() for n, s in enumerate([*sequences, "ACGT"]) if s}
    layout = fasta_scan.scan_fasta(path)
    pysam.faidx(str(path), "--fai-idx", str(tmp_path / "theirs.fai"))
    assert layout is not None
    assert layout.fai == (tmp_path / "theirs.fai").read_bytes()
    assert layout.empty == len(sequences) + 1 - len(expected)
    with Genome.open(path) as genome:
        assert contents(genome) == expected


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(-50, 160), st.integers(0, 120), st.integers(0, 120))
def test_reading_in_two_pieces_is_reading_once(long_genome, start, first, second) -> None:
    middle, end = start + first, start + first + second
    whole = long_genome.read("long", start, end)
    pieces = [long_genome.read("long", start, middle), long_genome.read("long", middle, end)]
    assert np.array_equal(np.concatenate(pieces), whole)
    assert whole.dtype == np.uint8
    assert len(whole) == end - start
    places = np.arange(start, end)
    assert np.array_equal(whole == 0, (places < 0) | (places >= 103))


@pytest.fixture(scope="module", params=["plain", "bgzip"])
def long_genome(request, tmp_path_factory) -> Genome:
    text = (
        ">long\n"
        + "".join("ACGTR"[i % 5] + ("\n" if i % 7 == 6 else "") for i in range(103))
        + "\n"
    )
    folder = tmp_path_factory.mktemp("long")
    if request.param == "bgzip":
        return Genome.open(bgzip(folder / "x.fa.gz", text))
    (folder / "x.fa").write_text(text)
    return Genome.open(folder / "x.fa")


def test_a_read_may_be_written_to_and_ends_before_it_starts_only_by_mistake(genome_of) -> None:
    genome = genome_of(TEXT)
    genome.read("chr1", 0, 5)[0] = 15
    assert decode(genome.read("chr1", 0, 5)) == "ACGTN"
    assert genome.read("chr1", 5, 5).size == 0
    with pytest.raises(ValueError, match="ends before it starts"):
        genome.read("chr1", 5, 4)
    with pytest.raises(InputError, match="no contig 'chr9'"):
        genome.read("chr9", 0, 1)


FILES = [
    "data/lambda/lambda_virus.fa.gz",
    "data/hg38_chr21/chr21.hg38.0-26.0Mb.Npad.fa.gz",
    "data/hg19_chr20/chr20.hg19.0-2Mb.Npad.fa.gz",
]


@pytest.mark.parametrize("file", FILES)
def test_real_genomes_read_as_by_pysam(file: str, shared: Path) -> None:
    path = shared / file
    genome = Genome.open(path)
    with pysam.FastaFile(str(path)) as theirs:
        assert genome.contigs.names == tuple(theirs.references)
        assert genome.contigs.lengths.tolist() == list(theirs.lengths)
        for name, length in genome.contigs:
            for start in range(0, length, 777_777):
                end = min(start + 50_000, length)
                text = theirs.fetch(name, start, end)
                assert np.array_equal(genome.read(name, start, end), encode(text))


def test_the_whole_of_lambda_reads_as_its_text(shared: Path, tmp_path: Path) -> None:
    raw = gzip.decompress((shared / FILES[0]).read_bytes())
    text = b"".join(raw.split(b"\n")[1:]).decode().upper()
    (tmp_path / "plain.fa").write_bytes(raw)
    for path in (shared / FILES[0], tmp_path / "plain.fa"):
        genome = Genome.open(path)
        name, length = next(iter(genome.contigs))
        assert decode(genome.read(name, 0, length)) == text
        assert length == 48_502


def _read_in_child(genome: Genome, results) -> None:
    results.put([decode(genome.read("a", start, start + 99)) for start in range(0, 59_000, 97)])


def test_forked_processes_may_share_a_genome(many_blocks) -> None:
    genome, bases = many_blocks
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    children = [context.Process(target=_read_in_child, args=(genome, results)) for _ in range(3)]
    for child in children:
        child.start()
    expected = [bases[start : start + 99] for start in range(0, 59_000, 97)]
    assert [results.get(timeout=20) for _ in children] == [expected] * 3
    for child in children:
        child.join()


def test_the_digest_is_that_of_the_file(genome_of) -> None:
    genome = genome_of(TEXT)
    assert genome.sha256() == hashlib.sha256(TEXT.encode()).hexdigest()
    assert genome.size == len(TEXT)
    assert genome.name == "genome.fa"


def test_a_hundred_thousand_scaffolds_are_indexed_and_read(tmp_path: Path) -> None:
    path = tmp_path / "draft.fa"
    path.write_text("".join(f">s{i}\n{'ACGTA' * (1 + i % 3)}\nG\n" for i in range(100_000)))
    for genome in (Genome.open(path), Genome.open(path)):
        assert len(genome.contigs) == 100_000
        assert genome.contigs.length("s99998") == 16 if 99_998 % 3 == 2 else 11
        assert decode(genome.read("s99999", 0, 6)) == "ACGTAG"
        assert genome.contigs.index("s77777") == 77_777


def test_a_file_cut_at_a_block_is_refused(tmp_path: Path) -> None:
    bases = "".join(np.random.default_rng(3).choice(list("ACGT"), 200_000))
    path = bgzip(tmp_path / "x.fa.gz", f">a\n{bases}\n")
    whole = path.read_bytes()
    path.write_bytes(whole[: -len(EOF_MARKER)])
    with pytest.raises(InputError, match="lacks the end marker"):
        Genome.open(path)
    broken = bytearray(whole)
    broken[16:18] = bytes(2)  # the size of the first block is 1
    path.write_bytes(broken)
    with pytest.raises(InputError, match=r"the bgzip block at byte 0 is cut or broken"):
        Genome.open(path)
    path.write_bytes(whole[:1000] + EOF_MARKER)
    with pytest.raises(InputError, match="cut short or broken"):
        Genome.open(path)


def test_a_flipped_bit_is_found(tmp_path: Path) -> None:
    path = bgzip(tmp_path / "x.fa.gz", ">a\n" + "ACGTTGCA" * 50_000 + "\n")
    Genome.open(path)
    broken = bytearray(path.read_bytes())
    broken[len(broken) // 2] ^= 4
    path.write_bytes(broken)
    with pytest.raises(InputError, match=r"cut short or broken after"):
        Genome.open(path)


@pytest.fixture(scope="module")
def many_blocks(tmp_path_factory) -> tuple[Genome, str]:
    """A bgzipped genome of blocks of 300 bytes, and its bases."""
    tmp_path = tmp_path_factory.mktemp("blocks")
    bases = "".join(np.random.default_rng(4).choice(list("ACGT"), 60_000))
    text = ">a\n" + "\n".join(bases[i : i + 50] for i in range(0, 60_000, 50)) + "\n"
    with (tmp_path / "x.fa.gz").open("wb") as file:
        for start in range(0, len(text), 300):
            bgzip(tmp_path / "block.gz", text[start : start + 300])
            file.write((tmp_path / "block.gz").read_bytes()[: -len(EOF_MARKER)])
            file.write(EOF_MARKER * (start % 7 == 0))  # as where files were joined
        file.write(EOF_MARKER)
    return Genome.open(tmp_path / "x.fa.gz"), bases


def test_several_threads_may_read_one_genome(many_blocks) -> None:
    genome, bases = many_blocks
    starts = list(range(0, 59_000, 97))
    with ThreadPoolExecutor(4) as pool:
        pieces = pool.map(lambda start: decode(genome.read("a", start, start + 1_000)), starts)
        assert list(pieces) == [bases[start : start + 1_000] for start in starts]


def test_empty_blocks_are_where_htslib_has_them(many_blocks) -> None:
    path = many_blocks[0].path
    pysam.faidx(str(path))
    assert block_index(path) == Path(f"{path}.gzi").read_bytes()


def test_bases_beyond_two_to_the_thirty_first_are_read(tmp_path: Path) -> None:
    path, length = tmp_path / "x.fa", 3_000_000_000
    with path.open("wb") as file:
        file.seek(3 + length - 5)  # a file with a hole, which takes no room
        file.write(b"ACGTN\n")
    row = f"c\t{length}\t3\t{length}\t{length + 1}\n"
    descriptor = os.open(path, os.O_RDONLY)
    with Genome(path, descriptor, "", FastaIndex(row.encode(), None)) as genome:
        assert decode(genome.read("c", length - 5, length + 1)) == "ACGTN-"
        with pytest.raises(InputError, match=r"c:2,500,000,001 holds byte 0"):
            genome.read("c", 2_500_000_000, 2_500_000_009)


@pytest.mark.parametrize("chunk", range(1, 12))
def test_a_greater_than_sign_inside_a_line_opens_no_contig(chunk, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(fasta_scan, "_CHUNK", chunk)
    (tmp_path / "x.fa").write_text(">a b>c\nAC>GT\nAC>GT\n>b\n")
    layout = fasta_scan.scan_fasta(tmp_path / "x.fa")
    assert layout is not None
    assert layout.fai == b"a\t10\t7\t5\t6\n"


@pytest.mark.parametrize("name", ["-", "x y.fa", "caf\xe9.fa", "a##idx##b.fa", "-o.fa"])
def test_a_file_may_have_any_name(name: str, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / name).write_text(TEXT)
    monkeypatch.chdir(tmp_path)
    assert contents(Genome.open(name)) == SEQUENCES
