"""``tracksmith doctor --self-test`` and ``tracksmith plugin freeze``, as a user meets them."""

import json
import re
from dataclasses import replace

import pytest
import torch
from click.testing import CliRunner
from engine_toys import Dense, toy_card
from region_toys import toy as region_toy

from tracksmith.cli import main
from tracksmith.cli import selftest as module
from tracksmith.engine.golden import write_golden
from tracksmith.engine.selftest import SelfTestRequest, freeze
from tracksmith.errors import UsageError
from tracksmith.models.card import Fold, Option, WeightFile, WindowGeometry
from tracksmith.models.contract import Model, Predictor
from tracksmith.models.registry import RegisteredModel, Registry

GEOMETRY = WindowGeometry(64, 16, 32, 1)


@pytest.fixture(autouse=True)
def quick(monkeypatch, tmp_path):
    monkeypatch.setattr("tracksmith.engine.samples.TIMED_SECONDS", 0.01)
    monkeypatch.setenv("TRACKSMITH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TRACKSMITH_WEIGHTS", raising=False)
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture
def run(monkeypatch):
    """Return a function that tests some models and returns the rows of the table, and all text."""

    def invoke(*arguments, models=None, code=0):
        if models is not None:
            registered = {m.card.name: RegisteredModel(m, "toys", "1", "toys") for m in models}
            monkeypatch.setattr(module, "load_registry", lambda: Registry(registered, []))
        done = CliRunner().invoke(main, ["doctor", "--self-test", "-d", "cpu", *arguments])
        assert done.exit_code == code, done.output
        rows = [re.split(r"  +", line) for line in done.stdout.splitlines()]
        return {row[0]: row for row in rows if len(row) > 1}, done.output

    return invoke


def toy(name="toy", network=Dense, **changes) -> Model:
    card = toy_card(GEOMETRY, name=name, **changes)
    folds = [fold.name for fold in card.folds] or [""]
    return Model(card, lambda request: Predictor({f: network(GEOMETRY, 0) for f in folds}))


def frozen(model, tmp_path):
    path = tmp_path / f"{model.card.name}.json"
    write_golden(path, freeze(model, SelfTestRequest()))
    return replace(model, golden=path)


def test_the_installed_demonstration_is_all_right(run):
    rows, text = run("core-promoter")
    model, device, verdict, worst, allowed, against = rows["core-promoter"][:6]
    assert (model, device, verdict, allowed) == ("core-promoter", "cpu", "ok", "1e-05")
    assert worst == "0" and "frozen outputs" in against
    assert rows["core-promoter"][-1] == "3.1 Gb, one strand"
    assert "reading and writing not included" in text


def test_a_golden_file_with_one_changed_value_ends_in_exit_code_1(run, tmp_path):
    model = frozen(toy(), tmp_path)
    assert run(models=[model])[0]["toy"][2] == "ok"
    stored = json.loads(model.golden.read_text())
    stored["outputs"][1][2][3] += 1e-3 * max(map(max, stored["outputs"][1]))
    model.golden.write_text(json.dumps(stored))
    rows, text = run(models=[model, toy("fine")], code=1)
    assert rows["toy"][2] == "DIFFERS" and rows["fine"][2] == "runs"
    assert "toy: it computes other values here than it should" in text


def test_weights_other_than_those_that_were_frozen_are_not_compared_and_it_is_said(run, tmp_path):
    def load(request):
        return Dense(GEOMETRY, int(request.weights[""][0].read_text()))

    model = Model(toy_card(GEOMETRY, weights=(WeightFile("seed.txt"),)), load)
    mine, other = tmp_path / "mine", tmp_path / "other"
    mine.write_text("1")
    other.write_text("2")
    write_golden(tmp_path / "golden.json", freeze(model, SelfTestRequest(mine)))
    model = replace(model, golden=tmp_path / "golden.json")
    rows, text = run("--weights", f"toy={mine}", models=[model])
    assert rows["toy"][2] == "ok" and "sha256" not in text
    rows, text = run("--weights", f"toy={other}", models=[model])
    assert rows["toy"][2] == "runs" and "frozen outputs" not in rows["toy"][5]
    assert "these weights are not those whose outputs were frozen" in text


class Jumping(Dense):
    """Other numbers each time it is moved to a device."""

    moves = 0

    def _apply(self, function, recurse=True):
        self.moves += 1
        return super()._apply(function, recurse)

    def forward(self, bases):
        return super().forward(bases) * self.moves


def test_a_device_that_computes_something_else_ends_in_exit_code_1(run):
    rows, _ = run("--dtype", "bf16", models=[toy(network=Jumping), toy("fine")], code=1)
    assert rows["toy"][2] == "DIFFERS" and rows["toy"][5] == "the CPU" and rows["toy"][4] == "0.2"
    assert float(rows["toy"][3]) > 0.5
    assert rows["fine"][2] == "ok" and 1e-5 < float(rows["fine"][3]) < 0.2


class Failing(Dense):
    """Raises an error from the second time on that it is moved to a device."""

    error = torch.AcceleratorError("CUDA error: an illegal memory access was encountered")
    moves = 0

    def _apply(self, function, recurse=True):
        self.moves += 1
        if self.moves > 1:
            raise self.error
        return super()._apply(function, recurse)


class Full(Failing):
    error = torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 32.00 MiB.")


def test_a_device_that_breaks_gets_no_further_model_and_ends_in_exit_code_5(run):
    rows, text = run(models=[toy(network=Failing), toy("later")], code=5)
    assert "cpu failed: CUDA error: an illegal memory access" in text
    assert (rows["toy"][2], rows["later"][2]) == ("BROKEN", "not tested")
    assert "later was not tested on cpu" in " ".join(text.split())


def test_a_device_without_memory_is_a_sentence_and_ends_in_exit_code_5(run):
    rows, text = run(models=[toy(network=Full), toy("later")], code=5)
    assert "Out of memory" in text and "Traceback" not in text
    assert (rows["toy"][2], rows["later"][2]) == ("FAILED", "runs")


def test_a_plugin_that_fails_stops_no_other_model(run):
    class Raises(Dense):
        def forward(self, bases):
            raise KeyError("layer")

    def no_file(request):
        raise OSError("no such file")

    broken = replace(toy("broken"), load=no_file)
    rows, text = run(models=[toy(network=Raises), broken, toy("later")], code=1)
    assert [rows[name][1] for name in ("toy", "broken")] == ["FAILED", "FAILED"]
    assert rows["later"][2] == "runs" and "KeyError: 'layer'" in text and "no such file" in text


def test_missing_weights_say_what_to_do_and_count_only_where_the_model_was_named(run):
    model = toy(weights=(WeightFile("w.pt", urls=("https://example.org/w.pt",)),))
    for arguments, code in (((), 0), (("toy",), 5)):
        rows, text = run(*arguments, models=[model], code=code)
        assert rows["toy"][1] == "no weights" and "`tracksmith models fetch toy`" in text


def seconds(text: str) -> float:
    number, unit = text.split()
    return float(number) * {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86_400}[unit]


@pytest.mark.parametrize(("rule", "ways", "words"), [
    ("allowed", 1, "one strand"), ("default", 2, "both strands"), ("wrong", 1, "one strand"),
])  # fmt: skip
def test_the_time_is_that_of_all_windows_strands_and_folds(run, rule, ways, words):
    model = toy(reverse_complement=rule, folds=(Fold("1"), Fold("2")))
    rows, _ = run("--genome-size", "64M", models=[model])
    rate = float(rows["toy"][6].replace(",", ""))
    assert rows["toy"][8] == f"64 Mb, {words}, 2 folds"
    assert seconds(rows["toy"][7]) == pytest.approx(64e6 / 32 * ways / rate, rel=0.05)


def test_a_genome_is_measured_contig_by_contig(run, tmp_path, monkeypatch):
    genome = tmp_path / "genome.fa"
    genome.write_text(">a\n" + "ACGT" * 25 + "\n>b\n" + "A" * 33 + "\n>c\nG\n")
    monkeypatch.setattr("tracksmith.engine.samples.WindowSample.rate", lambda *given: 0.5)
    rows, _ = run("--genome", str(genome), models=[toy()])
    assert rows["toy"][7:] == ["14.0 seconds", "134 bp, one strand"]  # 4 + 2 + 1 windows


def test_models_over_regions_are_tested_too(run, tmp_path):
    rows, _ = run(models=[frozen(region_toy(), tmp_path)])
    assert rows["toy"][2] == "ok"
    assert rows["toy"][-1] == "100,000 regions, features not included"


def test_options_reach_the_models_that_have_them(run, tmp_path):
    seen = {}

    def watching(name):
        model = toy(name, options=(Option("mode", "a", ("a", "b"), "no effect"),))

        def load(request):
            seen[name] = request.options["mode"]
            return Dense(GEOMETRY, 0)

        return replace(model, load=load)

    models = [watching("one"), watching("two"), toy("plain")]
    run("--option", "mode=b", models=models)
    assert seen == {"one": "b", "two": "b"}
    run("--option", "two=mode=b", models=models)
    assert seen == {"one": "a", "two": "b"}
    assert "no model tested here has an option speed" in run(
        "--option", "speed=9", models=models, code=2)[1]  # fmt: skip


@pytest.mark.parametrize(("arguments", "words"), [
    (("--weights", "other=x"), "other is not tested here"),
    (("--dtype", "tf32"), "only CUDA devices compute in TF32"),
    (("--genome-size", "big"), "e.g. 3.1G"),
    (("--genome-size", "1G", "--genome", "x.fa"), "keep one"),
    (("-d", "gpu"), "Unknown device 'gpu'"),
    (("toi",), "Did you mean 'toy'"),
])  # fmt: skip
def test_what_makes_no_sense_is_refused(run, arguments, words):
    assert words in run(*arguments, models=[toy()], code=2)[1]


def test_options_of_the_self_test_alone_do_nothing_without_it():
    done = CliRunner().invoke(main, ["doctor", "core-promoter"])
    assert done.exit_code == 2 and "--self-test" in done.output


def test_a_gpu_that_is_not_there_is_exit_code_5(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    done = CliRunner().invoke(main, ["doctor", "--self-test", "core-promoter", "-d", "cuda"])
    assert done.exit_code == 5 and "finds no CUDA device" in done.output


def test_what_is_missing_is_told_with_the_way_to_install_it(run, monkeypatch):
    monkeypatch.setattr("tracksmith.cli.doctor._version", lambda package: None)
    monkeypatch.setattr("tracksmith.cli.doctor._driver_is_there", lambda: True)
    monkeypatch.setattr("torch.version.cuda", None)
    text = run(models=[toy()])[1]
    assert "faster compression: `pip install 'tracksmith[fast]'`" in text
    assert "several devices: `pip install 'tracksmith[dask]'`" in text
    assert "is a build for CPUs alone; install the build for your CUDA" in text


@pytest.mark.parametrize(("text", "bases"), [
    ("3.1G", 3_100_000_000), ("135m", 135_000_000), ("12 kb".replace(" ", ""), 12_000),
    ("4,641,652", 4_641_652), ("2.5Gb", 2_500_000_000), ("70bp", 70),
])  # fmt: skip
def test_sizes_of_genomes_are_read(text, bases):
    assert module.read_size(text) == bases


@pytest.mark.parametrize("text", ["", "0", "-3G", "G", "1e9", "3T", "3.1.4M"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(UsageError, match=r"3\.1G"):
        module.read_size(text)


def test_a_model_is_frozen_and_then_compared(run, tmp_path, monkeypatch):
    registry = Registry({"toy": RegisteredModel(toy(), "toys", "1", "toys")}, [])
    monkeypatch.setattr("tracksmith.cli.plugin.load_registry", lambda: registry)
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["plugin", "freeze", "toy"])
    assert done.exit_code == 0, done.output
    assert "toy.golden.json holds 234 values of toy: 3 tracks, 3 windows, 26 bins" in done.output
    model = replace(toy(), golden=tmp_path / "toy.golden.json")
    assert run(models=[model])[0]["toy"][2] == "ok"
