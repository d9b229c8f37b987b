"""A server on the loopback that cuts, lies, refuses and sends on, and plays publishers."""

import hashlib
import json
import re
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Thread


class Server(ThreadingHTTPServer):
    """Serves ``files`` by path: bytes, or a function that answers by itself.

    ``cuts`` maps a path to how many bytes each coming answer may have;
    ``moved`` to where an answer sends on; ``headers`` to more of its headers.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.cuts, self.log, self.ranges = {}, {}, [], True
        self.moved, self.headers = {}, {}
        self.url = f"http://127.0.0.1:{self.server_port}"

    def asked_for(self, path):
        """How often a path was asked for."""
        return sum(place == path for place, _ in self.log)

    def zenodo(self, record, files, *, entries=False, **changes):
        """Hold files of a record and describe them, in the older form or in that with entries."""
        listed = [
            {"key": name, "size": len(data), "checksum": f"md5:{hashlib.md5(data).hexdigest()}"}
            | changes
            for name, data in files.items()
        ]
        for name, data in files.items():
            self.files[f"/records/{record}/files/{name}"] = data
        answer = {"entries": {item["key"]: item for item in listed}} if entries else listed
        self.files[f"/api/records/{record}"] = json.dumps({"files": answer}).encode()

    def hub(self, path, data, **headers):
        """Hold a large file as Hugging Face does: an answer that names it sends on to it."""
        digest = hashlib.sha256(data).hexdigest()
        self.moved[path] = f"/cdn/{digest}"
        self.headers[path] = {"X-Linked-Etag": f'"{digest}"', "X-Linked-Size": str(len(data))}
        self.headers[path] |= headers
        self.files[f"/cdn/{digest}"] = data


class Handler(BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.answer(body=False)

    def do_GET(self):
        self.answer(body=True)

    def answer(self, body):
        byte_range = self.headers.get("Range")
        self.server.log.append((self.path, byte_range) if body else (f"HEAD {self.path}", None))
        if self.path in self.server.moved:
            self.send_response(302)
            self.send_header("Location", self.server.moved[self.path])
            self.more(length=0)
            return
        data = self.server.files.get(self.path)
        if data is None:
            self.send_error(404)
        elif callable(data):
            with suppress(OSError):
                data(self)
        else:
            self.content(data, byte_range, body)

    def content(self, data, byte_range, body):
        start = int(re.fullmatch(r"bytes=(\d+)-", byte_range)[1]) if byte_range else 0
        if byte_range and self.server.ranges and start >= len(data):
            self.send_error(416)
            return
        if byte_range and self.server.ranges:
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            data = data[start:]
        else:
            self.send_response(200)
        self.more(len(data))
        cuts = self.server.cuts.get(self.path)
        with suppress(OSError):  # a client that gives up is no fault of the server
            self.wfile.write((data[: cuts.pop(0)] if cuts else data) if body else b"")

    def more(self, length):
        headers = {"Content-Length": str(length)} | self.server.headers.get(self.path, {})
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *args):
        pass


def endless(first=b""):
    """Return what answers for ever, without saying how much will come."""

    def answer(handler):
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(first)
        for _ in count():
            handler.wfile.write(b"\0" * 65_536)

    return answer


@contextmanager
def running(server):
    """Run a server in a thread as long as the block runs."""
    with server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
