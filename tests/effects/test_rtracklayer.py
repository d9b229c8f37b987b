"""Bioconductor's rtracklayer, a reader of its own in R, opens every file of the demonstration."""

import shutil
import subprocess

import pyBigWig
import pytest
from click.testing import CliRunner

from tracksmith.cli import main

PROGRAM = r"""
suppressPackageStartupMessages(library(rtracklayer))
for (path in commandArgs(TRUE)) {
  ranges <- import(path)
  columns <- mcols(ranges)
  values <- if (endsWith(path, ".bw")) columns$score * width(ranges) else columns$effect
  colours <- paste(sort(unique(columns$itemRgb)), collapse = ",")
  cat(path, length(ranges), sprintf("%.5f", sum(values)), colours, "\n", sep = "\t")
}
"""


@pytest.fixture(scope="module")
def rscript():
    program = shutil.which("Rscript")
    if program is None:
        pytest.skip("R is not installed: its rtracklayer is the second reader of this test")
    code = 'quit(status = !nzchar(system.file(package = "rtracklayer")))'
    if subprocess.run([program, "-e", code], capture_output=True, check=False).returncode:
        pytest.skip("R has no package rtracklayer (Debian: r-bioc-rtracklayer)")
    return program


def test_rtracklayer_imports_every_file_of_the_demonstration(rscript, tmp_path):
    done = CliRunner().invoke(main, ["demo", "-o", str(tmp_path / "demo")])
    assert done.exit_code == 0, done.output
    files = sorted(path for kind in ("*.bw", "*.bb") for path in tmp_path.rglob(kind))
    assert {path.suffix for path in files} == {".bw", ".bb"}
    result = subprocess.run(
        [rscript, "-e", PROGRAM, *map(str, files)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    lines = [line.split("\t") for line in result.stdout.splitlines()]
    assert [line[0] for line in lines] == [str(path) for path in files]
    for path, (_, count, total, colours, _) in zip(files, lines, strict=True):
        with pyBigWig.open(str(path)) as file:
            contigs = file.chroms().items()
            if path.suffix == ".bw":
                values = [v * (e - s) for c in file.chroms() for s, e, v in file.intervals(c) or ()]
            else:
                entries = [record for c, n in contigs for record in file.entries(c, 0, n) or ()]
                cells = [text.split("\t") for _, _, text in entries]
                # Planted promoters have no effect, which R sums to 0.
                values = [float(row[8]) if len(row) > 8 else 0.0 for row in cells]
                rgb = {text.split("\t")[5] for _, _, text in entries}
                assert set(colours.split(",")) == {
                    "#{:02x}{:02x}{:02x}".format(*map(int, one.split(","))) for one in rgb
                }
        assert int(count) == len(values) > 0
        assert float(total) == pytest.approx(sum(values), rel=1e-6, abs=1e-3)
