"""The published archive of training runs, unpacked into the folders that the plugin reads."""

import io
import zipfile

import pytest
import torch
from tracksmith_mpralegnet.files import RUNS, place_in_folder
from tracksmith_mpralegnet.plugin import tracksmith_models

from tracksmith.errors import UsageError
from tracksmith.models.fetch import fetch
from tracksmith.models.weights import find_weights, weights_cache
from tracksmith.plugin import LoadRequest

MODELS = {model.card.name: model for model in tracksmith_models()}


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("best_model/K562/best_model_test1_val2.ckpt", "K562/best_model_test1_val2.ckpt"),
        ("hepg2/best_model_test10_val1.ckpt", "HepG2/best_model_test10_val1.ckpt"),
        (
            "WTC11/model_2_1/lightning_logs/version_0/checkpoints/pearson-20-0.81.ckpt",
            "WTC11/best_model_test1_val2.ckpt",
        ),
        ("WTC11/model_2_1/lightning_logs/version_0/checkpoints/last_model-25.ckpt", None),
        ("K562\\best_model_test1_val2.ckpt", "K562/best_model_test1_val2.ckpt"),
        ("LentiMPRA_K562/example/weights.ckpt", "K562/weights.ckpt"),
        ("../../K562/best_model_test1_val2.ckpt", None),
        ("K562/config.json", "K562/config.json"),
        ("models/config.json", "config.json"),
        ("__MACOSX/K562/._best_model_test1_val2.ckpt", None),
        ("K562/.hidden.ckpt", None),
        ("K562/README.md", None),
        ("somewhere/best_model_test1_val2.ckpt", None),
        ("K562/best_model_test3_val3.ckpt", None),
        ("", None),
        ("/", None),
    ],
)
def test_a_name_in_the_archive_says_cell_line_and_training_run(name, place):
    assert place_in_folder(name) == place


@pytest.fixture
def published(tmp_path, monkeypatch, tensors):
    """An archive of 90 runs for each of two cell lines; two of them are checkpoints."""
    monkeypatch.setenv("TRACKSMITH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TRACKSMITH_WEIGHTS", raising=False)
    stream = io.BytesIO()
    torch.save({"state_dict": tensors(1), "epoch": 3}, stream)
    path = tmp_path / "best_model.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for line in ("HepG2", "K562"):
            for test in RUNS:
                for val in RUNS:
                    name = f"best_model/{line}/best_model_test{test}_val{val}.ckpt"
                    if test != val:
                        archive.writestr(name, stream.getvalue())
    return path


def test_all_runs_of_all_cell_lines_are_unpacked(published):
    model = MODELS["mpralegnet"]
    assert len(fetch(model, str(published))) == 180
    by_fold = find_weights(model)
    assert len(by_fold) == 90
    assert [track.id for track in model.describe(by_fold).tracks] == ["HepG2", "K562"]


def test_one_run_of_one_cell_line_is_enough_and_every_variant_reads_it(published):
    model = MODELS["mpralegnet"]
    with pytest.raises(UsageError, match="no file of mpralegnet is called so"):
        fetch(model, str(published), only=("K562/*test11*",))
    (path,) = fetch(model, str(published), only=("K562/*test1_val2.*",))
    assert path == weights_cache(model.card) / "K562" / "best_model_test1_val2.ckpt"
    for name, other in MODELS.items():
        files = find_weights(other)
        assert files == {"test1_val2": (path,)}
        card = other.describe(files)
        tracks = tuple(track.id for track in card.tracks)
        assert {track.cell_type for track in card.tracks} == {"K562"}
        loaded = other.load(LoadRequest(files, tracks, {"average": "yes"}))
        assert list(loaded.networks) == ["test1_val2"], name
