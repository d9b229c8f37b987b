"""Offline, weights come from the cache and a folder; any connection fails the test."""

import hashlib
import socket

import pytest

from tests.models.toys import FILES, FOLDS, make_model
from tracksmith.errors import InputError, ResourceError, TrustError, UsageError
from tracksmith.models.card import WeightFile
from tracksmith.models.fetch import fetch
from tracksmith.models.weights import find_weights

DATA = b"\x80\2" + b"weights" * 999
SHA = hashlib.sha256(DATA).hexdigest()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """The cache of this test; the network raises what no handler of ours catches."""

    def refuse(*arguments):
        raise AssertionError(f"a connection was tried: {arguments}")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setenv("TRACKSMITH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TRACKSMITH_OFFLINE", raising=False)
    return tmp_path / "cache" / "weights" / "toy" / "2"


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "stick"
    path.mkdir()
    return path


def model(**changes):
    files = tuple(
        WeightFile(file.name, file.fold, len(DATA), SHA, (f"http://127.0.0.1:9/{file.name}",))
        for file in FILES
    )
    return make_model(folds=FOLDS, **({"weights": files} | changes))


def put(folder, *names, data=DATA):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(data)


def names(folder):
    beside = (".lock", "fetched.json")
    return sorted(path.name for path in folder.iterdir() if path.name not in beside)


def test_without_the_switch_the_network_is_tried():
    with pytest.raises(AssertionError, match="a connection was tried"):
        fetch(model())


def test_a_full_cache_is_enough(cache):
    put(cache, "a.pt", "b1.pt", "b2.pt")
    said = []
    assert fetch(model(), notify=said.append, offline=True) == [
        cache / name for name in ("a.pt", "b1.pt", "b2.pt")
    ]
    assert sum("is there already" in line for line in said) == 3


def missing(text):
    return [line.split()[1].rpartition("/")[2] for line in text.splitlines() if "  - " in line]


def test_every_missing_file_is_named_with_its_place_and_the_way_there(cache):
    put(cache, "b1.pt")
    with pytest.raises(ResourceError) as caught:
        fetch(model(), offline=True)
    text = str(caught.value)
    assert missing(text) == ["a.pt", "b2.pt"]
    assert "2 of 3 files of toy 2 are missing" in text
    assert f"{cache / 'a.pt'} ({len(DATA):,} bytes, sha256 {SHA})" in text
    assert "tracksmith models fetch toy --from FOLDER --offline" in text
    assert text.endswith(f"to {cache}.")


def test_a_folder_and_the_cache_are_put_together(cache, folder):
    put(cache, "b1.pt")
    put(folder, "b2.pt")
    with pytest.raises(ResourceError) as caught:
        fetch(model(), str(folder), offline=True)
    assert missing(str(caught.value)) == ["a.pt"]
    assert names(cache) == ["b1.pt", "b2.pt"]  # what was there is kept
    put(folder, "a.pt")
    fetch(model(), f"file://{folder}", offline=True)
    assert set(find_weights(model())) == {"a", "b"}


@pytest.mark.parametrize("value", ["1", "yes"])
def test_the_environment_says_the_same(cache, monkeypatch, value):
    monkeypatch.setenv("TRACKSMITH_OFFLINE", value)
    with pytest.raises(ResourceError, match="3 of 3 files"):
        fetch(model())
    for off in ("", "0"):
        monkeypatch.setenv("TRACKSMITH_OFFLINE", off)
        with pytest.raises(AssertionError, match="a connection was tried"):
            fetch(model())


def test_a_wrong_file_is_never_used(cache, folder):
    put(cache, "a.pt", "b1.pt")
    put(cache, "b2.pt", data=b"damaged")
    said = []
    with pytest.raises(ResourceError) as caught:
        fetch(model(), notify=said.append, offline=True)
    assert missing(str(caught.value)) == ["b2.pt"]
    assert names(cache) == ["a.pt", "b1.pt", "b2.pt.bad"]
    assert any("is not the published file" in line for line in said)
    put(folder, "b2.pt", data=b"wrong")
    with pytest.raises(TrustError, match="Nothing was put into the cache"):
        fetch(model(), str(folder), offline=True)
    put(folder, "b2.pt")
    fetch(model(), str(folder), offline=True)
    assert names(cache) == ["a.pt", "b1.pt", "b2.pt", "b2.pt.bad"]


def test_an_address_is_refused():
    with pytest.raises(UsageError, match="nothing is downloaded offline"):
        fetch(model(), "http://127.0.0.1:9/", offline=True)


def one_x(path):
    files = sorted(path.rglob("*.x"))
    if not files:
        raise InputError("no .x file")
    return {"": tuple(files)}


@pytest.mark.parametrize("card", [(), (WeightFile("published.x", urls=("http://127.0.0.1:9/",)),)])
def test_weights_of_one_s_own_count(cache, folder, card):
    """Files that the plugin finds and the card does not list stand for those that it lists."""
    own = make_model(one_x, weights=card)
    with pytest.raises(ResourceError, match=r"no weights of toy 2|1 of 1 files"):
        fetch(own, offline=True)
    put(folder, "mine.x")
    assert fetch(own, str(folder), offline=True) == [cache / "mine.x"]
    assert fetch(own, offline=True) == [cache / "mine.x"]


def test_a_folder_without_weights_that_only_the_plugin_knows(cache, folder):
    with pytest.raises(InputError, match=r"no \.x file"):
        fetch(make_model(one_x), str(folder), offline=True)
    with pytest.raises(ResourceError, match=r"get them from the authors: nobody"):
        fetch(make_model(one_x), offline=True)


def test_a_model_without_weights_is_done():
    assert fetch(make_model(), offline=True) == []
