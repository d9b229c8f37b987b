"""Fixtures for every room: the shared real data, skipped with a reason where it is absent."""

import importlib.util
import signal
from pathlib import Path

import pytest
from hypothesis import settings

# A slow machine is no fault of the code.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

# A job in the background of a shell ignores Ctrl-C, and so would the commands under test.
signal.signal(signal.SIGINT, signal.default_int_handler)

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data and parity fixtures beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip(f"no shared data at {SHARED}: real data and parity fixtures live there")
    return SHARED


@pytest.fixture(scope="session")
def small_get(shared: Path, tmp_path_factory: pytest.TempPathFactory):
    """A genome with peaks and a small GET model of real motifs; see :mod:`small_get`."""
    if importlib.util.find_spec("tracksmith_get") is None:
        pytest.skip("the plugin tracksmith_get is not installed")
    from small_get import write_small_get

    return write_small_get(shared, tmp_path_factory.mktemp("get"))
