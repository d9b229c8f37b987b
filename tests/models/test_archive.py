"""Weights published as one zip archive: fetched, checked, and unpacked as far as wanted."""

import io
import json
import stat
import zipfile

import pytest
import torch

from tests.models.toys import make_card
from tracksmith.errors import InputError, PluginError, ResourceError, UsageError
from tracksmith.models import archive
from tracksmith.models.card import WeightFile
from tracksmith.models.contract import Model
from tracksmith.models.fetch import fetch, verify
from tracksmith.models.weights import find_weights

PLACE = "/records/7/files/all.zip"
NAMES = ("K562/run1.pt", "K562/run2.pt", "HepG2/run1.pt")


def tensor(number):
    stream = io.BytesIO()
    torch.save({"w": torch.full((50,), float(number))}, stream)
    return stream.getvalue()


def packed(files, compression=zipfile.ZIP_DEFLATED):
    """Return the bytes of a zip archive; a value may bring its own entry."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, data in files.items():
            zip_info, content = data if isinstance(data, tuple) else (name, data)
            archive.writestr(zip_info, content)
    return stream.getvalue()


def whole():
    files = {f"weights/{name}": tensor(n) for n, name in enumerate(NAMES)}
    return files | {"weights/K562/config.json": b"{}", "README.md": b"read", "weights/": b""}


def wanted(name):
    """Take what lies under ``weights``."""
    head, _, rest = name.partition("/")
    return rest if head == "weights" and rest else None


def every(place):
    files = tuple(sorted(place.rglob("*.pt"))) if place.is_dir() else (place,)
    if not files:
        raise InputError(f"nothing in {place}")
    return {"": files}


def model(url="", unpack=wanted, **fields):
    file = WeightFile("all.zip", urls=(url,) if url else (), **fields)
    return Model(make_card(archives=(file,)), lambda request: None, every, unpack=unpack)


@pytest.fixture(autouse=True)
def cache(tmp_path, clean_environment):
    return tmp_path / "cache" / "weights" / "toy" / "2"


def tree(folder):
    beside = (".lock", "fetched.json")
    return sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and path.name not in beside
    )


def test_an_archive_is_fetched_checked_unpacked_and_removed(server, cache):
    server.zenodo("7", {"all.zip": packed(whole())})
    toy, said = model(f"{server.url}{PLACE}"), []
    files = fetch(toy, notify=said.append)
    assert tree(cache) == ["HepG2/run1.pt", "K562/config.json", "K562/run1.pt", "K562/run2.pt"]
    assert files == [cache / name for name in tree(cache)]
    assert (cache / "K562/run2.pt").read_bytes() == tensor(1)
    assert find_weights(toy)[""] == tuple(cache / name for name in tree(cache) if name[-1] == "t")
    assert any("Unpacking 4 of 4 files of" in line for line in said)
    for file in verify(toy):
        assert (file.wrong, file.confirmed) == (False, True)
    record = json.loads((cache / "K562" / "fetched.json").read_text())["run1.pt"]
    assert record["source"] == f"{server.url}{PLACE}"
    assert record["stated_by"] == f"{server.url}/api/records/7"
    (cache / "K562/run1.pt").write_bytes(tensor(9))
    assert [file.wrong for file in verify(toy)].count(True) == 1


def test_only_what_is_wanted_is_unpacked_and_settings_come_along(server, cache):
    server.zenodo("7", {"all.zip": packed(whole())})
    toy = model(f"{server.url}{PLACE}")
    fetch(toy, only=("K562/*1.pt",))
    assert tree(cache) == ["K562/config.json", "K562/run1.pt"]
    fetch(toy, only=("*run2*", "HepG2/*"))
    assert tree(cache) == ["HepG2/run1.pt", "K562/config.json", "K562/run1.pt", "K562/run2.pt"]
    with pytest.raises(
        UsageError, match=r"--only WTC11/\*: no file of toy is called so.*K562/run1"
    ):
        fetch(toy, only=("WTC11/*",))


def test_an_archive_that_is_not_as_stated_is_not_opened(server, cache):
    server.zenodo("7", {"all.zip": packed(whole())})
    server.files[PLACE] = packed(whole() | {"weights/evil.pt": b""})
    with pytest.raises(ResourceError, match="more than the"):
        fetch(model(f"{server.url}{PLACE}"))
    assert tree(cache) == []


@pytest.mark.parametrize("how", ["file", "folder", "unpacked", "url", "base"])
def test_an_archive_of_one_s_own_is_unpacked_where_it_lies(server, cache, tmp_path, how):
    stick = tmp_path / "stick"
    stick.mkdir()
    if how == "unpacked":
        (stick / "run1.pt").write_bytes(tensor(0))
        (stick / "all.zip").write_bytes(b"PK")
    else:
        (stick / "all.zip").write_bytes(packed(whole()))
    server.files["/mirror/all.zip"] = packed(whole())
    sources = {"file": stick / "all.zip", "url": f"{server.url}/mirror/all.zip"}
    sources["base"] = f"{server.url}/mirror/"
    fetch(model(), str(sources.get(how, stick)), offline=how in ("file", "folder"))
    assert tree(cache) == (
        ["run1.pt"]
        if how == "unpacked"
        else ["HepG2/run1.pt", "K562/config.json", "K562/run1.pt", "K562/run2.pt"]
    )
    assert tree(stick)[-1] == ("run1.pt" if how == "unpacked" else "all.zip")


@pytest.mark.parametrize(
    "name",
    ["../out.pt", "/etc/out.pt", "a/../../out.pt", "a\x1b[2J.pt", "a\\..\\out.pt", "x" * 999],
)
def test_no_path_leaves_the_folder(cache, tmp_path, name):
    path = tmp_path / "all.zip"
    path.write_bytes(packed({name: tensor(0)}))
    with pytest.raises(PluginError, match="unpack"):
        fetch(model(unpack=lambda name: name), str(path))
    assert tree(tmp_path / "cache") == []
    assert not (tmp_path / "out.pt").exists()


def zip_info(name, mode=0, flags=0):
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    info.flag_bits = flags
    return info


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (
            {"weights/a.pt": (zip_info("weights/a.pt", stat.S_IFLNK | 0o777), "/etc/passwd")},
            "a link",
        ),
        ({"weights/a.pt": bytes(3_000_000)}, "more than 20 times its size"),
        ({"weights/a.pt": b"<html>"}, "is no weight file: it is a web page"),
        ({"weights/a.pt": tensor(0)[:300]}, "list of contents cannot be read"),
        ({"other/a.pt": tensor(0)}, "holds no weights that toy knows by their names"),
    ],
)
def test_what_should_not_be_in_an_archive_is_refused(cache, tmp_path, files, says):
    (tmp_path / "all.zip").write_bytes(packed(files))
    with pytest.raises(InputError, match=says):
        fetch(model(), str(tmp_path / "all.zip"))
    assert tree(cache) == []


def test_two_files_for_one_place_are_refused(tmp_path):
    (tmp_path / "all.zip").write_bytes(packed(whole()))
    with pytest.raises(
        InputError, match=r"holds 'weights/K562/run1\.pt' and .*both of which are a\.pt"
    ):
        fetch(model(unpack=lambda name: "a.pt"), str(tmp_path / "all.zip"))


def test_a_plugin_that_fails_over_a_name_is_named(tmp_path):
    (tmp_path / "all.zip").write_bytes(packed(whole()))
    with pytest.raises(PluginError, match=r"toy failed in unpack\('weights/K562/run1\.pt'\): Zero"):
        fetch(model(unpack=lambda name: 1 / 0), str(tmp_path / "all.zip"))


def test_a_damaged_archive_is_refused_and_nothing_half_written_stays(cache, tmp_path):
    data = bytearray(packed(whole(), zipfile.ZIP_STORED))
    at = data.index(tensor(1)) + 400
    data[at] ^= 1
    path = tmp_path / "all.zip"
    for content, says in ((bytes(data), "Bad CRC-32"), (bytes(data[:900]), "list of contents|zip")):
        path.write_bytes(content)
        with pytest.raises(InputError, match=says):
            fetch(model(), str(path))
        assert all(not name.startswith(".tmp") for name in tree(cache))
        assert "K562/run2.pt" not in tree(cache)


def test_a_disk_that_is_too_small_is_said_before_anything_is_written(cache, tmp_path, monkeypatch):
    (tmp_path / "all.zip").write_bytes(packed(whole()))
    usage = archive.shutil.disk_usage("/")._replace(free=1000)
    monkeypatch.setattr(archive.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(ResourceError, match=r"has 1,000 bytes free.*choose less with --only"):
        fetch(model(), str(tmp_path / "all.zip"))
    assert tree(cache) == []


def test_offline_the_cache_alone_is_looked_at(cache, tmp_path):
    with pytest.raises(ResourceError, match="Offline, there are no weights of toy"):
        fetch(model("http://127.0.0.1:9/all.zip"), offline=True)
    (tmp_path / "all.zip").write_bytes(packed(whole()))
    fetch(model(), str(tmp_path / "all.zip"), offline=True)
    assert len(fetch(model("http://127.0.0.1:9/all.zip"), offline=True)) == 3
