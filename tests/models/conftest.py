"""A server of the loopback, and a cache of this test's own."""

import pytest

from tests.models.loopback import Server, running


@pytest.fixture
def server():
    with running(Server()) as running_server:
        yield running_server


@pytest.fixture
def clean_environment(tmp_path, monkeypatch):
    """Neither a proxy nor weights of the user's own; an empty cache."""
    monkeypatch.setenv("TRACKSMITH_CACHE", str(tmp_path / "cache"))
    for name in ("TRACKSMITH_WEIGHTS", "TRACKSMITH_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
