"""What a run folder promises: versions are not mixed, a finished run is safe, nothing is redone."""

import json
import shutil

import pytest
import verbs
from engine_toys import Dense, toy_card
from test_forward import CENTRED

import tracksmith
from tracksmith.errors import IncompleteError, PluginError, ResourceError, TrustError
from tracksmith.files import digest_of_file
from tracksmith.models.contract import Model, Predictor
from tracksmith.models.registry import RegisteredModel, Registry
from tracksmith.runs.run import Run


@pytest.fixture
def toy(register) -> Model:
    model = Model(toy_card(CENTRED, ("1",)), lambda request: Predictor({"1": Dense(CENTRED, 0)}))
    register(model)
    return model


@pytest.fixture
def genome(write_genome, random_bases):
    return write_genome(chr1=random_bases(20_000, 1))


@pytest.fixture
def planned(toy, genome, tmp_path) -> Run:
    """A run of three parts, of which one is computed."""
    run = verbs.plan(verbs.request(("toy",), genome, parts=3), tmp_path / "run")
    verbs.work(run.folder, part=0)
    return run


@pytest.fixture
def finished(toy, genome, tmp_path) -> Run:
    return tracksmith.predict("toy", genome, tmp_path / "run", parts=3)


def other(monkeypatch, **versions):
    now = {"tracksmith": "0.1.0", "torch": "2.13.0"} | versions
    monkeypatch.setattr("tracksmith.runs.versions.installed_versions", lambda: now)


@pytest.mark.parametrize("name", ["tracksmith", "torch"])
@pytest.mark.parametrize("verb", [verbs.work, verbs.finish])
def test_another_version_may_not_go_on_with_a_run(verb, name, planned, monkeypatch):
    here = planned.plan.versions
    other(monkeypatch, **(here | {name: "99.0"}))
    with pytest.raises(TrustError, match=rf"{name}: {here[name].replace('+', '.')}, 99.0\n") as met:
        verb(planned.folder)
    assert met.value.exit_code == 6
    assert "Install the planned versions" in str(met.value)
    monkeypatch.undo()
    assert verbs.status(planned.folder).done == 1


@pytest.mark.parametrize("verb", [verbs.work, verbs.finish])
def test_another_version_of_the_plugin_may_not_go_on_with_a_run(verb, toy, planned, monkeypatch):
    newer = Registry({"toy": RegisteredModel(toy, "toys", "2", "toys")}, [])
    monkeypatch.setattr("tracksmith.models.registry.load_registry", lambda: newer)
    with pytest.raises(TrustError, match="plugin of toy: toys 1, toys 2"):
        verb(planned.folder)


def test_another_build_of_the_same_torch_may(planned, monkeypatch):
    release = planned.plan.versions["torch"].partition("+")[0]
    other(monkeypatch, **(dict(planned.plan.versions) | {"torch": f"{release}+cu999"}))
    assert verbs.work(planned.folder) == [1, 2]
    assert verbs.finish(planned.folder).finished


@pytest.mark.parametrize("change", [{"torch": "1.0"}, {"tracksmith": "9"}])
def test_a_part_of_another_version_is_not_joined(change, planned):
    path = planned.parts_folder / "part-00000.json"
    content = json.loads(path.read_text())
    content["versions"] |= change
    path.write_text(json.dumps(content))
    assert "other versions" in verbs.status(planned.folder).problems[0]
    assert verbs.work(planned.folder) == [0, 1, 2]


def load_error(request):
    raise KeyError("conv1.weight")


def files(run: Run) -> dict[str, str]:
    return {file.path: digest_of_file(run.folder / file.path) for file in run.files}


def test_overwrite_keeps_the_old_run_when_the_new_one_cannot_start(
    toy, register, genome, finished, tmp_path
):
    before = (finished.folder / "run.json").read_bytes(), files(finished)
    with pytest.raises(ResourceError):
        tracksmith.predict("toy", genome, finished.folder, overwrite=True, device="cuda:77")
    register(Model(toy.card, load_error))
    with pytest.raises(PluginError, match="failed to load"):
        tracksmith.predict("toy", genome, finished.folder, overwrite=True)
    assert ((finished.folder / "run.json").read_bytes(), files(finished)) == before
    register(toy)
    again = tracksmith.predict("toy", genome, finished.folder, overwrite=True)
    assert files(again) == before[1]


def test_work_on_a_finished_run_does_nothing(finished):
    before = sorted(finished.folder.rglob("*"))
    assert verbs.work(finished.folder) == []
    assert sorted(finished.folder.rglob("*")) == before


def test_work_makes_a_folder_of_parts_that_is_gone(planned):
    shutil.rmtree(planned.parts_folder)
    assert verbs.work(planned.folder) == [0, 1, 2]
    assert verbs.finish(planned.folder).finished


@pytest.mark.parametrize("verb", [verbs.work, verbs.finish])
def test_a_finished_run_may_lie_where_nobody_can_write(verb, finished, monkeypatch):
    def refuse(run):
        raise ResourceError("read-only")

    monkeypatch.setattr(Run, "lock", refuse)
    verb(finished.folder)


def test_a_deep_status_sees_a_deleted_track(finished):
    assert verbs.status(finished.folder, deep=True).finished
    (finished.folder / finished.files[0].path).unlink()
    with pytest.raises(IncompleteError, match=r"missing or changed:\n  tracks/toy.plus.bw"):
        verbs.status(finished.folder, deep=True)
