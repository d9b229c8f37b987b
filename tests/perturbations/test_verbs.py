"""Perturbations by every verb: the command, plan and work and finish, Python, a study."""

import json

import pytest
from click.testing import CliRunner
from perturb_toys import pairs_of, write_table

import tracksmith
from tracksmith.cli import main
from tracksmith.errors import TrustError, UsageError
from tracksmith.files import digest_of_file

SITE = 14_376


@pytest.fixture
def inputs(demo, tmp_path):
    table = write_table(
        tmp_path / "edits.tsv",
        ("demo1", SITE - 45, SITE - 25, "box", "shuffle"),
        ("demo1", SITE + 60, SITE + 70, "put", "replace", "fasta:new"),
    )
    (tmp_path / "new.fa").write_text(">new\nACGTTGCATT\n")
    (tmp_path / "site.bed").write_text(f"demo1\t{SITE}\t{SITE + 1}\tstart\t0\t+\n")
    return table, tmp_path / "site.bed"


def run_command(*arguments, code=0):
    found = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert found.exit_code == code, found.output
    return found.output


def outputs(folder):
    paths = [folder / "run.json", *sorted((folder / "perturb").iterdir())]
    return {path.name: digest_of_file(path) for path in paths}


def test_the_command_steps_python_and_a_study_give_one_run(demo, inputs, tmp_path, monkeypatch):
    table, site = inputs
    common = ("-m", "core-promoter", "-g", demo.fasta, "--readouts", site, "--around", "40",
              "--seeds", "3", "--sequences", tmp_path / "new.fa", "-d", "cpu",
              "--compressor", "zlib", "--tracks-for", "put")  # fmt: skip
    said = run_command("perturb", table, *common, "-o", tmp_path / "go")
    assert "perturb/core-promoter.plus.arcs.bb" in said
    assert "run.json" not in run_command("perturb", table, *common, "-o", tmp_path / "go", "-q")
    dry = run_command("perturb", table, *common, "-o", tmp_path / "never", "--dry-run")
    assert "2 edits read in 1 readouts, 5 sequences in reach, 5 windows and 5 forward" in dry
    assert not (tmp_path / "never").exists()

    planned = run_command("plan", table, *common, "-o", tmp_path / "steps")
    assert "1 parts" in planned
    assert "1: missing" not in run_command("status", tmp_path / "steps", code=3)
    run_command("work", tmp_path / "steps", "-q")
    run_command("finish", tmp_path / "steps", "-q")
    run_command("status", tmp_path / "steps", "--deep")
    only = run_command("perturb", table, *common, "-o", tmp_path / "only", "--plan-only")
    assert "tracksmith work" in only

    run = tracksmith.perturb(
        str(table), site, "core-promoter", demo.fasta, tmp_path / "python", around=40, seeds=3,
        sequences=tmp_path / "new.fa", device="cpu", compressor="zlib", tracks_for="put",
    )  # fmt: skip
    study = run_command("study", tmp_path / "go")
    assert "[perturb]" in study
    (tmp_path / "study.toml").write_text(study.replace(str(tmp_path / "go"), "again"))
    run_command("run", tmp_path / "study.toml", "-q")
    every = [outputs(tmp_path / name) for name in ("go", "steps", "python", "again")]
    assert every[0] == every[1] == every[2] == every[3]
    assert json.loads((tmp_path / "only" / "run.json").read_text())["id"] == run.id


def test_a_study_of_tiles_gives_the_run_again(demo, inputs, tmp_path):
    _, site = inputs
    run = tracksmith.perturb(
        None, site, "core-promoter", demo.fasta, tmp_path / "go", tile=10, step=5, op="mask",
        regions=f"demo1:{SITE - 100}-{SITE}", value="mean", within=90, table_only=True,
        device="cpu",
    )  # fmt: skip
    study = run_command("study", tmp_path / "go").replace(str(tmp_path / "go"), "again")
    (tmp_path / "study.toml").write_text(study)
    run_command("run", tmp_path / "study.toml", "-q")
    assert json.loads((tmp_path / "again" / "run.json").read_text())["id"] == run.id
    assert {row["value"] for row in pairs_of(tmp_path / "again", "core-promoter")} >= {"mean"}


@pytest.mark.parametrize("name", ["edits.tsv", "site.bed", "new.fa"])
def test_an_input_that_was_changed_is_not_believed(name, demo, inputs, tmp_path):
    table, site = inputs
    tracksmith.plan(
        "core-promoter", demo.fasta, tmp_path / "run", edits=table, readouts=site, around=40,
        sequences=tmp_path / "new.fa", device="cpu",
    )  # fmt: skip
    with (tmp_path / name).open("a") as file:
        file.write("\n")
    with pytest.raises(TrustError, match=name):
        tracksmith.work(tmp_path / "run")


def test_edits_and_readouts_may_come_through_a_pipe(demo, inputs, tmp_path):
    _, site = inputs
    found = CliRunner().invoke(
        main,
        ["perturb", "-", "--op", "mask", "--readouts", str(site), "--around", "40", "-m",
         "core-promoter", "-g", str(demo.fasta), "-o", str(tmp_path / "run"), "-d", "cpu", "-q"],
        input=f"demo1\t{SITE - 45}\t{SITE - 25}\tbox\n".encode(),
    )  # fmt: skip
    assert found.exit_code == 0, found.output
    assert pairs_of(tmp_path / "run", "core-promoter")[0]["edit"] == "box"
    assert not (tmp_path / "run" / ".inputs").exists()


def test_another_question_in_the_same_folder_is_refused(demo, inputs, tmp_path):
    table, site = inputs
    options = {"around": 40, "sequences": tmp_path / "new.fa", "device": "cpu"}
    tracksmith.perturb(table, site, "core-promoter", demo.fasta, tmp_path / "run", **options)
    with pytest.raises(UsageError, match=r"details\.within"):
        tracksmith.perturb(
            table, site, "core-promoter", demo.fasta, tmp_path / "run", within=100, **options
        )


def test_several_models_share_edits_and_readouts(demo, inputs, tmp_path, register):
    from perturb_toys import long_range_model
    from tracksmith_demo.plugin import tracksmith_models

    register(*tracksmith_models(), long_range_model())
    table, site = inputs
    tracksmith.perturb(
        table, site, ["core-promoter", "long-range"], demo.fasta, tmp_path / "run", around=40,
        sequences=tmp_path / "new.fa", device="cpu",
    )  # fmt: skip
    for model, tracks in (("core-promoter", {"plus", "minus"}), ("long-range", {"signal"})):
        assert {row["track"] for row in pairs_of(tmp_path / "run", model)} == tracks


def test_two_devices_give_the_bytes_of_one(demo, inputs, tmp_path, monkeypatch):
    pytest.importorskip("distributed")
    from dataclasses import replace

    from tracksmith.perturbations import forecast, kind

    def small(model):
        stage = forecast.stage_of(model)
        return replace(stage, starts=tuple(range(0, stage.items, 10)))

    monkeypatch.setattr(kind, "stage_of", small)
    for name, device in (("one", "cpu"), ("two", "cpu,cpu")):
        tracksmith.perturb(
            None, inputs[1], "core-promoter", demo.fasta, tmp_path / name, tile=10, op="mask",
            regions=f"demo1:{SITE - 200}-{SITE + 100}", around=40, device=device,
        )  # fmt: skip
    assert outputs(tmp_path / "one") == outputs(tmp_path / "two")
