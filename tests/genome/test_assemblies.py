"""Which genome a run was made on: proved by lengths, never guessed."""

import pytest

from tracksmith.genome.assemblies import ASSEMBLIES, assembly_of, canonical, species_of
from tracksmith.genome.contigs import Contigs


def contigs(**lengths):
    return Contigs(list(lengths), list(lengths.values()))


@pytest.mark.parametrize("name", sorted(ASSEMBLIES))
def test_every_known_assembly_is_recognised_by_its_own_lengths(name):
    assert assembly_of(contigs(**ASSEMBLIES[name])) == name


@pytest.mark.parametrize(
    ("chrom", "length", "name"),
    [("chr21", 46709983, "hg38"), ("chr20", 63025520, "hg19"), ("chr19", 61431566, "mm10")],
)
def test_one_whole_chromosome_is_proof(chrom, length, name):
    assert assembly_of(contigs(**{chrom: length})) == name


def test_no_two_assemblies_share_a_length_of_a_chromosome():
    seen = {}
    for name, lengths in ASSEMBLIES.items():
        for pair in lengths.items():
            assert seen.setdefault(pair, name) == name


@pytest.mark.parametrize(
    "lengths",
    [{"chr1": 5000}, {"chr21": 26_000_306}, {"1": 248956422}, {"lambda": 48502},
     {"chr1": 248956422, "chr2": 99}],
)  # fmt: skip
def test_nothing_is_guessed(lengths):
    assert assembly_of(contigs(**lengths)) is None


def test_other_names_of_an_assembly_are_understood():
    assert canonical("GRCh38") == "hg38"
    assert canonical("GRCh38.p14") == "hg38"
    assert canonical("HG19") == "hg19"
    assert canonical("araTha1") == "araTha1"
    assert canonical("GRCh380") == "GRCh380"


def test_assemblies_of_one_species_are_told_from_those_of_another():
    assert species_of("GRCh37") == species_of("hs1") == species_of("hg38") == "human"
    assert species_of("mm39") == species_of("GRCm38") == "mouse"
    assert len({species_of(name) for name in ("hg38", "mm10", "rn7", "dm6", "araTha1")}) == 5
