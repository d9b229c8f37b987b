"""Sessions in the real IGV desktop, on a screen of its own, by what it draws into an SVG."""

import os
import re
import shutil
import signal
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest
from click.testing import CliRunner

from tracksmith.cli import main
from tracksmith.hub.build import build_hub
from tracksmith.hub.page import write_page

pytestmark = pytest.mark.browser

IGV, SCREEN = shutil.which("igv"), shutil.which("Xvfb")
if not IGV or not SCREEN:
    pytest.skip(
        "IGV desktop and Xvfb are not installed (Debian: igv, xvfb)", allow_module_level=True
    )

SVG = "{http://www.w3.org/2000/svg}"
PLUS, MINUS = "rgb(192,57,43)", "rgb(36,87,160)"


@pytest.fixture(scope="module")
def display():
    """The name of a screen that nobody sees."""
    reading, writing = os.pipe()
    switches = ["-displayfd", str(writing), "-screen", "0", "1280x900x24", "-nolisten", "tcp"]
    screen = subprocess.Popen(
        [SCREEN, *switches], pass_fds=[writing], stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(writing)
    with os.fdopen(reading) as answer:
        number = answer.readline().strip()
    if not number:
        pytest.skip("Xvfb opens no screen here")
    yield f":{number}"
    screen.terminate()
    screen.wait()


def run_whole(command, environment, seconds=90):
    """Run a program and return what it said; one that hangs ends with its children."""
    started = subprocess.Popen(
        command, env=environment, text=True, start_new_session=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        return started.communicate(timeout=seconds)[0]
    except subprocess.TimeoutExpired:
        os.killpg(started.pid, signal.SIGKILL)
        return started.communicate()[0]


@pytest.fixture
def draw(display, tmp_path):
    """A function that opens a session in IGV and returns the picture of its rows."""

    def run(session, locus=None):
        home = tmp_path / "home"
        (home / "igv").mkdir(parents=True, exist_ok=True)
        # IGV would listen on a port, and at first load a genome from the internet.
        (home / "igv" / "prefs.properties").write_text("PORT_ENABLED=false\n")
        (tmp_path / "first.chrom.sizes").write_text("one\t9000\ntwo\t9000\n")
        commands = [
            f"genome {tmp_path / 'first.chrom.sizes'}",
            f'load "{session}"',
            f'snapshotDirectory "{tmp_path}"',
            *([f"goto {locus}"] if locus else []),
            "snapshot rows.svg",
            "exit",
        ]
        (tmp_path / "batch.txt").write_text("\n".join(commands) + "\n")
        options = f"-Duser.home={home} -Djava.util.prefs.userRoot={home}"
        environment = {**os.environ, "DISPLAY": display, "JAVA_TOOL_OPTIONS": options}
        said = run_whole([IGV, "-b", str(tmp_path / "batch.txt")], environment)
        picture = tmp_path / "rows.svg"
        assert picture.is_file(), said[-2000:]
        folder = os.environ.get("TRACKSMITH_SCREENSHOTS")
        if folder:
            shutil.copyfile(picture, f"{folder}/igv-desktop.svg")
        return ElementTree.parse(picture).getroot()

    return run


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """What ``tracksmith demo`` leaves behind."""
    out = tmp_path_factory.mktemp("igv demo") / "my demo"
    done = CliRunner().invoke(main, ["demo", "-q", "-o", str(out)])
    assert done.exit_code == 0, done.output
    return out


def texts(picture):
    return [(item.text or "").strip() for item in picture.iter(f"{SVG}text")]


def rectangles(item, colour="", style="fill"):
    """Yield colour, top within its row, and height of every rectangle; children inherit colours."""
    own = re.search(rf"(?:^|; ){style}:([^;]*);", item.get("style", ""))
    colour = own[1] if own else colour
    if item.tag == f"{SVG}rect":
        yield colour, float(item.get("y", 0)), float(item.get("height"))
    for child in item:
        yield from rectangles(child, colour, style)


def bars(picture, colour):
    return [(top, height) for fill, top, height in rectangles(picture) if fill == colour]


def bases(picture):
    """Return how many bases of the sequence were drawn, if all four were."""
    letters = ("rgb(0,150,0)", "blue", "rgb(209,113,5)", "red")
    counts = [sum(height == 10 for _, height in bars(picture, letter)) for letter in letters]
    return sum(counts) if all(counts) else 0


def files_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_the_demo_is_drawn_with_its_sequence_names_and_strongest_peak(draw, demo):
    before = files_in(demo)
    picture = draw(demo / "hub" / "session.xml")
    assert files_in(demo) == before, "IGV left no index of its own"
    shown = texts(picture)
    assert "demo1:229,840-230,040" in shown
    # A name that does not fit is broken into two texts.
    assert {
        "Planted promoters",
        "run Core promoter +/-",
        "Core promoter + ref/alt",
        "Core promoter - ref/alt",
        "Core promoter - delta",
        "variants variant effects",
        "variants strongest effect",
    } <= set(shown)
    assert "shifts_tata_4" in shown
    assert "[-35.000 - 35]" in shown
    assert bases(picture) > 190
    # Below a row of 40 pixels, one of 90 with 0 in its middle; IGV leaves 10 free at its top.
    heights = [height for top, height in bars(picture, MINUS) if top == 90]
    assert max(heights) >= 39, "the strongest peak of the strand is drawn to its height"
    assert sum(height > 5 for height in heights) == 2
    faded = [
        opacity
        for opacity, top, _ in rectangles(picture, style="fill-opacity")
        if top == 90 and opacity != "1"
    ]
    assert not faded, "strands have the legend's colours"


def test_without_the_fasta_rows_are_drawn_all_the_same(draw, demo, tmp_path):
    moved = tmp_path / "moved"
    shutil.copytree(demo / "run", moved / "run")
    (moved / "genome").mkdir()
    for name in ("demo.fa", "demo.fa.fai"):
        shutil.copy(demo / "genome" / name, moved / "genome" / name)
    content = (moved / "run" / "run.json").read_text()
    (moved / "run" / "run.json").write_text(content.replace(str(demo), str(moved)))
    build_hub([moved / "run"], moved / "hub", "you@example.org", genome="assembly")
    (moved / "genome" / "demo.fa.fai").unlink()
    build_hub([moved / "run"], moved / "hub", "you@example.org", genome="assembly")
    assert 'genome="demo.chrom.sizes"' in (moved / "hub" / "session.xml").read_text()
    before = files_in(moved)
    picture = draw(moved / "hub" / "session.xml", "demo1:229,840-230,040")
    assert max(height for _, height in bars(picture, MINUS)) >= 39
    assert bases(picture) == 0
    assert files_in(moved) == before


def test_strands_that_scale_to_the_view_share_one_scale(draw, strand_run, tmp_path):
    write_page([strand_run], tmp_path / "page", igv=__file__)
    assert 'autoScale="true"' in (tmp_path / "page" / "session.xml").read_text()
    picture = draw(tmp_path / "page" / "session.xml", "chrA:1,400-1,600")
    (scale,) = {text for text in texts(picture) if re.fullmatch(r"\[-?[\d.]+ - [\d.]+\]", text)}
    low, high = map(float, re.findall(r"-?[\d.]+", scale.replace(" - ", " ")))
    assert (low, high) == pytest.approx((-8, 8), abs=0.1)
    for colour in (PLUS, MINUS):
        assert max(height for _, height in bars(picture, colour)) >= 38
