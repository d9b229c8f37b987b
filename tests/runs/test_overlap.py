"""Parts side by side in threads, and several at a time for a worker on a GPU."""

from types import SimpleNamespace

import pytest

from tracksmith.models.trust import consent, trusting
from tracksmith.runs.dask_driver import GROUP, DaskDriver
from tracksmith.runs.overlap import computed_parts

DIGEST = f"sha256:{'ab' * 32}"


class Worker:
    """Notes the consent that holds in the thread of each part."""

    def __init__(self, side_by_side):
        self.side_by_side = side_by_side
        self.seen = []

    def compute(self, part):
        self.seen.append(consent().digests)

    def stop(self):
        """Nothing is under way for long."""


@pytest.mark.parametrize("side_by_side", [1, 2])
def test_consent_to_unpickle_weights_holds_in_the_thread_of_every_part(side_by_side):
    worker = Worker(side_by_side)
    with trusting([DIGEST]):
        assert [part for part, _ in computed_parts(worker, range(5))] == list(range(5))
    assert worker.seen == [frozenset({"ab" * 32})] * 5


@pytest.mark.parametrize(("parts", "workers"), [(1, 1), (7, 2), (740, 8), (740, 64), (5_000, 2)])
def test_every_worker_on_a_gpu_gets_at_least_four_groups_of_all_parts(parts, workers):
    driver = DaskDriver(None, None, range(parts), SimpleNamespace(members={}), None)
    driver._group(workers)
    groups = driver.waiting
    assert [part for group in groups for part in group] == list(range(parts))
    assert max(map(len, groups)) <= GROUP
    assert len(groups) >= min(parts, 4 * workers)
