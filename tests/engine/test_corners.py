"""Corners of predicting: off-centre models, moved genomes, odd plugins, edited runs."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyBigWig
import pytest
import torch
import verbs
from engine_toys import Dense, toy_card
from torch import nn

import tracksmith
from tests.engine.test_runs import Notes
from tracksmith.errors import PluginError, TrustError, UsageError
from tracksmith.kinds import KINDS
from tracksmith.models.card import Fold, Track, WindowGeometry
from tracksmith.models.contract import Model, Predictor
from tracksmith.models.registry import RegisteredModel, Registry
from tracksmith.progress import Silent
from tracksmith.runs.run import Run, _seal

GEOMETRY = WindowGeometry(64, 16, 32, 1)


class WeakBase(nn.Module):
    """Says whether base 47 of the window is A or T: the same on both strands."""

    def forward(self, bases):
        return (bases[:, 0, 47] + bases[:, 3, 47])[:, None, None]


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("turned", [False, True])
def test_a_core_off_the_middle_is_turned_onto_itself(
    register, write_genome, random_bases, tmp_path, whole, turned
):
    geometry = WindowGeometry(60, 47, 1, 1, whole_window=whole)
    card = replace(toy_card(geometry, ()), tracks=(Track("at", "A or T"),))
    register(Model(card, lambda request: WeakBase()))
    text = random_bases(500, 1)
    run = tracksmith.predict("toy", write_genome(chr1=text), tmp_path / "run", stride=1,
                             reverse_complement=turned, device="cpu")  # fmt: skip
    with pyBigWig.open(str(run.folder / "tracks/toy.at.bw")) as file:
        values = file.values("chr1", 0, 500, numpy=True)
    assert values.tolist() == [float(base in "AT") for base in text]


def test_a_genome_that_moved_is_found_where_the_repeated_plan_says(
    register, write_genome, random_bases, tmp_path
):
    register(Model(toy_card(GEOMETRY, ("1",)), lambda r: Predictor({"1": Dense(GEOMETRY, 0)})))
    genome = write_genome(chr1=random_bases(2_000, 2))
    verbs.plan(verbs.request(("toy",), genome, parts=2), tmp_path / "run")
    moved = tmp_path / "elsewhere" / "genome.fa"
    moved.parent.mkdir()
    shutil.move(genome, moved)
    verbs.plan(verbs.request(("toy",), moved), tmp_path / "run")
    verbs.work(tmp_path / "run")
    assert verbs.finish(tmp_path / "run").finished


@pytest.mark.parametrize("path", ["../victim", "/etc/hostname", "tracks/../../victim"])
def test_a_run_that_lists_files_outside_itself_is_not_opened(
    register, write_genome, random_bases, tmp_path, path
):
    register(Model(toy_card(GEOMETRY, ("1",)), lambda r: Predictor({"1": Dense(GEOMETRY, 0)})))
    genome = write_genome(chr1=random_bases(300, 3))
    tracksmith.predict("toy", genome, tmp_path / "run")
    (tmp_path / "victim").write_text("precious")
    content = json.loads((tmp_path / "run/run.json").read_text())
    content["results"]["files"][0]["path"] = path
    content["seal"] = _seal(content)
    (tmp_path / "run/run.json").write_text(json.dumps(content))
    with pytest.raises(TrustError, match="lies outside the run"):
        tracksmith.predict("toy", genome, tmp_path / "run", overwrite=True)
    assert (tmp_path / "victim").read_text() == "precious"


def test_a_spread_of_held_out_folds_needs_two_of_them(
    register, write_genome, random_bases, tmp_path
):
    folds = (Fold("1", ("chr1",)), Fold("2", ("chr2",)), Fold("3", ("chr2",)))
    networks = {str(n): Dense(GEOMETRY, n) for n in (1, 2, 3)}
    card = toy_card(GEOMETRY, ("1", "2", "3"), folds=folds)
    register(
        Model(card, lambda r: Predictor(networks), lambda path: dict.fromkeys(networks, (path,)))
    )
    genome = write_genome(chr1=random_bases(300, 4), chr2=random_bases(300, 5))
    weights = tmp_path / "w"
    weights.write_text("w")
    given = {"weights": weights, "folds": "held-out", "spread": True, "device": "cpu"}
    with pytest.raises(UsageError, match="no contig asked for is predicted by two folds"):
        tracksmith.predict("toy", genome, tmp_path / "none", chroms="chr1", **given)
    assert not (tmp_path / "none").exists()
    notes = Notes()
    tracksmith.predict("toy", genome, tmp_path / "run", progress=notes, **given)
    assert any("1 contigs are predicted by a single fold" in said for said in notes.said)


def test_the_forecast_counts_the_whole_bins_of_small_regions(write_genome, random_bases):
    geometry = WindowGeometry(512, 0, 512, 128)
    model = Model(toy_card(geometry, ("1",)), lambda r: Predictor({"1": Dense(geometry, 0)}))
    registry = Registry({"toy": RegisteredModel(model, "toys", "1", "toys")}, [])
    genome = write_genome(chr1=random_bases(128_000, 6))
    small = tuple(f"chr1:{128 * n + 7}-{128 * n + 7}" for n in range(1000))
    needed = [
        KINDS["predict"]()
        .draft(verbs.request(("toy",), genome, regions=regions), registry, Silent())
        .disk
        for regions in (small, ("chr1",))
    ]
    assert needed[0] == needed[1]


class Wrong(nn.Module):
    def forward(self, bases):
        return torch.full((len(bases), 3, 32), torch.nan)


def fold_card(**changes):
    return toy_card(GEOMETRY, ("1", "2"), **changes)


@pytest.mark.parametrize(
    ("loaded", "said"),
    [
        (lambda r: {}, "no network for fold 1, 2"),
        (lambda r: {"1": Dense(GEOMETRY, 0)}, "no network for fold 2"),
        (lambda r: Dense(GEOMETRY, 0), "returned Dense for 2 folds"),
        (lambda r: {"1": 5, "2": 6}, "an nn.Module"),
        (lambda r: 5, "returned int for 2 folds"),
        (
            lambda r: Predictor(dict.fromkeys("12", Dense(GEOMETRY, 0)), tracks=("plus", "x")),
            "returns the tracks plus, x; minus is missing",
        ),
        (lambda r: dict.fromkeys("12", Wrong()), "On contig chr1: toy returned nan"),
    ],
)
def test_what_a_plugin_loads_wrongly_is_named(
    register, write_genome, random_bases, tmp_path, loaded, said
):
    file = tmp_path / "w"
    file.write_text("w")
    register(Model(fold_card(), loaded, lambda path: {"1": (file,), "2": (file,)}))
    genome = write_genome(chr1=random_bases(300, 7))
    with pytest.raises(PluginError, match=said):
        tracksmith.predict("toy", genome, tmp_path / "run", weights=tmp_path, device="cpu")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"describe": lambda paths: 1 / 0}, "failed in describe.*ZeroDivisionError"),
        ({"describe": lambda paths: None}, "describe.. returned NoneType"),
        ({"describe": lambda paths: fold_card(name="other")}, "describe.. returned other"),
        ({"find_weights": lambda path: {"1": (path,)}}, "find_weights returns .*, which is no f"),
        ({"find_weights": lambda path: {"1": (path / "absent",)}}, "absent, which is no file"),
    ],
)
def test_a_hook_that_fails_is_named(register, write_genome, random_bases, tmp_path, changes, said):
    file = tmp_path / "w"
    file.write_text("w")
    model = Model(fold_card(), lambda r: 1, lambda path: {"1": (file,), "2": (file,)})
    register(replace(model, **changes))
    genome = write_genome(chr1=random_bases(300, 8))
    with pytest.raises(PluginError, match=said):
        tracksmith.predict("toy", genome, tmp_path / "run", weights=tmp_path, device="cpu")
    assert not Run.exists(tmp_path / "run")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"batch_size": "many"}, "--batch-size many: give a whole number"),
        ({"batch_size": 1.5}, r"--batch-size 1\.5: give a whole number"),
        ({"shifts": "a,b"}, "--shifts a,b: give whole numbers"),
        ({"spread": "perhaps"}, "--spread perhaps: give yes or no"),
    ],
)
def test_numbers_from_python_are_numbers(register, write_genome, tmp_path, options, said):
    register(Model(toy_card(GEOMETRY, ("1",)), lambda r: Predictor({"1": Dense(GEOMETRY, 0)})))
    with pytest.raises(UsageError, match=said):
        tracksmith.predict("toy", write_genome(chr1="A" * 99), tmp_path / "run", **options)


def test_a_track_may_be_named_by_its_number_from_python(
    register, write_genome, random_bases, tmp_path
):
    register(Model(toy_card(GEOMETRY, ("1",)), lambda r: Predictor({"1": Dense(GEOMETRY, 0)})))
    genome = write_genome(chr1=random_bases(300, 9))
    for number, tracks in enumerate((0, [0], np.array([0]).tolist(), "plus")):
        run = tracksmith.predict("toy", genome, tmp_path / f"run{number}", tracks=tracks,
                                 shifts=0, folds=1, device="cpu")  # fmt: skip
        assert [Path(file.path).name for file in run.files] == ["toy.plus.bw"]
