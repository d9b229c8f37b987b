"""Real phased people, held bit for bit against plain runs over what bcftools consensus makes.

Set TRACKSMITH_EVERY_PERSON=1 for 20 people on a whole megabase, which takes minutes.
"""

import csv
import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest
from consensus import Cut, consensus, cut, without

import tracksmith
from tracksmith.tracks.reader import read_values

PEOPLE = [
    "HG00096", "HG00097", "HG00099", "HG00100", "HG00101", "HG00102", "HG00103", "HG00105",
    "HG00106", "HG00107", "HG00108", "HG00109", "HG00110", "HG00111", "HG00112", "HG00113",
    "HG00114", "HG00115", "HG00116", "HG00117",
]  # fmt: skip
EVERY = bool(os.environ.get("TRACKSMITH_EVERY_PERSON"))
TRACKS = ("plus", "minus")


@pytest.fixture(scope="module")
def piece(shared: Path, tmp_path_factory) -> Cut:
    if importlib.util.find_spec("tracksmith_demo") is None:
        pytest.skip("the plugin tracksmith_demo is not installed")
    data = shared / "data" / "hg19_chr20"
    people, span = (PEOPLE, 1_000_000) if EVERY else (PEOPLE[:3], 120_000)
    source = (
        data / "chr20.hg19.0-2Mb.Npad.fa.gz",
        data / "1000G_300samples_phased.chr20_1-2Mb.ucscnames.vcf.gz",
    )
    place = ("chr20", 1_000_000, 1_000_000 + span)
    made = cut(source, place, people, tmp_path_factory.mktemp("piece"))
    # bcftools also leaves out an edit that only adjoins the one before.
    skipped = [consensus(made, person, hap).skipped for person in people for hap in (1, 2)]
    return without(made, set().union(*skipped))


def inserted(run: Path, person: str, track: str, haplotype: int) -> dict[int, str]:
    """Sums over inserted bases, by the place where they are applied."""
    with (run / "edits" / f"{person}.edits.tsv").open() as table:
        rows = list(csv.DictReader(table, delimiter="\t"))
    assert all(row["applied"] == row["haplotype"] for row in rows)
    name = f"core-promoter.{track}.hap{haplotype}.inserted_sum"
    return {int(row["start"]): row[name] for row in rows if row[name]}


def test_haplotypes_equal_plain_runs_over_bcftools_consensus_carried_back(piece, tmp_path):
    run = tmp_path / "people"
    tracksmith.predict("core-promoter", piece.fasta, run, vcf=piece.vcf, sample=piece.people)
    deleted = added = 0
    for person in piece.people:
        for haplotype in (1, 2):
            edited = consensus(piece, person, haplotype)
            plain = tmp_path / f"{person}.{haplotype}"
            tracksmith.predict("core-promoter", edited.fasta, plain)
            kept = edited.origin >= 0
            for track in TRACKS:
                name = f"core-promoter.{track}"
                found = read_values(plain / "tracks" / f"{name}.bw", "chr20", 0, edited.length)
                expected = np.full(piece.length, np.nan, np.float32)
                expected[edited.origin[kept]] = found[kept]
                mine = read_values(
                    run / "tracks" / f"{name}.{person}.hap{haplotype}.bw", "chr20", 0, piece.length
                )
                assert np.array_equal(mine, expected, equal_nan=True)
                total = np.abs(found[~kept]).sum(dtype=float)
                sums = inserted(run, person, track, haplotype)
                assert sum(map(float, sums.values())) == pytest.approx(total, rel=1e-5)
            deleted += int(np.isnan(expected).sum())
            added += int((~kept).sum())
    assert deleted > 20
    assert added > 10
