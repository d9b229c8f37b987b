"""A full disk at any write of genome files ends in a sentence, and leaves nothing half written."""

import errno
import io
import os
from fnmatch import fnmatchcase
from pathlib import Path

import pysam
import pytest
from click.testing import CliRunner

from tracksmith.cli import main
from tracksmith.genome.bgzf_writer import BgzfWriter

SEQUENCE = "ACGTTGCAAC" * 300
WHAT = ["-m", "core-promoter", "-d", "cpu", "-q"]
RUN = {
    "predict": ["predict", *WHAT, "-g", "genome.fa", "-o", "out"],
    "zipped": ["predict", *WHAT, "-g", "genome.fa.gz", "-o", "out"],
    "bedgraph": ["predict", *WHAT, "-g", "genome.fa", "-o", "out", "--format", "bedgraph"],
    "variants": ["variants", "in.vcf", *WHAT, "-g", "genome.fa", "-o", "out"],
    "dry run": ["predict", *WHAT, "-g", "genome.fa", "-o", "out", "--dry-run"],
    "hub": ["hub", "build", "done", "-o", "hub", "--email", "a@b.c", "--genome", "assembly"],
}
SITES = [
    ("predict", "genome.fai"), ("predict", "seal"), ("zipped", "genome.gzi"),
    ("dry run", "genome.fai"),
    ("bedgraph", "core-promoter.plus.bedGraph.gz"),
    ("bedgraph", "core-promoter.plus.bedGraph.gz.tbi"),
    ("variants", "annotated.vcf.gz"), ("variants", "annotated.vcf.gz.tbi"),
    ("variants", "core-promoter.tsv.gz"), ("variants", "core-promoter.tsv.gz.tbi"),
    ("hub", "*.2bit"),
]  # fmt: skip
ROOM = 7
"""Bytes that still fit."""


class FullDisk(io.FileIO):
    def write(self, data) -> int:
        if self.tell() + len(data) > ROOM:
            super().write(bytes(data)[: max(0, ROOM - self.tell())])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(data)


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRACKSMITH_CACHE", str(tmp_path / "cache"))
    Path("genome.fa").write_text(f">chr1\n{SEQUENCE}\n")
    with BgzfWriter(Path("genome.fa.gz")) as out:
        out.write(Path("genome.fa").read_bytes())
    Path("in.vcf").write_text(
        "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
        "chr1\t1009\t.\tA\tG\t.\t.\t.\n"
    )
    return tmp_path


@pytest.fixture
def fill(monkeypatch):
    """Let every write to a file that will be called so fail once some bytes are there."""
    opening, indexing = Path.open, pysam.tabix_index
    written: list[str] = []

    def full_for(pattern: str) -> None:
        def is_full(path) -> bool:
            return fnmatchcase(Path(path).name, f".tmp-{pattern}-*")

        def open_path(self, mode="r", *arguments, **options):
            if "w" in mode and is_full(self):
                written.append(str(self))
                return FullDisk(str(self), "wb")
            return opening(self, mode, *arguments, **options)

        def tabix_index(path, *arguments, index=None, **options):
            if index is not None and is_full(index):
                written.append(index)
                FullDisk(index, "wb").close()
                raise OSError("building of index failed")  # as pysam says it, without a number
            return indexing(path, *arguments, index=index, **options)

        monkeypatch.setattr(Path, "open", open_path)
        monkeypatch.setattr(pysam, "tabix_index", tabix_index)

    def empty() -> None:
        monkeypatch.setattr(Path, "open", opening)
        monkeypatch.setattr(pysam, "tabix_index", indexing)

    return full_for, empty, written


@pytest.mark.parametrize(("command", "name"), SITES)
def test_a_full_disk_is_said_and_leaves_nothing_half_written(world, fill, command, name):
    full_for, empty, written = fill
    if command == "hub":
        done = ["predict", *WHAT, "-g", "genome.fa", "-o", "done"]
        assert CliRunner().invoke(main, done).exit_code == 0
    full_for(name)
    failed = CliRunner().invoke(main, RUN[command])
    assert written, "the write was not reached"
    assert failed.exit_code == 5, f"{failed.output}\n{failed.exception!r}"
    assert "Error: Cannot " in failed.output and "No space left on device" in failed.output
    assert "Free some space" in failed.output and "Traceback" not in failed.output
    left = [path for path in world.rglob("*") if path.is_file()]
    assert not [path for path in left if path.name.startswith((".tmp-", "tracksmith-bug"))]
    assert not [path for path in left if fnmatchcase(path.name, name) and "done" not in path.parts]
    if "genome." in name or name == "seal":
        assert "TRACKSMITH_CACHE" in failed.output and not list(world.glob("cache/indexes/*"))
        assert not Path("out").exists()
    empty()
    again = CliRunner().invoke(main, RUN[command])
    assert again.exit_code == 0, again.output


def test_a_cache_that_may_not_be_written_is_no_reason_to_stop(world):
    Path("cache").write_text("a file where the folder should be")
    done = CliRunner().invoke(main, [word for word in RUN["predict"] if word != "-q"])
    assert done.exit_code == 0, done.output
    assert "kept in memory alone, since no cache folder can be written" in done.output
