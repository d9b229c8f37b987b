"""NA12878 on chr21: CLIPNET (fixture weights) and the demonstration, windows cut by hand."""

import gzip
import importlib.util
from pathlib import Path

import numpy as np
import pysam
import pytest
import torch
from by_hand import Spliced
from engine_toys import cut

import tracksmith
from tracksmith.models.encoding import encoding_table
from tracksmith.plugin import LoadRequest
from tracksmith.tracks.reader import read_values

CONTIG, START, END = "chr21", 25_100_000, 25_110_000
MASKS = {"A": 1, "C": 2, "M": 3, "G": 4, "R": 5, "S": 6, "T": 8, "W": 9, "Y": 10, "K": 12, "N": 15}
CODES = {frozenset("AC"): "M", frozenset("AG"): "R", frozenset("CG"): "S", frozenset("AT"): "W",
         frozenset("CT"): "Y", frozenset("GT"): "K"}  # fmt: skip


@pytest.fixture(scope="module")
def data(shared: Path) -> Path:
    if importlib.util.find_spec("tracksmith_clipnet") is None:
        pytest.skip("the plugin tracksmith_clipnet is not installed")
    return shared


@pytest.fixture(scope="module")
def genome(data: Path) -> Path:
    return data / "data/hg38_chr21/chr21.hg38.0-26.0Mb.Npad.fa.gz"


@pytest.fixture(scope="module")
def vcf(data: Path) -> Path:
    return data / "data/hg38_chr21/PlatinumGenomes_NA12878.chr21_25Mb.vcf.gz"


def records(vcf: Path, low: int, high: int):
    """Position (0-based), REF, the two alleles and the sign between them, near a stretch."""
    with gzip.open(vcf, "rt") as lines:
        for line in lines:
            fields = line.rstrip("\n").split("\t")
            if line.startswith("#") or not low <= int(fields[1]) - 1 < high:
                continue
            alleles = [fields[3], *fields[4].split(",")]
            genotype = fields[9].split(":")[0]
            if "." in genotype:
                continue
            first, second = (alleles[int(n)] for n in genotype.replace("|", "/").split("/"))
            yield int(fields[1]) - 1, fields[3], (first, second), "|" in genotype


def edit(position: int, ref: str, alt: str) -> tuple[int, int, str]:
    """What changes, the shared bases taken off from the right first."""
    while ref and alt and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    while ref and alt and ref[0] == alt[0]:
        position, ref, alt = position + 1, ref[1:], alt[1:]
    return position, position + len(ref), alt


def left(sequence: str, found: tuple[int, int, str], limit: int) -> tuple[int, int, str]:
    """The same edit as far left as the sequence and the edit before let it go."""
    start, end, new = found
    while start > limit and (not new or start == end):
        moved = new or sequence[start:end]
        if sequence[start - 1] != moved[-1]:
            break
        new = new and moved[-1] + new[:-1]
        start, end = start - 1, end - 1
    return start, end, new


def haplotypes(vcf: Path, sequence: str, offset: int, *, two_hot: bool):
    """The edits of both haplotypes of a sequence that begins at ``offset`` of the contig."""
    both: list[list[tuple[int, int, str]]] = [[], []]
    for position, ref, alleles, phased in records(vcf, offset + 100, offset + len(sequence) - 100):
        if not phased and alleles[0] != alleles[1]:
            if not two_hot or {len(ref), *map(len, alleles)} != {1}:
                continue
            alleles = (CODES[frozenset(alleles)],) * 2
        for own, alt in zip(both, alleles, strict=True):
            found = edit(position - offset, ref, alt)
            before = own[-1][1] if own else 0
            if alt != ref and found[0] >= before:
                own.append(left(sequence, found, before))
    return both


def by_hand(text: str, place: int, load) -> np.ndarray:
    """Both tracks of one CLIPNET window of 1,000 bases whose core begins at ``place``."""
    bases = cut(text, place - 250, place + 750)
    masks = np.array([[MASKS[letter] for letter in bases]])
    networks, to_tracks, table = load
    with torch.inference_mode():
        channels = torch.from_numpy(table[masks]).transpose(1, 2).contiguous()
        raw = torch.stack([network(channels) for network in networks]).mean(0)
        return to_tracks(raw)[0].numpy()


@pytest.fixture(scope="module")
def clipnet(data: Path):
    from tracksmith_clipnet.plugin import LCL, find_weights, load

    found = find_weights(data / "parity/clipnet/folds")
    predictor = load(LoadRequest(weights=found, tracks=("plus", "minus"), options={}))
    networks = [network.eval() for network in predictor.networks.values()]
    return networks, predictor.to_tracks, encoding_table(LCL.alphabet)


def test_clipnet_reads_windows_that_are_filled_with_the_persons_bases(
    genome, vcf, clipnet, data, tmp_path
):
    """Unphased SNVs are two-hot, as CLIPNET was trained; unphased indels are left out."""
    torch.set_num_threads(1)
    tracksmith.predict(
        "clipnet-lcl", genome, tmp_path / "run", vcf=vcf, sample="NA12878", unphased="two-hot",
        regions=(f"{CONTIG}:{START + 1}-{END}",), weights=data / "parity/clipnet/folds",
        folds="mean:1,2,3", allow_other_lengths=True, reverse_complement=False,
    )  # fmt: skip
    offset = START - 50_000
    sequence = pysam.FastaFile(str(genome)).fetch(CONTIG, offset, END + 50_000).upper()
    both = haplotypes(vcf, sequence, offset, two_hot=True)
    assert any(len(new) != end - start for own in both for start, end, new in own)
    checked = set()
    for number, edits in enumerate(both, 1):
        spliced = Spliced(sequence, edits)
        found = [
            read_values(tmp_path / "run/tracks" / f"clipnet-lcl.{t}.NA12878.hap{number}.bw",
                        CONTIG, START, END)
            for t in ("plus", "minus")
        ]  # fmt: skip
        largest = np.nanmax(np.abs(found), axis=1)
        near = [p + d for p, _, _ in edits for d in (-300, -1, 3, 60, 450)]
        inside = [p for p in near if START <= p + offset < END and p in spliced.place]
        assert len(inside) > 30
        for position in inside[:: max(1, len(inside) // 40)]:
            core = (position + offset) // 500 * 500 - offset
            begin = spliced.place[position] - (position - core)
            values = by_hand(spliced.text, begin, clipnet)[:, position - core]
            values[1] = -values[1]  # the minus strand is stored negative
            mine = [track[position + offset - START] for track in found]
            assert np.abs(mine - values) == pytest.approx(0, abs=1e-5 * float(largest.max()))
            checked.add((number, position))
    assert len(checked) > 50


def test_na12878_has_a_row_for_every_allele_that_she_carries(genome, vcf, tmp_path):
    run = tracksmith.predict(
        "core-promoter", genome, tmp_path / "run", vcf=vcf, sample="NA12878", unphased="reference",
        regions=(f"{CONTIG}:{START + 1}-{END}",), allow_other_lengths=True,
    )  # fmt: skip
    window = 2048
    expected = 0
    for position, ref, alleles, _ in records(vcf, START - window - 200, END + window + 200):
        for alt in set(alleles) - {ref}:
            start, end, _ = edit(position, ref, alt)
            expected += START - window <= end and start <= END + window
    lines = (run.folder / "edits/NA12878.edits.tsv").read_text().splitlines()
    assert len(lines) - 1 == expected > 10
    counts = run.results.people["NA12878"]
    assert counts.applied + counts.skipped.get("unphased", 0) == expected
