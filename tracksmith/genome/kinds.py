"""What a file is that cannot be read as what it was given for: told by its first bytes."""

from __future__ import annotations

import re
from pathlib import Path

from tracksmith.errors import InputError

__all__ = ["is_file", "kind_of_bytes", "require_file"]

_ADDRESS = re.compile(r"(https?|ftp|s3|gs|gcs|az|drs|file):/+", re.IGNORECASE)
_BY_HEAD = {
    b"\xef\xbb\xbf": "a UTF-8 byte order mark, which does not belong here; remove it: "
    r"sed -i '1s/^\xEF\xBB\xBF//' FILE",
    b"\xff\xfe": "UTF-16 text; save it as UTF-8",
    b"\xfe\xff": "UTF-16 text; save it as UTF-8",
    b"PK\x03\x04": "a zip archive (or a spreadsheet); unpack it first, or save it as text",
    b"\xd0\xcf\x11\xe0": "an Excel file; save it as tab-separated text",
    b"BZh": "bzip2 data; unpack it first: bunzip2 FILE",
    b"\xfd7zXZ": "xz data; unpack it first: unxz FILE",
    b"\x28\xb5\x2f\xfd": "zstd data; unpack it first: unzstd FILE",
    b"\x43\x27\x41\x1a": "a 2bit file; write its FASTA: twoBitToFa FILE genome.fa",
    b"\x1a\x41\x27\x43": "a 2bit file; write its FASTA: twoBitToFa FILE genome.fa",
    b"\x26\xfc\x8f\x88": "a bigWig; write it as text: bigWigToBedGraph FILE x.bedGraph",
    b"\x88\x8f\xfc\x26": "a bigWig; write it as text: bigWigToBedGraph FILE x.bedGraph",
    b"\xeb\xf2\x89\x87": "a bigBed; write it as text: bigBedToBed FILE x.bed",
    b"\x87\x89\xf2\xeb": "a bigBed; write it as text: bigBedToBed FILE x.bed",
    b"BAM\1": "a BAM file of reads",
    b"CRAM": "a CRAM file of reads",
    b"BCF": "a BCF file; write it as VCF: bcftools view -Oz -o x.vcf.gz FILE",
    b"TBI\1": "a tabix index; give the file that it belongs to",
    b"CSI\1": "an index; give the file that it belongs to",
    b"\x89HDF": "an HDF5 file",
    b"\x89PNG": "a picture",
    b"%PDF": "a PDF",
    b"SQLite": "a database",
    b"<!DOCTYPE": "a web page, maybe of a download that needed a login",
    b"<html": "a web page, maybe of a download that needed a login",
}


def kind_of_bytes(head: bytes) -> str | None:
    """Say what a file with these first (plain) bytes is, and what to do; None for other bytes."""
    return next((kind for start, kind in _BY_HEAD.items() if head.startswith(start)), None)


def require_file(path: str | Path, what: str) -> None:
    """Refuse what is no file, saying what it is; ``what`` names what was due, such as FASTA.

    Raises
    ------
    InputError
        Nothing is there, or a folder; or it is an address on the internet.
    """
    text = str(path)
    if _ADDRESS.match(text):
        address = re.sub(r":/+", "://", text, count=1)
        raise InputError(
            f"{address} is an address, and only files on disk are read. Download it first, then "
            "give the path of the file."
        )
    place = Path(path)
    if not _exists(place):
        raise InputError(f"No {what} at {path} (that is {place.absolute()}). Check the path.")
    if place.is_dir():
        raise InputError(f"{path} (that is {place.absolute()}) is a folder. Name the {what} in it.")


def is_file(place: Path) -> bool:
    """Say whether a file is there; a name that no file can have is that of none."""
    try:
        return place.is_file()
    except (OSError, ValueError):
        return False


def _exists(place: Path) -> bool:
    try:
        return place.exists()
    except (OSError, ValueError):  # a name that no file can have
        return False
