"""Showing a run in a notebook: what igv-notebook is given, and that it can be fetched."""

import json
import sys

import pytest
import requests

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
