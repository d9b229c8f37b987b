"""Lanes: the same bytes for any number of cores, and no lane sees another's state."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from engine_toys import Dense
from test_forward import CENTRED, closeness, random_sequence, run_engine
from torch import nn

from tracksmith.errors import ResourceError
from tracksmith.runs.lanes import Lanes, own_copy, threads_restored

PRODUCT = """
import sys
from pathlib import Path
import torch
sys.path[:0] = sys.argv[2:]
from test_forward import WindowGeometry, random_sequence, run_engine
from torch import nn

class Product(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.inner = nn.Linear(4096, 3 * 512)

    def forward(self, bases):
        return self.inner(bases.flatten(1)).reshape(-1, 3, 512)

geometry = WindowGeometry(1024, 256, 512)
values = run_engine(random_sequence(20_000), {"1": Product()}, geometry, batch=16)
Path(sys.argv[1]).write_bytes(values.tobytes())
"""


def test_the_number_of_cores_changes_no_byte(tmp_path):
    """A product of this size sums in another order when torch splits it over threads."""
    digests = []
    for threads in ("1", "2"):
        path = tmp_path / threads
        command = [sys.executable, "-c", PRODUCT, str(path), str(Path(__file__).parent)]
        environment = os.environ | {"OMP_NUM_THREADS": threads}
        subprocess.run(command, check=True, env=environment, timeout=60)
        digests.append(path.read_bytes())
    assert digests[0] == digests[1]


def test_a_network_that_keeps_something_while_it_runs_is_not_disturbed():
    class Keeper(Dense):
        def forward(self, bases):
            self.kept = bases
            for _ in range(50):
                torch.ones(64, 64) @ torch.ones(64, 64)
            return super().forward(self.kept)

    sequence = random_sequence(32 * 60)
    mine = run_engine(sequence, {"1": Keeper(CENTRED, 1)}, CENTRED, batch=2)
    plain = run_engine(sequence, {"1": Dense(CENTRED, 1)}, CENTRED, batch=2)
    assert closeness(mine, plain) < 1e-6


def test_a_copy_for_a_lane_shares_every_tensor():
    network = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    copied = own_copy(network)
    pairs = zip(network.state_dict().values(), copied.state_dict().values(), strict=True)
    assert all(mine.data_ptr() == theirs.data_ptr() for mine, theirs in pairs)
    assert copied[0] is not network[0]


def test_the_threads_of_torch_are_restored():
    before = torch.get_num_threads()
    with threads_restored():
        torch.set_num_threads(before + 1)
    assert torch.get_num_threads() == before


def test_a_single_window_that_does_not_fit_is_named():
    class Huge(Dense):
        def forward(self, bases):
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB")

    with pytest.raises(ResourceError, match=r"single window: CUDA out of memory. Tried"):
        run_engine(random_sequence(64), {"1": Huge(CENTRED, 1)}, CENTRED, batch=4)


@pytest.mark.parametrize("threads", [1, 3])
def test_every_batch_runs_with_the_threads_of_the_plan(threads):
    seen = []
    with threads_restored():
        lanes = Lanes(2, threads)
        for _ in range(2):
            torch.set_num_threads(2)
            lanes.run(lambda first, last: seen.append(torch.get_num_threads()), [(0, 1), (1, 2)])
    assert seen == [threads] * 4


SLOW = """
import sys, time
from pathlib import Path
sys.path[:0] = sys.argv[2:]
import torch
from engine_toys import toy_card
from torch import nn
from tracksmith.models import registry
from tracksmith.models.card import WindowGeometry
from tracksmith.models.contract import Model, Predictor
from tracksmith.models.registry import RegisteredModel, Registry
import tracksmith.cli

folder = Path(sys.argv[1])
calls = (folder / "calls").open("ab", 0)

class Slow(nn.Module):
    def forward(self, bases):
        calls.write(b".")
        time.sleep(0.3)
        return torch.zeros(len(bases), 3, 32)

card = toy_card(WindowGeometry(64, 16, 32), ("1",))
model = Model(card, lambda request: Predictor({"1": Slow()}))
registry.load_registry = lambda: Registry({"toy": RegisteredModel(model, "toys", "1", "toys")}, [])
(folder / "genome.fa").write_text(">chr1\\n" + "ACGT" * 75_000 + "\\n")
arguments = ["predict", "-m", "toy", "-g", str(folder / "genome.fa"), "-o", str(folder / "run")]
sys.exit(tracksmith.cli.main([*arguments, "-b", "4"]))
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_waits_for_a_batch_not_for_a_chunk(number, code, tmp_path):
    """A chunk of this run has 256 batches, and every call of the network is counted."""
    command = [sys.executable, "-c", SLOW, str(tmp_path), str(Path(__file__).parent)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("run/parts/.tmp-*")) and time.monotonic() < deadline:
        time.sleep(0.1)
    calls = tmp_path / "calls"
    while calls.stat().st_size < 4:
        time.sleep(0.1)
    process.send_signal(number)
    before = calls.stat().st_size
    said = process.communicate(timeout=100)[1]
    assert process.returncode == code, said
    # Each of at most a few lanes ends the batch it is at; the chunk has 256.
    assert calls.stat().st_size - before <= 2 * (os.cpu_count() or 1) + 4
