"""A device that fails or is full: told as such, never blamed on the plugin or on tracksmith."""

import pytest
import torch
from click.testing import CliRunner
from engine_toys import Dense
from test_runs import GEOMETRY, toy

import tracksmith
from tracksmith.cli import main
from tracksmith.errors import DeviceError, PluginError, ResourceError
from tracksmith.models.contract import Model, Predictor
from tracksmith.runs.failures import (
    is_device_failure,
    is_of_device,
    is_out_of_memory,
    said_of_device,
)

ILLEGAL = "CUDA error: an illegal memory access was encountered\nCUDA kernel errors might be ..."
SMALL = "CUDA out of memory. Tried to allocate 32.00 MiB. GPU 0 has a total capacity of ..."

MEMORY = [
    MemoryError(),
    torch.cuda.OutOfMemoryError(SMALL),
    torch.AcceleratorError("CUDA error: out of memory"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
]
BROKEN = [
    torch.AcceleratorError(ILLEGAL),
    RuntimeError("CUDA error: uncorrectable ECC error encountered"),
    RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
]
OF_PLUGINS = [
    RuntimeError("mat1 and mat2 shapes cannot be multiplied (3x4 and 5x6)"),
    RuntimeError("Expected all tensors to be on the same device, but found at least two devices"),
    ValueError("CUDA error"),
    PluginError("CUDA error: said by a plugin"),
]


@pytest.mark.parametrize("error", MEMORY, ids=repr)
def test_want_of_memory_is_known_by_all_its_signs(error):
    assert is_out_of_memory(error) and is_of_device(error) and not is_device_failure(error)


@pytest.mark.parametrize("error", BROKEN, ids=repr)
def test_a_broken_device_is_known_by_all_its_signs(error):
    assert is_device_failure(error) and not is_out_of_memory(error)


@pytest.mark.parametrize("error", OF_PLUGINS, ids=repr)
def test_mistakes_of_plugins_are_not_laid_on_the_device(error):
    assert not is_of_device(error)


@pytest.mark.parametrize(
    "said",
    [
        "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`",
        "FIND was unable to find an engine to execute this computation",
        "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR",
    ],
)
def test_libraries_without_room_for_their_workspace_mean_memory_only_on_a_full_device(
    said, monkeypatch
):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    for free, expected in ((100 << 20, True), (40 << 30, False)):
        monkeypatch.setattr("torch.cuda.mem_get_info", lambda *_, free=free: (free, 80 << 30))
        assert is_out_of_memory(RuntimeError(said)) is expected


class Failing(Dense):
    """Raises in the calls from the one numbered ``first`` on, or when it is moved to a device."""

    def __init__(self, error, first):
        super().__init__(GEOMETRY, 0)
        self.error, self.first, self.calls = error, first, 0

    def _apply(self, function, recurse=True):
        if self.first == "moving":
            raise self.error
        return super()._apply(function, recurse)

    def forward(self, bases):
        self.calls += 1
        if self.calls > self.first:
            raise self.error
        return super().forward(bases)

    def __deepcopy__(self, memo):
        return self  # one count over all lanes


def register_failing(register, error, first):
    model = toy()
    register(Model(model.card, lambda request: Predictor({"1": Failing(error, first)})))


@pytest.mark.parametrize("first", ["moving", 0, 9])
def test_a_device_that_breaks_keeps_the_parts_that_are_done(
    register, write_genome, random_bases, tmp_path, first
):
    genome = write_genome(chr1=random_bases(30_000, 1))
    register_failing(register, torch.AcceleratorError(ILLEGAL), first)
    with pytest.raises(DeviceError, match="illegal memory access") as raised:
        tracksmith.predict("toy", genome, tmp_path / "run", parts=4)
    assert "neither a fault of the model" in str(raised.value)
    assert not list(tmp_path.glob("run/parts/*.failed.txt"))
    register(toy())
    again = tracksmith.predict("toy", genome, tmp_path / "run", parts=4)
    fresh = tracksmith.predict("toy", genome, tmp_path / "fresh", parts=4)
    for path in (fresh.folder / "tracks").iterdir():
        assert (again.folder / "tracks" / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("first", ["moving", 0])
def test_a_device_without_memory_is_told_in_a_sentence(
    register, write_genome, random_bases, tmp_path, first
):
    genome = write_genome(chr1=random_bases(3_000, 1))
    register_failing(register, torch.cuda.OutOfMemoryError(SMALL), first)
    with pytest.raises(ResourceError, match=r"(?i)out of memory.*tried to allocate"):
        tracksmith.predict("toy", genome, tmp_path / "run")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (torch.AcceleratorError(ILLEGAL), "illegal memory access"),
        (torch.cuda.OutOfMemoryError(SMALL), "Out of memory"),
    ],
)
@pytest.mark.parametrize("place", ["torch.zeros", "torch.isfinite", "torch.stack", "torch.cat"])
def test_memory_that_ends_outside_of_a_batch_is_no_fault_of_tracksmith(
    register, write_genome, random_bases, tmp_path, monkeypatch, place, error, words
):
    genome = write_genome(chr1=random_bases(3_000, 1))
    register(toy(("1", "2")))

    def fail(*arguments, **options):
        raise error

    monkeypatch.setattr(place, fail)
    monkeypatch.chdir(tmp_path)
    command = f"predict -m toy -g {genome} -o run -d cpu --folds mean:1,2 --spread"
    done = CliRunner().invoke(main, command.split())
    assert done.exit_code == 5 and words in done.stderr
    assert "fault of tracksmith" not in done.stderr and not list(tmp_path.glob("*.log"))


@pytest.mark.parametrize("error", BROKEN, ids=repr)
def test_a_broken_device_is_never_told_as_a_full_one(error):
    said = said_of_device(error)
    assert "The device failed" in said and "memory:" not in said


@pytest.mark.parametrize("error", OF_PLUGINS, ids=repr)
def test_of_a_mistake_of_a_plugin_nothing_is_said_of_the_device(error):
    assert said_of_device(error) is None


def test_how_much_is_free_and_who_has_the_rest_is_said(monkeypatch):
    from tracksmith.runs.failures import no_memory_message

    monkeypatch.setattr("torch.cuda.mem_get_info", lambda device: (700 << 20, 80 << 30))
    monkeypatch.setattr("torch.cuda.memory_reserved", lambda device: 1 << 30)
    text = no_memory_message("cuda:0", torch.cuda.OutOfMemoryError(SMALL))
    assert "cuda:0 (0.7 of 80.0 GiB are free, other processes use 78.3)" in text
    assert "another --device" in text
