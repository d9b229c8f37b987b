"""Inputs that are symbolic links, as Hugging Face, DVC and git-annex keep them.

A file is called what the user sees, and its digest is that of what is behind.
"""

import hashlib
import importlib.util
import json
import os
import shutil
from pathlib import Path

import pyBigWig
import pytest
import verbs

import tracksmith
from tracksmith.errors import InputError, ResourceError
from tracksmith.models.registry import load_registry
from tracksmith.models.weights import find_weights
from tracksmith.runs.run import Run

HELD = ".annex/objects"


def link_all(folder: Path) -> Path:
    """Move every file of a folder's tree into a store of names that say nothing; leave links."""
    store = folder.parent / HELD
    store.mkdir(parents=True, exist_ok=True)
    for file in [path for path in sorted(folder.rglob("*")) if path.is_file()]:
        name = hashlib.sha256(str(file).encode()).hexdigest()[:10]
        file.rename(store / name)
        file.symlink_to(os.path.relpath(store / name, file.parent))
    return folder


def copied(source: Path, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    return target


def tracks_of(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((out / "tracks").glob("*.bw"))}


def needs(plugin: str) -> None:
    if importlib.util.find_spec(plugin) is None:
        pytest.skip(f"the plugin {plugin} is not installed")


@pytest.fixture
def genome(tmp_path):
    path = tmp_path / "genome" / "genome.fa"
    path.parent.mkdir()
    path.write_text(">chr1\n" + "ACGTTGCAAGGCTA" * 100 + "\n")
    return path


def twice(model, genome, folder, out, **options):
    """Predict with the files of a folder, then with links in their place; return both runs."""
    options = {"regions": "chr1:1-1400", "device": "cpu"} | options
    tracksmith.predict(model, genome, out / "files", weights=folder, **options)
    link_all(folder)
    link_all(genome.parent)
    tracksmith.predict(model, genome, out / "links", weights=folder, **options)
    return out / "files", out / "links"


def same_run(files: Path, links: Path) -> None:
    """The same tracks, of weights of the same names and digests; no place names the store."""
    assert tracks_of(files) == tracks_of(links)
    first, second = (Run.open(out).plan.models[0].weights for out in (files, links))
    assert first == second
    assert HELD not in (links / "run.json").read_text()


def test_mpralegnet_tells_cell_lines_by_the_names_of_links(shared, genome, tmp_path):
    needs("tracksmith_mpralegnet")
    source, folder = shared / "parity/mpralegnet", tmp_path / "snap"
    for line in ("K562", "HepG2"):
        copied(source / "small.ckpt", folder / line / "weights.ckpt")
        copied(source / "small_config.json", folder / line / "config.json")
    files, links = twice("mpralegnet", genome, folder, tmp_path)
    same_run(files, links)
    assert sorted(tracks_of(links)) == ["mpralegnet.HepG2.bw", "mpralegnet.K562.bw"]


def test_clipnet_tells_folds_by_the_names_of_links(shared, genome, tmp_path):
    needs("tracksmith_clipnet")
    folder = tmp_path / "snap"
    copied(shared / "parity/clipnet/folds/fold_2.h5", folder / "fold_2.h5")
    same_run(*twice("clipnet-lcl", genome, folder, tmp_path, folds="mean:2"))


def test_enformer_finds_the_table_and_the_configuration_beside_a_link(tmp_path, genome):
    needs("tracksmith_enformer")
    import torch
    from safetensors.torch import save_file
    from tracksmith_enformer.weights import Sizes, layout

    sizes = Sizes((4,) * 7, 1, 1, 2, 4, 6, (("human", 3),))
    torch.manual_seed(1)
    folder = tmp_path / "snap"
    folder.mkdir()
    tensors = {name: torch.rand(shape) / 4 for name, shape in layout(sizes).items()}
    save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"depth": 1}))
    rows = "".join(f"{n}\tID{n}\tDNASE:cell {n}\n" for n in range(3))
    (folder / "targets_human.txt").write_text("index\tidentifier\tdescription\n" + rows)
    files, links = twice("enformer-human", genome, folder, tmp_path, tracks=["ID1"])
    same_run(files, links)
    assert list(tracks_of(links)) == ["enformer-human.ID1.bw"]


def test_get_reads_every_input_through_a_link(shared, small_get, tmp_path):
    folder, motifs = tmp_path / "snap", shared / "data" / "motifs"
    source = small_get.request.genome.parent
    for name in ("genome.fa", "peaks.bed", "small.ckpt"):
        copied(source / name, folder / name)
    inputs = {
        "motifs": copied(motifs / "jaspar_2024_consensus.meme", folder / "motifs.meme"),
        "clusters": copied(motifs / "jaspar_2024_clusters.tsv", folder / "clusters.tsv"),
    }
    request = verbs.changed(
        small_get.request, genome=folder / "genome.fa", peaks=folder / "peaks.bed",
        weights=folder, inputs=inputs,
    )  # fmt: skip
    verbs.run_all(request, tmp_path / "files")
    link_all(folder)
    verbs.run_all(request, tmp_path / "links")
    same_run(tmp_path / "files", tmp_path / "links")


def test_variants_in_a_table_are_read_through_a_link(genome, tmp_path):
    """That it is a table, only the link's name says."""
    folder = tmp_path / "calls"
    folder.mkdir()
    (folder / "v.tsv").write_text("chrom\tpos\tref\talt\n1\t700\tA\tG\n")
    (folder / "alias.tsv").write_text("chr1\t1\n")
    link_all(folder)
    link_all(genome.parent)
    out = tmp_path / "out"
    tracksmith.score_variants(
        folder / "v.tsv", "core-promoter", genome, out, alias=folder / "alias.tsv", device="cpu"
    )
    with pyBigWig.open(str(out / "variants" / "core-promoter.bb")) as file:
        assert len(file.entries("chr1", 0, 1400)) == 1


@pytest.mark.parametrize("named", ["folder", "file"])
def test_a_link_to_nowhere_says_that_its_content_is_missing(named, tmp_path, monkeypatch):
    needs("tracksmith_clipnet")
    folder = tmp_path / "clipnet-lcl"
    folder.mkdir()
    link = folder / "fold_1.h5"
    link.symlink_to("../.git/annex/objects/x")
    model = load_registry().get("clipnet-lcl").model
    with pytest.raises(InputError, match=r"fold_1\.h5 is a link to .*annex/objects/x.* not there"):
        find_weights(model, link if named == "file" else folder)
    monkeypatch.setenv("TRACKSMITH_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("TRACKSMITH_CACHE", str(tmp_path / "cache"))
    with pytest.raises(ResourceError, match="is a link to"):
        find_weights(model)
