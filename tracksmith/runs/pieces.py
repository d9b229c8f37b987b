"""Where the pieces of a part lie in its file, and what else its manifest says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["PartFacts", "PieceTable"]


@dataclass(frozen=True)
class PieceTable:
    """Where the pieces lie: a row for each item, a column for each output.

    ``rows`` (int64) are the bytes before each item, ``ends`` the bytes from there to the end of
    each piece: 4 bytes a piece, for a run of thousands of tracks has millions.
    """

    rows: NDArray[np.int64]
    ends: NDArray[np.unsignedinteger[Any]]

    @classmethod
    def of(cls, lengths: Sequence[Sequence[int]]) -> PieceTable:
        """Return the table of pieces of such lengths, written one after the other."""
        shape = len(lengths), len(lengths[0]) if lengths else 0
        ends = np.cumsum(np.array(lengths, np.int64).reshape(shape), axis=1)
        sizes = ends[:, -1] if ends.size else np.zeros(len(ends), np.int64)
        width = np.uint32 if sizes.max(initial=0) < 1 << 32 else np.uint64
        return cls(np.cumsum(sizes) - sizes, ends.astype(width))

    def __len__(self) -> int:
        return len(self.rows)

    def place(self, row: int, output: int) -> tuple[int, int]:
        """Return where a piece begins, and its bytes."""
        begin = int(self.ends[row, output - 1]) if output else 0
        return int(self.rows[row]) + begin, int(self.ends[row, output]) - begin


@dataclass(frozen=True)
class PartFacts:
    """What joining needs of a manifest, which is too large to be read for every output anew.

    ``counts`` are the bases that were read where they are counted; ``trusted`` the digests of the
    weights that were unpickled. ``gpu`` names the card and its libraries, '' without one.
    """

    pieces: PieceTable
    counts: Mapping[str, int]
    trusted: tuple[str, ...]
    gpu: str = ""

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> PartFacts:
        """Return the facts of a manifest that was found sound."""
        return cls(
            PieceTable.of(manifest["lengths"]),
            manifest.get("counts", {}),
            tuple(manifest.get("trusted", ())),
            _gpu_of(manifest),
        )


def _gpu_of(manifest: Mapping[str, Any]) -> str:
    """Return the card that computed a part, with all that decides its last digits."""
    if "gpu" not in manifest:
        return ""
    card, capability, cuda, cudnn = (
        str(manifest.get(key, "?")) for key in ("gpu", "capability", "cuda", "cudnn")
    )
    return f"{card} (capability {capability}), CUDA {cuda}, cuDNN {cudnn}"
