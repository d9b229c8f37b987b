"""Golden files: inputs made from a seed, and what a model gave for them when it was frozen.

The inputs are recipes, not bytes: neighbouring windows of bases (plain, N, lower case) or
matrices of features, made by SHAKE-128, which gives the same on every machine and in
every version. So a file holds a few numbers and the outputs that are compared.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracksmith.errors import PluginError, TracksmithError
from tracksmith.files import aside
from tracksmith.genome.bases import encode as encode_bases
from tracksmith.models.card import ModelCard, RegionGeometry
from tracksmith.runs.codec import decode, encode

__all__ = [
    "FORMAT", "LONG_WINDOW", "Golden", "digest_of_inputs", "golden_inputs", "input_bases",
    "input_rows", "read_golden", "write_golden",
]  # fmt: skip

FORMAT = 1
"""Version of golden files: raised when inputs or outputs come to mean something else."""

SEED = 1

LONG_WINDOW = 32_768
"""Of windows above, in bp, there are fewer: each takes a CPU seconds."""

Outputs = tuple[tuple[tuple[float, ...], ...], ...]


@dataclass(frozen=True)
class Golden:
    """The content of a golden file.

    There are ``windows`` windows of ``length`` bases, ``stride`` apart, or windows of ``length``
    regions with ``columns`` features; ``inputs`` is the sha256 of what the recipe gave.

    ``outputs`` has a value for every one of ``tracks``, every window and every one of ``bins``
    (numbers of the core's bins, or of regions), float32, computed on a CPU with ``options``.
    ``weights`` are the sha256 of the files of each fold. A file without outputs gives inputs alone.
    """

    golden: int
    model: str
    windows: int
    length: int
    stride: int = 0
    columns: int = 0
    seed: int = SEED
    inputs: str = ""
    card: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    weights: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    tracks: tuple[str, ...] = ()
    bins: tuple[int, ...] = ()
    outputs: Outputs = ()

    @property
    def values(self) -> NDArray[np.float32]:
        """The outputs, float32 ``(tracks, windows, bins)``."""
        return np.array(self.outputs, dtype=np.float32)

    def problem(self) -> str:
        """Say what contradicts itself; nothing if all fits."""
        shape = (len(self.tracks), self.windows, len(self.bins))
        if self.golden != FORMAT:
            return f"it has format {self.golden}, and this tracksmith reads {FORMAT}"
        if min(self.windows, self.length) < 1 or min(self.stride, self.columns, *self.bins, 0) < 0:
            return "its windows, length, stride, columns or bins are no such numbers"
        if self.outputs and [len(row) for row in self.outputs] != [shape[1]] * shape[0]:
            return "its outputs have other tracks or windows than it says"
        if any(len(cells) != shape[2] for row in self.outputs for cells in row):
            return "its outputs have other bins than it says"
        if self.outputs and not np.isfinite(self.values).all():
            return "one of its outputs is not finite"
        return ""


def golden_inputs(card: ModelCard, columns: int = 0) -> Golden:
    """Return a golden file without outputs: the inputs that suit a model."""
    geometry = card.geometry
    if isinstance(geometry, RegionGeometry):
        return Golden(FORMAT, card.name, 2, geometry.context, columns=columns)
    windows = 2 if geometry.window > LONG_WINDOW else 3
    return Golden(FORMAT, card.name, windows, geometry.window, geometry.core_length)


def input_bases(golden: Golden) -> NDArray[np.uint8]:
    """Return the bases of all windows as masks, uint8 ``(bases,)``."""
    return encode_bases(input_text(golden))


def input_text(golden: Golden) -> str:
    """Return the bases of all windows as they would stand in a FASTA file.

    Those behind the first window begin with N for a sixteenth of a stride and have a single N in
    the middle of the next stride; the second half is in lower case.
    """
    window, stride = golden.length, golden.stride
    count = window + (golden.windows - 1) * stride
    letters = np.frombuffer(b"ACGT", np.uint8)[_stream(golden, 0, count) & 3]
    letters[window : window + stride // 16] = ord("N")
    letters[window + stride // 2 :][:1] = ord("N")
    letters[count // 2 :] |= 0x20
    return str(letters.tobytes(), "ascii")


def input_rows(golden: Golden) -> NDArray[np.float32]:
    """Return windows of regions, float32 ``(windows, length, columns)``, from 0 to 1."""
    count = golden.length * golden.columns
    rows = [_stream(golden, row, count) for row in range(golden.windows)]
    shape = (golden.windows, golden.length, golden.columns)
    return (np.stack(rows) / np.float32(255)).astype(np.float32).reshape(shape)


def digest_of_inputs(golden: Golden) -> str:
    """Return the sha256 of what the recipe gives."""
    made = input_rows(golden) if golden.columns else input_bases(golden)
    return hashlib.sha256(made.tobytes()).hexdigest()


def _stream(golden: Golden, row: int, count: int) -> NDArray[np.uint8]:
    # decision: golden-recipes (the same in every version of every library)
    name = f"tracksmith golden {golden.seed} {row}".encode()
    return np.frombuffer(hashlib.shake_128(name).digest(count), np.uint8)


def write_golden(path: Path, golden: Golden) -> None:
    """Write a golden file, a line a field."""
    lines = [f" {json.dumps(name)}: {json.dumps(value)}" for name, value in encode(golden).items()]
    with aside(path) as temporary:
        temporary.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def read_golden(path: Path, model: str) -> Golden:
    """Read the golden file of a model.

    Raises
    ------
    PluginError
        It is not there, damaged, of another version or model, or its inputs cannot be made again.
    """
    try:
        stored: Any = json.loads(path.read_text(encoding="utf-8"))
        golden = decode(Golden, stored, "it")
    except (OSError, ValueError, RecursionError) as error:
        raise _unusable(path, f"{type(error).__name__}: {error}") from None
    except TracksmithError as error:
        raise _unusable(path, str(error).partition(" Restore")[0]) from None
    problem = golden.problem()
    if not problem and golden.model != model:
        problem = f"it belongs to {golden.model}, not to {model}"
    if not problem and golden.inputs and golden.inputs != digest_of_inputs(golden):
        problem = "its inputs cannot be made again: their sha256 is another"
    if problem:
        raise _unusable(path, problem)
    return golden


def _unusable(path: Path, why: str) -> PluginError:
    return PluginError(
        f"{path} cannot be used as a golden file: {why.rstrip('.')}. "
        "`tracksmith plugin freeze` writes one."
    )
