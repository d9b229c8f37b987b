"""What became of the pairs of a model, and what predicting them took, as a table of counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tracksmith.perturbations.model import ModelPlan
from tracksmith.perturbations.pairs import NO
from tracksmith.perturbations.results import ReadoutResults
from tracksmith.perturbations.spent import spent_of
from tracksmith.perturbations.tables import Row, line
from tracksmith.runs.parts import PartStore

__all__ = ["Counts"]


@dataclass
class Counts:
    """Counts the pairs of one model."""

    plan: ModelPlan
    store: PartStore
    _of_pairs: Counter[str] = field(default_factory=Counter)

    def add(self, results: ReadoutResults) -> None:
        """Count the pairs of a readout."""
        self._of_pairs["pairs"] += len(results.pairs)
        self._of_pairs["pairs with a value"] += len(results.scored)
        for pair in results.pairs:
            self._of_pairs[f"in reach: {pair.reach}"] += 1
            if pair.why and pair.reach != NO:
                self._of_pairs[f"without a value: {pair.why}"] += 1

    @property
    def values(self) -> int:
        """Effects that were computed: one a pair and track."""
        return self._of_pairs["pairs with a value"] * len(self.plan.rows)

    def table(self) -> tuple[bytes, str]:
        """Return the counts as a table, and a sentence that says the most of it."""
        spent = spent_of(self.store, self.plan.number)
        alone = 2 * spent.edited * len(self.plan.pairs.placer.ways)
        rows: list[Row] = [
            ("what", "number"),
            ("edits", len(self.plan.inputs.edits)),
            ("edits skipped", len(self.plan.inputs.skipped)),
            ("readouts", len(self.plan.inputs.readouts)),
            *sorted(self._of_pairs.items()),
            ("sequences", len(self.plan.pairs.items)),
            ("equal sequences, predicted once", spent.equal),
            ("windows if each edit were predicted alone", alone),
            ("windows predicted in full", spent.windows),
            ("windows predicted in part", spent.parts),
            ("bases of these", spent.bases),
            ("bases of these that were read anew", spent.anew),
        ]
        pairs, scored = self._of_pairs["pairs"], self._of_pairs["pairs with a value"]
        said = (
            f"{self.plan.record.name}: {scored:,} of {pairs:,} pairs have a value; "
            f"{spent.windows + spent.parts:,} windows instead of {alone:,}"
        )
        if spent.parts:
            share = 100 * spent.anew / max(spent.bases, 1)
            said += f", of {spent.parts:,} of which {share:.3g} % of the bases were read anew"
        return b"".join(map(line, rows)), f"{said}."
