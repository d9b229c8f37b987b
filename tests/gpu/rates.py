"""Windows a second of each network, by precision."""

import torch

from tests.gpu.models import one_hot, random_clipnet, random_enformer
from tests.gpu.suite import Suite
from tracksmith.runs.precision import in_precision

SECONDS = 60


def run(suite: Suite) -> None:
    with suite.step("clipnet"):
        network = random_clipnet(1).to(suite.device).eval()
        count = 8 if suite.tiny else 524
        bases = one_hot(1, 1000 + 500 * (count - 1), suite.device, 2.0)[0]
        _rates(suite, "clipnet, stretch", lambda: network.predict_stretch(bases, 500), count)
    with suite.step("mpralegnet"):
        _mpralegnet(suite)
    with suite.step("get"):
        from tracksmith_get.network import RegionTransformer

        sizes = (48, 2, 4, 96) if suite.tiny else (768, 12, 12, 3072)
        network = RegionTransformer(283, *sizes, 2).to(suite.device).eval()
        count = 4 if suite.tiny else 128
        regions = torch.rand(count, 200, 283, device=suite.device)
        _rates(suite, "get", lambda: network(regions), count)
    with suite.step("enformer", 15):
        network = random_enformer(100, tiny=suite.tiny).to(suite.device)
        count = 1 if suite.tiny else 8
        bases = one_hot(1, 196_608 + (count - 1) * 114_688, suite.device)[0]
        _rates(
            suite, "enformer, stretch", lambda: network.predict_stretch(bases, 114_688), count, 4
        )


def _mpralegnet(suite: Suite) -> None:
    if suite.fixtures is None:
        suite.say("mpralegnet", skipped="no --fixtures given")
        return
    from tracksmith_mpralegnet.checkpoint import read_checkpoint

    folder, name = suite.fixtures / "mpralegnet", "published_like_5_3"
    config = folder / f"{name}_config.json"
    network = read_checkpoint(folder / f"{name}.state_only.ckpt", config, both_strands=True)
    network = network.to(suite.device).eval()
    windows = one_hot(8 if suite.tiny else 2048, 230, suite.device)
    _rates(suite, "mpralegnet", lambda: network(windows), len(windows))


def _rates(suite: Suite, name: str, call, windows: int, most: int = 10) -> None:
    for dtype in ("float32", "tf32", "bf16") if suite.cuda else ("float32",):
        with suite.step(f"{name}, {dtype}"), torch.inference_mode():
            with in_precision(dtype, suite.device):
                spent = suite.seconds(call, most)
            suite.say(
                f"{name}, {dtype}", windows_s=windows / spent, us_a_window=spent / windows * 1e6
            )
