import shlex
from collections.abc import Callable
from pathlib import Path

import pysam.bcftools
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tracksmith.errors import InputError, UsageError
from tracksmith.genome.aliases import ContigNames
from tracksmith.genome.alleles import (
    GVCF_HINT,
    Allele,
    AlleleReader,
    Kind,
    OnMismatch,
    Reason,
    Skipped,
    classify,
    normalise,
)
from tracksmith.genome.bases import Masks, encode
from tracksmith.genome.fasta import Genome
from tracksmith.genome.vcf import VariantFile, VariantRecord

KINDS = {
    ("A", "C"): Kind.SNV,
    ("a", "c"): Kind.SNV,
    ("AC", "GT"): Kind.MNV,
    ("ACG", "AGG"): Kind.MNV,
    ("A", "AC"): Kind.INSERTION,
    ("AC", "ATC"): Kind.INSERTION,
    ("CAA", "CAAA"): Kind.INSERTION,
    ("AC", "A"): Kind.DELETION,
    ("ACC", "AC"): Kind.DELETION,
    ("AC", "C"): Kind.DELETION,
    ("AC", "GTT"): Kind.COMPLEX,
    ("ACGT", "AG"): Kind.COMPLEX,
    ("A", "<DEL>"): Kind.SYMBOLIC,
    ("N", "<DUP:TANDEM>"): Kind.SYMBOLIC,
    ("A", "<*>"): Kind.UNSPECIFIED,
    ("A", "<NON_REF>"): Kind.UNSPECIFIED,
    ("A", "<X>"): Kind.UNSPECIFIED,
    ("A", "<XYZ>"): Kind.SYMBOLIC,
    ("A", "*"): Kind.STAR,
    ("A", "."): Kind.MISSING,
    ("A", "]1:5]T"): Kind.BREAKEND,
    ("A", "T[<ctg>:5["): Kind.BREAKEND,
    ("A", ".A"): Kind.BREAKEND,
    ("A", "A."): Kind.BREAKEND,
    ("A", "R"): Kind.AMBIGUOUS,
    ("N", "A"): Kind.AMBIGUOUS,
    ("A", ""): Kind.INVALID,
    ("", "A"): Kind.INVALID,
    (".", "A"): Kind.INVALID,
    ("Z1", "A"): Kind.INVALID,
    ("A,C", "T"): Kind.INVALID,
    ("A", "T G"): Kind.INVALID,
    ("A", "<DEL"): Kind.INVALID,
}  # fmt: skip


@pytest.mark.parametrize(("alleles", "kind"), KINDS.items(), ids=["-".join(k) for k in KINDS])
def test_every_allele_has_one_kind(alleles: tuple[str, str], kind: Kind) -> None:
    assert classify(*alleles) is kind


def reader(sequence: str) -> Callable[[int, int], Masks]:
    return lambda start, end: encode(sequence[max(start, 0) : end])


def apply(sequence: str, position: int, ref: str, alt: str) -> str:
    assert sequence[position : position + len(ref)] == ref
    return sequence[:position] + alt + sequence[position + len(ref) :]


@st.composite
def variants(draw: st.DrawFn, letters: str = "AC") -> tuple[str, int, str, str]:
    sequence = draw(st.text(letters, min_size=1, max_size=30))
    position = draw(st.integers(0, len(sequence) - 1))
    ref = sequence[position : position + draw(st.integers(1, 6))]
    return sequence, position, ref, draw(st.text(letters, min_size=1, max_size=6))


@given(variants())
def test_a_variant_and_its_normal_form_give_the_same_haplotype(variant) -> None:
    sequence, position, ref, alt = variant
    assume(ref != alt)
    normal = normalise(reader(sequence), position, ref, alt)
    assert apply(sequence, *normal) == apply(sequence, position, ref, alt)
    assert normal[0] <= position + len(ref)
    assert normalise(reader(sequence), *normal) == normal


@given(st.text("AC", min_size=2, max_size=20), st.data())
def test_all_ways_to_write_an_indel_have_one_normal_form(sequence: str, data) -> None:
    size = data.draw(st.integers(1, min(4, len(sequence) - 1)))
    at = data.draw(st.integers(0, len(sequence) - size))
    haplotype = sequence[:at] + sequence[at + size :]
    forms, insertions = set(), set()
    for start in range(1, len(sequence) - size + 1):
        gone = sequence[start : start + size]
        if sequence[:start] + sequence[start + size :] == haplotype:
            base = sequence[start - 1]
            forms.add(normalise(reader(sequence), start - 1, base + gone, base))
            insertions.add(normalise(reader(haplotype), start - 1, base, base + gone))
    assert len(forms) <= 1
    assert len(insertions) <= 1


def test_bases_roll_over_a_stretch_longer_than_one_read() -> None:
    sequence = "G" + "CA" * 900 + "T"
    trimmed = normalise(reader(sequence), 1_790, sequence[1_790:1_793], sequence[1_790])
    assert trimmed == (0, "GCA", "G")
    assert normalise(reader("A" * 700), 650, "A", "AA") == (0, "A", "AA")


def test_equal_alleles_have_no_normal_form() -> None:
    with pytest.raises(ValueError, match="same"):
        normalise(reader("ACGT"), 1, "c", "C")


def bcftools_norm(fasta: Path, vcf: Path) -> list[tuple[str, ...]]:
    text = pysam.bcftools.norm("-f", str(fasta), "-m-", str(vcf), catch_stdout=True)
    rows = [line.split("\t") for line in str(text).splitlines() if not line.startswith("#")]
    return sorted((row[0], row[1], row[3], row[4]) for row in rows)


def ours(fasta: Path, vcf: Path) -> list[tuple[str, ...]]:
    rows = []
    with VariantFile(vcf) as file, Genome.open(fasta) as genome:
        alleles = AlleleReader(genome, ContigNames(genome.contigs, "x"), 10_000)
        for record in file:
            for allele in alleles.alleles(record):
                assert isinstance(allele, Allele)
                read = lambda s, e, c=allele.contig: genome.read(c, s, e)  # noqa: E731
                position, ref, alt = normalise(read, allele.position, allele.ref, allele.alt)
                rows.append((allele.contig, str(position + 1), ref, alt))
    return sorted(rows)


def test_normal_forms_and_splitting_are_those_of_bcftools(tmp_path: Path, shared: Path) -> None:
    import random

    rng = random.Random(4)
    sequence = "".join(rng.choice("ACCCAA") * rng.choice((1, 1, 2, 3, 5)) for _ in range(300))
    lines = []
    for _ in range(400):
        position = rng.randrange(1, len(sequence) - 8)
        ref = sequence[position : position + rng.randrange(1, 6)]
        alts = {"".join(rng.choice("AC") for _ in range(rng.randrange(1, 6))) for _ in range(2)}
        if alts := sorted(alts - {ref}):
            lines.append(f"c\t{position + 1}\t.\t{ref}\t{','.join(alts)}\t.\t.\t.\n")
    (tmp_path / "x.fa").write_text(f">c\n{sequence}\n")
    (tmp_path / "x.vcf").write_text(
        f"##fileformat=VCFv4.2\n##contig=<ID=c,length={len(sequence)}>\n"
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n" + "".join(lines)
    )
    assert ours(tmp_path / "x.fa", tmp_path / "x.vcf") == bcftools_norm(
        tmp_path / "x.fa", tmp_path / "x.vcf"
    )


def test_real_variants_split_and_normalise_as_by_bcftools(tmp_path: Path, shared: Path) -> None:
    folder = shared / "data/hg38_chr21"
    fasta = folder / "chr21.hg38.0-26.0Mb.Npad.fa.gz"
    vcf = folder / "PlatinumGenomes_NA12878.chr21_25Mb.vcf.gz"
    alleles = ours(fasta, vcf)
    assert alleles == bcftools_norm(fasta, vcf)
    assert len(alleles) == 1_627


RECORDS = {
    # genome: chr1 ACGTNRACGT (10 bp)
    "good": ((1, "A", ("C",)), [("A", "C", Kind.SNV)]),
    "lower case": ((1, "ac", ("a", "tt")), [("AC", "A", Kind.DELETION), ("AC", "TT", Kind.MNV)]),
    "genome N is no reference": ((5, "A", ("C",)), [Reason.AMBIGUOUS_REFERENCE]),
    "genome R is no reference": ((6, "A", ("C",)), [Reason.AMBIGUOUS_REFERENCE]),
    "N that is deleted, or kept": (
        (4, "TA", ("T", "A", "TAC", "CA")),
        [Reason.AMBIGUOUS_REFERENCE, ("TA", "A", Kind.DELETION), ("TA", "TAC", Kind.INSERTION),
         ("TA", "CA", Kind.MNV)],
    ),
    "N between bases that change": ((4, "TAA", ("CAC",)), [Reason.AMBIGUOUS_REFERENCE]),
    "genome R is no C": ((6, "C", ("A",)), [Reason.REF_MISMATCH]),
    "mismatch": ((1, "G", ("C", "A")), [Reason.REF_MISMATCH] * 2),
    "last base": ((10, "T", ("TA",)), [("T", "TA", Kind.INSERTION)]),
    "past the end": ((10, "TA", ("T",)), [Reason.OUTSIDE_CONTIG]),
    "far past the end": ((99, "T", ("A",)), [Reason.OUTSIDE_CONTIG]),
    "telomere": ((0, "N", ("A", "C")), [Reason.TELOMERE] * 2),
    "monomorphic": ((1, "A", ()), [Reason.MONOMORPHIC]),
    "several": (
        (1, "A", ("C", "<DEL>", "<*>", "*", "R", "A", "ACGTACGT", "")),
        [("A", "C", Kind.SNV), Reason.UNSUPPORTED_ALLELE, Reason.UNSPECIFIED_ALLELE,
         Reason.UNSUPPORTED_ALLELE,
         Reason.AMBIGUOUS_ALLELE, Reason.NO_CHANGE, Reason.TOO_LONG, Reason.INVALID_ALLELE],
    ),
}  # fmt: skip


def test_the_command_that_is_named_for_a_gvcf_leaves_its_variants(tmp_path: Path) -> None:
    (tmp_path / "x.g.vcf").write_text(
        "##fileformat=VCFv4.2\n##contig=<ID=c,length=99>\n"
        '##INFO=<ID=END,Number=1,Type=Integer,Description="end">\n'
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
        "c\t1\t.\tA\t<NON_REF>\t.\t.\tEND=8\nc\t9\t.\tG\tC,<NON_REF>\t.\t.\t.\n"
        "c\t20\t.\tA\t<*>\t.\t.\tEND=28\nc\t29\t.\tG\tGA,T,<*>\t.\t.\t.\n"
    )
    split, chosen = (shlex.split(command) for command in GVCF_HINT.split(": ")[-1].split(" | "))
    assert split[:2] == ["bcftools", "norm"] and chosen[:2] == ["bcftools", "view"]
    files = {"FILE": str(tmp_path / "x.g.vcf"), "variants.vcf.gz": str(tmp_path / "x.vcf.gz")}
    split, chosen = ([files.get(word, word) for word in words[2:]] for words in (split, chosen))
    middle = str(tmp_path / "split.vcf")
    pysam.bcftools.norm(*split, "-o", middle, catch_stdout=False)
    pysam.bcftools.view(*chosen, middle, catch_stdout=False)
    with VariantFile(tmp_path / "x.vcf.gz") as file:
        assert [(r.position + 1, r.ref, r.alts) for r in file] == [
            (9, "G", ("C",)), (29, "G", ("GA",)), (29, "G", ("T",)),
        ]  # fmt: skip


def test_the_length_limit_is_held_after_trimming(genome_of) -> None:
    sequence = "ACGTTGCAAC" * 4
    genome = genome_of(f">chr1\n{sequence}\n")
    reading = AlleleReader(genome, ContigNames(genome.contigs, "x.vcf"), 6)
    ref = sequence[2:32]
    snv, five, six, swap = ref[:9] + "T" + ref[10:], ref[5:], ref[6:], "C" * 7 + ref[7:]
    inserted, more = ref[:8] + "AAAAA" + ref[8:], ref[:8] + "AAAAAA" + ref[8:]
    record = VariantRecord(1, "chr1", 2, ".", ref, (snv, five, six, swap, inserted, more))
    alleles = list(reading.alleles(record))
    kept = [item.number for item in alleles if isinstance(item, Allele)]
    assert kept == [1, 2, 5]
    assert {item.reason for item in alleles if isinstance(item, Skipped)} == {Reason.TOO_LONG}
    for number in kept:
        read = lambda start, end: genome.read("chr1", start, end)  # noqa: E731
        _, short, other = normalise(read, 2, ref, record.alts[number - 1])
        assert max(len(short), len(other)) <= 6


def small_genome(genome_of) -> Genome:
    return genome_of(">chr1\nACGTNRACGT\n")


@pytest.mark.parametrize(("record", "expected"), RECORDS.values(), ids=RECORDS)
def test_every_allele_of_a_record_is_kept_or_has_a_reason(record, expected, genome_of) -> None:
    position, ref, alts = record
    given_record = VariantRecord(7, "1", position - 1, "id", ref, alts)
    genome = small_genome(genome_of)
    reading = AlleleReader(genome, ContigNames(genome.contigs, "x.vcf"), 6)
    alleles = list(reading.alleles(given_record))
    shown = [
        item.reason if isinstance(item, Skipped) else (item.ref, item.alt, item.kind)
        for item in alleles
    ]
    assert shown == expected
    assert [item.number for item in alleles] == list(range(1, len(alts) + 1)) or [0]
    for item in alleles:
        assert item.record is given_record
        if isinstance(item, Allele):
            assert item.contig == "chr1"
            assert item.position == position - 1
        else:
            assert item.detail
            assert item.alt == (alts[item.number - 1] if alts else ".")


def test_an_unknown_contig_is_a_reason_and_not_an_error(genome_of) -> None:
    genome = small_genome(genome_of)
    reading = AlleleReader(genome, ContigNames(genome.contigs, "x.vcf"), 6)
    (alleles,) = reading.alleles(VariantRecord(1, "HLA", 0, ".", "A", ("C",)))
    assert isinstance(alleles, Skipped)
    assert alleles.reason is Reason.UNKNOWN_CONTIG
    assert "HLA" in alleles.detail


def test_a_reference_mismatch_is_skipped_refused_or_swapped(genome_of) -> None:
    genome = small_genome(genome_of)
    record = VariantRecord(9, "chr1", 0, ".", "C", ("A", "G"))

    def read(mode: OnMismatch) -> list[Allele | Skipped]:
        return list(
            AlleleReader(genome, ContigNames(genome.contigs, "x.vcf"), 6, mode).alleles(record)
        )

    skipped = read("skip")
    assert [getattr(item, "detail", "") for item in skipped] == ["REF is C, the genome has A"] * 2
    with pytest.raises(InputError, match=r"x.vcf:9: chr1:1: REF is C, the genome has A"):
        read("error")
    swapped, other = read("use-alt-as-ref")
    assert isinstance(swapped, Allele)
    assert str(swapped) == "chr1:1:A>C"
    assert swapped.swapped
    assert isinstance(other, Skipped)
    record = VariantRecord(9, "chr1", 5, ".", "C", ("A",))
    (unknown,) = read("use-alt-as-ref")
    assert isinstance(unknown, Skipped)
    assert unknown.reason is Reason.AMBIGUOUS_REFERENCE
    with pytest.raises(UsageError, match="--ref-mismatch"):
        AlleleReader(genome, ContigNames(genome.contigs, "x"), 6, "never")  # type: ignore[arg-type]


def test_every_reason_has_a_sentence() -> None:
    for reason in Reason:
        assert reason.text.endswith(".")
        assert reason.value == reason.name.lower()
