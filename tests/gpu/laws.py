"""The same bytes by every road, and the same values by different ones."""

import shutil
from pathlib import Path

import numpy as np
import pyBigWig

import tracksmith
from tests.gpu.models import clipnet_of, write_genome
from tests.gpu.suite import Suite, difference

SECONDS = 75
CLOSE = 1e-5


def run(suite: Suite) -> None:
    length = 60_000 if suite.tiny else 9_000_000
    genome = write_genome(suite.work / "laws.fa", length)
    with clipnet_of(3):
        plain = _predict(suite, "plain", genome)
        with suite.step("the same command twice"):
            suite.check(
                "the same command twice: bytes",
                _bytes(plain) == _bytes(_predict(suite, "again", genome)),
            )
        with suite.step("one part and seven"):
            other = _predict(suite, "parts", genome, parts=7)
            suite.check("one part and seven: bytes", _bytes(plain) == _bytes(other))
        with suite.step("recorded batches against plain calls"), _without_recording():
            other = _predict(suite, "calls", genome)
            suite.check("recorded batches and plain calls: bytes", _bytes(plain) == _bytes(other))
        end = min(length, 500_000)
        with suite.step("a region against the whole"):
            start = end // 3 // 500 * 500
            other = _predict(suite, "region", genome, regions=(f"chr1:{start + 1}-{end}",))
            differences = difference(_values(other, start, end), _values(plain, start, end))
            suite.check("a region and the whole", differences["of_max"] < CLOSE, **differences)
        for name, options in {
            "batch of 64": {"batch_size": 64}, "CPU": {"device": "cpu"}, "bf16": {"dtype": "bf16"},
        }.items():  # fmt: skip
            with suite.step(f"{name} against the plain run", 6):
                region = (f"chr1:1-{end if name != 'CPU' else min(end, 100_000)}",)
                other = _predict(suite, name, genome, regions=region, **options)
                last = int(region[0].rpartition("-")[2])
                differences = difference(_values(other, 0, last), _values(plain, 0, last))
                if name == "bf16":
                    suite.say(f"{name} and the plain run", **differences)
                else:
                    suite.check(
                        f"{name} and the plain run", differences["of_max"] < CLOSE, **differences
                    )
    if suite.fixtures is not None:
        _two_processes(suite, genome)


def _two_processes(suite: Suite, genome: Path) -> None:
    """One device against two worker processes on it, with weights from files."""
    own = {"weights": {"": suite.fixtures / "clipnet/folds"}, "folds": "mean:1,2"}
    own |= {"regions": ("chr1:1-500,000",)} if not suite.tiny else {}
    with suite.step("two worker processes on one device", 20):
        one = _predict(suite, "one", genome, parts=2, **own)
        device = str(suite.device)
        two = _predict(suite, "two", genome, parts=2, device=f"{device},{device}", **own)
        suite.check("one process and two: bytes", _bytes(one) == _bytes(two))


def _predict(suite: Suite, name: str, genome: Path, **options) -> Path:
    out = suite.work / name.replace(" ", "-")
    shutil.rmtree(out, ignore_errors=True)
    options.setdefault("device", str(suite.device))
    options.setdefault("folds", "mean:1,2,3")
    options.setdefault("weights", {"": suite.work})
    tracksmith.predict("clipnet-lcl", genome, out, **options)
    return out


def _without_recording():
    from unittest.mock import patch

    return patch("tracksmith.engine.replays.MOST", 0)


def _bytes(run: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((run / "tracks").iterdir())}


def _values(run: Path, start: int, end: int):
    arrays = []
    for path in sorted((run / "tracks").glob("*.bw")):
        with pyBigWig.open(str(path)) as file:
            arrays.append(np.nan_to_num(file.values("chr1", start, end, numpy=True)))
    return np.concatenate(arrays)
