"""Finding plugins: each is loaded for real, from a distribution written for the test."""

import re
import subprocess
import sys
import textwrap

import pytest

from tests.distributions import write_distribution
from tracksmith.errors import UsageError
from tracksmith.models.registry import Registry, load_registry

GOOD = """
from tracksmith.plugin import Model, ModelCard, Track, WindowGeometry, hookimpl

def card(name):
    return ModelCard(name=name, version="1", summary="s", code_licence="MIT",
        weights_licence="MIT", citation="none", geometry=WindowGeometry(8, 0, 8),
        tracks=(Track("t", "T"),))

def load(request):
    raise RuntimeError
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return a function that installs a distribution with one plugin module."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(entry_point, source, distribution=None, version="1.2", requires=()):
        distribution = distribution or f"dist-{entry_point}"
        module = f"plug_{distribution}_{entry_point}".replace("-", "_")
        (tmp_path / f"{module}.py").write_text(GOOD + textwrap.dedent(source))
        offers = {"tracksmith": {entry_point: module}}
        return write_distribution(
            tmp_path, distribution, offers, version=version, requires=requires
        )

    yield write
    for name in [name for name in sys.modules if name.startswith("plug_")]:
        del sys.modules[name]


def hook(body):
    return f"@hookimpl\ndef tracksmith_models():\n    {body}\n"


def broken_by_entry_point():
    return {plugin.entry_point: plugin for plugin in load_registry().broken}


def test_a_third_party_model_is_found_with_its_provenance(install):
    install("good", hook("return [Model(card=card('alpha'), load=load)]"))
    registered = load_registry().get("alpha")
    assert (registered.distribution, registered.version, registered.entry_point) == (
        "dist-good",
        "1.2",
        "good",
    )
    assert registered.card.name == "alpha"


@pytest.mark.parametrize(
    ("requires", "reason"),
    [
        (["numpy>=1", "tracksmith>=0.1"], None),
        (["tracksmith-other>=9", "tracksmith>=9; extra == 'later'"], None),
        (["Tracksmith>=9,<10"], "it needs tracksmith<10,>=9, and this is 0.1.0: install"),
        (["tracksmith<0.1"], "it needs tracksmith<0.1, and"),
        (["tracksmith>=="], "InvalidRequirement"),
    ],
)
def test_a_plugin_for_another_version_is_disabled_alone(install, requires, reason):
    install("other", hook("return [Model(card=card('alpha'), load=load)]"), requires=requires)
    install("good", hook("return [Model(card=card('beta'), load=load)]"))
    assert "beta" in load_registry().models
    assert ("alpha" in load_registry().models) == (reason is None)
    if reason:
        assert reason in broken_by_entry_point()["other"].reason
        assert not any(name.startswith("plug_dist_other") for name in sys.modules)


def test_a_plugin_installed_twice_is_there_once(install, tmp_path, monkeypatch):
    """An older version further down the path is hidden, as it is for imports."""
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    offers = {"tracksmith": {"good": "gone", "older": "gone"}}
    write_distribution(hidden, "dist-good", offers, version="0.9")
    monkeypatch.setattr(sys, "path", [*sys.path, str(hidden)])
    install("good", hook("return [Model(card=card('alpha'), load=load)]"))
    registry = load_registry()
    assert registry.get("alpha").version == "1.2"
    assert not any(plugin.distribution == "dist-good" for plugin in registry.broken)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("METADATA", None),
        ("METADATA", b""),
        ("METADATA", b"Metadata-Version: 2.1\nVersion: 1\n"),
        ("METADATA", b"\xff\xfe"),
        ("entry_points.txt", b"[tracksmith]\nbroken\n"),
        ("entry_points.txt", b"[other]\nbroken\n[tracksmith]\nill = plug_dist_ill_ill\n"),
    ],
)
def test_damaged_metadata_lose_one_distribution_alone(install, file, content):
    install("good", hook("return [Model(card=card('alpha'), load=load)]"))
    info = install("ill", hook("return [Model(card=card('beta'), load=load)]"))
    (info / file).unlink()
    if content is not None:
        (info / file).write_bytes(content)
    registry = load_registry()
    assert "alpha" in registry.models
    (ill,) = (plugin for plugin in registry.broken if "dist_ill" in plugin.distribution)
    assert ill.distribution == str(info)
    assert "metadata of this package cannot be read" in ill.reason


@pytest.mark.parametrize("content", [b"no group\n", b"[other\n=\n", b"\xff[tracksmith]\n"])
def test_entry_points_of_a_stranger_that_cannot_be_read_change_nothing(install, content):
    before = load_registry()
    info = install("ill", "")
    (info / "entry_points.txt").write_bytes(content)
    after = load_registry()
    assert (list(after.models), after.broken) == (list(before.models), before.broken)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import no_such_module_anywhere", "ModuleNotFoundError: .*no_such_module_anywhere"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("from tracksmith.plugin import FromTheFuture", "ImportError: .*FromTheFuture"),
        ("def (:", "SyntaxError"),
        ("", "has no function tracksmith_models marked with"),
        ("def tracksmith_models():\n    return []", "is not marked with @tracksmith.plugin"),
        ("@hookimpl\ndef tracksmith_modles():\n    return []", "tracksmith_modles"),
        ("@hookimpl\ndef tracksmith_models(device):\n    return []", "device"),
        (hook("raise RuntimeError('boom')"), "RuntimeError: boom"),
        (hook("import sys; sys.exit('bye')"), "SystemExit: bye"),
        (hook("return 7"), "returns int 7, not a list of Model"),
        (hook("return 'alpha'"), "returns str 'alpha', not a list of Model"),
        (hook("return []"), "returns no model"),
        (hook("return [card('alpha')]"), "returns ModelCard .*, not a Model"),
        (hook("return [Model(card='alpha', load=load)]"), "not a Model with card and load"),
        (hook("return [Model(card=card('no good'), load=load)]"), "contradicts itself"),
    ],
)
def test_a_broken_plugin_loses_only_itself(install, source, reason):
    install("good", hook("return [Model(card=card('alpha'), load=load)]"))
    install("ill", source)
    registry = load_registry()
    assert {"core-promoter", "alpha"} <= set(registry.models)
    (ill,) = (plugin for plugin in registry.broken if plugin.entry_point == "ill")
    assert (ill.distribution, ill.version) == ("dist-ill", "1.2")

    assert re.search(reason, ill.reason), ill.reason


def test_good_models_beside_a_bad_value_stay(install):
    install("mixed", hook("return [Model(card=card('alpha'), load=load), 3]"))
    registry = load_registry()
    assert "alpha" in registry.models
    assert "mixed" in broken_by_entry_point()


def test_asking_for_a_broken_plugin_says_why(install):
    install("ill", "import no_such_module_anywhere", distribution="tracksmith-ill")
    with pytest.raises(UsageError, match=r"'ill' .*tracksmith-ill 1\.2.*no_such_module") as caught:
        load_registry().get("ill")
    assert caught.value.exit_code == 2


def test_of_two_models_with_one_name_the_first_by_distribution_wins(install):
    install("zz", hook("return [Model(card=card('alpha'), load=load)]"), distribution="a-first")
    install("aa", hook("return [Model(card=card('alpha'), load=load)]"), distribution="b-second")
    registry = load_registry()
    assert registry.get("alpha").distribution == "a-first"
    (loser,) = (plugin for plugin in registry.broken if plugin.model == "alpha")
    assert loser.distribution == "b-second"
    assert "already offered by 'zz' (a-first 1.2)" in loser.reason


def test_a_misspelled_name_gets_a_suggestion():
    with pytest.raises(UsageError, match="Did you mean 'core-promoter'") as caught:
        load_registry().get("core-promotor")
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(("value", "there"), [("1", False), ("0", True), ("", True)])
def test_plugins_can_be_switched_off(install, monkeypatch, value, there):
    install("good", hook("return [Model(card=card('alpha'), load=load)]"))
    monkeypatch.setenv("TRACKSMITH_NO_PLUGINS", value)
    registry = load_registry()
    assert ("alpha" in registry.models) is there
    assert bool(registry.models) is there


def test_without_any_plugin_asking_for_a_model_says_how_to_install_one(monkeypatch):
    monkeypatch.setenv("TRACKSMITH_NO_PLUGINS", "1")
    registry = load_registry()
    assert registry == Registry({}, [])
    with pytest.raises(UsageError, match=r"no model 'alpha'\.\nNo model is installed") as caught:
        registry.get("alpha")
    assert "pip install" in str(caught.value)


def test_the_registry_imports_neither_torch_nor_numpy():
    code = (
        "import sys; from tracksmith.models.registry import load_registry; load_registry();"
        "print([m for m in ('torch', 'numpy', 'requests', 'click') if m in sys.modules])"
    )
    environment = {"TRACKSMITH_NO_PLUGINS": "1", "PATH": ""}
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert result.stdout.strip() == "[]"
