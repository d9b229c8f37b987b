"""Windows of alleles against sequences written out in full."""

import numpy as np
import pytest
from effect_toys import spliced, variants_of
from hypothesis import given
from hypothesis import strategies as st

from tracksmith.effects.stretches import Alleles, blocks_of, read_bases
from tracksmith.effects.windows import place
from tracksmith.errors import UsageError
from tracksmith.genome.bases import decode, encode
from tracksmith.genome.fasta import Genome


def cut(sequence: str, start: int, end: int) -> str:
    """Cut a sequence; '-' where it does not reach."""
    return "".join(sequence[i] if 0 <= i < len(sequence) else "-" for i in range(start, end))


@pytest.fixture(scope="module")
def genome(tmp_path_factory):
    generator = np.random.default_rng(5)
    folder = tmp_path_factory.mktemp("windows")
    texts = {name: "".join(generator.choice(list("ACGTN"), n)) for name, n in
             (("one", 300), ("two", 45), ("three", 9_000))}  # fmt: skip
    path = folder / "genome.fa"
    path.write_text("".join(f">{name}\n{text}\n" for name, text in texts.items()))
    return Genome.open(path), texts


@given(data=st.data())
def test_windows_are_cut_from_the_full_alternative_sequence(genome, data):
    opened, texts = genome
    names = list(texts)
    variants = data.draw(st.lists(variants_of(texts), min_size=1, max_size=8))
    window = data.draw(st.integers(60, 120))
    offset = data.draw(st.integers(10, 40))
    deltas = tuple(data.draw(st.lists(st.integers(-10, 10), min_size=1, max_size=3, unique=True)))
    deltas = (0, *(d for d in deltas if d))
    where = place(window, offset, deltas, 12)
    alleles = Alleles(
        np.array([names.index(v.contig) for v in variants]),
        np.array([v.position for v in variants]),
        np.array([len(v.reference) for v in variants]),
        [encode(v.alternative).tobytes() for v in variants],
    )
    seen = set()
    most, both = data.draw(st.integers(1, 8)), data.draw(st.booleans())
    for block in blocks_of(
        alleles, [("",)] * 3, lambda margin: most, apart=data.draw(st.booleans())
    ):
        bases = read_bases(opened, block, where, both_registers=both)
        for row, allele in zip(block.rows, block.allele_of_row, strict=True):
            variant = variants[row]
            seen.add(int(row))
            site = block.site_of_allele[allele]
            text = texts[variant.contig]
            changed, _ = spliced(text, variant)
            for delta in deltas:
                start = variant.position - offset + delta
                at = where.start(delta)
                reference = decode(bases.reference[site, at : at + window])
                alternative = decode(bases.alternative[allele, at : at + window])
                assert reference == cut(text, start, start + window)
                assert alternative == cut(changed, start, start + window)
                if allele in bases.moved:
                    right = decode(bases.right[list(bases.moved).index(allele), at : at + window])
                    change = len(changed) - len(text)
                    assert right == cut(changed, start + change, start + change + window)
                    assert both and change
            whole = cut(text, variant.position - offset, variant.position - offset + window)
            assert bases.unknown[site] == np.float32(whole.count("N") / window)
            start = variant.position - offset
            ends = whole + cut(changed, start, start + window)
            if allele in bases.moved:
                start += len(changed) - len(text)
                ends += cut(changed, start, start + window)
            assert bases.edge[allele] == ("-" in ends)
    assert seen == set(range(len(variants)))


def test_a_shift_that_loses_the_variant_is_refused():
    with pytest.raises(UsageError, match="out of the window"):
        place(100, 50, (0, 51), 10)
    with pytest.raises(UsageError, match="out of the window"):
        place(100, 50, (-50, 0), 10)
    assert place(100, 50, (-40, 0, 50), 30).limit == 10


def test_a_deletion_that_draws_in_the_start_of_a_contig_is_at_its_edge_in_the_right_register(
    genome,
):
    """The window of both alleles starts at base 2; three bases more are taken on the left."""
    where = place(60, 20, (0,), 12)
    alleles = Alleles(
        np.zeros(2, np.int64), np.array([22, 22]), np.array([4, 3]), [encode("A").tobytes()] * 2
    )
    (block,) = blocks_of(alleles, [("",)] * 3, lambda margin: 8, apart=False)
    for both, edges in ((True, [True, False]), (False, [False, False])):
        bases = read_bases(genome[0], block, where, both_registers=both)
        assert bases.edge[block.allele_of_row].tolist() == edges


def test_a_deletion_that_draws_in_the_end_of_a_contig_is_at_its_edge(genome):
    where, position = place(60, 20, (0,), 12), np.array([260, 260, 255, 261])
    inserted = [encode(bases).tobytes() for bases in ("A", "ACC", "A", "ACC")]
    alleles = Alleles(np.zeros(4, np.int64), position, np.array([6, 1, 6, 1]), inserted)
    (block,) = blocks_of(alleles, [("",)] * 3, lambda margin: 8, apart=False)
    edge = read_bases(genome[0], block, where).edge[block.allele_of_row]
    assert edge.tolist() == [True, False, False, True]
