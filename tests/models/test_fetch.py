"""Downloads against a server on the loopback that cuts, lies and refuses on demand."""

import hashlib
import resource

import pytest

from tests.models.toys import FILES, FOLDS, make_model
from tracksmith.errors import InputError, ResourceError, TrustError, UsageError
from tracksmith.models import download
from tracksmith.models.card import WeightFile
from tracksmith.models.fetch import fetch, verify
from tracksmith.models.weights import find_weights

DATA = b"\x80\2" + bytes(range(256)) * 4000
SHA = hashlib.sha256(DATA).hexdigest()


@pytest.fixture(autouse=True)
def cache(tmp_path, clean_environment):
    return tmp_path / "cache" / "weights" / "toy" / "2"


def model_with(*urls, **fields):
    file = WeightFile("w.pt", **({"sha256": SHA, "size": len(DATA)} | fields), urls=urls)
    return make_model(weights=(file,))


def names(folder):
    """Names in a folder of the cache, without its lock and its record."""
    beside = (".lock", "fetched.json")
    return sorted(path.name for path in folder.iterdir() if path.name not in beside)


def test_a_whole_file_lands_in_the_cache_and_is_found_there(server, cache):
    server.files["/w.pt"] = DATA
    model, said = model_with(f"{server.url}/w.pt"), []
    assert fetch(model, notify=said.append) == [cache / "w.pt"]
    assert (cache / "w.pt").read_bytes() == DATA
    assert names(cache) == ["w.pt"]
    assert find_weights(model) == {"": (cache / "w.pt",)}
    assert said[0] == "Licence of the weights of toy: CC BY 4.0."
    assert SHA in said[-1]
    fetch(model, notify=said.append)
    assert len(server.log) == 1  # the second time nothing was asked for


@pytest.mark.parametrize("cuts", [[100_000], [200_000, 65_536, 300_001]])
def test_a_cut_download_goes_on_where_it_stopped(server, cache, cuts):
    server.files["/w.pt"] = DATA
    server.cuts["/w.pt"] = list(cuts)
    fetch(model_with(f"{server.url}/w.pt"))
    assert (cache / "w.pt").read_bytes() == DATA
    done, expected = 0, [None]
    for cut in cuts:
        done += cut // download.PIECE * download.PIECE
        expected.append(f"bytes={done}-")
    assert [byte_range for _, byte_range in server.log] == expected


def test_a_download_killed_earlier_is_resumed(server, cache):
    server.files["/w.pt"] = DATA
    cache.mkdir(parents=True)
    (cache / "w.pt.part").write_bytes(DATA[:777])
    fetch(model_with(f"{server.url}/w.pt"))
    assert (cache / "w.pt").read_bytes() == DATA
    assert server.log == [("/w.pt", "bytes=777-")]


def test_a_server_without_ranges_sends_all_again(server, cache):
    server.files["/w.pt"] = DATA
    server.cuts["/w.pt"] = [100_000]
    server.ranges = False
    fetch(model_with(f"{server.url}/w.pt"))
    assert (cache / "w.pt").read_bytes() == DATA


@pytest.mark.parametrize("stale", [b"x" * 500, DATA + b"more"])
def test_a_part_that_does_not_fit_is_thrown_away(server, cache, stale):
    server.files["/w.pt"] = DATA
    cache.mkdir(parents=True)
    (cache / "w.pt.part").write_bytes(stale)
    fetch(model_with(f"{server.url}/w.pt"))
    assert (cache / "w.pt").read_bytes() == DATA


def test_without_a_digest_nothing_is_resumed(server, cache):
    server.files["/w.pt"] = DATA
    cache.mkdir(parents=True)
    (cache / "w.pt.part").write_bytes(b"from another time")
    fetch(model_with(f"{server.url}/w.pt", sha256=None, size=None))
    assert (cache / "w.pt").read_bytes() == DATA
    assert server.log == [("/w.pt", None)]


def test_a_wrong_digest_is_refused_and_the_file_kept_as_bad(server, cache):
    wrong = DATA[:-1] + b"?"
    server.files["/w.pt"] = wrong
    with pytest.raises(TrustError, match="is not the published") as caught:
        fetch(model_with(f"{server.url}/w.pt"))
    assert SHA in str(caught.value)
    assert hashlib.sha256(wrong).hexdigest() in str(caught.value)
    assert names(cache) == ["w.pt.bad"]
    with pytest.raises(ResourceError):
        find_weights(model_with())


def test_a_damaged_file_in_the_cache_is_set_aside_and_fetched_again(server, cache):
    server.files["/w.pt"] = DATA
    cache.mkdir(parents=True)
    (cache / "w.pt").write_bytes(b"damaged")
    said = []
    fetch(model_with(f"{server.url}/w.pt"), notify=said.append)
    assert (cache / "w.pt").read_bytes() == DATA
    assert (cache / "w.pt.bad").read_bytes() == b"damaged"
    assert any("is not the published file" in line for line in said)


def test_a_mirror_is_tried_when_the_first_address_fails(server, cache):
    server.files["/mirror/w.pt"] = DATA
    fetch(model_with(f"{server.url}/gone", "http://127.0.0.1:9/w.pt", f"{server.url}/mirror/w.pt"))
    assert (cache / "w.pt").read_bytes() == DATA


def test_when_no_source_answers_every_one_is_named_with_the_way_out(server, cache):
    addresses = f"{server.url}/gone", "http://127.0.0.1:9/w.pt"
    with pytest.raises(ResourceError) as caught:
        fetch(model_with(*addresses))
    text = str(caught.value)
    assert f"{addresses[0]}: HTTP 404" in text
    assert f"{addresses[1]}: connection failed" in text
    assert str(cache / "w.pt") in text
    assert "models fetch toy --from FOLDER|URL" in text
    assert not (cache / "w.pt").exists()


def test_a_source_that_stops_for_good_leaves_a_part_to_go_on_from(server, cache):
    server.files["/w.pt"] = DATA
    server.cuts["/w.pt"] = [100_000, 0]
    with pytest.raises(ResourceError, match="65,536 bytes are kept"):
        fetch(model_with(f"{server.url}/w.pt"))
    assert names(cache) == ["w.pt.part"]
    fetch(model_with(f"{server.url}/w.pt"))
    assert (cache / "w.pt").read_bytes() == DATA


def test_a_proxy_from_the_environment_is_used(server, cache, monkeypatch):
    server.files["http://far.invalid/w.pt"] = DATA
    monkeypatch.setenv("http_proxy", server.url)
    fetch(model_with("http://far.invalid/w.pt"))
    assert (cache / "w.pt").read_bytes() == DATA
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    (cache / "w.pt").unlink()
    with pytest.raises(ResourceError, match="the proxy does not answer"):
        fetch(model_with("http://far.invalid/w.pt"))


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy"])
def test_a_proxy_that_refuses_is_called_that(server, cache, monkeypatch, variable):
    monkeypatch.delenv("HTTPS_PROXY", raising=False)
    monkeypatch.setenv(variable, server.url)
    with pytest.raises(ResourceError, match=r"the proxy refuses \(501 Unsupported method"):
        fetch(model_with("https://far.invalid/w.pt"))  # the server knows no CONNECT


def test_what_the_proxy_is_not_for_goes_past_it(server, cache, monkeypatch):
    server.files["/w.pt"] = DATA
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    fetch(model_with(f"{server.url}/w.pt"))
    assert (cache / "w.pt").read_bytes() == DATA


def test_a_missing_certificate_bundle_and_a_host_that_is_no_name_are_told(monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere.pem")
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(ResourceError, match=r"certificate bundle, invalid path: /nowhere\.pem"):
        fetch(model_with("https://127.0.0.1:9/w.pt"))
    with pytest.raises(ResourceError, match=r"a\.\.b"):
        fetch(model_with(), "http://a..b")


def test_a_full_disk_is_a_resource_error(server, cache):
    server.files["/w.pt"] = DATA
    cache.mkdir(parents=True)
    (cache / "w.pt.part").symlink_to("/dev/full")  # every write fails with ENOSPC
    with pytest.raises(ResourceError, match=r"No space left on device.*TRACKSMITH_CACHE"):
        fetch(model_with(f"{server.url}/w.pt"))
    assert not (cache / "w.pt").exists()


def test_a_disk_that_fills_up_on_the_way_leaves_a_part_to_go_on_from(server, cache):
    server.files["/w.pt"] = DATA
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
    try:
        with pytest.raises(ResourceError, match="it goes on from there"):
            fetch(model_with(f"{server.url}/w.pt"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert names(cache) == ["w.pt.part"]
    fetch(model_with(f"{server.url}/w.pt"))
    assert server.log[-1] == ("/w.pt", "bytes=300000-")
    assert (cache / "w.pt").read_bytes() == DATA


def test_too_little_space_is_seen_before_anything_is_sent(server, cache, monkeypatch):
    usage = download.shutil.disk_usage("/")._replace(free=1000)
    monkeypatch.setattr(download.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(ResourceError, match="has 1,000 bytes free"):
        fetch(model_with(f"{server.url}/w.pt"))
    assert server.log == []


def test_a_folder_that_cannot_be_made_is_a_resource_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TRACKSMITH_CACHE", str(tmp_path / "file"))
    with pytest.raises(ResourceError, match="TRACKSMITH_CACHE"):
        fetch(model_with("http://127.0.0.1:9/w.pt"))


def test_a_second_process_is_told_to_wait(server, cache):
    import fcntl

    cache.mkdir(parents=True)
    with (cache / ".lock").open("ab") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with pytest.raises(ResourceError, match="Another process is fetching"):
            fetch(model_with(f"{server.url}/w.pt"))


def test_progress_counts_the_bytes(server):
    class Counter:
        total = done = 0

        def start(self, what, total, unit, done=0):
            self.total, self.done = total, done

        def advance(self, count):
            self.done += count

        def note(self, text):
            raise AssertionError(text)

        def finish(self):
            assert self.done == self.total

    server.files["/w.pt"] = DATA
    server.cuts["/w.pt"] = [100_000]
    counter = Counter()
    fetch(model_with(f"{server.url}/w.pt"), progress=counter)
    assert counter.total == counter.done == len(DATA)


@pytest.mark.parametrize("given", ["{url}/other", "{url}/other/", "{url}/other/w.pt"])
def test_another_address_may_be_given(server, cache, given):
    server.files["/other/w.pt"] = DATA
    fetch(model_with("http://127.0.0.1:9/w.pt"), given.format(url=server.url))
    assert (cache / "w.pt").read_bytes() == DATA


@pytest.mark.parametrize("how", ["{}", "file://{}", "{}/w.pt", "{}/renamed.pt"])
def test_a_folder_or_file_may_be_given(tmp_path, cache, how):
    source = tmp_path / "usb"
    source.mkdir()
    (source / "w.pt").write_bytes(DATA)
    (source / "renamed.pt").write_bytes(DATA)
    fetch(model_with(), how.format(source))
    assert (cache / "w.pt").read_bytes() == DATA
    assert names(cache) == ["w.pt"]


def test_a_wrong_file_from_a_folder_stays_where_it_is(tmp_path, cache):
    (tmp_path / "w.pt").write_bytes(b"wrong")
    with pytest.raises(TrustError, match="Nothing was put into the cache"):
        fetch(model_with(), str(tmp_path))
    assert names(cache) == []
    assert (tmp_path / "w.pt").exists()


def test_files_that_only_the_plugin_knows_are_copied_with_their_folders(tmp_path, cache):
    def search(path):
        files = sorted(path.rglob("*.x"))
        if not files:
            raise InputError("no .x file")
        return {"": tuple(files)}

    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "deep" / "a.x").write_bytes(DATA)
    model = make_model(search)
    fetch(model, str(tmp_path / "in"))
    assert find_weights(model) == {"": (cache / "deep" / "a.x",)}
    with pytest.raises(UsageError, match="lists no files to fetch"):
        fetch(model)


def test_a_source_of_no_kind_is_refused(tmp_path):
    with pytest.raises(UsageError, match="neither an existing file"):
        fetch(model_with(), str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match=r"--from .*missing w\.pt"):
        fetch(model_with(), str(tmp_path))
    with pytest.raises(ResourceError, match="names no address"):
        fetch(model_with())


def test_a_model_without_weights_is_done_at_once():
    said = []
    assert fetch(make_model(), notify=said.append) == []
    assert said[-1] == "toy needs no weights."


def test_a_non_commercial_licence_is_said_loudly():
    said = []
    fetch(make_model(commercial_use=False), notify=said.append)
    assert "NON-COMMERCIAL USE ONLY" in said[0]


def test_verify_names_each_file_right_wrong_or_unknown(tmp_path):
    for name in ("a.pt", "b1.pt", "b2.pt"):
        (tmp_path / name).write_bytes(DATA)
    stated = (
        WeightFile("a.pt", "a", sha256=SHA),
        WeightFile("b1.pt", "b", sha256="0" * 64),
        FILES[2],
    )
    checked = verify(make_model(folds=FOLDS, weights=stated), tmp_path)
    assert [(c.path.name, c.wrong, c.confirmed) for c in checked] == [
        ("a.pt", False, True),
        ("b1.pt", True, False),
        ("b2.pt", False, False),
    ]
