"""The suite for GPUs fits the code, which no machine without a GPU would show."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[1]


def run_suite(out: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.gpu", "--out", str(out), *options],
        cwd=ROOT, capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def test_the_suite_runs_at_a_small_size_and_finds_nothing_bad(tmp_path):
    small = ("--device", "cpu", "--tiny", "--patience", "9", "--sections", "environment,variants")
    done = run_suite(tmp_path, *small)
    assert done.returncode == 0, done.stdout[-3000:]
    rows = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert not [row for row in rows if row.get("verdict") == "BAD" or "skipped" in row]
    rates = [row["variants_s"] for row in rows if "variants_s" in row]
    assert len(rates) == 2 and min(rates) > 0


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_the_suite_says_so(tmp_path):
    done = run_suite(tmp_path)
    assert done.returncode == 0 and done.stdout.startswith("No CUDA device")
