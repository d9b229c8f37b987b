"""Which cell line and training run a checkpoint is."""

import pytest
from tracksmith_mpralegnet.files import FOLDS, by_cell_line, find_weights

from tracksmith.errors import InputError


@pytest.fixture
def touch(tmp_path):
    def make(*names):
        root = tmp_path / "weights"
        for name in names:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).touch()
        return root

    return make


def relative(by_fold, root):
    return {
        fold: [str(file.relative_to(root)) for file in files] for fold, files in by_fold.items()
    }


def test_a_flat_name_has_the_test_fold_first(touch):
    root = touch("K562/best_model_test10_val1.ckpt", "K562/best_model_test1_val10.ckpt")
    assert relative(find_weights(root), root) == {
        "test1_val10": ["K562/best_model_test1_val10.ckpt"],
        "test10_val1": ["K562/best_model_test10_val1.ckpt"],
    }


def test_a_folder_name_has_the_validation_fold_first(touch):
    run = "HepG2/model_3_7/lightning_logs/version_0/checkpoints"
    root = touch(f"{run}/pearson-20-0.81.ckpt", f"{run}/last_model-25.ckpt", "HepG2/config.json")
    assert relative(find_weights(root), root) == {
        "test7_val3": [f"{run}/pearson-20-0.81.ckpt", "HepG2/config.json"]
    }


def test_one_file_for_each_cell_line_is_one_fold(touch):
    root = touch("wtc11.safetensors", "hepg2.safetensors", "k562.safetensors", "config.json")
    by_fold = find_weights(root)
    config = "config.json"
    assert relative(by_fold, root) == {
        "single": [
            "hepg2.safetensors", config, "k562.safetensors", config, "wtc11.safetensors", config,
        ]
    }  # fmt: skip
    assert by_cell_line(by_fold["single"]) == {
        line: (root / f"{line.lower()}.safetensors", root / config)
        for line in ("HepG2", "K562", "WTC11")
    }


def test_a_configuration_one_folder_up_belongs_to_its_cell_line_only(touch):
    root = touch(
        "LentiMPRA_K562/example/weights.ckpt",
        "LentiMPRA_K562/config.json",
        "LentiMPRA_HepG2/example/weights.ckpt",
    )
    lines = by_cell_line(find_weights(root)["single"])
    assert lines["K562"][1] == root / "LentiMPRA_K562/config.json"
    assert lines["HepG2"][1] is None


def test_single_files_of_different_runs_are_one_fold(touch):
    root = touch("HepG2/weights.ckpt", "K562/best_model_test10_val1.ckpt")
    assert list(find_weights(root)) == ["single"]


def test_one_checkpoint_may_be_named_and_a_folder_around_it_names_the_cell_line(touch):
    root = touch("K562/best_model_test2_val3.ckpt", "K562/best_model_test4_val3.ckpt")
    by_fold = find_weights(root / "K562/best_model_test2_val3.ckpt")
    assert relative(by_fold, root) == {"test2_val3": ["K562/best_model_test2_val3.ckpt"]}


def test_all_ninety_runs_are_folds(touch):
    names = [f"test{t}_val{v}" for t in range(1, 11) for v in range(1, 11) if t != v]
    root = touch(*(f"WTC11/best_model_{name}.ckpt" for name in names))
    assert list(find_weights(root)) == names == [fold for fold in FOLDS if fold != "single"]


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["README.md"], "no file ends in"),
        (["example.cpkt"], r"Rename example\.cpkt so that it ends in \.ckpt"),
        (["best_model_test1_val2.ckpt"], "does not say which cell line"),
        (["HepG2_vs_K562/w.ckpt"], "names several cell lines"),
        (["MyK562b/w.ckpt"], "does not say which cell line"),
        (["K562/test1_val1.ckpt"], "no training run"),
        (["K562/best_model_test11_val1.ckpt"], "no training run"),
        (["K562/model_0_3/w.ckpt"], "no training run"),
        (["K562/a.ckpt", "K562/b.ckpt"], "several checkpoints whose names say no training run"),
        (["K562/x_test1_val2.ckpt", "K562/y_test1_val2.ckpt"], "has training run test1_val2 twice"),
        (
            ["HepG2/test1_val2.ckpt", "HepG2/test1_val3.ckpt", "K562/test1_val2.ckpt"],
            "K562 lacks test1_val3",
        ),
    ],
)
def test_what_cannot_be_told_apart_is_refused(touch, names, says):
    with pytest.raises(InputError, match=says):
        find_weights(touch(*names))


def test_nothing_there_is_said(tmp_path):
    with pytest.raises(InputError, match="There is nothing at"):
        find_weights(tmp_path / "absent")
