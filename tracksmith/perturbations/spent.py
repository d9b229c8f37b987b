"""What was predicted for a run of perturbations, counted part by part."""

from __future__ import annotations

from dataclasses import astuple, dataclass

from tracksmith.runs.parts import PartStore

__all__ = ["Spent", "spent_of"]


@dataclass
class Spent:
    """Windows of all orientations: predicted in full, and in ``parts``.

    Of the ``bases`` of the latter only ``anew`` were read again. ``edited`` counts sequences with
    an edit, ``equal`` those among them that are as another one of their readout.
    """

    windows: int = 0
    parts: int = 0
    anew: int = 0
    bases: int = 0
    equal: int = 0
    edited: int = 0

    def as_facts(self) -> list[int]:
        """Return the counts as a part's manifest holds them."""
        return list(astuple(self))


def spent_of(store: PartStore, stage: int) -> Spent:
    """Return what all parts of a stage spent."""
    rows = [store.manifest(part)["spent"] for part in store.parts_of(stage)]
    return Spent(*(sum(column) for column in zip(*rows, strict=True)))
