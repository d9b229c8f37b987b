"""The commands: hub build, check and page, and view."""

import os
import re
import signal
import subprocess
import sys
import webbrowser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import requests
from click.testing import CliRunner

from tracksmith.cli import main
from tracksmith.cli.view import browser_at


def invoke(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_a_hub_is_built_checked_and_paged(variant_run):
    built = invoke("hub", "build", variant_run, "--email", "a@b.org")
    assert built.exit_code == 0, built.output
    assert "hub.txt: 11 tracks on toy (brought along)" in built.output
    assert f"copy {variant_run}" in built.output
    checked = invoke("hub", "check", variant_run)
    assert checked.exit_code == 0
    assert "0 errors, 0 warnings" in checked.output
    paged = invoke("hub", "page", variant_run)
    assert paged.exit_code == 0
    assert (variant_run / "igv" / "index.html").is_file()


def test_a_hub_with_an_address_prints_its_links(strand_run):
    built = invoke(
        "hub",
        "build",
        strand_run,
        "--email",
        "a@b.org",
        "--genome",
        "sacCer2",
        "--base-url",
        "https://x.org/hub",
        "--name",
        "mine",
        "--title",
        "My hub",
    )
    assert "UCSC: https://genome.ucsc.edu/cgi-bin/hgTracks?db=sacCer2" in built.output
    assert "IGV: https://igv.org/app/?sessionURL=https" in built.output


def test_a_wrong_hub_ends_in_exit_code_four(strand_run):
    invoke("hub", "build", strand_run, "--email", "a@b.org")
    path = strand_run / "hub" / "hub.txt"
    path.write_text(path.read_text().replace("descriptionUrl about.html\n", ""))
    assert invoke("hub", "check", strand_run).exit_code == 0
    assert invoke("hub", "check", strand_run, "--strict").exit_code == 4
    path.write_text(path.read_text().replace("color 192,57,43", "color red"))
    checked = invoke("hub", "check", strand_run)
    assert checked.exit_code == 4
    assert re.search(r"hub\.txt:\d+: error: color of 'clip_plus'", checked.output)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["hub", "build", "nowhere", "--email", "a@b.org"], 4, "no run"),
        (["hub", "build", "a", "b", "--email", "a@b.org"], 2, "-o HUB"),
        (["hub", "build", "a"], 2, "--email"),
        (["hub", "check", "nowhere"], 4, "no hub"),
        (["hub", "page", "nowhere"], 4, "no run"),
        (["view", "nowhere", "--no-browser"], 4, "no run"),
    ],
)
def test_a_wrong_request_says_what_to_do(arguments, code, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = invoke(*arguments)
    assert result.exit_code == code
    assert message in result.output


def test_view_says_at_its_start_that_there_is_no_such_place(strand_run):
    result = invoke("view", strand_run, "--no-browser", "--locus", "chrZZ:1-5")
    assert result.exit_code == 2
    assert "no contig 'chrZZ'" in result.output
    assert "chrA" in result.output


def test_the_browser_gets_the_secret_address_in_a_file_of_its_user(monkeypatch):
    opened = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    with browser_at("http://127.0.0.1:8760/secret/"):
        (address,) = opened
        assert "secret" not in address
        path = Path(unquote(urlsplit(address).path))
        assert "http://127.0.0.1:8760/secret/" in path.read_text()
        assert path.parent.stat().st_mode & 0o077 == 0
    assert not path.parent.exists()


def test_view_serves_until_it_is_interrupted(strand_run):
    command = [sys.executable, "-c", "from tracksmith.cli import main; main()", "view",
               str(strand_run), "--no-browser", "--locus", "chrB:1-99"]  # fmt: skip
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        try:
            line = child.stdout.readline()
            url = re.search(r"http://127\.0\.0\.1:\d+/[\w-]{32}/", line)[0]
            assert requests.get(url, timeout=10).status_code == 200
            assert requests.get(f"{url}session.json", timeout=10).json()["locus"] == "chrB:1-99"
        finally:
            os.kill(child.pid, signal.SIGINT)
        _, errors = child.communicate(timeout=20)
    assert child.returncode == 0
    assert "Traceback" not in errors
