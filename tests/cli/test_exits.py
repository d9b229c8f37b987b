"""How the command line ends: pipes that close, odd paths, arrays with holes, missing devices."""

import errno
import os
import re
import shlex
import subprocess
import sys
from functools import partial

import click
import pytest
from click.testing import CliRunner

import tracksmith
from tracksmith.cli import LazyGroup, main
from tracksmith.cli.stages import _slurm_share
from tracksmith.engine.tiling import tile
from tracksmith.errors import ResourceError, UsageError
from tracksmith.models.card import WindowGeometry


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGPIPE")
def test_a_closed_pipe_ends_quietly(tmp_path):
    code = "import sys; sys.stdin.readline(); from tracksmith.cli import main; main(['models'])"
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    process.stdout.close()
    process.stdin.write(b"\n")
    process.stdin.close()
    said = process.stderr.read()
    process.stderr.close()
    assert (process.wait(), said) == (141, b"")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (OSError(errno.ENAMETOOLONG, "too long", "x"), 4, "x: too long. Check the path."),
        (OSError(errno.EMFILE, "Too many open files", "x"), 5, "x: Too many open files. .*ulimit"),
        (OSError(errno.ENOSPC, "No space left"), 5, "Error: No space left. Free some space"),
        (MemoryError("3 GiB"), 5, r"Not enough memory \(3 GiB\). Use a smaller --batch-size"),
        (OSError("x"), 1, "a fault of tracksmith"),
    ],
)
def test_a_limit_of_the_system_is_no_fault_of_ours(error, code, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    @click.group(cls=LazyGroup, invoke_without_command=True)
    def group():
        raise error

    result = CliRunner().invoke(group, [])
    assert result.exit_code == code
    assert re.search(said, result.output)
    assert (len(list(tmp_path.iterdir())) == 1) == (code == 1)


def test_a_planted_link_does_not_catch_the_trace_of_a_fault(tmp_path, monkeypatch):
    """Others could guess a name that holds the pid alone, where the folder is theirs too."""
    monkeypatch.chdir(tmp_path)
    target = tmp_path / "precious"
    target.write_text("mine")
    (tmp_path / f"tracksmith-bug-{os.getpid()}.log").symlink_to(target)

    @click.group(cls=LazyGroup, invoke_without_command=True)
    def group():
        raise OSError("x")

    result = CliRunner().invoke(group, [])
    assert result.exit_code == 1
    assert target.read_text() == "mine"
    (log,) = (path for path in tmp_path.glob("tracksmith-bug-*.log") if not path.is_symlink())
    assert str(log) in result.output
    assert "OSError: x" in log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600


def test_where_no_trace_can_be_written_it_is_shown(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left")

    monkeypatch.setattr("tempfile.mkstemp", full)

    @click.group(cls=LazyGroup, invoke_without_command=True)
    def group():
        raise RuntimeError("x")

    result = CliRunner().invoke(group, [])
    assert result.exit_code == 1
    assert "Traceback" in result.output


def test_an_output_folder_of_an_impossible_name_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.fa").write_text(">chr1\n" + "ACGT" * 100 + "\n")
    arguments = ["predict", "-m", "core-promoter", "-g", "x.fa", "-o", "o" * 300, "-d", "cpu"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 4, result.output
    assert "name too long" in result.output.lower()


@pytest.mark.parametrize("command", ["predict", "variants"])
def test_a_missing_device_claims_no_folder(command, tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    (tmp_path / "x.fa").write_text(">chr1\n" + "ACGT" * 100 + "\n")
    (tmp_path / "v.tsv").write_text("chrom\tpos\tref\talt\nchr1\t9\tA\tC\n")
    source = [str(tmp_path / "v.tsv")] if command == "variants" else []
    arguments = [
        "-m",
        "core-promoter",
        "-g",
        tmp_path / "x.fa",
        "-o",
        tmp_path / "run",
        "-d",
        "cuda",
    ]
    result = CliRunner().invoke(main, [command, *source, *map(str, arguments)])
    assert result.exit_code == 5, result.output
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("verb", ["predict", "score_variants"])
def test_in_python_a_missing_device_claims_no_folder_either(verb, tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    (tmp_path / "x.fa").write_text(">chr1\n" + "ACGT" * 100 + "\n")
    (tmp_path / "v.tsv").write_text("chrom\tpos\tref\talt\nchr1\t9\tA\tC\n")
    given = [tmp_path / "v.tsv"] * (verb == "score_variants")
    call = partial(getattr(tracksmith, verb), *given, "core-promoter")
    with pytest.raises(ResourceError, match="finds no CUDA device"):
        call(tmp_path / "x.fa", tmp_path / "out", device="cuda")
    assert not (tmp_path / "out").exists()


NAMED = {
    "a genome by address": (
        "-g https://x.org/hg38.fa.gz",
        "https://x.org/hg38.fa.gz is an address",
    ),
    "a 2bit": ("-g x.2bit", r"x.2bit is no FASTA file but a 2bit file; .*twoBitToFa"),
    "a zip": ("-g x.zip", "x.zip is no FASTA file but a zip archive .*unpack it first"),
    "a line with blanks": ("-g blanks.fa", r"blanks.fa:2: a line of contig 'chr1' ends in blanks"),
    "an empty region": ("-g x.fa -r ''", "-r '' names no region"),
    "a region of many digits": (f"-g x.fa -r chr1:{'9' * 5_000}", "Region 'chr1:9.* has 400 bp"),
    "before the first base": ("-g x.fa -r x.bed", r"x.bed:1: start -5 is before .*--clip cuts"),
    "a table of ranges": ("-g x.fa -r no-width.tsv", "no-width.tsv:1: .*GenomicRanges"),
    "an alias that is none": (
        "-g x.fa -r NC9:1-9 --alias alias",
        "-r: the genome has no contig 'NC9'",
    ),
}


@pytest.mark.parametrize(("options", "said"), NAMED.values(), ids=NAMED)
def test_what_cannot_be_read_is_named(options, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.fa").write_text(">chr1\n" + "ACGT" * 100 + "\n")
    (tmp_path / "blanks.fa").write_text(">chr1\nACGT  \nACGT\n")
    (tmp_path / "x.2bit").write_bytes(b"\x43\x27\x41\x1a" + bytes(60))
    (tmp_path / "x.zip").write_bytes(b"PK\x03\x04" + bytes(60))
    (tmp_path / "x.bed").write_text("chr1\t-5\t300\n")
    (tmp_path / "no-width.tsv").write_text("seqnames\tstart\tend\nchr1\t1\t300\n")
    (tmp_path / "alias").write_text("NC1\tchr1\n")
    arguments = ["predict", "-m", "core-promoter", "-o", "out", *shlex.split(options)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 4, result.output
    assert re.search(said, result.output.replace("\n", " "))
    assert not (tmp_path / "out").exists()


def test_regions_are_clipped_counted_from_1_and_named_by_aliases(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.fa").write_text(">chr1\n" + "ACGT" * 100 + "\n")
    (tmp_path / "x.bed").write_text("chr1\t-5\t30\n")
    (tmp_path / "ranges.tsv").write_text(
        "seqnames\tstart\tend\twidth\tstrand\nchr1\t101\t130\t30\t*\n"
    )
    (tmp_path / "alias").write_text("NC1\tchr1\n")
    arguments = "plan -m core-promoter -g x.fa -o out -r x.bed -r ranges.tsv -r NC1:301-310"
    result = CliRunner().invoke(main, [*arguments.split(), "--clip", "--alias", "alias"])
    assert result.exit_code == 0, result.output
    rows = (tmp_path / "out" / "regions.bed").read_text().splitlines()
    assert rows == ["chr1\t0\t30", "chr1\t100\t130", "chr1\t300\t310"]


def set_array(monkeypatch, **values):
    for name in ("ID", "COUNT", "MIN", "MAX", "STEP"):
        monkeypatch.delenv(f"SLURM_ARRAY_TASK_{name}", raising=False)
    for name, value in values.items():
        monkeypatch.setenv(f"SLURM_ARRAY_TASK_{name}", str(value))


def test_only_an_array_without_holes_tells_a_share(monkeypatch):
    set_array(monkeypatch)
    assert _slurm_share() is None
    set_array(monkeypatch, ID=7, COUNT=4, MIN=5, MAX=8, STEP=1)
    assert _slurm_share() == (2, 4)
    set_array(monkeypatch, ID=3, COUNT=4)
    assert _slurm_share() == (3, 4)
    holes = [
        {"ID": 7, "COUNT": 2, "MIN": 0, "MAX": 7, "STEP": 1},
        {"ID": 3, "COUNT": 4, "MIN": 0, "MAX": 9, "STEP": 3},
        {"ID": 9, "COUNT": 4},
    ]
    for array in holes:
        set_array(monkeypatch, **array)
        with pytest.raises(UsageError, match="leaves ids out"):
            _slurm_share()
    set_array(monkeypatch, ID="x", COUNT=4)
    with pytest.raises(UsageError, match="no numbers"):
        _slurm_share()


@pytest.mark.parametrize("whole", [False, True])
def test_a_stride_of_0_is_not_the_default(whole):
    geometry = WindowGeometry(64, 16, 32, 32 if whole else 1, whole)
    with pytest.raises(UsageError, match="stride of 0 bp"):
        tile(geometry, 0)
    assert tile(geometry).stride == 32


def test_too_few_open_files_name_the_limit_and_the_run_goes_on_later(tmp_path):
    (tmp_path / "x.fa").write_text(">chr1\n" + "ACGT" * 100 + "\n")
    (tmp_path / "v.tsv").write_text("chrom\tpos\tref\talt\nchr1\t9\tA\tC\n")
    command = [sys.executable, "-m", "tracksmith.cli", "variants", "v.tsv", "-m", "core-promoter"]
    command += ["-g", "x.fa", "-o", "out", "-d", "cpu", "-q"]
    few = f"ulimit -n 12; {shlex.join(command)}"
    result = subprocess.run(["bash", "-c", few], cwd=tmp_path, capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (5, "")
    assert "Too many open files. Let a process open more files: `ulimit -n 4096`" in result.stderr
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "out" / "variants" / "core-promoter.bb").is_file()
