"""What a variant costs: a nearly free model, and one like BPNet; memory for few and for many.

CPU time of the process (user and system), one compute thread, as the slope
between two numbers of SNVs, so that start-up does not count. Reference and
alternative, both strands, every file written.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from bpnet import Dilated, Reaching, check
from peak import peak_megabytes
from torch import Tensor, nn

import tracksmith
from tracksmith.models import registry as plugins
from tracksmith.models.card import ModelCard, Track, VariantDefaults, WindowGeometry
from tracksmith.models.contract import Model
from tracksmith.models.registry import RegisteredModel, Registry

LENGTH = 4_000_000
GEOMETRY = WindowGeometry(2114, 557, 1000)
TRACKS = (Track("plus", "plus", "+", "minus"), Track("minus", "minus", "-", "plus"))


class Free(nn.Module):
    """Returns two of its input's channels."""

    def forward(self, bases: Tensor) -> Tensor:
        return bases[:, 1:3, 557:1557]


def registry() -> Registry:
    models = {}
    for name, network in (("free", Free), ("dilated", Dilated), ("reaching", Reaching)):
        card = ModelCard(
            name=name, version="1", summary="benchmark", code_licence="MIT",
            weights_licence="MIT", citation="none", geometry=GEOMETRY, tracks=TRACKS,
            variants=VariantDefaults(pseudocount=1.0),
        )  # fmt: skip
        model = Model(card, lambda request, network=network: network())
        models[name] = RegisteredModel(model, "bench", "1", "bench")
    return Registry(models, [])


def write_inputs(folder: Path, variants: int) -> tuple[Path, Path]:
    """Write a genome of random bases and SNVs spread over it."""
    generator = np.random.default_rng(1)
    letters = np.frombuffer(b"ACGT", dtype=np.uint8)
    bases = letters[generator.integers(0, 4, LENGTH)]
    genome, vcf = folder / "genome.fa", folder / "variants.vcf"
    lines = [bases[i : i + 60].tobytes() for i in range(0, LENGTH, 60)]
    genome.write_bytes(b">chr1\n" + b"\n".join(lines) + b"\n")
    places = np.sort(generator.integers(0, LENGTH, variants)).tolist()
    other = dict(zip("ACGT", "CGTA", strict=True))
    with vcf.open("w") as out:
        out.write("##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n")
        for number, place in enumerate(places):
            ref = chr(bases[place])
            out.write(f"chr1\t{place + 1}\trs{number}\t{ref}\t{other[ref]}\t.\tPASS\t.\n")
    return genome, vcf


def run_once(model: str, variants: int) -> dict[str, float]:
    """Score in this process; return CPU seconds of scoring and of finishing, and the peak."""
    plugins.load_registry = registry
    with tempfile.TemporaryDirectory() as folder:
        genome, vcf = write_inputs(Path(folder), variants)
        out = Path(folder) / "run"
        tracksmith.plan(
            model, genome, out, variants=vcf, reverse_complement=True, device="cpu",
            batch_size=64 if model == "dilated" else None,
        )  # fmt: skip
        before, began = time.process_time(), time.perf_counter()
        tracksmith.work(out, device="cpu")
        middle = time.process_time()
        tracksmith.finish(out)
        after, ended = time.process_time(), time.perf_counter()
    peak = peak_megabytes()
    return {
        "score": middle - before, "finish": after - middle, "wall": ended - began, "peak": peak,
    }  # fmt: skip


def measure(model: str, variants: int) -> dict[str, float]:
    """Score in a process of its own."""
    command = [sys.executable, __file__, model, str(variants)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def report(model: str, few: int, many: int) -> float:
    """Print the slope between two numbers of variants; return us of CPU a variant."""
    low, high = measure(model, few), measure(model, many)
    each = {key: (high[key] - low[key]) / (many - few) * 1e6 for key in ("score", "finish", "wall")}
    print(
        f"{model}: {each['score'] + each['finish']:,.1f} us CPU a variant "
        f"({each['score']:,.1f} scoring, {each['finish']:,.1f} files), "
        f"{1e6 / each['wall']:,.0f} variants/s; "
        f"peak {low['peak']:,.0f} MB for {few:,}, {high['peak']:,.0f} MB for {many:,}",
        flush=True,
    )
    return each["score"] + each["finish"]


def main() -> None:
    """Print the table, or one figure as JSON where a model and a number are given."""
    if len(sys.argv) > 2:
        print(json.dumps(run_once(sys.argv[1], int(sys.argv[2]))))
        return
    report("free", 10_000, 100_000)
    check()
    plain = report("dilated", 16, 80)
    fast = report("reaching", 32, 160)
    print(
        f"the shortcut for alleles: {plain / fast:.1f} times less CPU than plain windows, batch 64"
    )
    if "--million" in sys.argv:
        report("free", 10_000, 1_000_000)


if __name__ == "__main__":
    main()
