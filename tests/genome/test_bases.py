import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracksmith.genome.bases import COMPLEMENT, ILLEGAL, TABLE, decode, encode, reverse_complement

IUPAC = {
    "A": "A", "C": "C", "G": "G", "T": "T", "R": "AG", "Y": "CT", "S": "CG", "W": "AT",
    "K": "GT", "M": "AC", "B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGT",
}  # fmt: skip
BIT = {"A": 1, "C": 2, "G": 4, "T": 8}
COMPLEMENTS = dict(zip("ACGTRYSWKMBDHVN", "TGCAYRSWMKVHDBN", strict=True))


def test_every_iupac_letter_is_the_union_of_its_bases() -> None:
    for letter, bases in IUPAC.items():
        assert encode(letter)[0] == sum(BIT[base] for base in bases)


def test_every_byte_that_is_no_base_is_marked_illegal() -> None:
    legal = {ord(c) for letter in [*IUPAC, "U"] for c in (letter, letter.lower())}
    for byte in range(256):
        assert (TABLE[byte] == ILLEGAL) == (byte not in legal), bytes([byte])
    assert encode("A-*7XEé\0").tolist() == [1] + [ILLEGAL] * 7


def test_the_complement_of_every_letter_is_that_of_iupac() -> None:
    for letter, other in COMPLEMENTS.items():
        assert COMPLEMENT[encode(letter)[0]] == encode(other)[0]


@given(st.text("ACGTRYSWKMBDHVN", max_size=60))
def test_decode_undoes_encode_in_either_case_and_u_reads_as_t(text: str) -> None:
    assert decode(encode(text)) == text
    assert decode(encode(text.lower())) == text
    assert decode(encode(text.replace("T", "U"))) == text


@given(st.text("ACGTRYSWKMBDHVN", max_size=60))
def test_reverse_complement_is_an_involution_and_agrees_with_text(text: str) -> None:
    masks = encode(text)
    other = reverse_complement(masks)
    assert decode(other) == "".join(COMPLEMENTS[c] for c in reversed(text))
    assert np.array_equal(reverse_complement(other), masks)


def test_reverse_complement_keeps_leading_axes_and_what_lies_outside() -> None:
    masks = np.array([[0, 1, 2], [15, 4, 0]], dtype=np.uint8)
    assert reverse_complement(masks).tolist() == [[4, 8, 0], [0, 2, 15]]


def test_encoded_bases_may_be_written_to() -> None:
    masks = encode("ACGT")
    masks[0] = 15
    assert decode(masks) == "NCGT"


def test_a_value_above_15_is_no_mask() -> None:
    with pytest.raises(ValueError, match="no mask"):
        decode(np.array([16], dtype=np.uint8))
