"""What ``tracksmith doctor`` says of an installation."""

import importlib.metadata
import sys
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from tracksmith.cli import doctor as module
from tracksmith.cli import main
from tracksmith.runs import device
from tracksmith.tracks import compiled


@pytest.fixture
def said(monkeypatch, tmp_path):
    monkeypatch.setenv("TRACKSMITH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("TRACKSMITH_WEIGHTS", raising=False)
    monkeypatch.delenv("COLUMNS", raising=False)

    def run():
        result = CliRunner().invoke(main, ["doctor"])
        assert result.exit_code == 0, result.output
        return " ".join(result.output.split())  # long lines are wrapped

    return run


def test_packages_machine_caches_and_models_are_told(said, tmp_path):
    text = said()
    for name in ("torch", "pysam", "CPU cores", "GPU", "Memory", "Disk here", "Disk temporary"):
        assert name in text
    assert f"{tmp_path / 'cache' / 'weights'}: empty (TRACKSMITH_CACHE moves it)" in text
    assert importlib.metadata.version("pysam") in text
    assert "core-promoter" in text
    assert "MISSING" not in text


def test_the_size_of_what_is_kept_is_told(said, tmp_path, monkeypatch):
    for name in ("weights/toy/1/w.pt", "indexes/a/x"):
        (tmp_path / "cache" / name).parent.mkdir(parents=True)
        (tmp_path / "cache" / name).write_bytes(bytes(2_500_000))
    monkeypatch.setenv("TRACKSMITH_WEIGHTS", str(tmp_path / "cache/weights/toy"))
    text = said()
    assert f"{tmp_path / 'cache' / 'weights'}: 2.5 MB" in text
    assert f"{tmp_path / 'cache' / 'indexes'}: 2.5 MB" in text
    assert f"{tmp_path / 'cache/weights/toy'}: 2.5 MB (TRACKSMITH_WEIGHTS)" in text


def test_what_is_missing_is_told_with_the_way_to_install_it(said, monkeypatch):
    def version(package):
        if package in ("pysam", "isal"):
            raise importlib.metadata.PackageNotFoundError(package)
        return "1"

    monkeypatch.setattr(module.importlib.metadata, "version", version)
    text = said()
    assert "MISSING: `pip install pysam`" in text
    assert "no faster compression: `pip install 'tracksmith[fast]'`" in text


def test_what_encodes_tracks_is_told_and_why_it_is_not_the_compiled_code(said, monkeypatch):
    monkeypatch.setattr(compiled, "loaded", lambda: compiled.Loaded(object()))
    assert "compiled encoder used for tracks" in said()
    monkeypatch.setattr(compiled, "loaded", lambda: compiled.Loaded(None, "it was not built"))
    assert "compiled encoder numpy is used, which is slower: it was not built" in said()


def test_without_torch_the_rest_is_told(said, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    text = said()
    assert "torch cannot be imported" in text
    assert "Memory" in text


def test_a_limit_of_memory_is_told(said, monkeypatch, tmp_path):
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(module, "MEMORY_LIMIT", limit)
    for text, expected in (("1000000000\n", True), ("max\n", False), ("9" * 18, False)):
        limit.write_text(text)
        assert ("this job may take 1 GB" in said()) == expected


def test_the_devices_that_torch_can_use_are_told_with_their_memory(said, monkeypatch):
    import torch

    monkeypatch.setattr(device, "has_cuda_driver", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: f"Device {number}")
    properties = SimpleNamespace(total_memory=80_000_000_000)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda number: properties)
    text = said()
    assert "GPU cuda:0 Device 0, 80 GB GPU cuda:1 Device 1, 80 GB" in text
