"""The second reader of finished VCFs."""

from pathlib import Path

import pysam
import pytest

from tracksmith.errors import TracksmithError
from tracksmith.genome.vcf_check import verify_vcf

HEADER = (
    "##fileformat=VCFv4.2\n##contig=<ID=1,length=100>\n"
    '##INFO=<ID=E,Number=1,Type=Float,Description="effect">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
)
ROWS = "1\t5\t.\tA\tC\t.\t.\tE=0.5\n1\t7\t.\tG\tT\t.\t.\t.\n"


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    path = tmp_path / "x.vcf"
    path.write_text(HEADER + ROWS)
    pysam.tabix_compress(str(path), f"{path}.gz")
    return tmp_path / "x.vcf.gz"


def test_a_file_that_reads_back_as_written_is_verified(finished: Path) -> None:
    assert verify_vcf(finished, 2, {"E": 1})


@pytest.mark.parametrize(("records", "annotated"), [(3, 1), (2, 2)])
def test_a_lost_record_or_annotation_is_found(finished: Path, records, annotated) -> None:
    with pytest.raises(TracksmithError, match="does not read back"):
        verify_vcf(finished, records, {"E": annotated})


def test_a_file_on_which_the_reader_dies_is_told_of(tmp_path: Path) -> None:
    path = tmp_path / "x.vcf"
    path.write_text(HEADER + "1\t.\t.\tA\tC\t.\t.\tE=1\n\n")
    notes: list[str] = []
    assert not verify_vcf(path, 1, {"E": 1}, notes.append)
    assert "htslib cannot read it" in notes[0]
