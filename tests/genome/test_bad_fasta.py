import gzip
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tracksmith.errors import InputError, TrustError
from tracksmith.genome.bases import decode
from tracksmith.genome.fasta import Genome

BAD = {
    "empty": (b"", r"is empty"),
    "blank": (b"\n\n", r"holds no contig"),
    "only headers": (b">a\n>b\n", r"holds no contig with bases"),
    "no header": (b"ACGT\nACGT\n", r":1: text before the first '>'"),
    "header late": (b"\nACGT\n>a\nACGT\n", r":2: text before the first '>'"),
    "ragged, shorter": (b">a\nACGT\nACG\nACGT\n", r":4: contig 'a' has lines of unequal length"),
    "ragged, longer": (b">a\nACGT\nACGTA\n", r":3: contig 'a' .*unequal.*first has 4 bases"),
    "ragged, second contig": (b">a\nAC\n>b\nACG\nA\nA\n", r":6: contig 'b'"),
    "mixed line ends": (b">a\nACGT\r\nACGT\nACGT\r\nA\n", r":4: contig 'a' .*unequal"),
    "blank inside": (b">a\nACGT\n\nACGT\n", r":3: a blank line inside contig 'a'"),
    "blank first": (b">a\n\nACGT\n", r":2: a blank line inside contig 'a'"),
    "blank after a short line": (b">b\nACGT\nA\n\nAC\n", r":4: a blank line inside contig 'b'"),
    "twice": (b">a\nA\n>b\nA\n>a x\nC\n", r":5: contig 'a' was already declared in line 1"),
    "no name": (b">\nACGT\n", r":1: a '>' without a name"),
    "name after a blank": (b">a\nA\n> b\nA\n", r":3: a '>' without a name"),
    "name not UTF-8": (b">a\nA\n>\xff\nA\n", r":3: a '>' without a name .* of UTF-8 text"),
    "zero byte in a name": (b">a\0b\nA\n", r":1: a '>' without a name .* b'>a.x00b'"),
    "plain gzip": (gzip.compress(b">a\nACGT\n"), r"Recompress it: gunzip -c .* \| bgzip"),
    "junk": (bytes(range(128, 255)), r":1: text before the first '>'"),
    "blank at an end": (b">a\nACGT \nAC\n", r":2: a line of contig 'a' ends in blanks.* sed -E"),
    "blanks at all ends": (b">a\nACGT \nACGT \n", r":2: .* ends in blanks"),
    "blank at the last end": (b">b\nC\n>a\nACGT\nAC\t\n", r":5: a line of contig 'a' ends in"),
    "line of blanks": (b">a\nACGT\n  \n", r":3: .* ends in blanks"),
    "blank in a line": (b">a\nACGT\nAC T\n", r":3: a:7 holds a blank. .* move every base"),
    "zero byte": (b">a\nAC\0T\n", r":2: a:3 holds byte 0, which is no base"),
    "zero byte, last line": (b">a\nACGT\nA\0\n", r":3: a:6 holds byte 0, which is no base"),
    "no ASCII": (b">a\nAC\xc3T\n", r":2: a:3 holds byte 195"),
    "carriage return inside": (b">a\nAC\rT\n", r":2: a:3 holds byte 13"),
    "2bit": (b"\x43\x27\x41\x1a" + bytes(40), r"no FASTA file but a 2bit file; .* twoBitToFa"),
    "zip": (b"PK\x03\x04" + bytes(40), r"no FASTA file but a zip archive.*unpack it"),
    "zipped 2bit": (gzip.compress(b"\x43\x27\x41\x1a"), r"Recompress it"),
    "byte order mark": (
        b"\xef\xbb\xbf>a\nAC\n",
        r"byte order mark, which .*; remove it",
    ),
    "BED": (b"chr1\t1\t2\n", r":1: text before the first '>'"),
}


@pytest.mark.parametrize(("content", "message"), BAD.values(), ids=BAD)
def test_a_wrong_fasta_file_is_refused_with_line_and_cause(content, message, tmp_path) -> None:
    path = tmp_path / "x.fa"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        Genome.open(path)
    assert str(path) in str(caught.value)
    assert list(tmp_path.iterdir()) == [path]


ILLEGAL = {
    "protein": (b">a\nACGT\nACEF\n", r"a:7 holds byte 69 \('E'\)"),
    "gap": (b">a\nAC-T\n", r"a:3 holds byte 45 \('-'\)"),
    "star": (b">a\nACG*\n", r"a:4 holds byte 42"),
    "digit": (b">a\n1ACG\n", r"a:1 holds byte 49"),
    "far along": (b">a\n" + b"ACGT\n" * 999 + b"ACGX\n", r"a:4,000 holds byte 88 \('X'\)"),
}


@pytest.mark.parametrize(("content", "message"), ILLEGAL.values(), ids=ILLEGAL)
def test_a_character_that_is_no_base_is_named_with_its_place(content, message, tmp_path) -> None:
    (tmp_path / "x.fa").write_bytes(content)
    genome = Genome.open(tmp_path / "x.fa")
    for start in (0, -3):
        with pytest.raises(InputError, match=message):
            genome.read("a", start, genome.contigs.length("a"))


def test_a_missing_file_and_a_folder_are_named_as_given_and_resolved(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=rf"No FASTA file at x.fa \(that is {tmp_path}/x.fa\)"):
        Genome.open("x.fa")
    with pytest.raises(InputError, match=r"is a folder"):
        Genome.open(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="no regular file"):
        Genome.open(tmp_path / "pipe")
    with pytest.raises(InputError, match=r"https://x.org/a.fa is an address, .*Download it first"):
        Genome.open(Path("https://x.org/a.fa"))
    with pytest.raises(InputError, match="No FASTA file at"):
        Genome.open("a\0b")


WAYS = {
    "other bases": lambda path, text: path.write_text(text.replace("C", "G", 1)),
    "longer": lambda path, text: path.write_text(text + ">b\nA\n"),
    "cut": lambda path, text: os.truncate(path, 5),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_file_that_is_changed_while_it_is_open_is_refused(way: str, tmp_path: Path) -> None:
    path, text = tmp_path / "x.fa", ">a\nACGT\nACGT\n"
    path.write_text(text)
    genome = Genome.open(path)
    assert len(genome.read("a", 0, 8)) == 8
    WAYS[way](path, text)
    os.utime(path, ns=(0, 0))
    with pytest.raises(TrustError, match="was changed while it was read"):
        genome.read("a", 0, 8)


def test_a_file_that_is_only_touched_or_replaced_by_another_is_read_on(tmp_path: Path) -> None:
    path, text = tmp_path / "x.fa", ">a\nACGT\nACGT\n"
    path.write_text(text)
    genome = Genome.open(path)
    os.utime(path, ns=(0, 0))
    assert decode(genome.read("a", 0, 8)) == "ACGTACGT"
    (tmp_path / "y.fa").write_text(text.replace("A", "C"))
    (tmp_path / "y.fa").replace(path)
    assert decode(genome.read("a", 0, 8)) == "ACGTACGT"
    path.unlink()
    assert decode(genome.read("a", 0, 8)) == "ACGTACGT"


def test_a_file_that_changes_while_it_is_opened_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.fa"
    path.write_text(">a\nACGT\n")

    def meddle(message: str) -> None:
        path.write_text(">a\nGGGGG\n")

    with pytest.raises(TrustError, match="was changed while it was read"):
        Genome.open(path, meddle)


def read_by_hand(content: bytes) -> dict[str, str]:
    """What a FASTA text says: the letters of every contig, one line after the other."""
    contigs: dict[str, str] = {}
    name = ""
    for line in content.decode().replace("\r\n", "\n").split("\n"):
        if line.startswith(">"):
            name = line[1:].split()[0]
            assert name not in contigs
            contigs[name] = ""
        elif line:
            contigs[name] += line.upper()
    return {name: bases for name, bases in contigs.items() if bases}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(
    st.text(">ac \n\r-", max_size=60).map(str.encode)
    | st.binary(max_size=60)
    | st.lists(
        st.sampled_from(
            [
                b">a\n",
                b">b x\n",
                b">c",
                b"ACGT\n",
                b"AC\n",
                b"GGGG",
                b"\n",
                b"ACGT\r\n",
                b"AC GT\n",
                b" ",
                b"\0",
                b"\t\n",
            ]
        ),
        max_size=9,
    ).map(b"".join)
)
def test_any_bytes_are_refused_or_read_as_they_stand(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.fa"
    path.write_bytes(content)
    try:
        with Genome.open(path) as genome:
            contigs = {n: decode(genome.read(n, -1, size + 1)) for n, size in genome.contigs}
    except InputError as error:
        assert str(path) in str(error)
    else:
        assert contigs == {name: f"-{bases}-" for name, bases in read_by_hand(content).items()}
