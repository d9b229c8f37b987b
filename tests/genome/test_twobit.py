"""The 2bit writer against decoders that share no code with it."""

import struct
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracksmith.errors import InputError
from tracksmith.genome import twobit
from tracksmith.genome.fasta import Genome


def decode(data):
    """Read a 2bit file base by base, as the format's description says."""
    magic, version, count, reserved = struct.unpack_from("<4I", data)
    assert (magic, version, reserved) == (0x1A412743, 0, 0)
    at, sequences = 16, {}
    for _ in range(count):
        size = data[at]
        name = data[at + 1 : at + 1 + size].decode()
        record = struct.unpack_from("<I", data, at + 1 + size)[0]
        at += 5 + size
        length, blocks = struct.unpack_from("<2I", data, record)
        starts = struct.unpack_from(f"<{blocks}I", data, record + 8)
        sizes = struct.unpack_from(f"<{blocks}I", data, record + 8 + 4 * blocks)
        masks = struct.unpack_from("<I", data, record + 8 + 8 * blocks)[0]
        assert masks == 0
        dna = record + 16 + 8 * blocks
        letters = ["TCAG"[data[dna + i // 4] >> (6 - 2 * (i % 4)) & 3] for i in range(length)]
        for start, many in zip(starts, sizes, strict=True):
            letters[start : start + many] = "N" * many
        sequences[name] = "".join(letters)
    return sequences


def as_expected(text):
    return "".join(letter if letter in "ACGT" else "N" for letter in text.upper())


def write(tmp_path, contigs):
    fasta = tmp_path / "g.fa"
    fasta.write_text("".join(f">{name}\n{text}\n" for name, text in contigs.items()))
    path = tmp_path / "g.2bit"
    for old in (path,):
        old.unlink(missing_ok=True)
    twobit.write_twobit(Genome.open(fasta), path)
    return path


SEQUENCE = st.text("ACGTacgtNnRY", min_size=1, max_size=70)


@settings(max_examples=60, deadline=None)
@given(
    contigs=st.dictionaries(
        st.from_regex(r"[a-z]{1,9}", fullmatch=True), SEQUENCE, min_size=1, max_size=4
    ),
    chunk=st.sampled_from([4, 8, 1 << 22]),
)
def test_every_base_comes_back(tmp_path_factory, contigs, chunk):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(twobit, "_CHUNK", chunk)
        path = write(tmp_path_factory.mktemp("twobit"), contigs)
    expected = {name: as_expected(text) for name, text in contigs.items()}
    assert decode(path.read_bytes()) == expected


def test_the_index_gives_names_and_lengths(tmp_path):
    contigs = {f"contig_{number}": "ACGTN" * (number % 7 + 1) for number in range(5000)}
    data = write(tmp_path, contigs).read_bytes()
    read = partial(_slice, data)
    index = twobit.read_index(read, "g")
    assert list(index) == list(contigs)
    lengths = {name: twobit.read_length(read, at, "file") for name, at in index.items()}
    assert lengths == {name: len(text) for name, text in contigs.items()}


def _slice(data, start, length):
    return data[start : start + length]


def test_a_damaged_file_is_refused(tmp_path):
    data = write(tmp_path, {"a": "ACGT"}).read_bytes()
    for bad in (b"", b"nonsense" * 9, data[:18]):
        with pytest.raises(InputError):
            twobit.read_index(partial(_slice, bad), "g")


def test_other_readers_agree(tmp_path):
    py2bit = pytest.importorskip("py2bit", reason="py2bit is a second reader of 2bit files")
    contigs = {"chr1": "NNNNACGTACGTRRacgtnnACGT" * 9 + "N", "b": "A", "c": "NNN"}
    handle = py2bit.open(str(write(tmp_path, contigs)))
    for name, text in contigs.items():
        assert handle.sequence(name) == as_expected(text)
    assert handle.chroms() == {name: len(text) for name, text in contigs.items()}


def test_a_pure_python_reader_agrees(tmp_path):
    reader = pytest.importorskip("twobitreader", reason="a third reader of 2bit files")
    contigs = {"chr1": "NNNNACGTACGTRRacgtnnACGT" * 9 + "N", "b": "A"}
    opened = reader.TwoBitFile(str(write(tmp_path, contigs)))
    for name, text in contigs.items():
        assert opened[name][:] == as_expected(text)
    opened.close()


def test_bases_pack_four_a_byte_first_base_highest():
    assert twobit.pack_bases(np.array([8, 2, 1, 4, 4], np.uint8)) == bytes([0b00011011, 0b11000000])


def test_a_name_too_long_for_the_format_is_refused(tmp_path):
    with pytest.raises(InputError, match="too long"):
        write(tmp_path, {"x" * 256: "ACGT"})


def test_real_sequence_comes_back(shared, tmp_path):
    genome = Genome.open(shared / "data" / "lambda" / "lambda_virus.fa.gz")
    path = tmp_path / "lambda.2bit"
    twobit.write_twobit(genome, path)
    decoded = decode(path.read_bytes())
    assert list(decoded) == list(genome.contigs.names)
    letters = np.array(list("?AC?G???T"))
    for name, length in genome.contigs:
        assert decoded[name] == "".join(letters[genome.read(name, 0, length)])
