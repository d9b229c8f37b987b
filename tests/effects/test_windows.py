"""Windows of alleles against sequences written out in full."""

import numpy as np
import pytest
from effect_toys import spliced, variants_of
from hypothesis import given
from hypothesis import strategies as st

from tracksmith.effects.stretches import Alleles, blocks_of, read_bases
from tracksmith.effects.windows import match_bins, place
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
    for block in blocks_of(
        alleles, [("",)] * 3, data.draw(st.integers(1, 8)), data.draw(st.booleans())
    ):
        bases = read_bases(opened, block, where)
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
            whole = cut(text, variant.position - offset, variant.position - offset + window)
            assert bases.unknown[site] == np.float32(whole.count("N") / window)
            start = variant.position - offset
            assert bases.edge[allele] == ("-" in whole + cut(changed, start, start + window))
    assert seen == set(range(len(variants)))


@given(
    bins=st.integers(1, 40),
    core=st.integers(-15, 15),
    replaced=st.integers(0, 20),
    new=st.integers(0, 20),
    data=st.data(),
)
def test_bins_correspond_when_they_show_the_same_base(bins, core, replaced, new, data):
    first = data.draw(st.integers(0, bins - 1))
    last = data.draw(st.integers(first + 1, bins))
    # Bases by name: where they are in the reference, and letters for inserted ones.
    position, length = 100, 260
    reference = list(range(length))
    shared = min(replaced, new)
    alternative = [
        *range(position + shared),
        *(("new", i) for i in range(new - shared)),
        *range(position + replaced, length),
    ]
    start = position + core
    mine = reference[start : start + bins]
    other = alternative[start : start + bins]
    found = match_bins(bins, shared - core, new - replaced, (first, last))
    pairs = list(zip(found.reference.tolist(), found.alternative.tolist(), strict=True))
    truth = []
    for name in sorted(
        {*mine, *(n for n in other if not isinstance(n, tuple))},
    ):
        a = mine.index(name) if name in mine else None
        b = other.index(name) if name in other else None
        gone = name not in alternative
        if a is not None and first <= a < last and (b is not None or gone):
            truth.append((a, -1 if gone else b))
    anchor = position + shared - 1 - start
    if first <= anchor < last:
        truth += [(-1, other.index(n)) for n in other if isinstance(n, tuple)]
    assert sorted(pairs) == sorted(truth)
    for (a, _), shown in zip(pairs, found.place.tolist(), strict=True):
        assert shown == (a if a >= 0 else anchor)


def test_a_shift_that_loses_the_variant_is_refused():
    with pytest.raises(UsageError, match="out of the window"):
        place(100, 50, (0, 51), 10)
    with pytest.raises(UsageError, match="out of the window"):
        place(100, 50, (-50, 0), 10)
    assert place(100, 50, (-40, 0, 50), 30).limit == 10


def test_a_deletion_that_draws_in_the_end_of_a_contig_is_at_its_edge(genome):
    where, position = place(60, 20, (0,), 12), np.array([260, 260, 255, 261])
    inserted = [encode(bases).tobytes() for bases in ("A", "ACC", "A", "ACC")]
    alleles = Alleles(np.zeros(4, np.int64), position, np.array([6, 1, 6, 1]), inserted)
    (block,) = blocks_of(alleles, [("",)] * 3, 8, False)
    edge = read_bases(genome[0], block, where).edge[block.allele_of_row]
    assert edge.tolist() == [True, False, False, True]
