"""How models over windows are planned and opened for a run on haplotypes."""

from __future__ import annotations

from dataclasses import replace

from tracksmith.engine.reader import WindowReader
from tracksmith.errors import TracksmithError, UsageError
from tracksmith.genome.contigs import Contigs
from tracksmith.genome.intervals import Regions
from tracksmith.haplotypes.plan import HaplotypePlan, register_of
from tracksmith.haplotypes.source import People, open_people, read_people, regions_near
from tracksmith.haplotypes.worker import HaplotypeWorker
from tracksmith.runs.begin import Context
from tracksmith.runs.genome import contigs_of, planned_regions
from tracksmith.runs.inputs import HaplotypesRecord
from tracksmith.runs.planned import ChosenModel, PlannedModel
from tracksmith.runs.reader import ModelDraft, ModelWorker, Opened
from tracksmith.runs.record import ModelRecord

__all__ = ["HaplotypeReader", "NoHaplotypes"]


class HaplotypeReader(WindowReader):
    """Plans and opens models over windows for people, who are read once for all models."""

    def __init__(self) -> None:
        self.planned: HaplotypesRecord | None = None
        self._people: People | None = None

    @property
    def people(self) -> People:
        """The people of the run, once a model was drafted or opened."""
        if self._people is None:
            raise TracksmithError("No model of this run was opened.")
        return self._people

    @property
    def haplotypes(self) -> HaplotypesRecord:
        """What the run records of them."""
        if self.planned is None:
            raise TracksmithError("No model of this run was opened.")
        return self.planned

    def draft(self, chosen: ChosenModel, number: int, context: Context) -> ModelDraft:
        """Fill in every default of a model and cut its work into parts."""
        _check_two_hot(chosen, context)
        if self._people is None:
            near = regions_near(context.regions, _widest_asked(context))
            self._people, self.planned = read_people(
                context.request, context.genome, near, context.progress.note
            )
        return super().draft(chosen, number, context)

    def record(self, chosen: ChosenModel, context: Context) -> ModelRecord:
        """Return the record of a model, with every default filled in."""
        record = super().record(chosen, context)
        wanted = context.request.of(record.name).register
        register = register_of(chosen.card.window_geometry, record.stride, wanted)
        return replace(record, register=register)

    def plan(
        self, planned: PlannedModel, contigs: Contigs, regions: Regions | None
    ) -> HaplotypePlan:
        """Return the plan of a model."""
        return HaplotypePlan(planned, contigs, regions, self.haplotypes.samples)

    def open(self, planned: PlannedModel, number: int, opened: Opened) -> ModelWorker:
        """Open a planned model."""
        contigs = contigs_of(opened.run.plan.genome)
        regions = planned_regions(opened.run, contigs)
        if self._people is None:
            near = regions_near(regions, max(map(_reach, opened.run.plan.models)))
            self._people = open_people(opened.run, opened.genome, near)
            self.planned = opened.run.plan.haplotypes
        return HaplotypeWorker(self.plan(planned, contigs, regions), number, opened, self._people)


class NoHaplotypes:
    """Refuses models over regions; see :class:`tracksmith.runs.reader.Reader`."""

    def draft(self, chosen: ChosenModel, number: int, context: Context) -> ModelDraft:
        """Refuse the model."""
        raise UsageError(
            f"--vcf: {chosen.card.name} reads a list of regions and what was measured of them, "
            "not windows. The peaks of a person's own alleles would have to be measured, too. "
            "Leave the model out, or score the alleles with `tracksmith variants`."
        )

    def open(self, planned: PlannedModel, number: int, opened: Opened) -> ModelWorker:
        """Refuse the model."""
        raise UsageError(f"{planned.name} reads a list of regions, which have no haplotypes.")


def _reach(record: ModelRecord) -> int:
    return record.card.window_geometry.window + max(map(abs, record.shifts))


def _widest_asked(context: Context) -> int:
    """Return the bases that the widest window, and its shifts, may reach."""
    return max(
        card.window_geometry.window + max(map(abs, context.request.of(card.name).shifts))
        for card in context.cards
    )


def _check_two_hot(chosen: ChosenModel, context: Context) -> None:
    if context.request.unphased == "two-hot" and chosen.card.alphabet.heterozygous == "unknown":
        raise UsageError(
            f"--unphased two-hot: the alphabet of {chosen.card.name} has no code for two bases "
            "at once. Use --unphased reference, or phase the file."
        )
