"""Weights of a user's own, brought into the cache a second time."""

import pytest

from tests.models.toys import make_model
from tracksmith.errors import InputError
from tracksmith.models.card import WeightFile
from tracksmith.models.fetch import fetch


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TRACKSMITH_CACHE", str(tmp_path / "cache"))
    for name in ("TRACKSMITH_WEIGHTS", "TRACKSMITH_OFFLINE"):
        monkeypatch.delenv(name, raising=False)


def test_a_file_of_other_content_replaces_one_that_no_card_can_tell_from_it(tmp_path):
    model = make_model(weights=(WeightFile("w.pt"),))
    source = tmp_path / "mine"
    source.mkdir()
    for content in (b"\x80\2old", b"\x80\2new"):
        (source / "w.pt").write_bytes(content)
        said = []
        (target,) = fetch(model, str(source), said.append)
        assert target.read_bytes() == content
    assert any("is another file than" in text for text in said)
    assert target.with_name("w.pt.bad").read_bytes() == b"\x80\2old"
    said.clear()
    fetch(model, str(source), said.append)
    assert any("is there already" in text for text in said)


def test_files_that_cannot_lie_side_by_side_are_not_called_ready(tmp_path):
    def find(path):
        files = [path] if path.is_file() else sorted(path.glob("*.pth"))
        if len(files) != 1:
            raise InputError(f"{path} must hold one checkpoint")
        return {"": tuple(files)}

    model = make_model(weights=(), find_weights=find)
    for name in ("a.pth", "b.pth"):
        (tmp_path / name).write_bytes(b"\x80\2" + name.encode())
    fetch(model, str(tmp_path / "a.pth"))
    with pytest.raises(InputError, match=r"must hold one checkpoint\n.*\n.*remove from .* what"):
        fetch(model, str(tmp_path / "b.pth"))
