"""The sequences around a readout: the reference's, and those that edits make of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from tracksmith.genome.bases import Masks
from tracksmith.genome.edited import ReadBases
from tracksmith.perturbations.forward import Group, Reading
from tracksmith.perturbations.model import ModelPlan
from tracksmith.perturbations.pairs import REFERENCE, Item, Register

__all__ = ["Cut", "cut_items"]


@dataclass(frozen=True)
class Cut:
    """An item with its sequence, which equal items share, and how the readout lies in it."""

    item: Item
    reading: Reading
    register: Register


@dataclass
class _Cutter:
    """Cuts the sequences of one readout."""

    plan: ModelPlan
    readout: int

    @cached_property
    def read(self) -> ReadBases:
        """Reads the reference bases of the readout's contig."""
        name = self.plan.contigs.names[self.plan.inputs.readouts[self.readout].contig]
        return lambda start, end: self.plan.genome.read(name, start, end)

    def bases(self, item: Item, register: Register) -> Masks:
        """Return the bases over the windows of all orientations."""
        place = self.plan.pairs.places[self.readout]
        if item.edit == REFERENCE:
            return self.read(place.low, place.high)
        edit = self.plan.inputs.edits[item.edit]
        length = int(self.plan.contigs.lengths[edit.contig])
        edited = edit.edited(self.read, length, (place.low, place.high), item.seed)
        low, high = place.low + register.offset, place.high + register.offset
        return edited.read(self.read, low, high)

    def drawn(self, item: Item) -> bool:
        """Say whether all bins of a sequence are kept, for tracks of the whole window."""
        pairs, drawn = self.plan.pairs, self.plan.drawn
        if item.edit != REFERENCE:
            return item.edit in drawn
        return bool(drawn) and any(
            pair.edit in drawn and not pair.why for pair in pairs.of_readout(self.readout)
        )

    def cut(self, items: Sequence[Item]) -> tuple[Group, list[Cut], int]:
        """Return what is predicted of some items, and how many of them need no window.

        A sequence that two items share is predicted once, and one that is the reference's has
        its values to the bit.
        """
        pairs, name = self.plan.pairs, self.plan.inputs.readouts[self.readout].name
        own = Item(self.readout, REFERENCE, 0)
        register = pairs.register(self.readout, REFERENCE)
        reference = Reading(
            self.bases(own, register),
            pairs.placer.frame if self.drawn(own) else register.bins,
            f"the readout {name}",
        )
        known = {reference.masks.tobytes(): [reference]}
        cuts, edited, saved = [], [], 0
        needed = False
        for item in items:
            register = pairs.register(self.readout, item.edit)
            bins = pairs.placer.frame if self.drawn(item) else register.bins
            masks = reference.masks if item.edit == REFERENCE else self.bases(item, register)
            alike = known.setdefault(masks.tobytes(), [])
            reading = next((one for one in alike if _holds(one.bins, bins)), None)
            if reading is None:
                edit = self.plan.inputs.edits[item.edit]
                reading = Reading(masks, bins, f"the readout {name} with the edit {edit.name}")
                alike.append(reading)
                edited.append(reading)
            elif item.edit != REFERENCE:
                saved += 1
            needed = needed or reading is reference
            cuts.append(Cut(item, reading, register))
        contig = self.plan.inputs.readouts[self.readout].contig
        return Group(reference, edited, self.plan.folds[contig], needed), cuts, saved


def _holds(bins: tuple[int, int], others: tuple[int, int]) -> bool:
    return bins[0] <= others[0] and others[1] <= bins[1]


def cut_items(plan: ModelPlan, items: Sequence[Item]) -> Iterator[tuple[Group, list[Cut], int]]:
    """Yield the sequences of items, readout by readout; see :meth:`_Cutter.cut`."""
    begin = 0
    for at in range(1, len(items) + 1):
        if at == len(items) or items[at].readout != items[begin].readout:
            yield _Cutter(plan, items[begin].readout).cut(items[begin:at])
            begin = at
