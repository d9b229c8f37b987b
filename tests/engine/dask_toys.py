"""A toy model of a distribution that worker processes find as well, and what may befall it."""

from pathlib import Path

PLUGIN = '''
import os
import time
from pathlib import Path

import torch
from distributed import get_worker

from tracksmith.plugin import *

CARD = ModelCard(
    name="dask-toy", version="1", summary="x", code_licence="MIT", weights_licence="MIT",
    citation="x", geometry=WindowGeometry(64, 16, 32), tracks=(Track("a", "a", signed=True),),
)


class Toy(torch.nn.Module):
    """Breaks its device, or dies, as the environment says."""

    calls = 0

    def __init__(self):
        super().__init__()
        try:
            self.worker = str(get_worker().name)
        except ValueError:
            self.worker = None

    def forward(self, bases):
        Toy.calls += 1
        if self.worker is None:
            return bases[:, :1, 16:48] * 1.0
        breaks = os.environ.get("TOY_BREAKS", "").split(",")
        poison = (bases[:, 0].unfold(1, 25, 1).sum(-1) == 25).any()
        first = int(os.environ.get("TOY_FIRST", "5"))
        marks = Path(os.environ.get("TOY_MARKS", "."))
        if (self.worker in breaks and Toy.calls > first) or ("poison" in breaks and poison):
            (marks / f"broke-{os.getpid()}").touch()
            raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")
        wanted, deadline = int(os.environ.get("TOY_WAITS", "0")), time.monotonic() + 90
        while len(list(marks.glob("broke-*"))) < wanted and time.monotonic() < deadline:
            time.sleep(0.05)  # a healthy worker would otherwise do all before the other is up
        mark = Path(os.environ.get("TOY_DIES", "/nonexistent"))
        if mark.is_file():
            mark.unlink()
            os.kill(os.getpid(), 9)
        return bases[:, :1, 16:48] * 1.0


@hookimpl
def tracksmith_models():
    return [Model(card=CARD, load=lambda request: Toy())]
'''


def install(folder: Path) -> Path:
    """Write the distribution; return the folder that PYTHONPATH needs."""
    site = folder / "site"
    info = site / "dask_toys-1.dist-info"
    info.mkdir(parents=True)
    (site / "toy_on_dask.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: dask-toys\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[tracksmith]\ndask-toys = toy_on_dask\n")
    return site
