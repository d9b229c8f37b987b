"""The self-test of ``tracksmith doctor``: models run, compared and timed, a line each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tracksmith.cli.options import key_values
from tracksmith.cli.tables import table
from tracksmith.errors import DeviceError, ResourceError, TracksmithError, UsageError
from tracksmith.models.card import RegionGeometry
from tracksmith.models.registry import RegisteredModel, load_registry
from tracksmith.models.weights import state_of_weights
from tracksmith.runs.estimate import human_time

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from tracksmith.engine.selftest import SelfTestRequest, Subject

__all__ = ["Line", "Place", "SelfTest", "exit_code", "lines_of", "page", "read_size", "size_of"]

REGIONS = 100_000
"""Regions for which the time of a model over regions is told."""

HEADERS = (
    "model", "device", "verdict", "difference", "allowed", "compared with", "windows/s",
    "time", "for",
)  # fmt: skip

UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}


@dataclass(frozen=True)
class Place:
    """Where and for what genome (lengths of its contigs in bp) models are tested."""

    devices: Sequence[str]
    dtype: str
    contigs: Sequence[int]


@dataclass(frozen=True)
class Line:
    """What is told of a model on a device; ``code`` is the exit code that it asks for."""

    model: str
    device: str
    verdict: str
    difference: float | None = None
    allowed: float | None = None
    against: str = ""
    rate: float | None = None
    seconds: float | None = None
    work: str = ""
    note: str = ""
    code: int = 0

    @property
    def cells(self) -> list[str]:
        """The cells of its row."""
        numbers = (self.difference, self.allowed)
        shown = ["" if number is None else f"{number:.2g}" for number in numbers]
        rate = "" if self.rate is None else f"{self.rate:,.{0 if self.rate >= 10 else 2}f}"
        time = "" if self.seconds is None else human_time(self.seconds)
        return [
            self.model, self.device, self.verdict, *shown, self.against, rate, time, self.work,
        ]  # fmt: skip


@dataclass(frozen=True)
class SelfTest:
    """What was said for the models: their names, weights, options and inputs.

    Raises
    ------
    UsageError
        Something is said for a model that is not tested, or that no model has.
    """

    names: tuple[str, ...]
    weights: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()

    def models(self) -> list[RegisteredModel]:
        """Return the models to test: those that were named, or all."""
        registry = load_registry()
        if self.names:
            return [registry.get(name) for name in dict.fromkeys(self.names)]
        return list(registry.models.values())

    def requests(self, models: Sequence[RegisteredModel]) -> dict[str, SelfTestRequest]:
        """Return with what each model is loaded."""
        from tracksmith.engine.selftest import SelfTestRequest

        paths = key_values(self.weights, "--weights")
        names = [item.card.name for item in models]
        if wrong := [name for name in paths if name not in names]:
            raise UsageError(
                f"--weights {wrong[0]}={paths[wrong[0]]}: {wrong[0]} is not tested here. "
                "Give MODEL=PATH."
            )
        files = {name: Path(path) for name, path in key_values(self.inputs, "--input").items()}
        options = self._options(models)
        return {
            item.card.name: SelfTestRequest(
                Path(paths[item.card.name]) if item.card.name in paths else None,
                options[item.card.name],
                _read_by(item, files),
            )
            for item in models
        }

    def _options(self, models: Sequence[RegisteredModel]) -> dict[str, dict[str, str]]:
        """Read ``NAME=VALUE`` for every model that has such an option, or ``MODEL=NAME=VALUE``."""
        known = {item.card.name: {o.name for o in item.card.options} for item in models}
        by_model: dict[str, dict[str, str]] = {name: {} for name in known}
        for text in self.options:
            head, _, tail = text.partition("=")
            own = {head: known[head]} if head in known and "=" in tail else known
            ((name, value),) = key_values((tail if own is not known else text,), "--option").items()
            having = [model for model in own if name in own[model]]
            if not having:
                raise UsageError(f"--option {text}: no model tested here has an option {name}.")
            for model in having:
                by_model[model][name] = value
        return by_model


def _read_by(item: RegisteredModel, files: Mapping[str, Path]) -> dict[str, Path]:
    geometry = item.card.geometry
    known = geometry.inputs if isinstance(geometry, RegionGeometry) else ()
    return {name: path for name, path in files.items() if name in known}


def read_size(text: str) -> int:
    """Read the size of a genome, ``3.1G`` or ``135M``, in bp.

    Raises
    ------
    UsageError
        It is none.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([kmg]?)(?:b|bp)?", text.strip().replace(",", "").lower())
    size = int(float(match[1]) * UNITS[match[2]]) if match else 0
    if size < 1:
        raise UsageError(f"--genome-size {text}: give bases, e.g. 3.1G, 135M or 4,641,652.")
    return size


def size_of(bases: int) -> str:
    """Return a number of bases for people."""
    for unit, name in ((10**9, "Gb"), (10**6, "Mb"), (10**3, "kb")):
        if bases >= unit:
            return f"{bases / unit:.3g} {name}"
    return f"{bases} bp"


def lines_of(test: SelfTest, place: Place) -> Iterator[Line]:
    """Test the models one after another; a device that broke gets no further model.

    Raises
    ------
    ResourceError, UsageError
        No such device, or a precision that it does not have.
    """
    from tracksmith.runs.device import resolve_devices

    devices = [device for text in place.devices for device in resolve_devices(text)]
    if place.dtype == "tf32" and any(device.type != "cuda" for device in devices):
        raise UsageError("--dtype tf32: only CUDA devices compute in TF32. Give -d cuda.")
    models = test.models()
    requests = test.requests(models)
    broken: set[str] = set()
    for item in models:
        name = item.card.name
        if gone := [str(device) for device in devices if str(device) in broken]:
            note = f"{name} was not tested on {', '.join(gone)}, which failed before"
            yield Line(name, ", ".join(gone), "not tested", note=note)
        left = [device for device in devices if str(device) not in broken]
        if not left:
            continue
        for line in _of_model(item, requests[name], left, place, named=bool(test.names)):
            if line.verdict == "BROKEN":
                broken.add(line.device)
            yield line


def _of_model(
    item: RegisteredModel,
    request: SelfTestRequest,
    devices: Sequence[torch.device],
    place: Place,
    *,
    named: bool,
) -> Iterator[Line]:
    from tracksmith.engine.agreement import CPU
    from tracksmith.engine.selftest import load_subject
    from tracksmith.runs.failures import device_faults_told

    name = item.card.name
    try:
        state = state_of_weights(item.model, request.weights)
        if state.needed and not state.paths:
            yield Line(name, "", "no weights", note=_fetch(item), code=5 if named else 0)
            return
        with device_faults_told(CPU):
            subject = load_subject(item.model, request)
            expected = subject.sample.on(CPU, "float32")
    except Exception as error:  # noqa: BLE001 - whatever a plugin does is a finding about it
        yield _failed(name, "", error)
        return
    for device in devices:
        try:
            yield _on_device(subject, device, expected, place)
        except Exception as error:  # noqa: BLE001 - as above
            yield _failed(name, str(device), error)


def _fetch(item: RegisteredModel) -> str:
    card = item.card
    if card.weights or card.archives:
        return f"no weights: `tracksmith models fetch {card.name}`, or --weights {card.name}=PATH"
    return f"no weights are published; give your own with --weights {card.name}=PATH"


def _failed(model: str, device: str, error: Exception) -> Line:
    verdict = "BROKEN" if isinstance(error, DeviceError) else "FAILED"
    code = error.exit_code if isinstance(error, TracksmithError) else 1
    said = str(error) if isinstance(error, TracksmithError) else f"{type(error).__name__}: {error}"
    return Line(model, device, verdict, note=said, code=code)


def _on_device(
    subject: Subject, device: torch.device, expected: NDArray[np.float32], place: Place
) -> Line:
    """Compare and time a model on a device.

    Raises
    ------
    DeviceError, ResourceError
        The device failed, or has too little memory.
    """
    from tracksmith.engine.agreement import TOLERANCES, difference, run_difference
    from tracksmith.engine.selftest import frozen_difference, not_comparable
    from tracksmith.runs.failures import device_faults_told

    allowed, sample = TOLERANCES[place.dtype], subject.sample
    plain = device.type == "cpu" and place.dtype == "float32"
    with device_faults_told(device):
        values = expected if plain else sample.on(device, place.dtype)
        differences = {"the CPU" if not plain else "itself": difference(values, expected)}
        shared = run_difference(sample, device, place.dtype, expected)
        differences = {
            name: max(value, shared, key=_badness) for name, value in differences.items()
        }
        reason = not_comparable(subject)
        if not reason:
            differences["frozen outputs"] = frozen_difference(subject, values)
        rate, seconds, work = _timed(subject, device, place)
    worst = max(differences.values(), key=_badness)
    good = worst <= allowed
    verdict = "DIFFERS" if not good else "runs" if plain and reason else "ok"
    note = _note(reason, verdict, plain=plain)
    return Line(
        subject.card.name, str(device), verdict, worst, allowed, ", ".join(differences), rate,
        seconds, work, note, 0 if good else 1,
    )  # fmt: skip


def _badness(value: float) -> float:
    return value if value == value else float("inf")  # NaN is as far off as can be


def _note(reason: str, verdict: str, *, plain: bool) -> str:
    if verdict == "DIFFERS":
        return (
            "it computes other values here than it should: install its plugin and torch again; on "
            "a GPU, leave --dtype out, and look at `nvidia-smi -q -d ECC`"
        )
    if reason and plain:
        return f"{reason}: that it runs is all that can be said"
    return reason


def _timed(subject: Subject, device: torch.device, place: Place) -> tuple[float, float, str]:
    """Return windows a second, seconds for the genome or for regions, and what is included."""
    from tracksmith.engine.samples import RegionSample

    card, sample = subject.card, subject.sample
    if isinstance(sample, RegionSample):
        rate = sample.rate(device, place.dtype)
        stride = getattr(card.geometry, "stride", 1)
        return rate, REGIONS / stride / rate, f"{REGIONS:,} regions, features not included"
    bases = sum(place.contigs)
    rate = sample.rate(device, place.dtype, bases)
    ways = 2 if card.reverse_complement == "default" else 1
    windows = sum(-(-length // sample.tiling.stride) for length in place.contigs) * ways
    folds = len(subject.folds)
    ensemble = f", {folds} of {len(card.folds)} folds" if folds < len(card.folds) else ""
    ensemble = ensemble or (f", {folds} folds" if folds > 1 else "")
    strands = "both strands" if ways == 2 else "one strand"
    return rate, windows / rate, f"{size_of(bases)}, {strands}{ensemble}"


def page(lines: Sequence[Line], width: int | None) -> str:
    """Return the table, and below it what is to be said of single models."""
    text = table(HEADERS, [line.cells for line in lines], width, "difference allowed windows/s")
    notes: dict[str, list[str]] = {}
    for line in lines:
        if line.note:
            models = notes.setdefault(line.note.replace("\n", "\n  "), [])
            models += [line.model] * (line.model not in models)
    said = [f"{', '.join(models)}: {note}" for note, models in notes.items()]
    return "\n".join([text, *said])


def exit_code(lines: Sequence[Line]) -> int:
    """Return 5 if a device failed, else 1 if a model differs, else the first other code."""
    codes = [line.code for line in lines if line.code]
    for first in (ResourceError.exit_code, 1):
        if first in codes:
            return first
    return codes[0] if codes else 0
