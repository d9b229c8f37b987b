import gzip
import multiprocessing
from pathlib import Path

import numpy as np
import pysam
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tracksmith.errors import InputError
from tracksmith.genome import fai
from tracksmith.genome.bases import decode, encode
from tracksmith.genome.bgzf import EOF_MARKER
from tracksmith.genome.fasta import Genome

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
}


@pytest.mark.parametrize("text", SAME.values(), ids=SAME)
def test_line_ends_and_case_do_not_matter(text: str, genome_of) -> None:
    genome = genome_of(text)
    assert contents(genome) == SEQUENCES
    again = Genome.open(genome.path, allow_building_index=False)
    assert contents(again) == SEQUENCES


def test_a_bgzipped_file_reads_as_the_plain_one(tmp_path: Path, told: list[str]) -> None:
    genome = Genome.open(bgzip(tmp_path / "x.fa.gz", TEXT), told.append)
    assert contents(genome) == SEQUENCES
    assert [line.split()[0] for line in told] == ["Wrote", f"{genome.path}:", "Wrote"]
    assert "1 contigs without bases are left out" in told[1]
    assert (tmp_path / "x.fa.gz.fai").is_file()
    assert (tmp_path / "x.fa.gz.gzi").is_file()


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
    monkeypatch.setattr(fai, "_CHUNK", chunk)
    lines = []
    for number, sequence in enumerate([*sequences, "ACGT"]):
        lines.append(f">c{number} some text")
        lines.extend(sequence[i : i + width] for i in range(0, len(sequence), width))
    path = tmp_path / "x.fa"
    path.write_text(line_end.join(lines) + line_end * final, newline="")
    path.with_name("x.fa.fai").unlink(missing_ok=True)
    expected = {f"c{n}": s.upper() for n, s in enumerate([*sequences, "ACGT"]) if s}
    with Genome.open(path) as genome:
        assert contents(genome) == expected
    pysam.faidx(str(path), "--fai-idx", str(tmp_path / "theirs.fai"))
    assert (tmp_path / "x.fa.fai").read_bytes() == (tmp_path / "theirs.fai").read_bytes()
    with Genome.open(path, allow_building_index=False) as genome:
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
    genome = Genome.open(path, allow_building_index=False)
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


def test_the_block_index_is_the_one_that_bgzip_makes(shared: Path, tmp_path: Path) -> None:
    source = shared / FILES[1]
    copy = tmp_path / source.name
    copy.write_bytes(source.read_bytes())
    Genome.open(copy)
    for suffix in (".gzi", ".fai"):
        theirs = source.with_name(source.name + suffix)
        assert copy.with_name(copy.name + suffix).read_bytes() == theirs.read_bytes()


def test_an_index_goes_to_the_cache_where_the_folder_refuses_it(tmp_path, cache, told) -> None:
    path = bgzip(tmp_path / "x.fa.gz", TEXT)
    for suffix in (".fai", ".gzi"):
        (tmp_path / f"x.fa.gz{suffix}").mkdir()  # a file of this name cannot be made
    assert contents(Genome.open(path, told.append)) == SEQUENCES
    assert [str(cache) in line for line in told] == [True, False, True]
    assert contents(Genome.open(path, told.append, allow_building_index=False)) == SEQUENCES
    assert len(told) == 3
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".tmp")]


def test_an_index_is_kept_in_memory_where_no_folder_takes_it(tmp_path, monkeypatch, told) -> None:
    path = tmp_path / "x.fa"
    path.write_text(TEXT)
    (tmp_path / "x.fa.fai").mkdir()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert contents(Genome.open(path, told.append)) == SEQUENCES
    assert "kept in memory" in told[-1]


STALE = {
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
}


@pytest.mark.parametrize("text", STALE.values(), ids=STALE)
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "bgzip"])
def test_a_stale_index_is_never_used(text, packed, tmp_path, told) -> None:
    path = tmp_path / ("x.fa.gz" if packed else "x.fa")

    def write(content: str) -> None:
        if packed:
            bgzip(path, content)
        else:
            path.write_text(content)

    write(TEXT)
    Genome.open(path)
    write(text)
    with pytest.raises(InputError, match=r"does not belong to .*\. Make the index anew: \w+"):
        Genome.open(path, allow_building_index=False)
    fresh = tmp_path / "fresh.fa"
    fresh.write_text(text)
    assert contents(Genome.open(path, told.append)) == contents(Genome.open(fresh))
    assert "does not belong" in told[0]
    assert "made anew" in told[0]
    Genome.open(path, allow_building_index=False)


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "bgzip"])
def test_every_one_of_many_headers_is_checked(packed, tmp_path, told) -> None:
    path = tmp_path / ("x.fa.gz" if packed else "x.fa")
    for names in (range(1_000), [*range(502), 503, 502, *range(504, 1_000)]):
        text = "".join(f">s{n:03}\n{'ACGT' * (n % 7 == 0) + 'GGA'}\n" for n in names)
        bgzip(path, text) if packed else path.write_text(text)
        genome = Genome.open(path, told.append)
    assert genome.contigs.names[502:504] == ("s503", "s502")
    assert "contig 's502' does not begin where it says" in "".join(told)


@pytest.mark.parametrize(
    "index",
    ["", "chr1\n", "chr1\t1\t2\t3\n", "chr1\ta\tb\tc\td\n", "chr1\t-1\t12\t5\t6\n", "\0\xff",
     "chr1\t99999999999999999999\t12\t5\t6\n", "chr1\t12\t9000000000000000000\t5\t6\n"],
)  # fmt: skip
def test_an_index_that_is_none_is_made_anew(index, tmp_path, told) -> None:
    (tmp_path / "x.fa").write_text(TEXT)
    (tmp_path / "x.fa.fai").write_text(index, encoding="latin-1")
    assert contents(Genome.open(tmp_path / "x.fa", told.append)) == SEQUENCES
    assert "does not belong" in told[0]


def test_a_block_index_of_another_file_is_made_anew(tmp_path, told) -> None:
    rng = np.random.default_rng(1)
    text = ">a\n" + "\n".join("".join(rng.choice(list("ACGT"), 60)) for _ in range(5_000)) + "\n"
    path = bgzip(tmp_path / "x.fa.gz", text)
    Genome.open(path)
    good = (tmp_path / "x.fa.gz.gzi").read_bytes()
    for bad in (b"", good[:-3], good[:8] + bytes(16) + good[24:], b"\xff" * len(good)):
        (tmp_path / "x.fa.gz.gzi").write_bytes(bad)
        told.clear()
        genome = Genome.open(path, told.append)
        assert "does not belong" in told[0]
        assert decode(genome.read("a", 299_000, 300_000)) == text.replace("\n", "")[-1_000:]
        assert (tmp_path / "x.fa.gz.gzi").read_bytes() == good


def _read_in_child(genome: Genome, results) -> None:
    results.put(decode(genome.read("chr1", 0, 12)))


def test_forked_processes_may_share_a_genome(genome_of) -> None:
    genome = genome_of(TEXT)
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    children = [context.Process(target=_read_in_child, args=(genome, results)) for _ in range(3)]
    for child in children:
        child.start()
    assert [results.get(timeout=20) for _ in children] == [SEQUENCES["chr1"]] * 3
    for child in children:
        child.join()


def test_the_digest_is_that_of_the_file(genome_of) -> None:
    import hashlib

    genome = genome_of(TEXT)
    assert genome.sha256() == hashlib.sha256(TEXT.encode()).hexdigest()
    assert genome.size == len(TEXT)
    assert genome.name == "genome.fa"


def test_a_hundred_thousand_scaffolds_are_indexed_and_read(tmp_path: Path) -> None:
    path = tmp_path / "draft.fa"
    path.write_text("".join(f">s{i}\n{'ACGTA' * (1 + i % 3)}\nG\n" for i in range(100_000)))
    for genome in (Genome.open(path), Genome.open(path, allow_building_index=False)):
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
    path.write_bytes(whole[:1000] + EOF_MARKER)
    with pytest.raises(InputError, match=r"block at byte 0 is cut or broken"):
        Genome.open(path)


def test_a_flipped_bit_is_found_when_it_is_read(tmp_path: Path) -> None:
    path = bgzip(tmp_path / "x.fa.gz", ">a\n" + "ACGTTGCA" * 50_000 + "\n")
    Genome.open(path)
    broken = bytearray(path.read_bytes())
    broken[len(broken) // 2] ^= 4
    path.write_bytes(broken)
    with pytest.raises(InputError, match=r"does not decompress|no base|cut or broken"):
        genome = Genome.open(path)
        genome.read("a", 0, 400_000)
