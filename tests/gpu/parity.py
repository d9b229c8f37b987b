"""The four models against outputs of the original code, in every precision."""

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tests.gpu.suite import Suite, difference
from tracksmith.genome.bases import encode
from tracksmith.models.encoding import encoding_table
from tracksmith.runs.precision import in_precision

SECONDS = 60
EXACT = 1e-5
"""Largest difference of float32 from the original, as a share of the largest value."""

PRECISIONS = ("float32", "tf32", "bf16", "fp16")


@dataclass(frozen=True)
class Case:
    name: str
    network: nn.Module
    inputs: Tensor
    expected: Any
    pick: Callable[[Tensor], Tensor] = lambda output: output


def run(suite: Suite) -> None:
    if suite.fixtures is None:
        suite.say("the original's outputs", skipped="no --fixtures given")
        return
    cases = [clipnet, mpralegnet, enformer, get]
    cases += [] if suite.tiny else [get_full, enformer_full]
    for make in cases:
        with suite.step(make.__name__, 5):
            for case in make(suite.fixtures):
                _compare(suite, case)


def _compare(suite: Suite, case: Case) -> None:
    network, inputs = case.network.to(suite.device).eval(), case.inputs.to(suite.device)
    for name in PRECISIONS if suite.cuda else ("float32", "bf16"):
        with suite.step(f"{case.name}, {name}"), torch.inference_mode():
            with in_precision(name, suite.device):
                output = case.pick(network(inputs)).float().cpu()
            differences = difference(output, case.expected)
            if name == "float32":
                suite.check(f"{case.name}, {name}", differences["of_max"] < EXACT, **differences)
            else:
                suite.say(f"{case.name}, {name}", **differences)


def _channels(alphabet: Any, texts: Any) -> Tensor:
    masks = np.stack([encode(str(text)) for text in texts])
    return torch.from_numpy(encoding_table(alphabet)[masks]).transpose(1, 2).contiguous()


def clipnet(fixtures: Path):
    from tracksmith_clipnet.hdf5 import read_layers
    from tracksmith_clipnet.network import Clipnet
    from tracksmith_clipnet.plugin import LCL

    oracle = np.load(fixtures / "clipnet/clipnet_oracle.npz")
    bases = _channels(LCL.alphabet, oracle["seqs"])
    for fold in (1, 2, 3):
        network = Clipnet(read_layers(fixtures / f"clipnet/folds/fold_{fold}.h5"))
        profile, quantity = oracle[f"fold{fold}_profile"], oracle[f"fold{fold}_quantity"]
        yield Case(f"clipnet {fold}, profile", network, bases, profile, lambda out: out[:, :1000])
        yield Case(f"clipnet {fold}, quantity", network, bases, quantity, lambda out: out[:, 1000:])


def mpralegnet(fixtures: Path):
    from tracksmith_mpralegnet.checkpoint import read_checkpoint
    from tracksmith_mpralegnet.plugin import INSERT

    folder, name = fixtures / "mpralegnet", "published_like_5_3"
    network = read_checkpoint(
        folder / f"{name}.state_only.ckpt", folder / f"{name}_config.json", both_strands=True
    )
    oracle = np.load(folder / "mpralegnet_oracle.npz")
    bases = _channels(INSERT.alphabet, oracle["seqs"])
    yield Case("mpralegnet", network, bases, oracle[f"{name}_fwd"])


def enformer(fixtures: Path):
    from tracksmith_enformer.network import Enformer
    from tracksmith_enformer.weights import config_beside, find_files, read_weights

    name, folder = "enformer_formula", fixtures / "enformer"
    files = find_files(folder / name / "pytorch_model.bin", "targets_human.txt")
    config = config_beside(files)
    tensors, sizes = read_weights(files[0], config)
    arrays = np.load(folder / f"{name}.npz")
    rows = torch.cat([torch.eye(4), torch.zeros(1, 4), torch.full((1, 4), 0.25)])
    bases = rows[torch.from_numpy(arrays["ids"]).long()].transpose(1, 2)
    network = Enformer(tensors, sizes, bases.shape[-1], config["target_length"], "human", None)
    yield Case("enformer, small", network, bases, arrays["human"], lambda out: out.transpose(1, 2))


def get(fixtures: Path):
    from tracksmith_get.network import build

    from tracksmith.models.safe_load import load_tensors

    folder = fixtures / "get"
    arrays = np.load(folder / "get_finetune_small_seed1.npz")
    file = folder / "get_finetune_small_v1.pth"
    network = build(load_tensors(file, legacy=True), file.name, 4, "given")
    yield Case("get, small", network, torch.from_numpy(arrays["x"]), arrays["y"])


RENAMED = (
    (r"^encoder\.blocks\.", "blocks."), (r"^encoder\.norm\.", "fc_norm."),
    (r"^head_exp\.head\.", "head."), (r"^region_embed\.embed\.", "region_embed.proj."),
)  # fmt: skip
"""Names of layers in the fixture, and in the published files."""


def get_full(fixtures: Path):
    from tracksmith_get.network import build

    draw = _rule_of_weights(fixtures)
    state = {}
    for line in (fixtures / "get/get_finetune_full_keys.txt").read_text().splitlines():
        name, tab, shape = line.partition("\t")
        if tab:
            tensor = torch.from_numpy(draw(name, tuple(map(int, re.findall(r"\d+", shape)))))
            for pattern, text in RENAMED:
                name = re.sub(pattern, text, name)
            state[name] = tensor
    arrays = np.load(fixtures / "get/get_finetune_full_seed0.npz")
    yield Case("get, full size", build(state, "full"), torch.from_numpy(arrays["x"]), arrays["y"])


def enformer_full(fixtures: Path):
    from tracksmith_enformer.network import Enformer
    from tracksmith_enformer.weights import Sizes, layout

    draw = _rule_of_weights(fixtures)
    arrays = np.load(fixtures / "enformer/enformer_full_seed0.npz")
    channels = (768, 768, 896, 1024, 1152, 1280, 1536)
    sizes = Sizes(channels, 11, 8, 64, 192, 192, (("human", 5313), ("mouse", 1643)))
    tensors = {n: torch.from_numpy(np.asarray(draw(n, s))) for n, s in layout(sizes).items()}
    rows = arrays["human_tracks"].tolist()
    network = Enformer(tensors, sizes, 196_608, 896, "human", rows)
    table = torch.cat([torch.eye(4), torch.zeros(1, 4)])
    bases = table[torch.from_numpy(np.atleast_2d(arrays["seq_ids"])).long()].transpose(1, 2)
    expected = np.atleast_3d(arrays["human"]).reshape(1, *arrays["human"].shape[-2:])
    yield Case("enformer, full size", network, bases, expected, lambda out: out.transpose(1, 2))


def _rule_of_weights(fixtures: Path):
    """Return the function by which the fixtures' weights were drawn."""
    sys.path.insert(0, str(fixtures))
    from rand_weights import rand_tensor

    return rand_tensor
