import gzip
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tracksmith.errors import InputError
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
    "name not UTF-8": (b">a\nA\n>\xff\nA\n", r":3: the contig name .* is not UTF-8"),
    "plain gzip": (gzip.compress(b">a\nACGT\n"), r"Recompress it: gunzip -c .* \| bgzip"),
    "junk": (bytes(range(128, 255)), r":1: text before the first '>'"),
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
    "zero byte": (b">a\nAC\0T\n", r"a:3 holds byte 0,"),
    "gap": (b">a\nAC-T\n", r"a:3 holds byte 45 \('-'\)"),
    "star": (b">a\nACG*\n", r"a:4 holds byte 42"),
    "digit": (b">a\n1ACG\n", r"a:1 holds byte 49"),
    "blank": (b">a\nAC G\n", r"a:3 holds byte 32,"),
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
    with pytest.raises(InputError, match=r"no .fai index. Make the index anew: samtools faidx"):
        (tmp_path / "y.fa").write_text(">a\nA\n")
        Genome.open("y.fa", allow_building_index=False)


def test_a_file_that_changes_under_its_index_is_noticed_when_read(tmp_path) -> None:
    path = tmp_path / "x.fa"
    path.write_text(">a\nACGT\nACGT\n")
    genome = Genome.open(path)
    path.write_text(">a\nACGTACGTA\n")
    with pytest.raises(InputError, match="no longer fits its index"):
        genome.read("a", 0, 8)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(">ac \n\r-", max_size=60).map(str.encode) | st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_but_never_crash(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.fa"
    path.write_bytes(content)
    (tmp_path / "x.fa.fai").unlink(missing_ok=True)
    try:
        with Genome.open(path) as genome:
            for name, length in genome.contigs:
                assert len(genome.read(name, -1, length + 1)) == length + 2
    except InputError as error:
        assert str(path) in str(error)
    else:
        Genome.open(path, allow_building_index=False).close()
