"""Files whose card states no digest: their publisher is asked, and what came is remembered."""

import hashlib
import json
import os
import shutil
import ssl
import subprocess
import sys

import pytest

from tests.models.loopback import Server, endless, running
from tests.models.toys import make_model
from tracksmith.errors import InputError, ResourceError, TrustError
from tracksmith.models.card import WeightFile
from tracksmith.models.fetch import fetch, verify
from tracksmith.models.fetched import RECORD
from tracksmith.models.weights import find_weights

DATA = b"\x89HDF\r\n\x1a\n" + b"\0\0\0\0\0\x08\x08\0" + bytes(24)
DATA += (100_000).to_bytes(8, "little") + bytes(100_000 - len(DATA) - 8)
"""What says of itself that it is an HDF5 file of 100,000 bytes."""
OTHER = DATA[:-1] + b"?"
MD5 = hashlib.md5(DATA).hexdigest()
SHA = hashlib.sha256(DATA).hexdigest()
PLACE = "/records/123/files/w.h5"


@pytest.fixture(autouse=True)
def cache(tmp_path, clean_environment):
    return tmp_path / "cache" / "weights" / "toy" / "2"


def model(*urls, **fields):
    return make_model(weights=(WeightFile("w.h5", urls=urls, **fields),))


def words(checked):
    return [(file.wrong, file.confirmed, file.fetched is not None) for file in checked]


def fetched(model, source=None, **options):
    said = []
    fetch(model, source, said.append, **options)
    return "\n".join(said)


@pytest.mark.parametrize("entries", [False, True])
def test_zenodo_is_asked_for_the_md5_of_each_file(server, cache, entries):
    server.zenodo("123", {"w.h5": DATA}, entries=entries)
    toy = model(f"{server.url}{PLACE}")
    said = fetched(toy)
    assert f"sha256 {SHA} (as {server.url}/api/records/123 states)" in said
    assert words(verify(toy)) == [(False, True, True)]
    record = json.loads((cache / RECORD).read_text())["w.h5"]
    assert record["published"] == f"md5:{MD5}"
    assert record["sha256"] == SHA


def test_a_record_is_asked_for_once_and_nothing_when_all_is_there(server):
    server.zenodo("123", {"w.h5": DATA, "v.h5": DATA})
    files = [
        WeightFile(name, urls=(f"{server.url}/records/123/files/{name}",))
        for name in ("w.h5", "v.h5")
    ]
    toy = make_model(weights=tuple(files))
    fetched(toy)
    assert server.asked_for("/api/records/123") == 1
    before = len(server.log)
    assert "is there already" in fetched(toy)
    assert len(server.log) == before


def test_what_is_not_as_zenodo_states_is_refused(server, cache):
    server.zenodo("123", {"w.h5": DATA})
    server.files[PLACE] = OTHER
    with pytest.raises(TrustError) as caught:
        fetch(model(f"{server.url}{PLACE}"))
    assert f"as {server.url}/api/records/123 states it" in str(caught.value)
    assert f"expected md5 {MD5}, 100000 bytes" in str(caught.value)
    assert hashlib.md5(OTHER).hexdigest() in str(caught.value)
    assert (cache / "w.h5.bad").read_bytes() == OTHER
    assert not (cache / "w.h5").exists()


def test_with_a_digest_from_the_publisher_a_cut_download_goes_on(server, cache):
    server.zenodo("123", {"w.h5": DATA})
    server.cuts[PLACE] = [70_000]
    fetch(model(f"{server.url}{PLACE}"))
    assert (PLACE, "bytes=65536-") in server.log
    assert (cache / "w.h5").read_bytes() == DATA


def test_hugging_face_names_the_sha256_before_it_sends_on(server, cache):
    place = "/someone/model/resolve/main/w.h5"
    server.hub(place, DATA)
    toy = model(f"{server.url}{place}")
    assert f"sha256 {SHA} (as {server.url}{place} states)" in fetched(toy)
    assert words(verify(toy)) == [(False, True, True)]
    (cache / "w.h5").unlink()
    server.files[f"/cdn/{SHA}"] = OTHER
    with pytest.raises(TrustError, match=f"expected sha256 {SHA}"):
        fetch(toy)


def test_a_renamed_repository_is_followed_and_another_host_is_not_believed(server, cache):
    server.moved["/old/model/resolve/main/w.h5"] = "/new/model/resolve/main/w.h5"
    server.hub("/new/model/resolve/main/w.h5", DATA)
    assert "resolve/main/w.h5 states)" in fetched(
        model(f"{server.url}/old/model/resolve/main/w.h5")
    )
    (cache / "w.h5").unlink()
    (cache / RECORD).unlink()
    elsewhere = server.url.replace("127.0.0.1", "localhost")
    server.moved["/old/model/resolve/main/w.h5"] = f"{elsewhere}/new/model/resolve/main/w.h5"
    assert "nobody states its digest" in fetched(model(f"{server.url}/old/model/resolve/main/w.h5"))


def too_long(handler):
    endless(b'{"files": [')(handler)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        b"",
        b"<html>",
        b"[" * 200_000,
        b'{"files": 3}',
        b'{"files": [3, {"key": []}, {"checksum": 9, "key": "w.h5"}]}',
        b'{"files": [{"key": "w.h5", "size": "x", "checksum": "md5:zz"}]}',
        b'{"files": {"entries": "none"}}',
        too_long,
    ],
)
def test_a_publisher_that_says_nothing_is_no_obstacle(server, cache, answer):
    server.files[PLACE] = DATA
    if answer is not None:
        server.files["/api/records/123"] = answer
    toy = model(f"{server.url}{PLACE}")
    said = fetched(toy)
    assert "nobody states its digest" in said
    assert words(verify(toy)) == [(False, False, True)]


def test_what_changed_since_it_came_is_refused_and_fetched_again(server, cache):
    server.files["/w.h5"] = DATA
    toy = model(f"{server.url}/w.h5")
    fetched(toy)
    assert find_weights(toy) == {"": (cache / "w.h5",)}
    (cache / "w.h5").write_bytes(OTHER)
    assert words(verify(toy)) == [(True, False, True)]
    with pytest.raises(TrustError, match=r"is not what came from http://127.*\n.*expected sha256"):
        find_weights(toy)
    assert "is not what came from" in fetched(toy)
    assert (cache / "w.h5").read_bytes() == DATA
    assert (cache / "w.h5.bad").read_bytes() == OTHER
    assert words(verify(toy)) == [(False, False, True)]


def test_a_copy_of_the_cache_is_held_against_its_record(server, cache, tmp_path, monkeypatch):
    server.zenodo("123", {"w.h5": DATA})
    toy = model(f"{server.url}{PLACE}")
    fetched(toy)
    moved = cache.rename(tmp_path / "stick")
    said = fetched(toy, str(moved), offline=True)
    assert f"(as {server.url}/api/records/123 states)" in said
    assert words(verify(toy)) == [(False, True, True)]
    (cache / "w.h5").unlink()
    (moved / "w.h5").write_bytes(OTHER)
    with pytest.raises(TrustError, match=r"as fetched\.json beside it states"):
        fetch(toy, str(moved))


def test_what_was_there_before_records_is_compared_with_the_publisher(server, cache):
    cache.mkdir(parents=True)
    server.zenodo("123", {"w.h5": DATA})
    toy = model(f"{server.url}{PLACE}")
    (cache / "w.h5").write_bytes(DATA)
    assert "is there already" in fetched(toy)
    assert server.asked_for(PLACE) == 0
    assert words(verify(toy)) == [(False, True, True)]
    (cache / RECORD).unlink()
    (cache / "w.h5").write_bytes(OTHER)
    assert "is not the published file" in fetched(toy)
    assert (cache / "w.h5").read_bytes() == DATA


def test_a_damaged_record_is_named_and_made_again(server, cache):
    server.files["/w.h5"] = DATA
    toy = model(f"{server.url}/w.h5")
    fetched(toy)
    for text in ("", "[]", "{", '{"w.h5": 3}', '{"w.h5": {"size": "9"}}'):
        (cache / RECORD).write_text(text)
        with pytest.raises(InputError, match=r"fetched\.json is damaged"):
            find_weights(toy)
        fetched(toy)
        assert words(verify(toy)) == [(False, False, True)]


LOGIN = b"  <!DOCTYPE html><html><form>Password" + b" " * 9000


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (LOGIN, r"a web page \(a login"),
        (b"", "it is empty"),
        (b'{"error": "not found"}', "does not begin as a HDF5 file does"),
        (DATA[:50_000], "has 50,000 bytes and says itself that it has 100,000"),
        (endless(), "does not begin as a HDF5 file does"),
        (endless(DATA), "sends more than the 200,000 bytes that w.h5 may have"),
    ],
)
def test_what_is_no_weight_file_is_not_called_ready(server, cache, answer, why):
    server.files["/bad/w.h5"] = answer
    bad, good = (f"{server.url}/{place}/w.h5" for place in ("bad", "good"))
    with pytest.raises(ResourceError, match=why):
        fetch(model(bad, limit=200_000))
    assert sorted(path.name for path in cache.iterdir()) == [".lock"]
    server.files["/good/w.h5"] = DATA
    fetch(model(bad, good, limit=200_000))
    assert (cache / "w.h5").read_bytes() == DATA


def test_more_than_there_may_be_is_refused_before_it_is_sent(server):
    server.files["/w.h5"] = DATA
    server.zenodo("123", {"w.h5": DATA})
    server.files[PLACE] = DATA + bytes(100_000)
    with pytest.raises(ResourceError, match="announces 100,000 bytes, more than the 99,999 bytes"):
        fetch(model(f"{server.url}/w.h5", limit=99_999))
    with pytest.raises(ResourceError, match=r"more than the 100,000 bytes that .*api/records/123"):
        fetch(model(f"{server.url}{PLACE}"))
    server.zenodo("123", {"w.h5": DATA}, size=10**12)
    server.files[PLACE] = endless(DATA)
    with pytest.raises(ResourceError, match=r"sends more than the 150,000 bytes that w\.h5 may"):
        fetch(model(f"{server.url}{PLACE}", limit=150_000))


@pytest.mark.parametrize("length", ["abc", "-5", "9" * 5000, "100000, 5"])
def test_a_length_that_is_no_number_ends_in_a_sentence_or_the_file(server, cache, length):
    def answer(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", length)
        handler.end_headers()
        handler.wfile.write(DATA)

    server.files["/w.h5"] = answer
    try:
        fetch(model(f"{server.url}/w.h5"))
    except ResourceError as error:
        assert "/w.h5: " in str(error)
        assert not (cache / "w.h5").exists()
    else:
        assert (cache / "w.h5").read_bytes() == DATA


@pytest.mark.parametrize("there", [LOGIN, b"", DATA[:50_000], b"PK\3\4"])
def test_what_does_not_open_is_fetched_again(server, cache, there):
    server.files["/w.h5"] = DATA
    cache.mkdir(parents=True)
    (cache / "w.h5").write_bytes(there)
    assert "is no weight file" in fetched(model(f"{server.url}/w.h5"))
    assert (cache / "w.h5").read_bytes() == DATA
    assert (cache / "w.h5.bad").read_bytes() == there


def test_a_folder_s_file_of_another_kind_is_refused(cache, tmp_path):
    (tmp_path / "w.h5").write_bytes(LOGIN)
    with pytest.raises(InputError, match="a web page"):
        fetch(model(), str(tmp_path))
    assert not (cache / "w.h5").exists()


def test_a_record_without_the_file_says_what_it_holds(server):
    server.zenodo("123", {"weights_v2.zip": DATA, "table.xlsx": DATA})
    with pytest.raises(ResourceError, match=r"404.*; the record holds table.xlsx, weights_v2.zip"):
        fetch(model(f"{server.url}{PLACE}"))


def test_a_bucket_whose_requester_pays_says_how_to_get_the_file(server, monkeypatch):
    def refuse(handler):
        handler.send_error(403)

    address = "http://some-bucket.s3.amazonaws.com/get%20demo/w.h5"
    server.files[address] = refuse
    monkeypatch.setenv("http_proxy", server.url)
    with pytest.raises(ResourceError) as caught:
        fetch(model(address))
    line = "aws s3 cp --request-payer requester 's3://some-bucket/get demo/w.h5' FOLDER/"
    assert line in str(caught.value)
    assert "tracksmith models fetch toy --from FOLDER" in str(caught.value)
    assert "requester pays" in str(caught.value)


@pytest.fixture
def encrypted(tmp_path, monkeypatch):
    """A server with a certificate of its own, which this process trusts."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed, which makes the certificate of this test")
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", *names]
    subprocess.run([*make, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    server = Server()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.url = server.url.replace("http:", "https:")
    with running(server):
        yield server


def test_no_answer_leads_from_an_encrypted_address_to_one_that_is_not(server, encrypted, cache):
    server.files["/w.h5"] = encrypted.files["/w.h5"] = DATA
    toy = model(f"{encrypted.url}/moved.h5")
    encrypted.moved["/moved.h5"] = f"{server.url}/w.h5"
    with pytest.raises(ResourceError, match=r"from https to http://127\.0\.0\.1.*not followed"):
        fetch(toy)
    assert server.log == []
    encrypted.moved["/moved.h5"] = "/w.h5"
    fetch(toy)
    assert (cache / "w.h5").read_bytes() == DATA


def test_a_copy_that_was_killed_leaves_nothing_behind_the_next_command(cache, tmp_path):
    (tmp_path / "fold_1.h5").write_bytes(DATA)
    where = {"TRACKSMITH_CACHE": str(tmp_path / "cache"), "TRACKSMITH_CRASH": "copied"}
    command = [sys.executable, "-m", "tracksmith.cli", "models", "fetch", "clipnet-lcl"]
    command += ["--from", str(tmp_path / "fold_1.h5")]
    folder = tmp_path / "cache" / "weights" / "clipnet-lcl" / "1"
    killed = subprocess.run(command, env=os.environ | where, capture_output=True)
    assert killed.returncode == 137
    assert (folder / "fold_1.h5.part").exists()
    del where["TRACKSMITH_CRASH"]
    subprocess.run(command, env=os.environ | where, check=True, capture_output=True)
    assert sorted(path.name for path in folder.iterdir()) == [".lock", RECORD, "fold_1.h5"]


def test_left_overs_of_killed_commands_are_cleared_up(server, cache):
    cache.mkdir(parents=True)
    server.files["/w.h5"] = DATA
    toy = model(f"{server.url}/w.h5")
    (cache / ".tmp-fetched.json-elsewhere-99").write_bytes(b"{")
    (cache / "v.h5.part").write_bytes(DATA)
    fetched(toy)
    assert sorted(path.name for path in cache.iterdir()) == [".lock", RECORD, "w.h5"]
