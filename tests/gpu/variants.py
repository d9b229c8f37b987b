"""Single-base variants through CLIPNET, every file written."""

import shutil
import time

import numpy as np

import tracksmith
from tests.gpu.models import clipnet_of, write_genome
from tests.gpu.suite import Suite

SECONDS = 40


def run(suite: Suite) -> None:
    length, count = (50_000, 20) if suite.tiny else (4_000_000, 8_000)
    genome = write_genome(suite.work / "variants.fa", length)
    table = _write_variants(suite.work / "variants.vcf", genome, length, count)
    for folds in (1, 9):
        with suite.step(f"{folds} folds", 10), clipnet_of(folds):
            out = suite.work / "effects"
            shutil.rmtree(out, ignore_errors=True)
            began = time.perf_counter()
            tracksmith.score_variants(
                table, "clipnet-lcl", genome, out, device=str(suite.device),
                weights={"": suite.work}, folds="mean:" + ",".join(map(str, range(1, folds + 1))),
            )  # fmt: skip
            wall = time.perf_counter() - began
            suite.say(
                f"clipnet, {folds} folds", variants=count, wall_s=wall, variants_s=count / wall
            )


def _write_variants(path, genome, length: int, count: int):
    text = genome.read_text().split("\n", 1)[1].replace("\n", "")
    dice = np.random.default_rng(2)
    places = np.sort(dice.choice(length - 4000, count, replace=False)) + 2000
    other = dict(zip("ACGT", "CGTA", strict=True))
    with path.open("w") as out:
        out.write("##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n")
        for place in places.tolist():
            base = text[place]
            out.write(f"chr1\t{place + 1}\t.\t{base}\t{other[base]}\t.\tPASS\t.\n")
    return path
