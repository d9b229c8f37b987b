"""The sequence of a haplotype is what its alleles spell, however they are written."""

import tempfile
from pathlib import Path

import numpy as np
from by_hand import Spliced
from hypothesis import given
from hypothesis import strategies as st

from tracksmith.genome.aliases import ContigNames
from tracksmith.genome.bases import decode
from tracksmith.genome.edited import EditedContig
from tracksmith.genome.fasta import Genome
from tracksmith.haplotypes.source import _read
from tracksmith.runs.inputs import FileRecord, HaplotypesRecord, SampleRecord


@st.composite
def people(draw):
    """A repetitive sequence, and alleles (start, end, new) that share no base, by haplotype."""
    unit = draw(st.sampled_from(["A", "CA", "GATT"]))
    sequence = "TG" + unit * draw(st.integers(4, 12)) + "CCGTA" + unit * 3 + "G"
    cuts = sorted(draw(st.sets(st.integers(1, len(sequence)), min_size=2, max_size=10)))
    alleles = []
    for start, end in zip(cuts[::2], cuts[1::2], strict=False):
        kind = draw(st.sampled_from(["snv", "insertion", "deletion"]))
        if kind == "snv":
            other = {"A": "C", "C": "G", "G": "T", "T": "A"}[sequence[start - 1]]
            allele = (start - 1, start, other)
        elif kind == "insertion":
            allele = (start, start, draw(st.sampled_from([unit, unit * 2, "ACGT", "A"])))
        else:
            allele = (start, min(end, start + 4), "")
        alleles.append((*allele, draw(st.sampled_from([(1, 0), (0, 1), (1, 1)]))))
    return sequence, alleles


def spelled(sequence, alleles, folder: Path):
    """Return both haplotypes as tracksmith reads them from a VCF, and their edits."""
    (folder / "g.fa").write_text(f">c\n{sequence}\n")
    lines = ["##fileformat=VCFv4.3\n",
             "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tann\n"]  # fmt: skip
    for start, end, new, (one, other) in alleles:
        anchor = sequence[start - 1] if start else ""
        row = [anchor + sequence[start:end], anchor + new]
        lines.append(
            f"c\t{start + (not start)}\t.\t{row[0]}\t{row[1]}\t.\t.\t.\tGT\t{one}|{other}\n"
        )
    (folder / "p.vcf").write_text("".join(lines))
    genome = Genome.open(folder / "g.fa")
    record = HaplotypesRecord(FileRecord.of(folder / "p.vcf"), (SampleRecord("ann", 0),))
    names = ContigNames(genome.contigs, "p.vcf")
    person = _read(folder / "p.vcf", record, genome, names, None, lambda text: None).people[0]
    texts = []
    for haplotype in person.haplotypes:
        edits = [haplotype.edit(number) for number in range(*haplotype.range_of(0))]
        contig = EditedContig(len(sequence), edits)
        masks = contig.read(lambda a, b: genome.read("c", a, b), 0, contig.edited_length)
        texts.append(decode(masks))
    return texts, person


@given(people())
def test_moving_indels_to_the_left_changes_no_sequence(case):
    sequence, alleles = case
    with tempfile.TemporaryDirectory() as folder:
        texts, person = spelled(sequence, alleles, Path(folder))
    if person.skipped:
        assert set(person.skipped) <= {"overlap", "duplicate"}
        return
    for number in (0, 1):
        own = [(s, e, new) for s, e, new, bits in alleles if bits[number]]
        assert texts[number] == Spliced(sequence, own).text


def test_an_indel_does_not_pass_an_snv_of_its_haplotype():
    sequence = "TGCACACACACACACAG"
    alleles = [(6, 7, "T", (1, 0)), (12, 14, "", (1, 1))]
    with tempfile.TemporaryDirectory() as folder:
        texts, person = spelled(sequence, alleles, Path(folder))
    assert texts == ["TGCACATACACACAG", "TGCACACACACACAG"]
    starts = [haplotype.starts.tolist() for haplotype in person.haplotypes]
    assert starts[1] == [2], "nothing is in its way on the second haplotype"
    assert starts[0][0] == 6
    assert starts[0][1] >= 7
    assert np.all(person.rows["applied"] == [1, 3])
