"""CLIPNET over a contig: the whole time, the device's share of it, and what hg38 would take."""

import shutil
import time
from unittest.mock import patch

import torch

import tracksmith
from tests.gpu.models import clipnet_of, write_genome
from tests.gpu.suite import Suite
from tracksmith.engine.forward import Forward

SECONDS = 110
HG38 = 2.945e9
"""Bases of hg38 that are not N."""


def run(suite: Suite) -> None:
    long = 60_000 if suite.tiny else 200_000_000
    short = 60_000 if suite.tiny else 50_000_000
    cases = [
        (9, "float32", long), (9, "bf16", long), (9, "tf32", short), (1, "float32", short),
        (1, "bf16", short),
    ]  # fmt: skip
    genomes = {
        length: write_genome(suite.work / f"{length}.fa", length) for length in {long, short}
    }
    for folds, dtype, length in cases:
        if dtype == "tf32" and not suite.cuda:
            continue
        # As in hg38: a little over what the case would take on an H100.
        with suite.step(f"{folds} folds, {dtype}", 8 + length / 6e6), clipnet_of(folds):
            _one(suite, folds, dtype, genomes[length], length)


def _one(suite: Suite, folds: int, dtype: str, genome, length: int) -> None:
    out = suite.work / "tracks"
    shutil.rmtree(out, ignore_errors=True)
    options = {
        "device": str(suite.device), "dtype": dtype, "weights": {"": suite.work},
        "folds": "mean:" + ",".join(map(str, range(1, folds + 1))),
    }  # fmt: skip
    run = tracksmith.plan("clipnet-lcl", genome, out, **options)
    if suite.cuda:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    marks: list[tuple[torch.cuda.Event, torch.cuda.Event]] = []
    loading, working = time.perf_counter(), time.process_time()
    with (
        patch.object(Forward, "_read", _marked(marks))
        if suite.cuda
        else patch.object(Forward, "batch", None, create=True)
    ):
        tracksmith.work(out, device=str(suite.device))
    wall, cpu = time.perf_counter() - loading, time.process_time() - working
    stamps = sorted(path.stat().st_mtime for path in (out / "parts").glob("*.json"))
    began = time.perf_counter()
    tracksmith.finish(out)
    finish = time.perf_counter() - began
    measured = {
        "bases": length,
        "wall_s": wall,
        "cpu_ns_a_base": cpu / length * 1e9,
        "finish_s": finish,
    }
    if len(stamps) > 3:
        # Loading and the first part left out: what every further base takes.
        steady = (stamps[-1] - stamps[0]) / (length * (len(stamps) - 1) / len(stamps))
        measured["steady_ns_a_base"] = steady * 1e9
        measured["hg38_minutes"] = (steady + finish / length) * HG38 / 60 + (
            wall - steady * length
        ) / 60
    if marks:
        suite.wait()
        inside = sum(begin.elapsed_time(end) for begin, end in marks) / 1e3
        measured["forward_s"] = inside
        measured["forward_over_steady"] = inside / (
            measured.get("steady_ns_a_base", wall / length * 1e9) * length / 1e9
        )
        measured["peak_mb"] = torch.cuda.max_memory_allocated() >> 20
    suite.say(f"clipnet, {folds} folds, {dtype}", parts=run.parts, **measured)


def _marked(marks):
    """Return ``Forward._read`` with marks of the device's clock around it."""
    plain = Forward._read

    def marked(self, *arguments, **options):
        pair = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        pair[0].record()
        try:
            return plain(self, *arguments, **options)
        finally:
            pair[1].record()
            marks.append(pair)

    return marked
