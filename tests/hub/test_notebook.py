"""Showing a run in a notebook: what igv-notebook is given, and that it can be fetched."""

import json
import re
import sys
from pathlib import Path

import pytest
import requests

import tracksmith
from tracksmith.errors import UsageError
from tracksmith.hub.notebook import show


@pytest.fixture
def cell(monkeypatch):
    """What a notebook cell was asked to display."""
    import igv_notebook.browser

    shown = []
    monkeypatch.setattr(igv_notebook.browser, "display", lambda item, **more: shown.append(item))
    monkeypatch.setattr(igv_notebook.browser, "register_filecomm", lambda: None)
    monkeypatch.setattr(igv_notebook.browser, "register_svgcomm", lambda: None)
    return shown


# igv-notebook reads its scripts without closing them.
@pytest.mark.filterwarnings(
    "ignore:Exception ignored in.*igv_notebook:pytest.PytestUnraisableExceptionWarning"
)
def test_a_cell_gets_the_session_with_addresses_that_answer(variant_run, cell):
    view = show(variant_run, locus="chrA:10-20")
    try:
        message = json.loads(cell[-1].data.partition("on(")[2].rpartition(")")[0])
        assert message["command"] == "createBrowser"
        session = message["data"]
        assert session["locus"] == "chrA:10-20"
        # Else igv.js waits for a list of genomes from the internet before it draws anything.
        assert session["loadDefaultGenomes"] is False
        urls = [part["url"] for row in session["tracks"] for part in row.get("tracks", [row])]
        for url in [*urls, session["reference"]["fastaURL"]]:
            headers = {"Range": "bytes=0-7", "Origin": "http://localhost:8888"}
            answer = requests.get(url, headers=headers, timeout=10)
            assert answer.status_code == 206
            assert answer.headers["Access-Control-Allow-Origin"] == "http://localhost:8888"
        view.browser.search("chrB:1-5")
        assert "chrB:1-5" in cell[-1].data
    finally:
        view.close()
    with pytest.raises(requests.ConnectionError):
        requests.get(view.server.url, timeout=2)


def test_without_igv_notebook_another_way_is_named(variant_run, monkeypatch):
    monkeypatch.setitem(sys.modules, "igv_notebook", None)
    with pytest.raises(UsageError, match="tracksmith view"):
        show(variant_run)


NOTEBOOK = Path(__file__).parents[2] / "examples" / "view_run.ipynb"


def test_the_example_stores_no_output_and_no_place_of_a_machine():
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert code
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    assert not re.search(r"/(home|root|work|Users|tmp)/|[A-Z]:\\", NOTEBOOK.read_text())


# The client's own sockets and streams, not ours.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_example_runs_and_draws_both_runs(tmp_path):
    nbclient = pytest.importorskip("nbclient", reason="nbclient runs notebooks")
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel", reason="ipykernel is the kernel of notebooks")
    shown = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(
        shown, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    outputs = [out for cell in shown.cells for out in cell.get("outputs", [])]
    texts = [out.get("text", "") + str(out.get("data", "")) for out in outputs]
    assert any("2 tracks; 82 variants" in text for text in texts)
    created = next(text for text in texts if '"command": "createBrowser"' in text)
    for part in ("runs/1/tracks/core-promoter.plus.bw", "runs/2/variants/core-promoter.bb"):
        assert part in created
    assert any('"demo1:14,264-14,464"' in text for text in texts)


def test_the_package_names_the_notebook_and_the_hub_verbs(variant_run, tmp_path):
    assert tracksmith.notebook.show is show
    report = tracksmith.build_hub(variant_run, email="a@example.org")
    assert report.hub == variant_run / "hub" / "hub.txt"
    assert tracksmith.check_hub(report.hub) == []
    other = tracksmith.build_hub([str(variant_run)], str(tmp_path / "hub"), email="a@example.org")
    text = other.hub.read_text()
    assert text.startswith("hub both\nshortLabel tracksmith both\n")
