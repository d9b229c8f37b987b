"""Recorded batches, with a recording that needs no GPU."""

import pytest
import torch

from tracksmith.engine.replays import CALLS_BEFORE, MOST, Recording, Replays

CUDA = torch.device("cuda")


class Graph:
    """Stands for a CUDA graph: writes the outputs anew from what the inputs then hold."""

    def __init__(self, call, inputs, outputs):
        self.call, self.inputs, self.outputs = call, inputs, outputs
        self.replayed = 0

    def replay(self):
        self.replayed += 1
        self.outputs.copy_(self.call(self.inputs))


class OnCpu(Replays):
    """Records as on a GPU; ``error`` is raised instead, ``wrong`` spoils what a replay gives.

    An ``empty`` recording holds nothing: a replay leaves the outputs as they are.
    """

    def __init__(self, error=None, *, wrong=False, empty=False, wanted=True):
        super().__init__(CUDA, wanted=wanted)
        self.error, self.wrong, self.empty, self.made = error, wrong, empty, []

    def _record(self, inputs, call):
        if self.error:
            raise self.error
        outputs = call(inputs)
        factor = 1 + 1e-6 * self.wrong
        if self.empty:  # as one recorded on another device than the one that works
            self.made.append(Graph(lambda bases: outputs, inputs, outputs))
        else:
            self.made.append(Graph(lambda bases: call(bases) * factor, inputs, outputs))
        return Recording(self.made[-1], inputs, outputs)


class Counted:
    def __init__(self):
        self.calls = 0

    def __call__(self, bases):
        self.calls += 1
        return bases.float() * 3 + torch.nan if not bases.sum() else bases.float() * 3


def batches(count, rows=2):
    return [torch.arange(rows * 4).reshape(rows, 4) + number for number in range(count)]


def run(replays, call, key="full", count=6):
    for bases in batches(count):
        assert torch.equal(replays.run(key, bases, call), bases.float() * 3)


def test_a_shape_that_comes_again_is_replayed_with_the_values_of_plain_calls():
    replays, call = OnCpu(), Counted()
    run(replays, call)
    assert len(replays.made) == 1
    assert replays.made[0].replayed == 1 + 6 - (CALLS_BEFORE + 1)


def test_shapes_that_come_seldom_are_not_recorded():
    replays, call = OnCpu(), Counted()
    for key in range(5):
        run(replays, call, key, CALLS_BEFORE)
    assert not replays.made and call.calls == 5 * CALLS_BEFORE


def test_only_so_many_shapes_are_kept():
    replays = OnCpu()
    for key in range(MOST + 3):
        run(replays, Counted(), key)
    assert len(replays.made) == MOST


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("Cannot copy between CPU and CUDA tensors during CUDA graph capture"),
        torch.AcceleratorError("CUDA error: operation not permitted when stream is capturing"),
        torch.cuda.OutOfMemoryError("CUDA out of memory."),
        ValueError("a network that looks at its values"),
    ],
)
def test_a_network_that_cannot_be_recorded_runs_by_plain_calls(error):
    replays, call = OnCpu(error), Counted()
    run(replays, call)
    assert call.calls == 6


def test_a_device_that_breaks_while_recording_is_no_reason_to_go_on():
    broken = torch.AcceleratorError("CUDA error: an illegal memory access was encountered")
    replays = OnCpu(broken)
    with pytest.raises(torch.AcceleratorError):
        run(replays, Counted())


def test_a_recording_that_gives_other_bits_is_thrown_away(caplog):
    replays, call = OnCpu(wrong=True), Counted()
    run(replays, call)
    assert replays.made[0].replayed == 1 and "other values" in caplog.text


def test_a_recording_that_holds_nothing_is_thrown_away(caplog):
    replays, call = OnCpu(empty=True), Counted()
    run(replays, call)
    assert len(replays.made) == 1 and "other values" in caplog.text


def test_nan_is_equal_to_itself():
    replays, call = OnCpu(), Counted()
    for _ in range(5):
        replays.run("full", torch.zeros(2, 4), call)
    assert replays.made[0].replayed == 1 + 2


def test_when_memory_runs_out_recordings_are_let_go_and_none_is_made_again():
    replays, call = OnCpu(), Counted()
    run(replays, call)
    replays.forget()
    run(replays, call)
    assert len(replays.made) == 1


def test_nothing_is_recorded_on_a_cpu_or_where_shortcuts_are_switched_off():
    for replays in (OnCpu(wanted=False), Replays(torch.device("cpu"), wanted=True)):
        call = Counted()
        run(replays, call)
        assert call.calls == 6
