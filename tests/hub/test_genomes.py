"""The genome of a hub: one that fits the run, or a word that no hosted genome has."""

import pytest

from tracksmith.errors import UsageError
from tracksmith.genome.contigs import Contigs
from tracksmith.hub.genomes import check_against, genome_word


def contigs(**lengths):
    return Contigs(list(lengths), list(lengths.values()))


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
