"""A run on haplotypes, opened: its models, and the files of people that all models share."""

from __future__ import annotations

from dataclasses import replace

from tracksmith.haplotypes.files import write_edit_files
from tracksmith.haplotypes.reader import HaplotypeReader, NoHaplotypes
from tracksmith.haplotypes.worker import HaplotypeWorker
from tracksmith.progress import Progress
from tracksmith.runs.counts import CoreCounts, PersonCounts
from tracksmith.runs.predict import Models
from tracksmith.runs.record import Results
from tracksmith.runs.run import Run

__all__ = ["PeopleWorker"]


class PeopleWorker(Models):
    """The models of a run, and the files of people that all models share."""

    def __init__(self, reader: HaplotypeReader, run: Run, device: str, progress: Progress) -> None:
        super().__init__({"windows": reader, "regions": NoHaplotypes()}, run, device, progress)
        self._reader = reader

    def finish(self, progress: Progress) -> Results:
        """Write the files of all models, then those of the people."""
        results = super().finish(progress)
        models = [model for model in self.models if isinstance(model, HaplotypeWorker)]
        people = self._reader.people.people
        files = write_edit_files(self.store.run, people, models)
        return replace(
            results,
            files=(*results.files, *files),
            people={
                person.name: PersonCounts(
                    person.edits, person.skipped, dict(person.counts), len(person.phase_sets)
                )
                for person in people
            },
            haplotype_cores={
                model.plan.planned.name: CoreCounts(*model.tally()) for model in models
            },
        )
