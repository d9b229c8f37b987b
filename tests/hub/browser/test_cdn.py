"""A page that loads igv.js from a CDN, in a Chromium that finds a server of ours in its place."""

import base64
import hashlib
import shutil
import ssl
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.hub.browser.conftest import IGV_OF_NPM, Hand
from tests.hub.chromium import start_chromium, what_chromium_lacks
from tracksmith.hub.page import CDN, write_page

pytestmark = pytest.mark.browser

HOST = urlsplit(CDN.address).hostname
READY = """
const box = document.getElementById("message");
const said = box.hidden ? "" : box.textContent;
return (window.tracksmith && tracksmith.browser && "drawn") || said;
"""
# Load another script of the same host, and say what became of it.
LOAD = """
const [address, done] = [arguments[0], arguments[1]];
const script = document.createElement("script");
script.src = address;
script.onload = () => done("loaded");
script.onerror = () => done("refused");
document.head.append(script);
"""


@pytest.fixture(scope="module")
def published() -> bytes:
    """The igv.js that the page names by its digest."""
    if not IGV_OF_NPM:
        pytest.skip("TRACKSMITH_IGV names no igv.min.js: unpack one of `npm pack igv@3.8.10`")
    content = Path(IGV_OF_NPM).read_bytes()
    digest = base64.b64encode(hashlib.sha384(content).digest()).decode()
    if CDN.integrity != f"sha384-{digest}":
        pytest.skip(f"TRACKSMITH_IGV is not the igv.js of {CDN.address}")
    return content


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory):
    """A server under the CDN's name: its files by path, and the paths that were asked for."""
    if not shutil.which("openssl"):
        pytest.skip("openssl makes the certificate of the server")
    folder = tmp_path_factory.mktemp("cdn")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", key,
         "-out", certificate, "-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}"],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    files: dict[str, bytes] = {}
    addresses: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            addresses.append(self.path)
            self.send_response(200 if self.path in files else 404)
            self.send_header("Content-Type", "text/javascript")
            self.send_header("Access-Control-Allow-Origin", "*")
            self.end_headers()
            self.wfile.write(files.get(self.path, b""))

        def log_message(self, *_):
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_address[1], files, addresses
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def redirected(tmp_path_factory, stand_in):
    """Chromium that finds the CDN's name at the stand-in."""
    pytest.importorskip("selenium.webdriver", reason="selenium drives Chromium")
    if lack := what_chromium_lacks():
        pytest.skip(lack)
    port, _, _ = stand_in
    started = start_chromium(
        tmp_path_factory.mktemp("profile"),
        f"--host-resolver-rules=MAP {HOST} 127.0.0.1:{port}", "--ignore-certificate-errors",
    )  # fmt: skip
    yield started
    started.quit()


@contextmanager
def page(run, static_server):
    index = write_page([run], igv="cdn")
    with static_server(index.parents[1]) as url:
        yield f"{url}igv/index.html"


def test_the_published_script_is_loaded_and_no_other_of_its_host(
    strand_run, static_server, stand_in, redirected, published
):
    _, files, addresses = stand_in
    files[urlsplit(CDN.address).path] = published
    files["/npm/other/evil.js"] = b"window.evil = true;"
    with page(strand_run, static_server) as url:
        redirected.get(url)
        assert Hand(redirected).until(READY) == "drawn"
        assert redirected.execute_script("return igv.version()") == "3.8.10"
        assert urlsplit(CDN.address).path in addresses
        other = f"https://{HOST}/npm/other/evil.js"
        assert redirected.execute_async_script(LOAD, other) == "refused"
        assert redirected.execute_script("return window.evil") is None
        assert "/npm/other/evil.js" not in addresses
        log = " ".join(line["message"] for line in redirected.get_log("browser"))
        assert "Content Security Policy" in log


def test_without_a_policy_the_other_script_would_run(
    strand_run, static_server, stand_in, redirected, published
):
    """The stand-in does serve it, so that it is the page that refuses it."""
    _, files, _ = stand_in
    files[urlsplit(CDN.address).path] = published
    files["/npm/other/evil.js"] = b"window.evil = true;"
    with page(strand_run, static_server) as url:
        index = strand_run / "igv" / "index.html"
        index.write_text(index.read_text().replace("Content-Security-Policy", "X-Nothing"))
        redirected.get(url)
        assert Hand(redirected).until(READY) == "drawn"
        loaded = redirected.execute_async_script(LOAD, f"https://{HOST}/npm/other/evil.js")
        assert loaded == "loaded"


def test_another_script_at_the_same_address_is_refused(
    strand_run, static_server, stand_in, redirected
):
    _, files, _ = stand_in
    files[urlsplit(CDN.address).path] = b"window.igv = { version: () => '3.8.10' };"
    with page(strand_run, static_server) as url:
        redirected.get(url)
        said = Hand(redirected).until(READY)
        assert said.startswith(f"igv.js could not be loaded from {CDN.address}. Make the page")
        assert redirected.execute_script("return window.igv instanceof Element")
