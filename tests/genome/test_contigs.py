import pytest

from tracksmith.errors import InputError
from tracksmith.genome.aliases import ContigNames, read_aliases
from tracksmith.genome.contigs import Contigs, browser_problems, check_lengths


def test_names_resolve_up_to_the_prefix_when_unambiguous() -> None:
    ucsc, ensembl = Contigs(["chr1", "chrX"], [10, 5]), Contigs(["1", "X"], [10, 5])
    assert ucsc.resolve("1") == ucsc.resolve("chr1") == ucsc.resolve("Chr1") == "chr1"
    assert ensembl.resolve("chrX") == "X"
    assert ucsc.resolve("2") is None
    assert ucsc.resolve("chr") is None
    assert ucsc.resolve("") is None


def test_an_exact_name_wins_and_two_candidates_are_no_answer() -> None:
    both = Contigs(["1", "chr1", "Chr2", "chr2"], [1, 2, 3, 4])
    assert both.resolve("1") == "1"
    assert both.resolve("chr1") == "chr1"
    assert both.resolve("2") is None


def test_mitochondria_are_only_mapped_when_their_lengths_agree() -> None:
    hg19 = Contigs(["chrM"], [16_571])
    assert hg19.resolve("MT") is None
    assert hg19.resolve("MT", 16_569) is None
    assert hg19.resolve("MT", 16_571) == "chrM"
    assert Contigs(["MT"], [16_569]).resolve("chrM", 16_569) == "MT"


def test_contigs_are_immutable_hashable_values() -> None:
    one, two = Contigs(["a", "b"], [1, 2]), Contigs(["a", "b"], [1, 2])
    assert one == two
    assert hash(one) == hash(two)
    assert one.digest() == two.digest() != Contigs(["a", "b"], [1, 3]).digest()
    assert list(one) == [("a", 1), ("b", 2)]
    with pytest.raises(ValueError, match="read-only"):
        one.lengths[0] = 5


def test_an_unknown_contig_is_refused_with_examples() -> None:
    with pytest.raises(InputError, match=r"no contig 'z'.*'a', 'b'"):
        Contigs(["a", "b"], [1, 2]).index("z")


def test_contigs_longer_than_a_bigwig_can_hold_are_refused() -> None:
    assert len(Contigs(["a"], [2**32 - 1])) == 1
    with pytest.raises(InputError, match="bigWig counts in 32 bits"):
        Contigs(["a"], [2**32])


def test_lengths_of_another_assembly_are_refused_naming_the_contigs() -> None:
    contigs = Contigs(["chr1", "chr2"], [100, 50])
    check_lengths({"chr1": 100, "decoy": 7}, contigs, "x.sizes")
    with pytest.raises(InputError, match=r"1 of 2 .*(?s:.)*chr2: 51 bp there, 50 bp"):
        check_lengths({"chr1": 100, "chr2": 51}, contigs, "x.sizes")
    with pytest.raises(InputError, match=r"x.sizes shares no contig.*'1'.*'chr1'"):
        check_lengths({"1": 100}, contigs, "x.sizes")


def test_names_that_ucsc_cannot_take_are_warned_of() -> None:
    assert browser_problems(Contigs(["chr1", "GL00.1_x-y"], [5, 5])) == []
    odd = browser_problems(Contigs(["a|b", "a:b", "Ä", "<b>", "ok", "empty"], [5, 5, 5, 5, 5, 0]))
    assert len(odd) == 2
    assert "4 contigs" in odd[0]
    assert "'a|b'" in odd[0]
    assert "1 contigs have no bases" in odd[1]


def test_a_mapping_of_names_is_said_once(notes: list[str]) -> None:
    names = ContigNames(Contigs(["chr1", "chr2"], [9, 9]), "x.bed", notes.append)
    assert [names.find(n) for n in ("1", "2", "1", "chr2", "7")] == [0, 1, 0, 1, None]
    assert notes == ["x.bed: contig '1' is read as the genome's 'chr1', up to the prefix 'chr'."]
    assert names.unknown() == ["7"]
    with pytest.raises(InputError, match=r"x.bed: .*no contig '7'.*'chr1', 'chr2'.*--alias FILE"):
        names.require("7")


ALIASES = {
    "two columns": "NC_1.1\tchr1\nNC_2.1\tchr2\n",
    "the other way round": "chr1 NC_1.1\nchr2 NC_2.1\n",
    "new chromAlias": "# ucsc\tassembly\trefseq\nchr1\t1\tNC_1.1\nchr2\t2\tNC_2.1\n",
    "old chromAlias": "#alias\tchrom\tsource\nNC_1.1\tchr1\trefseq\nNC_2.1\tchr2\trefseq\n",
    "assembly report": (
        "# Sequence-Name\tSequence-Role\tAssigned-Molecule\t...\r\n"
        "1\tassembled-molecule\t1\tChromosome\tCM1.1\t=\tNC_1.1\tPrimary Assembly\t900\tchr1\r\n"
        "2\tassembled-molecule\t2\tChromosome\tCM2.1\t=\tNC_2.1\tPrimary Assembly\t901\tchr2\r\n"
    ),
    "wide table with a class": "chr1\tNC_1.1\tCM1\tprimary\nchr2\tNC_2.1\tCM2\tprimary\n",
}


@pytest.mark.parametrize("text", ALIASES.values(), ids=ALIASES)
def test_every_usual_alias_table_is_read(text: str, tmp_path, notes: list[str]) -> None:
    (tmp_path / "alias.txt").write_text(text, newline="")
    contigs = Contigs(["chr1", "chr2"], [9, 9])
    aliases = read_aliases(tmp_path / "alias.txt", contigs)
    assert aliases["NC_1.1"] == ("chr1",)
    assert aliases["NC_2.1"] == ("chr2",)
    assert not {"primary", "assembled-molecule", "=", "Primary Assembly", "900"} & set(aliases)
    assert ContigNames(contigs, "x", notes.append, aliases).find("NC_2.1") == 1
    assert "by the alias file" in notes[0]


SCAFFOLD = (
    "HSCHR1_CTG1_UNLOCALIZED\tunlocalized-scaffold\t1\tChromosome\tKI270706.1\t=\tNT_187361.1\t"
    "Primary Assembly\t175055\tchr1_KI270706v1_random\n"
)


@pytest.mark.parametrize("with_chromosome", [True, False])
def test_a_scaffold_of_an_assembly_report_is_not_its_chromosome(
    with_chromosome: bool, tmp_path
) -> None:
    chromosome = "1\tassembled-molecule\t1\tChromosome\tCM1.1\t=\tNC_1.1\tx\t900\tchr1\n"
    second = "2\tassembled-molecule\t2\tChromosome\tCM2.1\t=\tna\tx\t900\tna\n"
    text = (chromosome if with_chromosome else "") + second + SCAFFOLD
    (tmp_path / "report.txt").write_text(text)
    contigs = Contigs(["1", "2"], [900, 900])
    names = ContigNames(contigs, "x", aliases=read_aliases(tmp_path / "report.txt", contigs))
    scaffold = ("HSCHR1_CTG1_UNLOCALIZED", "KI270706.1", "NT_187361.1", "chr1_KI270706v1_random")
    assert [names.find(name) for name in (*scaffold, "na")] == [None] * 5
    assert names.find("CM1.1") == (0 if with_chromosome else None)
    assert names.find("CM2.1") == 1


def test_a_report_of_other_columns_is_refused(tmp_path) -> None:
    (tmp_path / "report.txt").write_text("1\tassembled-molecule\t1\tCM1\t=\tNC_1.1\t900\tchr1\n")
    with pytest.raises(InputError, match=r"report.txt:1: .* 10 columns.* has 8"):
        read_aliases(tmp_path / "report.txt", Contigs(["chr1"], [9]))


def test_an_alias_of_two_contigs_is_refused_when_it_is_used(tmp_path) -> None:
    (tmp_path / "alias.txt").write_text("a\tchr1\na\tchr2\nb\tchr2\n2\tchr1\n2\tchr2\n")
    contigs = Contigs(["chr1", "chr2"], [9, 9])
    names = ContigNames(contigs, "x.bed", aliases=read_aliases(tmp_path / "alias.txt", contigs))
    assert names.find("b") == 1
    for name in ("a", "2"):
        with pytest.raises(InputError, match=f"x.bed: the alias file gives contig '{name}' to"):
            names.find(name)


def test_an_alias_file_without_any_contig_of_the_genome_is_refused(tmp_path) -> None:
    (tmp_path / "alias.txt").write_text("a\tb\n")
    with pytest.raises(InputError, match="No line of the alias file"):
        read_aliases(tmp_path / "alias.txt", Contigs(["chr1"], [9]))
    with pytest.raises(InputError, match="Cannot read the alias file"):
        read_aliases(tmp_path / "absent.txt", Contigs(["chr1"], [9]))
