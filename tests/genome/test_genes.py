"""GFF3 and GTF: transcripts with their exons, as the files' own words have them."""

import gzip
import random
from pathlib import Path

import pytest

from tracksmith.errors import InputError
from tracksmith.genome.aliases import ContigNames, LeftOut
from tracksmith.genome.contigs import Contigs
from tracksmith.genome.genes import read_genes

CONTIGS = Contigs(["chr1", "chr2"], [10_000, 500])

GTF = """\
#!genome-build toy
1\thavana\tgene\t1001\t2000\t.\t+\t.\tgene_id "G1"; gene_name "ABC1";
1\thavana\ttranscript\t1001\t2000\t.\t+\t.\tgene_id "G1"; transcript_id "T1"; gene_name "ABC1";
1\thavana\texon\t1001\t1200\t.\t+\t.\tgene_id "G1"; transcript_id "T1"; exon_number 1;
1\thavana\tCDS\t1101\t1200\t.\t+\t0\tgene_id "G1"; transcript_id "T1";
1\thavana\texon\t1801\t2000\t.\t+\t.\tgene_id "G1"; transcript_id "T1";
1\thavana\tCDS\t1801\t1900\t.\t+\t1\tgene_id "G1"; transcript_id "T1";
1\thavana\tstop_codon\t1901\t1903\t.\t+\t0\tgene_id "G1"; transcript_id "T1";
2\tx\tgene\t5\t9\t.\t-\t.\tgene_id "lonely"; transcript_id ""; gene "LNC";
"""
GFF = """\
##gff-version 3
chr1\t.\tregion\t1\t10000\t.\t.\t.\tID=chr1;Name=landmark
chr1\t.\texon\t1801\t2000\t.\t-\t.\tParent=t1,t2
chr1\t.\tgene\t1001\t2000\t.\t-\t.\tID=g1;Name=AB%3BC
chr1\t.\tmRNA\t1001\t2000\t.\t-\t.\tID=t1;Parent=g1;Name=long
chr1\t.\tmRNA\t1801\t2000\t.\t-\t.\tID=t2;Parent=g1
chr1\t.\texon\t1001\t1200\t.\t-\t.\tParent=t1
chr1\t.\tCDS\t1101\t1200\t.\t-\t0\tID=c;Parent=t1
chr1\t.\tCDS\t1801\t1850\t.\t-\t0\tID=c;Parent=t1
chr1\t.\tgene\t3001\t3300\t.\t+\t.\tID=gene-bac;gene=dnaA
chr1\t.\tCDS\t3001\t3300\t.\t+\t0\tID=cds-1;Parent=gene-bac;gene=dnaA
chr1\t.\trepeat_region\t4001\t4010\t.\t.\t.\tNote=twice
chr1\t.\trepeat_region\t4021\t4030\t.\t.\t.\tNote=twice
###
##FASTA
>chr1
ACGT
"""


def read(tmp_path: Path, text: str, name: str = "x.gff3") -> tuple[list, LeftOut]:
    path, left_out = tmp_path / name, LeftOut()
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return read_genes(path, ContigNames(CONTIGS, name), left_out), left_out


@pytest.mark.parametrize("name", ["x.gtf", "x.gtf.gz"])
def test_a_transcript_of_gtf_has_its_exons_and_what_is_translated_with_the_stop(tmp_path, name):
    (first, second), left_out = read(tmp_path, GTF, name)
    assert (first.contig, first.strand, first.name, first.transcript) == (0, "+", "ABC1", "T1")
    assert first.blocks == ((1000, 1200), (1800, 2000))
    assert first.thick == (1100, 1903)
    assert (second.contig, second.name, second.blocks, second.thick) == (1, "LNC", ((4, 9),), None)
    assert left_out.rows == 0


def test_the_order_of_lines_is_of_no_matter(tmp_path):
    head, *lines = GTF.splitlines()
    whole = set(read(tmp_path, GTF)[0])
    for seed in range(10):
        random.Random(seed).shuffle(lines)
        items, _ = read(tmp_path, "\n".join([head, *lines]))
        assert set(items) == whole


def test_gff3_gives_a_row_for_each_transcript_and_for_what_has_no_parts(tmp_path):
    items, _ = read(tmp_path, GFF)
    seen = {(item.name, item.transcript, item.kind, item.blocks, item.thick) for item in items}
    assert seen == {
        ("AB;C", "t1", "mRNA", ((1000, 1200), (1800, 2000)), (1100, 1850)),
        ("AB;C", "t2", "mRNA", ((1800, 2000),), None),
        ("dnaA", "gene-bac", "gene", ((3000, 3300),), (3000, 3300)),
        ("repeat_region", "", "repeat_region", ((4000, 4010),), None),
        ("repeat_region", "", "repeat_region", ((4020, 4030),), None),
    }


def test_one_id_on_two_contigs_is_two_transcripts(tmp_path):
    line = 'chr{}\tx\texon\t11\t20\t.\t+\t.\tgene_id "P"; transcript_id "PAR";\n'
    items, _ = read(tmp_path, line.format(1) + line.format(2))
    assert [(item.contig, item.blocks) for item in items] == [(0, ((10, 20),)), (1, ((10, 20),))]


def test_lines_on_contigs_that_the_genome_lacks_are_counted(tmp_path):
    items, left_out = read(tmp_path, GTF + 'chrZ\tx\texon\t1\t9\t.\t+\t.\ttranscript_id "Z";\n' * 2)
    assert len(items) == 2
    assert (left_out.rows, list(left_out.contigs)) == (2, ["chrZ"])


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("chr1\t.\texon\t9\t10001\t.\t+\t.\tParent=t", "end 10,001 passes the end of chr1"),
        ("chr1\t.\texon\t9\t8\t.\t+\t.\tParent=t", "9 to 8 is no stretch of bases"),
        ("chr1\t.\texon\t0\t8\t.\t+\t.\tParent=t", "0 to 8 is no stretch of bases"),
        ("chr1\t.\texon\t²\t8\t.\t+\t.\tParent=t", "'²' is no position"),
        ("chr1\t.\texon\t" + "9" * 5000 + "\t8\t.\t+\t.\tx", "is no position"),
        (
            "chr1\t10\t20\tpeak",
            "it has 4 column(s), separated by tabs; GFF3 and GTF have nine. Is it BED?",
        ),
    ],
)
def test_a_line_that_is_none_is_named(tmp_path, line, says):
    with pytest.raises(InputError) as raised:
        read(tmp_path, f"##gff-version 3\n{line}\n")
    assert "x.gff3:2: " in str(raised.value)
    assert says in str(raised.value)
