"""The kind of run that predicts tracks on both haplotypes of people, beside the reference."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tracksmith.errors import UsageError
from tracksmith.haplotypes.files import edit_paths, forecast_bytes
from tracksmith.haplotypes.finish import PeopleWorker
from tracksmith.haplotypes.reader import HaplotypeReader, NoHaplotypes
from tracksmith.haplotypes.source import VCF
from tracksmith.models.registry import Registry
from tracksmith.progress import Progress
from tracksmith.runs.inputs import HaplotypesRecord
from tracksmith.runs.kind import Draft, Worker
from tracksmith.runs.predict import Predict
from tracksmith.runs.reader import Reader
from tracksmith.runs.record import Limits
from tracksmith.runs.request import HAPLOTYPES, Request
from tracksmith.runs.run import Run

__all__ = ["Haplotypes"]


@dataclass(frozen=True)
class Haplotypes:
    """Predicts on the reference and on the haplotypes of people, by models over windows."""

    name: str = HAPLOTYPES

    def draft(self, request: Request, registry: Registry, progress: Progress) -> Draft:
        """See :meth:`tracksmith.runs.kind.Kind.draft`."""
        reader = HaplotypeReader()
        readers: dict[str, Reader] = {"windows": reader, "regions": NoHaplotypes()}
        draft = Predict(readers, self.name).draft(request, registry, progress)
        _refuse_shared_names(reader.haplotypes)
        files = dict(draft.places.files)
        if request.vcf is not None:
            files[VCF] = str(request.vcf.absolute())
        paths = [path for sample in reader.haplotypes.samples for path in edit_paths(sample)]
        columns = sum(len(model.tracks) for model in draft.plan.models)
        size = sum(forecast_bytes(person, columns) for person in reader.people.people)
        return replace(
            draft,
            plan=replace(draft.plan, haplotypes=reader.haplotypes),
            places=replace(draft.places, files=files),
            files=(*draft.files, *paths),
            disk=replace(draft.disk, files=draft.disk.files + size, sorting=size),
            limits=Limits(request.strict, request.max_skipped),
            cure=f"fewer people with --sample, {draft.cure}",
        )

    def open(self, run: Run, device: str, progress: Progress) -> Worker:
        """See :meth:`tracksmith.runs.kind.Kind.open`."""
        return PeopleWorker(HaplotypeReader(), run, device, progress)

    def finishes_on(self, run: Run) -> str:
        """Finish it anywhere: parts are joined, no network runs."""
        return "cpu"

    def accept(self, run: Run) -> None:
        """Accept it: its limits were held when the people were read."""


def _refuse_shared_names(record: HaplotypesRecord) -> None:
    """Refuse two people whose files would have one name."""
    owners: dict[str, str] = {}
    for sample in record.samples:
        other = owners.setdefault(sample.file_name.lower(), sample.name)
        if other != sample.name:
            raise UsageError(
                f"The samples {other!r} and {sample.name!r} would have files of one name, "
                f"{sample.file_name}. Predict them in two runs."
            )
