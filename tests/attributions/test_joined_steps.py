"""Letters of steps are put together once, however many steps a region has."""

import numpy as np

from tracksmith.attributions.track_files import NEAR, _joined


def test_near_steps_are_joined_with_gaps_and_no_base_is_copied_again_for_each_step(monkeypatch):
    calls = []
    joined = np.concatenate
    monkeypatch.setattr(np, "concatenate", lambda parts: calls.append(1) or joined(parts))
    steps = [(0, 10 * n, np.full(10, n, np.float32)) for n in range(300)]
    steps += [(0, 3002, np.array([7], np.float32)), (0, 3003 + NEAR + 1, np.ones(2, np.float32))]
    steps += [(1, 0, np.zeros(3, np.float32))]
    first, second, third = _joined(iter(steps))
    assert len(calls) == 3
    assert first[:2] == (0, 0)
    np.testing.assert_array_equal(first[2][:3000], np.repeat(np.arange(300), 10))
    np.testing.assert_array_equal(first[2][3000:], [np.nan, np.nan, 7])
    assert (second[:2], len(second[2])) == ((0, 3004 + NEAR), 2)
    assert (third[:2], len(third[2])) == ((1, 0), 3)
