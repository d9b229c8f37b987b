"""The bytes of a run over the whole genome of phage lambda depend on the request alone."""

import shutil
from pathlib import Path

import numpy as np
import pyBigWig
import pytest
import torch
import verbs
from tracksmith_demo.plugin import CARD

import tracksmith
from tracksmith.files import digest_of_file


@pytest.fixture(scope="module")
def genome(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lambda")
    for path in (shared / "data" / "lambda").glob("lambda_virus.fa.gz*"):
        shutil.copy(path, folder)
    return folder / "lambda_virus.fa.gz"


def digests(run: Path) -> dict[str, str]:
    return {path.name: digest_of_file(path) for path in sorted((run / "tracks").iterdir())}


@pytest.fixture(scope="module")
def plain(genome: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    out = tmp_path_factory.mktemp("plain") / "run"
    tracksmith.predict("core-promoter", genome, out, parts=1)
    return digests(out)


@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_any_batch_size_gives_the_same_bytes(genome, plain, tmp_path, batch_size):
    tracksmith.predict("core-promoter", genome, tmp_path / "run", batch_size=batch_size)
    assert digests(tmp_path / "run") == plain
    assert len(plain) == 2


def test_five_parts_worked_on_in_any_order_give_the_same_bytes(genome, plain, tmp_path):
    run = verbs.plan(verbs.request(("core-promoter",), genome, parts=5), tmp_path / "run")
    assert run.parts == 5
    for part in (3, 0, 4, 2, 1):
        assert verbs.work(tmp_path / "run", part=part) == [part]
    verbs.finish(tmp_path / "run")
    assert digests(tmp_path / "run") == plain


def test_two_worker_processes_give_the_same_bytes_as_one(genome, plain, tmp_path):
    pytest.importorskip("distributed")
    request = verbs.request(("core-promoter",), genome, parts=5, device="cpu,cpu")
    verbs.run_all(request, tmp_path / "run")
    assert digests(tmp_path / "run") == plain


def test_the_file_holds_what_the_network_says(genome, tmp_path):
    """Held against the network itself, called on windows cut from pysam's text."""
    import pysam
    from tracksmith_demo.network import CorePromoter

    run = tracksmith.predict("core-promoter", genome, tmp_path / "run")
    text = pysam.FastaFile(str(genome)).fetch(reference=_only_contig(genome)).upper()
    geometry = CARD.window_geometry
    start = 20_480 // geometry.core_length * geometry.core_length
    window = text[start - geometry.core_start :][: geometry.window]
    bases = torch.tensor([[[float(b == c) for b in window] for c in "ACGT"]])
    truth = CorePromoter().eval()(bases)[0].numpy()
    for row, track in enumerate(("plus", "minus")):
        with pyBigWig.open(str(run.folder / "tracks" / f"core-promoter.{track}.bw")) as file:
            name = next(iter(file.chroms()))
            mine = file.values(name, start, start + geometry.core_length, numpy=True)
        sign = -1 if track == "minus" else 1
        assert np.array_equal(mine, sign * truth[row])


def _only_contig(genome: Path) -> str:
    import pysam

    with pysam.FastaFile(str(genome)) as file:
        return file.references[0]
