"""Probing servers: those that cannot serve a hub are found out."""

import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tracksmith.hub.build import build_hub
from tracksmith.hub.check import check_hub


class Handler(SimpleHTTPRequestHandler):
    """Ranges like a right server, but for the faults that a test switches on."""

    fault = ""

    def log_message(self, *parts):
        pass

    def end_headers(self):
        if self.fault != "cors":
            self.send_header("Access-Control-Allow-Origin", "*")
        super().end_headers()

    def send_header(self, keyword, value):
        if self.fault == "dates" and keyword == "Last-Modified":
            return
        if self.fault == "head" and self.command == "HEAD" and keyword == "Content-Length":
            return
        wrong = {"word": "abc", "digits": "9" * 5000, "superscript": "\xb2", "two": "5, 6"}
        if self.fault in wrong and keyword == "Content-Length" and self.path.endswith(".bw"):
            value = wrong[self.fault]
        super().send_header(keyword, value)

    def do_HEAD(self):
        if not self.redirected():
            super().do_HEAD()

    def redirected(self):
        places = {"loop": self.path, "nowhere": "http://[x/", "long": f"http://{'a' * 64}.example/"}
        if self.fault not in places or not self.path.endswith(".bw"):
            return False
        self.send_response(302)
        self.send_header("Location", places[self.fault])
        self.send_header("Content-Length", "0")
        self.end_headers()
        return True

    def do_GET(self):
        if self.redirected():
            return
        wanted = self.headers.get("Range")
        if wanted is None or self.fault == "ranges":
            super().do_GET()
            return
        first, last = (int(part) for part in wanted.removeprefix("bytes=").split("-"))
        with Path(self.translate_path(self.path)).open("rb") as handle:
            data = handle.read()
        shift = 1 if self.fault == "wrong-range" else 0
        body = data[first : last + 1 + shift]
        self.send_response(206)
        if self.fault != "content-range":
            end = first + len(body) - 1
            self.send_header("Content-Range", f"bytes {first}-{end}/{len(data)}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def served(folder, fault):
    handler = partial(type("Faulty", (Handler,), {"fault": fault}), directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/hub/hub.txt"
        server.shutdown()
        thread.join()


@pytest.fixture
def run(builder):
    made = builder().model("toy").bigwig("signal").write()
    build_hub([made], made / "hub", email="a@b.org", name="toy", title="Toy")
    return made


@pytest.mark.parametrize(
    ("fault", "messages"),
    [
        ("", []),
        ("ranges", ["ignores byte ranges"]),
        ("wrong-range", ["A range of 8 bytes"]),
        ("content-range", ["no fitting Content-Range"]),
        ("head", ["no Content-Length"]),
        ("word", ["no Content-Length"]),
        ("digits", ["no Content-Length"]),
        ("superscript", ["no Content-Length"]),
        ("dates", ["without Last-Modified"]),
        ("cors", ["hub.txt may not be read", "signal.bw may not be read"]),
    ],
)
def test_every_fault_of_a_server_is_found_and_a_right_one_has_none(run, fault, messages):
    with served(run, fault) as url:
        lines = [str(item) for item in check_hub(url)]
    assert len(lines) == len(messages)
    for message in messages:
        assert any(message in line for line in lines)


@pytest.mark.parametrize("fault", ["two", "loop", "nowhere", "long"])
def test_a_server_that_answers_nonsense_is_a_finding(run, fault):
    with served(run, fault) as url:
        findings = check_hub(url)
    assert any(
        item.level == "error" and "toy.signal.bw cannot be reached" in item.what
        for item in findings
    ), findings


def test_a_hub_on_the_web_may_not_name_files_of_the_machine(run):
    path = run / "hub" / "hub.txt"
    path.write_text(path.read_text().replace("../tracks/toy.signal.bw", "/etc/passwd"))
    with served(run, "") as url:
        assert any("names the file /etc/passwd" in str(item) for item in check_hub(url))
