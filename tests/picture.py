"""The picture of the page in README.md: made from the demo, in Chromium, by ``make picture``.

Fonts differ between machines, so no two of them draw the same pixels. What the picture is of is
kept in it: :func:`content_of` says the same of a page without drawing it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import struct
import sys
import tempfile
import time
import zlib
from pathlib import Path
from typing import Any

import pyBigWig

from tests.hub.chromium import start_chromium, what_chromium_lacks
from tracksmith.hub.page import write_page
from tracksmith.hub.server import serving
from tracksmith.hub.templates import template_folder

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "page.png"
CONTIG, START, END = "demo1", 36_500, 126_500
WIDTH, HEIGHT = 1280, 477
KEYWORD = b"tracksmith"
SIGNATURE = b"\x89PNG\r\n\x1a\n"
DRAWN = """
const views = window.tracksmith && tracksmith.browser ? tracksmith.browser.trackViews : [];
return views.length > 3 && views.every(({ viewports }) =>
  viewports.every((port) => !port.loading && (!port.viewIsReady || port.viewIsReady())));
"""


def make_demo(folder: Path) -> list[Path]:
    """Run the demonstration; return the folders of its two runs."""
    from click.testing import CliRunner

    from tracksmith.cli import main

    done = CliRunner().invoke(main, ["demo", "-q", "-o", str(folder)])
    if done.exit_code:
        raise SystemExit(done.output)
    return [folder / "run", folder / "variants"]


def content_of(runs: list[Path], scratch: Path) -> dict[str, Any]:
    """Return what a picture of the page of runs shows: its size, words, tracks and values."""
    text = write_page(runs, scratch / "page").read_text(encoding="utf-8")
    data = json.loads(re.search(r'id="tracksmith-data">(.*?)</script>', text, re.DOTALL)[1])
    names = ("page.html", "page.css", "page.js", "browser.js")
    templates = b"\0".join((template_folder() / name).read_bytes() for name in names)
    return {
        "size": [WIDTH, HEIGHT],
        "locus": f"{CONTIG}:{START + 1:,}-{END:,}",
        "title": re.search("<h1>(.*?)</h1>", text)[1],
        "tracks": [track["name"] for track in data["tracks"]],
        "legend": re.findall(r'class="swatch" style="[^"]*"></span>([^<]+)<', text),
        "scales": [[track.get("min"), track.get("max")] for track in data["tracks"]],
        "templates": hashlib.sha256(templates).hexdigest(),
        "values": _digest_of_values(runs),
    }


def _digest_of_values(runs: list[Path]) -> str:
    """Return the digest of what the files hold in the view, whatever compressed or wrote them."""
    digest = hashlib.sha256()
    files = [path for run in runs for kind in ("bw", "bb") for path in run.glob(f"*/*.{kind}")]
    for path in sorted(files):
        with pyBigWig.open(str(path)) as handle:
            if handle.isBigWig():
                digest.update(handle.values(CONTIG, START, END, numpy=True).tobytes())
            else:
                digest.update(repr(handle.entries(CONTIG, START, END)).encode())
    return digest.hexdigest()


def draw(runs: list[Path], scratch: Path) -> bytes:
    """Return a PNG of the page in Chromium, without what it is of."""
    browser = start_chromium(scratch / "profile")
    try:
        size = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        browser.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})
        with serving(*runs, locus=f"{CONTIG}:{START + 1}-{END}") as url:
            browser.get(url)
            end = time.monotonic() + 30
            while not browser.execute_script(DRAWN):
                if time.monotonic() > end:
                    raise SystemExit(f"The page was not drawn: {browser.get_log('browser')}")
                time.sleep(0.1)
            time.sleep(1)  # the last frame is painted
            shot = browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
            return base64.b64decode(shot["data"])
    finally:
        browser.quit()


def with_content(picture: bytes, content: dict[str, Any]) -> bytes:
    """Return a PNG that says what it is of, in a text chunk before its end."""
    text = KEYWORD + b"\0" + json.dumps(content, sort_keys=True).encode("ascii")
    body = b"tEXt" + text
    chunk = struct.pack(">I", len(text)) + body + struct.pack(">I", zlib.crc32(body))
    return picture[:-12] + chunk + picture[-12:]


def size_of(picture: bytes) -> list[int]:
    """Return width and height of a PNG, in pixels."""
    return list(struct.unpack(">II", picture[16:24]))


def kept_content(picture: bytes) -> dict[str, Any]:
    """Return what :func:`with_content` wrote."""
    at = len(SIGNATURE)
    while at < len(picture):
        (length,) = struct.unpack_from(">I", picture, at)
        kind, data = picture[at + 4 : at + 8], picture[at + 8 : at + 8 + length]
        if kind == b"tEXt" and data.startswith(KEYWORD + b"\0"):
            return json.loads(data.removeprefix(KEYWORD + b"\0"))
        at += 12 + length
    return {}


def main() -> None:
    """Write the picture into ``docs``, or into the file that is named."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURE
    if lack := what_chromium_lacks():
        raise SystemExit(lack)
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        runs = make_demo(scratch / "demo")
        target.write_bytes(with_content(draw(runs, scratch), content_of(runs, scratch)))
    print(f"{target}  {target.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
