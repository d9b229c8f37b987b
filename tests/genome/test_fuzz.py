"""Damaged files of every kind are read or refused by a sentence, never by a trace.

As a test this takes a few seeded mutations of each kind. Run for longer by hand:
``python tests/genome/test_fuzz.py KIND CPU_SECONDS [SEED]``.
"""

import contextlib
import gzip
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pysam.bcftools
import pytest

from tracksmith.errors import InputError, TracksmithError
from tracksmith.genome.aliases import ContigNames, read_aliases
from tracksmith.genome.alleles import AlleleReader
from tracksmith.genome.bed import read_bed
from tracksmith.genome.bgzf_writer import BgzfWriter
from tracksmith.genome.contigs import Contigs
from tracksmith.genome.fasta import Genome
from tracksmith.genome.intervals import parse_region
from tracksmith.genome.regions import resolve_regions
from tracksmith.genome.tabix import TabixBed
from tracksmith.genome.twobit import read_index, read_length, write_twobit
from tracksmith.genome.vcf import VariantFile, check_assembly
from tracksmith.genome.vcf_writer import InfoField, annotated_vcf

CONTIGS = Contigs(["chr1", "chr2", "HLA-A*01:02"], [1_000, 200, 30])
FASTA = (
    b">chr1 first\n" + b"ACGTNACGRT\n" * 100 + b">chr2\n" + b"acgtu\n" * 40 + b">HLA-A*01:02\nACG\n"
)
VCF = (
    b'##fileformat=VCFv4.2\n##INFO=<ID=END,Number=1,Type=Integer,Description="e">\n'
    b"##contig=<ID=chr1,length=1000>\n##contig=<ID=chr2>\n"
    b'##FORMAT=<ID=GT,Number=1,Type=String,Description="g">\n'
    b"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts1\n"
    b"chr1\t2\trs1;x\tC\tA,<DEL>\t9\tPASS\tEND=9\tGT\t0/1\n"
    b"chr1\t5\t.\tN\tA,<NON_REF>\t.\t.\t.\tGT\t.\n"
    b"chr1\t0\t.\tN\tA]chr2:1]\t.\t.\t.\tGT\t./.\n"
    b"chr2\t3\tr\tgta\tg,*,.\t.\tq\tEND=200;SVLEN=-3\tGT\t1|2\n"
)
TABLE = (
    b"#made by hand\nchrom\tpos\tref\talt\tid\tmore\nchr1\t2\tC\tA,G\trs1\t\n"
    b"chr2\t3\tgta\tg\t.\t7\n\nHLA-A*01:02\t1\tA\t.\tx\t\n"
)
BED = (
    b"browser x\ntrack name=y\nchrom\tstart\tend\tname\nchr1\t10\t20\tpeak\t0\t-\n"
    b"chr2\t0\t200\tother\t1\t+\n#end\nHLA-A*01:02\t5\t15\n"
)
RANGES = b"seqnames\tstart\tend\twidth\tstrand\nchr1\t11\t20\t10\t-\nchr2\t1\t200\t200\t*\n"
REPORT = b"\t".join(
    [b"1", b"assembled-molecule", b"1", b"Chromosome", b"CM1", b"=", b"NC_1", b"P", b"248", b"chr1"]
)
ALIASES = b"# names\nNC_1\tchr1\nNC_2 chr2\n1\tCM1\tNC_1\tchr1\n" + REPORT + b"\r\n"
REGIONS = b"chr1:1,000-2,000\nchr1\nHLA-A*01:02:3-9\nchr2:7\nNC_1:5-9\nchr*\n1:1-2\n"

TOKENS = [
    b"\t", b"\n", b"\r", b"\r\n", b"\0", b" ", b".", b",", b";", b"-", b":", b">", b"#", b"##",
    b"@", b"\xff", b"\xc2\xb2", b"\xe2\x80\xa8", b"\xef\xbb\xbf", b"\xff\xfe", b"\x1f\x8b",
    b"PK\x03\x04", b"9" * 5_000, b"0" * 5_000, b"-1", b"-", b"1e9", b"4294967296", b"nan",
    b"chr1", b"chr9", b"<NON_REF>", b"<*>", b"*", b"##contig=<ID=chr2,length=", b"##contig=<", b'"',
    b"\nchr1\t1\t", b"seqnames\tstart\tend\twidth\n", b"abs_summit", b"track", b"N" * 300, b"\x85",
]  # fmt: skip


def mutated(content: bytes, rng: random.Random) -> bytes:
    """Change a few places: a byte, a token more, a piece less, twice or elsewhere, a cut."""
    damaged = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        at = rng.randrange(len(damaged) + 1)
        size = rng.choice((1, 2, 4, 9, 40))
        change = rng.random()
        if change < 0.3:
            damaged[at : at + 1] = bytes([rng.choice((0, 9, 10, 32, 127, 255, rng.randrange(256)))])
        elif change < 0.6:
            damaged[at : at + rng.choice((0, 0, 1, 5))] = rng.choice(TOKENS)
        elif change < 0.75:
            del damaged[at : at + size]
        elif change < 0.85:
            damaged[at:at] = damaged[at : at + size]
        elif change < 0.95:
            other = rng.randrange(len(damaged) + 1)
            damaged[at : at + size] = damaged[other : other + size]
        else:
            del damaged[at:]
    return bytes(damaged)


def packed(content: bytes, rng: random.Random, folder: Path) -> bytes:
    """Compress or not, and damage what is compressed now and then."""
    way = rng.random()
    if way < 0.7:
        return content
    if way < 0.8:
        content = gzip.compress(content, 1)
    else:
        with BgzfWriter(folder / "packed") as out:
            out.write(content)
        content = (folder / "packed").read_bytes()
    return mutated(content, rng) if rng.random() < 0.4 else content


def read_fasta(path: Path) -> None:
    with Genome.open(path) as genome:
        for name, length in genome.contigs:
            genome.read(name, -1, min(length, 5_000) + 1)
        if genome.contigs.bases < 10_000:
            write_twobit(genome, path.with_suffix(".2bit"))


def read_variants(genome: Genome, path: Path) -> None:
    with VariantFile(path, allow_truncated=path.stat().st_size % 2 == 0) as file:
        names = ContigNames(genome.contigs, path.name)
        reader = AlleleReader(genome, names, 100, "use-alt-as-ref")
        for record in file:
            list(reader.alleles(record))
        check_assembly(file.header, names)


def annotate_variants(genome: Genome, path: Path) -> None:
    fields = [InfoField("TS", "1", "Integer", "x")]
    with (
        VariantFile(path) as file,
        annotated_vcf(path.parent / "out.gz", file.header, fields) as out,
    ):
        for record, line in file.lines():
            out.write(record, line, {"TS": 1})


def read_regions(path: Path) -> None:
    bed = read_bed(path, CONTIGS, clip=path.stat().st_size % 2 == 0)
    assert all(0 <= i.start < i.end <= CONTIGS.length(i.contig) for i in bed)
    assert len(bed.names) == len(bed.strands) == len(bed)


def read_names(path: Path) -> None:
    names = ContigNames(CONTIGS, "x", aliases=read_aliases(path, CONTIGS))
    for name in ("NC_1", "1", "chr1", "CM1"):
        names.find(name)
    names.matching("*")


def read_typed(genome: Genome, path: Path) -> None:
    for text in path.read_bytes().decode("utf-8", "surrogateescape").split("\n"):
        for read in (
            partial(parse_region, text, CONTIGS, clip=len(text) % 2 == 0),
            partial(resolve_regions, [text], [], genome),
            partial(resolve_regions, [], [text], genome),
        ):
            with contextlib.suppress(InputError):
                read()


def read_twobit(path: Path) -> None:
    raw = path.read_bytes()
    index = read_index(lambda start, size: raw[start : start + size], "x")
    for offset in index.values():
        read_length(lambda start, size: raw[start : start + size], offset, "fuzz")


def read_tabix(path: Path) -> None:
    with TabixBed(path) as bed:
        for contig in bed.contigs:
            list(bed.overlapping(contig, 0, 1 << 29))


def bcf_of(folder: Path) -> bytes:
    declared = (
        b'##INFO=<ID=SVLEN,Number=1,Type=Integer,Description="l">\n'
        b'##FILTER=<ID=q,Description="q">\n'
    )
    (folder / "x.vcf").write_bytes(VCF.replace(b"##contig", declared + b"##contig", 1))
    pysam.bcftools.view(
        "-Ou", "-o", str(folder / "x.bcf"), str(folder / "x.vcf"), catch_stdout=False
    )
    return gzip.decompress((folder / "x.bcf").read_bytes())


def twobit_of(folder: Path) -> bytes:
    (folder / "g.fa").write_bytes(FASTA)
    write_twobit(Genome.open(folder / "g.fa"), folder / "g.2bit")
    return (folder / "g.2bit").read_bytes()


class Fuzzer:
    """Reads mutations of one kind of file in a folder of its own."""

    def __init__(self, kind: str, folder: Path) -> None:
        (folder / "genome.fa").write_bytes(FASTA)
        genome = Genome.open(folder / "genome.fa")
        bcf, twobit = bcf_of(folder), twobit_of(folder)
        kinds: dict[str, tuple[list[bytes], str, Callable[[Path], None]]] = {
            "fasta": ([FASTA, FASTA.replace(b"\n", b"\r\n"), FASTA[:60]], "x.fa", read_fasta),
            "vcf": ([VCF], "x.vcf", partial(read_variants, genome)),
            "annotate": ([VCF], "x.vcf", partial(annotate_variants, genome)),
            "bcf": ([bcf], "x.bcf", partial(read_variants, genome)),
            "bcf lines": ([bcf], "x.bcf", partial(annotate_variants, genome)),
            "table": ([TABLE], "x.tsv", partial(read_variants, genome)),
            "bed": ([BED, RANGES], "x.bed", read_regions),
            "aliases": ([ALIASES, REPORT], "alias.tsv", read_names),
            "regions": ([REGIONS], "typed", partial(read_typed, genome)),
            "2bit": ([twobit], "y.2bit", read_twobit),
        }
        self.folder = folder
        self.corpus, self.name, self.read = kinds[kind]
        self.outcomes: Counter[str] = Counter()

    def once(self, rng: random.Random) -> bytes:
        """Read one mutation; return it."""
        content = packed(mutated(rng.choice(self.corpus), rng), rng, self.folder)
        path = self.folder / self.name
        path.write_bytes(content)
        try:
            self.read(path)
            self.outcomes["read"] += 1
        except TracksmithError as error:
            assert error.exit_code in (4, 6), error
            assert "\n" not in str(error)[:60]
            self.outcomes["refused"] += 1
        return content


KINDS = (
    "fasta",
    "vcf",
    "annotate",
    "bcf",
    "bcf lines",
    "table",
    "bed",
    "aliases",
    "regions",
    "2bit",
)


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_read_or_refused(kind: str, tmp_path: Path) -> None:
    fuzzer, rng = Fuzzer(kind, tmp_path), random.Random(f"{kind} 1")
    for _ in range(60):
        fuzzer.once(rng)
    assert fuzzer.outcomes["read"]
    assert fuzzer.outcomes["refused"] or kind == "regions"  # whose errors are counted one by one


def main(kind: str, seconds: str, seed: str = "2") -> None:
    """Go on for a while; leave the first input that ends in a trace beside the working folder."""
    rng, end = random.Random(f"{kind} {seed}"), time.process_time() + float(seconds)
    with tempfile.TemporaryDirectory() as folder:
        fuzzer, count = Fuzzer(kind, Path(folder)), 0
        while time.process_time() < end:
            count += 1
            try:
                fuzzer.once(rng)
            except BaseException:
                Path(f"fuzz-{kind}-{count}").write_bytes((Path(folder) / fuzzer.name).read_bytes())
                raise
        print(kind, count, dict(fuzzer.outcomes))


if __name__ == "__main__":
    main(*sys.argv[1:])
