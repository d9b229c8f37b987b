"""The kit over the plugins of this repository, with the weights of the parity fixtures.

Each is one line, as in a plugin author's own tests. Enformer gets the layout of
the published file at a tenth of its width; TRACKSMITH_FULL_SIZE=1 checks the
wider parity fixture too.
"""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from tracksmith.engine.conformance import CheckRequest, check_model
from tracksmith.errors import ResourceError
from tracksmith.models.registry import load_registry
from tracksmith.testing import conformance

PARITY = Path(__file__).resolve().parents[3] / "shared" / "parity"

TestClipnet = conformance("clipnet-lcl", weights=PARITY / "clipnet" / "folds")


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def statuses(name, **fields):
    report = check_model(load_registry().get(name).model, CheckRequest(**fields))
    assert not report.failed, report.text()
    return {finding.check: finding.status for finding in report.findings}, report


@pytest.mark.parametrize("name", ["mpralegnet", "mpralegnet-stranded", "mpralegnet-genomic"])
def test_mpralegnet_passes(shared, tmp_path, name):
    for line, file in (("K562", "small"), ("HepG2", "small_legacy")):
        (tmp_path / line).mkdir()
        source = shared / "parity" / "mpralegnet"
        shutil.copy(source / f"{file}.ckpt", tmp_path / line / f"{file}.ckpt")
        shutil.copy(source / "small_config.json", tmp_path / line / "config.json")
    by_check, _ = statuses(name, weights=tmp_path)
    assert by_check["tracks"] == "pass"
    assert by_check["strands"] == ("open" if name == "mpralegnet" else "pass")


def write_enformer(folder: Path, tensors: dict[str, torch.Tensor] | None = None) -> Path:
    """Write a narrow Enformer with the published geometry, and a table of its tracks."""
    from safetensors.torch import save_file
    from tracksmith_enformer.weights import Sizes, layout

    rows = 23
    if tensors is None:
        rows = 4
        sizes = Sizes((8, 8, 8, 12, 12, 12, 16), 2, 2, 4, 8, 6, (("human", rows),))
        random = np.random.default_rng(11)
        tensors = {}
        for name, shape in layout(sizes).items():
            values = random.standard_normal(shape) / np.sqrt(max(1, np.prod(shape[1:])))
            if name.endswith("running_var"):
                values = np.abs(values) + 0.5
            tensors[name] = torch.from_numpy(values.astype(np.float32))
        save_file(tensors, folder / "model.safetensors")
    header = "index\tgenome\tidentifier\tfile\tclip\tscale\tsum_stat\tdescription\n"
    lines = [f"{row}\t0\tID{row}\t/x\t32\t2\tmean\tDNASE:cell {row}\n" for row in range(rows)]
    (folder / "targets_human.txt").write_text(header + "".join(lines))
    return folder


def test_enformer_passes_with_both_shortcuts(tmp_path):
    by_check, report = statuses("enformer-human", weights=write_enformer(tmp_path))
    assert (by_check["stretch"], by_check["alleles"], by_check["tracks"]) == (
        "pass",
        "pass",
        "pass",
    )
    assert by_check["place"] == "pass", report["place"].sentence


@pytest.mark.skipif(os.environ.get("TRACKSMITH_FULL_SIZE") != "1", reason="takes a minute")
def test_enformer_passes_with_the_parity_weights(shared, tmp_path):
    source = shared / "parity" / "enformer" / "enformer_formula" / "model.safetensors"
    shutil.copy(source, tmp_path)
    by_check, _ = statuses("enformer-human", weights=write_enformer(tmp_path, {}))
    assert (by_check["stretch"], by_check["alleles"], by_check["place"]) == ("pass", "pass", "pass")


def test_get_passes(shared, tmp_path):
    """The published number of features: every motif a cluster of its own, some twice."""
    text = (shared / "data" / "motifs" / "jaspar_2024_consensus.meme").read_text()
    head, *motifs = text.split("MOTIF ")
    names = [motif.split()[0] for motif in motifs]
    again = [f"again-{motif}" for motif in motifs[: 282 - len(motifs)]]
    (tmp_path / "motifs.meme").write_text("MOTIF ".join([head, *motifs, *again]))
    names += [motif.split()[0] for motif in again]
    (tmp_path / "clusters.tsv").write_text(
        "motif\tcluster\n" + "".join(f"{name}\t{name}\n" for name in names)
    )
    by_check, report = statuses(
        "get-expression",
        weights=shared / "parity" / "get" / "get_finetune_small_v1.pth",
        options={"heads": "4"},
        inputs={"motifs": tmp_path / "motifs.meme", "clusters": tmp_path / "clusters.tsv"},
    )
    assert by_check.pop("golden") == "open"  # inputs alone: no trained weights are frozen
    assert set(by_check.values()) == {"pass"}, report.text()


def test_a_region_model_without_inputs_is_not_called_sound():
    with pytest.raises(ResourceError, match="--input NAME=PATH"):
        statuses("get-expression", weights=Path(__file__))
