"""For all tests, those of the core and of every plugin: the user's cache folder is left alone."""

import pytest


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory):
    """Indexes of genomes, backgrounds and fetched weights go to a folder of the tests' own.

    Published weights are still found where ``TRACKSMITH_WEIGHTS`` says.
    """
    folder = str(tmp_path_factory.mktemp("cache"))
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("TRACKSMITH_CACHE", raising=False)
        patch.setenv("XDG_CACHE_HOME", folder)
        yield
