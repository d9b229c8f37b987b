"""The demonstration genome: the same bytes everywhere, and promoters that stand out."""

import hashlib

import numpy as np
import pysam
import pytest
import torch
from tracksmith_demo.genome import write_demo_genome
from tracksmith_demo.plugin import MARGIN, load

from tracksmith.plugin import LoadRequest

FASTA_SHA256 = "5518a2ddc78ad5c6e75512e42de1f77315152c5970f9bbb1c29317c8e0a549dc"


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    return write_demo_genome(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def sequences(demo):
    with pysam.FastaFile(str(demo.fasta)) as fasta:
        return {name: fasta.fetch(name) for name in fasta.references}


@pytest.fixture(scope="module")
def network():
    torch.set_num_threads(1)
    return load(LoadRequest()).eval()


def score(network, sequence):
    """Return (2, length) scores of a whole sequence, padded with N."""
    padded = "N" * MARGIN + sequence.upper() + "N" * MARGIN
    codes = np.frombuffer(padded.encode(), np.uint8)
    bases = torch.tensor(np.stack([codes == ord(base) for base in "ACGT"]), dtype=torch.float32)
    with torch.inference_mode():
        return network(bases[None])[0].numpy()


def test_the_same_seed_gives_the_same_bytes(demo, tmp_path):
    again = write_demo_genome(tmp_path / "again")
    other = write_demo_genome(tmp_path / "other", seed=2)
    for name in ("fasta", "promoters_bed", "variants_vcf", "person_vcf"):
        assert getattr(again, name).read_bytes() == getattr(demo, name).read_bytes()
        assert getattr(other, name).read_bytes() != getattr(demo, name).read_bytes()
    assert hashlib.sha256(demo.fasta.read_bytes()).hexdigest() == FASTA_SHA256


def test_the_genome_has_what_a_real_one_has(demo, sequences):
    assert {name: len(text) for name, text in sequences.items()} == {
        "demo1": 300_000,
        "demo2": 120_000,
    }
    for text in sequences.values():
        assert set(text) == set("ACGTNacgt")
        assert 0.05 < sum(map(str.islower, text)) / len(text) < 0.3
        assert "N" * 1000 in text
    lines = demo.fasta.read_text().splitlines()
    assert max(map(len, lines)) == 60


def test_the_bed_file_lists_the_promoters_with_their_strands(demo):
    rows = [line.split("\t") for line in demo.promoters_bed.read_text().splitlines()]
    assert [(r[0], int(r[1]), r[5]) for r in rows] == [
        (p.contig, p.site, p.strand) for p in demo.promoters
    ]
    assert all(int(row[2]) == int(row[1]) + 1 and len(row) == 6 for row in rows)
    assert {row[5] for row in rows} == {"+", "-"}
    assert len({row[3] for row in rows}) == len(rows) > 25


def test_planted_promoters_stand_out_of_the_background(demo, sequences, network):
    scores = {name: score(network, text) for name, text in sequences.items()}
    background = {name: np.ones(values.shape, bool) for name, values in scores.items()}
    planted = []
    for promoter in demo.promoters:
        row = "+-".index(promoter.strand)
        planted.append(scores[promoter.contig][row, promoter.site])
        background[promoter.contig][:, promoter.site - 5 : promoter.site + 6] = False
    rest = np.concatenate([scores[name][keep] for name, keep in background.items()])
    assert min(planted) > 8 * np.quantile(rest, 0.999)
    assert np.mean(planted) > 1000 * rest.mean()
    assert rest.max() < np.median(planted)


def test_a_second_reader_finds_the_variants_on_the_reference(demo, sequences):
    with pysam.VariantFile(str(demo.variants_vcf)) as vcf:
        assert {n: c.length for n, c in vcf.header.contigs.items()} == {
            name: len(text) for name, text in sequences.items()
        }
        records = [(r.chrom, r.start, r.id, r.ref, r.alts[0]) for r in vcf]
    assert records == [
        (v.contig, v.position, v.name, v.reference, v.alternative) for v in demo.variants
    ]
    for contig, position, _, reference, alternative in records:
        assert sequences[contig][position:][: len(reference)].upper() == reference != alternative
    keys = [(["demo1", "demo2"].index(r[0]), r[1]) for r in records]
    assert keys == sorted(keys)
    assert len({r[2] for r in records}) == len(records)
    assert {len(r[3]) - len(r[4]) for r in records} == {0, 4, -8}


def test_variants_break_make_or_spare_what_their_names_say(demo, sequences, network):
    for variant in demo.variants:
        text, at = sequences[variant.contig], variant.position
        end = at + len(variant.reference)
        left, right = text[at - 300 : at], text[end : end + 300]
        before = score(network, left + variant.reference + right)
        after = score(network, left + variant.alternative + right)
        # The promoter lies on one strand: the one with the higher score either way.
        row = max((0, 1), key=lambda r: max(before[r].max(), after[r].max()))
        low, high = before[row, 250:390].max(), after[row, 250:390].max()
        kind = variant.name.partition("_")[0]
        if kind in ("breaks", "shifts"):
            assert high <= 0.8 * low, variant
        elif kind == "makes":
            assert high >= 2 * low, variant
        else:
            assert max(low, high) < 14, variant
