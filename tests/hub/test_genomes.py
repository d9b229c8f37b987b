"""Which genome a run was made on: proved by lengths, never guessed."""

import pytest

from tracksmith.errors import UsageError
from tracksmith.genome.contigs import Contigs
from tracksmith.hub.genomes import ASSEMBLIES, assembly_of, canonical, check_against, genome_word


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


def test_a_genome_that_cannot_be_the_one_named_is_refused():
    with pytest.raises(UsageError, match="not named as in hg38"):
        check_against("hg38", contigs(**{"21": 46709983}))
    with pytest.raises(UsageError, match="another assembly"):
        check_against("hg38", contigs(chr21=48129895))
    assert "cut" in check_against("hg38", contigs(chr21=26_000_306))[0]
    assert check_against("hg38", contigs(chr21=46709983)) == []
    assert check_against("araTha1", contigs(chr1=3)) == []


@pytest.mark.parametrize(
    ("stem", "word"),
    [
        ("my genome!", "my_genome"),
        ("hg38", "hg38_local"),
        ("GRCh38", "GRCh38_local"),
        ("1abc", "g_1abc"),
        ("", "genome"),
        ("日本", "genome"),
    ],
)
def test_an_assembly_hub_never_takes_the_name_of_a_hosted_genome(stem, word):
    assert genome_word(stem) == word
