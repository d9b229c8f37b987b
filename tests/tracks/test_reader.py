"""Heads on which the library that reads tracks crashes are refused before it sees them."""

import struct
from pathlib import Path

import pyBigWig
import pytest

from tracksmith.errors import InputError
from tracksmith.tracks.bbi import LITTLE, FileStart
from tracksmith.tracks.reader import OpenTrack, read_contigs, read_summary, read_values


@pytest.fixture
def track(tmp_path: Path) -> Path:
    path = tmp_path / "t.bw"
    with pyBigWig.open(str(path), "w") as file:
        file.addHeader([("chr1", 10_000), ("chr2", 900)])
        file.addEntries(["chr1", "chr2"], [3, 90], ends=[20, 95], values=[0.25, -4.0])
    return path


def patched(path: Path, at: int, piece: bytes) -> Path:
    data = bytearray(path.read_bytes())
    data[at : at + len(piece)] = piece
    path.write_bytes(data)
    return path


def start_of(path: Path) -> FileStart:
    return FileStart._make(LITTLE.start.unpack(path.read_bytes()[: LITTLE.start.size]))


def test_a_sound_track_is_read(track: Path) -> None:
    assert read_contigs(track) == {"chr1": 10_000, "chr2": 900}
    assert read_values(track, "chr2", 89, 92)[1:].tolist() == [-4, -4]


@pytest.mark.parametrize("number", [0, 2, 1 << 31], ids=["twice", "beyond the last", "far beyond"])
def test_a_contig_of_a_number_that_there_is_not_is_refused(track: Path, number: int) -> None:
    """The library writes the name to that place of a list, wherever it lies."""
    last = track.read_bytes().index(b"chr2") + 4
    with pytest.raises(InputError, match="damaged"):
        read_contigs(patched(track, last, struct.pack("<I", number)))


def test_more_zoom_levels_than_the_file_has_room_for_are_refused(track: Path) -> None:
    with pytest.raises(InputError, match="damaged"):
        read_contigs(patched(track, 6, struct.pack("<H", 60_000)))


def test_totals_that_are_no_numbers_are_refused(track: Path) -> None:
    at = start_of(track).totals_at + 8
    with pytest.raises(InputError, match="totals are no numbers"):
        read_contigs(patched(track, at, struct.pack("<d", float("nan"))))


def test_what_the_library_says_of_damaged_values_is_a_sentence(track: Path) -> None:
    zoom_index = LITTLE.zoom.unpack_from(track.read_bytes(), LITTLE.start.size)[2]
    patched(track, zoom_index, b"\xff" * 4)
    with pytest.raises(InputError, match=r"t\.bw is damaged or cut short"):
        read_summary(track, "chr1", 0, 9_000)
    with pytest.raises(InputError, match=r"t\.bw, chr1, is damaged"):
        OpenTrack(track).extremes("chr1")
    block = track.read_bytes().index(b"\x78", start_of(track).data_at)
    patched(track, block, b"\xff" * 8)
    with pytest.raises(InputError, match=r"t\.bw is damaged or cut short"):
        read_values(track, "chr1", 0, 10)
    with pytest.raises(InputError, match=r"t\.bw, chr1:1-10, is damaged or cut short"):
        OpenTrack(track).values("chr1", 0, 10)
