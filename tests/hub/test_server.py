"""The server of a run: no wrong byte under load, nothing from outside the run."""

import http.client
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from urllib.parse import urlsplit

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tracksmith.errors import ResourceError, UsageError
from tracksmith.hub.build import build_hub
from tracksmith.hub.check import check_hub
from tracksmith.hub.guards import HostGuard, confined
from tracksmith.hub.server import open_socket, serving

SIZE = 300_001


@pytest.fixture(scope="module")
def site(tmp_path_factory, simple_run):
    """A served run with one large file of known bytes, and its address."""
    folder = simple_run(tmp_path_factory.mktemp("served"))
    data = bytes((position * 7 + position // 251) % 256 for position in range(SIZE))
    (folder / "big.bin").write_bytes(data)
    (folder / ".secret").write_text("hidden")
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("hidden")
    (folder.parent / "outside.txt").write_text("outside")
    (folder / "link.txt").symlink_to(folder.parent / "outside.txt")
    (folder / "loop").symlink_to(folder)
    (folder / "hidden_link.txt").symlink_to(folder / ".secret")
    (folder / "good_link.bin").symlink_to(folder / "big.bin")
    os.mkfifo(folder / "pipe")
    with serving(folder) as url:
        yield folder, url, data


def get(url, headers=None, method="GET"):
    return requests.request(method, url, headers=headers or {}, timeout=10)


def test_two_hundred_parallel_ranges_give_no_wrong_byte(site):
    _, url, data = site

    def fetch(number):
        start = (number * 7919) % SIZE
        end = min(start + 1 + (number * 104729) % 70_000, SIZE)
        answer = get(f"{url}run/big.bin", {"Range": f"bytes={start}-{end - 1}"})
        assert answer.status_code == 206
        assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/{SIZE}"
        return answer.content == data[start:end]

    with ThreadPoolExecutor(40) as pool:
        assert all(pool.map(fetch, range(200)))


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(first=st.integers(0, SIZE - 1), length=st.integers(1, 5000))
def test_every_range_is_the_bytes_of_the_file(site, first, length):
    _, url, data = site
    answer = get(f"{url}run/big.bin", {"Range": f"bytes={first}-{first + length - 1}"})
    assert answer.content == data[first : first + length]


@pytest.mark.parametrize(
    ("wanted", "status", "part"),
    [
        ("bytes=0-0", 206, slice(0, 1)),
        ("bytes=-50", 206, slice(SIZE - 50, SIZE)),
        (f"bytes={SIZE - 1}-", 206, slice(SIZE - 1, SIZE)),
        (f"bytes=10-{SIZE * 3}", 206, slice(10, SIZE)),
        (f"bytes={SIZE}-{SIZE + 5}", 416, None),
        ("bytes=100-50", 200, slice(0, SIZE)),
        ("bytes=5-9,100-50", 200, slice(0, SIZE)),
        ("bytes=abc", 200, slice(0, SIZE)),
        ("bytes=", 200, slice(0, SIZE)),
        ("bytes=-", 200, slice(0, SIZE)),
        ("bytes=--5", 200, slice(0, SIZE)),
        ("bytes=5-9,", 200, slice(0, SIZE)),
        ("bytes=" + "9" * 5000 + "-", 200, slice(0, SIZE)),
        ("lines=1-2", 200, slice(0, SIZE)),
        ("bytes=" + ",".join(f"{n}-{n}" for n in range(0, 2000, 2)), 200, slice(0, SIZE)),
    ],
)  # fmt: skip
def test_a_range_is_answered_and_what_is_none_gets_the_whole_file(site, wanted, status, part):
    _, url, data = site
    answer = get(f"{url}run/big.bin", {"Range": wanted})
    assert answer.status_code == status
    assert part is None or answer.content == data[part]


def test_several_ranges_come_as_multipart(site):
    _, url, data = site
    answer = get(f"{url}run/big.bin", {"Range": "bytes=5-9,100-109"})
    assert answer.status_code == 206
    assert answer.headers["Content-Type"].startswith("multipart/byteranges")
    assert data[5:10] in answer.content
    assert data[100:110] in answer.content


def test_head_tells_size_and_tag_without_a_body(site):
    _, url, _ = site
    answer = get(f"{url}run/big.bin", method="HEAD")
    assert answer.status_code == 200
    assert answer.headers["Content-Length"] == str(SIZE)
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["ETag"]
    assert answer.headers["Last-Modified"]
    assert answer.content == b""


def test_a_range_of_a_changed_file_is_sent_whole(site):
    folder, url, _ = site
    path = folder / "changing.bin"
    path.write_bytes(b"a" * 100)
    tag = get(f"{url}run/changing.bin", method="HEAD").headers["ETag"]
    headers = {"Range": "bytes=0-9", "If-Range": tag}
    assert get(f"{url}run/changing.bin", headers).status_code == 206
    path.write_bytes(b"b" * 120)
    answer = get(f"{url}run/changing.bin", headers)
    assert (answer.status_code, answer.content) == (200, b"b" * 120)


@pytest.mark.parametrize(
    "path",
    [
        "run/.secret", "run/.git/config", "run/link.txt", "run/hidden_link.txt", "run/", "run",
        "run/tracks", "run/tracks/", "run/pipe", "run/..%2foutside.txt", "run/%2e%2e/outside.txt",
        "run/../outside.txt", "run/..%5coutside.txt", "run/tracks/..%2f..%2foutside.txt",
        "run//etc/passwd", "run/%2fetc/passwd", "run/big.bin%00.txt", "run/nothing", "nothing",
        "genome/passwd", "genome/..%2foutside.txt", "run/loop/.secret",
        "run/%252e%252e/outside.txt", "igv.min.js/..%2f..%2foutside.txt", "run/" + "x" * 5000,
        "run/..\\outside.txt",
    ],
)  # fmt: skip
def test_nothing_but_visible_files_of_the_run_is_found(site, path):
    _, url, _ = site
    parts = urlsplit(url)
    # Not through a client library: it would tidy the path up.
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    connection.putrequest("GET", f"{parts.path}{path}", skip_host=True)
    connection.putheader("Host", parts.netloc)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert answer.status in (404, 400, 307), (path, answer.status)
    assert b"outside" not in body
    assert b"hidden" not in body


def test_a_link_inside_the_run_is_followed(site):
    _, url, data = site
    assert get(f"{url}run/good_link.bin").content == data
    assert get(f"{url}run/loop/big.bin").content == data


@given(st.text(max_size=60))
@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_text_leads_out_of_the_run(site, path):
    folder, _, _ = site
    file = confined(folder, path)
    assert file is None or (file.is_file() and file.is_relative_to(folder))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_only_reading_is_allowed(site, method):
    _, url, _ = site
    assert get(f"{url}run/big.bin", method=method).status_code == 405


@pytest.mark.parametrize(
    ("host", "status"),
    [("evil.example", 421), ("localhost", 200), ("127.0.0.1:1", 200), ("[::1]", 200),
     ("127.0.0.1.evil.example", 421), ("a b", 421), ("localhost@evil.example", 421),
     ("192.0.2.7", 421), ("[2001:db8::7]:80", 421), (socket.gethostname(), 421), ("", 421)],
)  # fmt: skip
def test_a_foreign_host_name_is_refused(site, host, status):
    _, url, _ = site
    assert get(f"{url}run/big.bin", {"Host": host}).status_code == status


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [("https://igv.org", True), ("https://jbrowse.org", True), ("http://localhost:8888", False),
     ("http://127.0.0.1:8000", False), ("vscode-webview://1f3", False),
     ("https://evil.example", False), ("https://igv.org.evil.example", False),
     ("http://igv.org", False), ("http://localhost.evil.example", False), ("null", False)],
)  # fmt: skip
def test_only_browsers_sites_may_read_across_origins(site, origin, allowed):
    _, url, _ = site
    answer = get(f"{url}run/big.bin", {"Origin": origin, "Range": "bytes=0-1"})
    assert answer.status_code == (206 if allowed else 403)
    assert answer.headers.get("Access-Control-Allow-Origin") == (origin if allowed else None)
    headers = {"Origin": origin, "Access-Control-Request-Method": "GET",
             "Access-Control-Request-Headers": "range"}  # fmt: skip
    preflight = get(f"{url}run/big.bin", headers, method="OPTIONS")
    assert (preflight.status_code == 200) is allowed
    if allowed:
        assert "Content-Range" in answer.headers["Access-Control-Expose-Headers"]


def test_a_page_of_the_server_itself_may_read(site):
    _, url, _ = site
    parts = urlsplit(url)
    own = {"Origin": f"{parts.scheme}://{parts.netloc}"}
    assert get(f"{url}run/big.bin", own).status_code == 200
    other = {"Origin": f"{parts.scheme}://{parts.hostname}:{parts.port + 1}"}
    assert get(f"{url}run/big.bin", other).status_code == 403


def test_nothing_is_found_without_the_secret(site):
    _, url, _ = site
    parts = urlsplit(url)
    root, secret = f"{parts.scheme}://{parts.netloc}/", parts.path.strip("/")
    assert len(secret) == 32
    wrong = [
        f"{secret[:-1]}{'A' if secret[-1] != 'A' else 'B'}",
        secret[:-1],
        secret.swapcase(),
        "",
    ]
    names = ("", "run/big.bin", "run/run.json", "session.json", "igv.min.js", "genome/genome.fa",
             "chrom.sizes", "page.js")  # fmt: skip
    for name in names:
        assert get(f"{url}{name}").status_code == 200, name
        for other in wrong:
            answer = get(f"{root}{other}/{name}")
            assert (answer.status_code, secret in answer.text) == (404, False), (other, name)
            assert "whole address" in answer.text
    assert get(f"{root}run/{secret}/big.bin").status_code == 404
    assert get(f"{root}{secret}").url == url


def test_every_server_has_a_secret_of_its_own(site):
    folder, url, _ = site
    with serving(folder) as other:
        assert urlsplit(other).path != urlsplit(url).path


@pytest.mark.parametrize(
    ("host", "host_header", "known"),
    [("192.0.2.7", "192.0.2.7", True), ("192.0.2.7", "192.0.2.8", False),
     ("192.0.2.7", "localhost:99", True), ("0.0.0.0", "192.0.2.8:80", True), ("::", "[::2]", True),
     ("0.0.0.0", "evil.example", False), ("node7", "node7", True), ("node7", "node8", False),
     ("192.0.2.7", socket.gethostname(), True)],
)  # fmt: skip
def test_a_server_for_other_machines_knows_its_own_names(monkeypatch, host, host_header, known):
    monkeypatch.setattr(socket, "getfqdn", lambda: "full.example")
    guard = HostGuard(None, host)
    scope = {"headers": [(b"host", host_header.encode())]}
    assert (guard.refusal(scope) is None) is known
    assert guard.refusal({"headers": [*scope["headers"]] * 2}) is not None


def test_slow_and_cut_clients_do_not_disturb_others(site):
    _, url, data = site
    parts = urlsplit(url)
    request = f"GET {parts.path}run/big.bin HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode()
    with ExitStack() as stack:
        whole, half = [], []
        for number in range(20):
            opened = socket.create_connection((parts.hostname, parts.port), timeout=10)
            stack.enter_context(opened)
            opened.sendall(request[: 10 + number] if number % 2 else request)
            (half if number % 2 else whole).append(opened)
        for opened in (*whole[5:], *half[5:]):
            opened.close()
        assert get(f"{url}run/big.bin").content == data
        received = b""
        while len(received.partition(b"\r\n\r\n")[2]) < SIZE:
            received += whole[0].recv(9_000)
        assert received.partition(b"\r\n\r\n")[2] == data
        half[0].sendall(request[11:])
        assert half[0].recv(12) == b"HTTP/1.1 200"
    assert get(f"{url}run/big.bin", {"Range": "bytes=-3"}).content == data[-3:]


def test_a_header_of_twenty_thousand_ranges_harms_nobody(site):
    _, url, data = site
    wanted = "bytes=" + ",".join(f"{n}-{n}" for n in range(0, 40_000, 2))
    with suppress(requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
        assert get(f"{url}run/big.bin", {"Range": wanted}).status_code in (200, 400, 416, 431)
    assert get(f"{url}run/big.bin", {"Range": "bytes=7-9"}).content == data[7:10]


def test_the_page_allows_no_script_but_its_own(site):
    _, url, _ = site
    policy = get(url).headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "default-src 'none'" in policy
    assert "https:" not in policy
    assert "sandbox" in get(f"{url}run/run.json").headers["Content-Security-Policy"]
    assert get(f"{url}run/run.json").headers["X-Content-Type-Options"] == "nosniff"


def test_the_session_has_absolute_addresses_that_answer(site):
    _, url, _ = site
    session = get(f"{url}session.json").json()
    tracks = session["tracks"]
    assert tracks
    for track in tracks:
        assert track["url"].startswith(url)
        assert get(track["url"], {"Range": "bytes=0-3"}).status_code == 206
    for name in ("fastaURL", "indexURL"):
        assert get(session["reference"][name], {"Range": "bytes=0-3"}).status_code == 206


def test_the_genome_is_served_only_if_it_is_the_runs(simple_run, tmp_path):
    folder = simple_run(tmp_path)
    (tmp_path / "toy.fa").write_text(">other\nACGT\n")
    (tmp_path / "toy.fa.fai").write_text("other\t4\t7\t4\t5\n")
    with serving(folder) as url:
        assert get(f"{url}genome/genome.fa").status_code == 404
        assert get(f"{url}session.json").json()["reference"]["format"] == "chromsizes"
        assert get(f"{url}chrom.sizes").text.startswith("chrA\t")


def test_a_hub_behind_the_server_has_no_finding(site):
    folder, url, _ = site
    build_hub([folder], folder / "hub", email="a@b.org", name="toy", title="Toy")
    assert check_hub(f"{url}run/hub/hub.txt") == []


def test_a_taken_port_is_an_error_and_a_free_one_is_found():
    first = open_socket("127.0.0.1", None)
    port = first.getsockname()[1]
    with pytest.raises(ResourceError, match=f"Port {port} is in use"):
        open_socket("127.0.0.1", port)
    second = open_socket("127.0.0.1", None, first=port)
    assert second.getsockname()[1] > port
    first.close()
    second.close()
    with pytest.raises(UsageError, match="--host"):
        open_socket("203.0.113.7", None)
