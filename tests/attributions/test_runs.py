"""Runs of explanations as runs: kills, parts, shares, studies, hubs, arrays, what they cost."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from attribution_toys import GEOMETRY, Positive, letters, model_of
from tracksmith_demo.genome import write_demo_genome

import tracksmith
from tracksmith.attributions.plan import ExplainedModel
from tracksmith.hub.build import build_hub
from tracksmith.hub.check import check_hub
from tracksmith.models.card import Track
from tracksmith.progress import Silent
from tracksmith.runs import job
from tracksmith.study import read_study
from tracksmith.study_of_runs import study_text

DRIVER = Path(__file__).with_name("explain_kill_driver.py")
POINTS = [
    "locked:1", "part-begin:1", "before-fsync:2", "before-rename:3", "part-data:1", "part-end:1",
    "track-finished:1", "track-finished:3", "finished:1",
]  # fmt: skip
REGIONS = ["chr1:21-90", "chr1:101-131", "chr2:1-40", "chr2:61-64"]
TRACKS = (
    Track("plus", "plus", "+", rc_partner="minus"),
    Track("minus", "minus", "-", rc_partner="plus"),
    Track("both", "both"),
)


@pytest.fixture
def world(register, write_genome, random_bases):
    register(model_of(Positive(), scores=("log2fc", "l2"), tracks=TRACKS))
    return write_genome(chr1=random_bases(400, 1), chr2=random_bases(120, 2))


def explain(genome, out, **options):
    options = {"regions": REGIONS, "device": "cpu", "references": 2, "path_points": 3, **options}
    return tracksmith.explain("toy", genome, out, **options)


def files_of(folder):
    names = [path for place in ("tracks", "explain") for path in (folder / place).glob("*")]
    return {path.relative_to(folder): path.read_bytes() for path in names}


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """Runs that were killed at every point and repeated: their folder, exit codes by point."""
    folder = tmp_path_factory.mktemp("killed")
    genome = write_demo_genome(folder / "demo").fasta
    command = [sys.executable, str(DRIVER), str(genome), str(folder)]
    done = subprocess.run(
        [*command, "never:1", *POINTS], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout)


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_at_any_step_is_mended_by_the_same_command(killed, point):
    folder, codes = killed
    assert codes[point] == [137, 0]
    run = folder / point.replace(":", "-")
    whole = files_of(folder / "never-1")
    assert len(whole) == 4
    assert files_of(run) == whole
    assert not list(run.rglob(".tmp-*"))


@pytest.mark.parametrize("method", ["ism", "gradient", "integrated", "deeplift"])
def test_parts_and_shares_change_no_byte(world, tmp_path, monkeypatch, method):
    asked = {"method": method, "hypothetical": True}
    whole = explain(world, tmp_path / "whole", **asked)
    assert whole.parts == 1
    stage = ExplainedModel.stage

    def cut(self, number):
        one = stage(self, number)
        return replace(one, starts=tuple(range(0, one.items, self.together)))

    monkeypatch.setattr(ExplainedModel, "stage", cut)
    monkeypatch.setattr(ExplainedModel, "together", property(lambda self: 1))
    ones = explain(world, tmp_path / "ones", batch_size=64, **asked)
    out = tmp_path / "shares"
    options = {"regions": REGIONS, "references": 2, "path_points": 3, "batch_size": 64, **asked}
    planned = tracksmith.plan("toy", world, out, device="cpu", **options)
    assert planned.parts == ones.parts == 7
    assert tracksmith.work(out, of=(1, 2), device="cpu") == [3, 4, 5, 6]
    assert sorted(tracksmith.status(out).problems) == [0, 1, 2]
    assert tracksmith.work(out, device="cpu") == [0, 1, 2]
    assert files_of(tracksmith.finish(out).folder) == files_of(ones.folder)
    for name in ("toy.plus", "toy.minus.profile", "toy.plus+minus"):
        for contig in ("chr1", "chr2"):
            one, other = (letters(r, f"{name}.{method}.bw", contig) for r in (whole, ones))
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("method", ["gradient", "integrated", "deeplift"])
def test_the_batch_size_changes_last_digits_only(world, tmp_path, method):
    runs = [
        explain(world, tmp_path / str(size), method=method, batch_size=size, tracks=["plus"])
        for size in (1, 7)
    ]
    one, other = (letters(run, f"toy.plus.{method}.bw", "chr1") for run in runs)
    np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-6)


def test_a_dry_run_says_what_it_writes_and_how_much(world, tmp_path):
    asked = {"method": "integrated", "hypothetical": True, "references": 2, "path_points": 3}
    cost = tracksmith.estimate("toy", world, regions=REGIONS, device="cpu", **asked)
    run = explain(world, tmp_path / "run", **asked)
    assert sorted(cost.files) == sorted(entry.path for entry in run.files)
    assert cost.disk.files >= sum(entry.size for entry in run.files)
    assert "145 bp in 7 steps by integrated, 8 targets" in cost.lines[0]
    assert cost.models[0].seconds > 0


def test_a_long_region_is_cut_into_steps_each_in_the_middle_of_its_window(world, tmp_path):
    """The letters of a step are those of a run over that step alone."""
    run = explain(world, tmp_path / "run", method="gradient", hypothetical=True)
    rows = (run.folder / "explain/toy.steps.bed").read_text().split("\n")
    assert rows[:3] == ["chr1\t20\t43", "chr1\t43\t66", "chr1\t66\t90"]
    assert max(int(row.split("\t")[2]) - int(row.split("\t")[1]) for row in rows[:7]) <= 32
    alone = explain(world, tmp_path / "one", method="gradient", regions=["chr1:44-66"])
    one, all_of = (letters(r, "toy.both.gradient.bw", "chr1") for r in (alone, run))
    np.testing.assert_allclose(one[43:66], all_of[43:66], rtol=1e-4, atol=1e-7)
    assert np.isnan(one[:43]).all()


@pytest.mark.parametrize("method", ["ism", "gradient"])
def test_arrays_hold_the_bases_and_what_every_letter_adds(world, tmp_path, method):
    run = explain(world, tmp_path / "run", method=method, hypothetical=True)
    with np.load(run.folder / "explain/toy.ohe.npz") as file:
        bases = file["arr_0"]
    with np.load(run.folder / f"explain/toy.plus.{method}.shap.npz") as file:
        values = file["arr_0"]
    assert bases.shape == values.shape == (7, 4, 31)
    assert (bases.dtype, values.dtype) == (np.int8, np.float32)
    rows = (run.folder / "explain/toy.steps.bed").read_text().splitlines()
    for row, step, known in zip(rows, values, bases, strict=True):
        contig, start, end = row.split("\t")
        start, end = int(start), int(end)
        left = (31 - (end - start)) // 2
        inside = slice(left, left + end - start)
        due = letters(run, f"toy.plus.{method}.bw", contig)[start:end]
        np.testing.assert_allclose((step * known).sum(0)[inside], due, rtol=1e-5, atol=1e-7)
        assert not np.delete(step, np.arange(31)[inside], axis=1).any()
        if method == "gradient":
            np.testing.assert_allclose(step.sum(0), 0, atol=1e-5)


def test_a_hub_draws_letters_and_names_method_and_score(world, tmp_path):
    run = explain(world, tmp_path / "run", method="gradient", tracks=["plus", "minus"])
    build_hub([run.folder], run.folder / "hub", email="hub@example.org", name="toyhub",
              base_url="https://example.org/hub/")  # fmt: skip
    assert check_hub(run.folder / "hub") == []
    text = (run.folder / "hub/hub.txt").read_text()
    assert text.count("logo on") == 6
    for score in ("log2fc", "profile"):
        for track in ("plus", "minus", "plus+minus"):
            assert f"{track}, attribution of {score} by gradient" in text
    session = json.loads((run.folder / "hub/session.json").read_text())
    drawn = [row for row in session["tracks"] if row.get("graphType") == "dynseq"]
    assert len(drawn) == 6 == len({row["name"] for row in drawn})


def test_a_study_gives_the_same_run(world, tmp_path):
    run = explain(world, tmp_path / "run", method="integrated", reduce="mean", baseline="uniform")
    path = tmp_path / "study.toml"
    path.write_text(study_text([run]))
    (step,) = read_study(path).steps
    from tracksmith.kinds import kind_of_request

    again = job.plan(kind_of_request(step.request), step.request, tmp_path / "again", Silent())
    assert again.id == run.id
    (tmp_path / "short.toml").write_text(
        'models = "toy"\ngenome = "genome.fa"\n[explain]\nregions = "chr1:1-20"\nout = "x"\n'
    )
    assert read_study(tmp_path / "short.toml").steps[0].request.method == "ism"


def test_another_seed_method_or_reduction_is_another_run(world, tmp_path):
    ids = {
        tracksmith.plan(
            "toy", world, tmp_path / str(number), regions=REGIONS, device="cpu", **options
        ).id
        for number, options in enumerate(
            [
                {"method": "integrated"}, {"method": "deeplift"},
                {"method": "integrated", "reference_seed": 2},
                {"method": "integrated", "reduce": "mean"},
                {"method": "integrated", "references": 3},
            ]
        )
    }  # fmt: skip
    assert len(ids) == 5


def test_reductions_are_the_sum_the_mean_and_the_largest_of_the_scored_bins(world, tmp_path):
    """By mutation, of the difference: the mean is a part of the sum, the largest another number."""
    runs = {
        how: explain(world, tmp_path / how, method="ism", reduce=how, scores=["diff"])
        for how in ("sum", "mean", "max")
    }
    each = {how: letters(run, "toy.both.ism.bw", "chr1") for how, run in runs.items()}
    bins = GEOMETRY.bins
    np.testing.assert_allclose(each["sum"], each["mean"] * bins, rtol=1e-4, atol=1e-7)
    assert not np.allclose(each["max"], each["sum"], equal_nan=True)


def test_the_page_of_letters_defines_every_number(world, tmp_path):
    pages = {}
    for method, options in {
        "gradient": {}, "ism": {"reduce": "max"},
        "integrated": {"baseline": "uniform", "path_points": 4},
    }.items():  # fmt: skip
        run = explain(world, tmp_path / method, method=method, tracks=["plus"], **options)
        hub = tmp_path / f"{method}-hub"
        build_hub([run.folder], hub, email="hub@example.org", name="toyhub")
        pages[method] = "".join(page.read_text() for page in (hub / "html").rglob("*letters.html"))
    assert "gradient times input, gradients centred over the four bases" in pages["gradient"]
    assert "minus the mean effect of the three substitutions" in pages["ism"]
    assert "the log2 of the max of the scored bins plus" in pages["ism"]
    assert "from 1/4 of every base, 4 points of each path" in pages["integrated"]
    assert "weighted by those of the sequence itself" in pages["gradient"]
