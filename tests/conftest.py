"""Fixtures for every room: the shared real data, skipped with a reason where it is absent."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data and parity fixtures beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip(f"no shared data at {SHARED}: real data and parity fixtures live there")
    return SHARED
