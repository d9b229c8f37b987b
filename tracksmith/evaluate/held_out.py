"""Which contigs the folds of a run never saw in training, as the card says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tracksmith.models.weights import bare, select_folds
from tracksmith.runs.record import ModelRecord

__all__ = ["HELD_OUT", "MIXED", "SEEN", "UNKNOWN", "Group", "HeldOut", "groups_of"]

HELD_OUT = "held-out"
SEEN = "seen in training"
MIXED = "MIXED"
UNKNOWN = "not stated"


@dataclass(frozen=True)
class Group:
    """Some contigs whose numbers are made together.

    ``kind`` is all, training, fold or contig; ``held_out`` one of the words above.
    """

    kind: str
    name: str
    contigs: frozenset[str]
    held_out: str


class HeldOut:
    """What the card of a model says of the contigs of a run."""

    def __init__(self, record: ModelRecord) -> None:
        card, folds = record.card, record.folds
        self._names: Mapping[str, str] = folds.contigs
        self._unseen = {bare(name) for name in card.unseen}
        self._by_fold = {fold.name: {bare(name) for name in fold.held_out} for fold in card.folds}
        self._states = bool(self._unseen or any(self._by_fold.values()))
        self._choose = select_folds(card, folds.names, folds.rule, folds.contigs)

    def folds(self, contig: str) -> tuple[str, ...]:
        """Return the folds that predicted a contig; ``("",)`` for a model without folds."""
        return self._choose(contig)

    def of(self, contig: str) -> str:
        """Say whether a contig was held out from every fold that predicted it."""
        if not self._states:
            return UNKNOWN
        known = bare(self._names.get(contig, contig))
        if known in self._unseen:
            return HELD_OUT
        folds = self.folds(contig)
        never = folds and all(known in self._by_fold.get(fold, ()) for fold in folds)
        return HELD_OUT if never else SEEN

    def together(self, contigs: Iterable[str]) -> str:
        """Say the same of several contigs; MIXED where they differ."""
        words = {self.of(contig) for contig in contigs}
        return words.pop() if len(words) == 1 else MIXED if words else UNKNOWN


def groups_of(held_out: HeldOut, contigs: Sequence[str]) -> list[Group]:
    """Return the groups of contigs: all, those held out and not, by folds, one by one.

    A group that would be the same as all of them is left out.
    """
    everything = frozenset(contigs)
    groups = [Group("all", "all", everything, held_out.together(contigs))]
    groups += _split("training", contigs, held_out, held_out.of)
    groups += _split("fold", contigs, held_out, lambda contig: ",".join(held_out.folds(contig)))
    if len(contigs) > 1:
        groups += [Group("contig", c, frozenset((c,)), held_out.of(c)) for c in contigs]
    return groups


def _split(
    kind: str, contigs: Sequence[str], held_out: HeldOut, key: Callable[[str], str]
) -> list[Group]:
    sets: dict[str, list[str]] = {}
    for contig in contigs:
        sets.setdefault(key(contig), []).append(contig)
    if len(sets) < 2:
        return []
    return [
        Group(kind, name or "none", frozenset(mine), held_out.together(mine))
        for name, mine in sets.items()
    ]
