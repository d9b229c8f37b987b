"""The people of a run: their alleles read from a file, and what must be said of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tracksmith.errors import InputError, TrustError
from tracksmith.files import digest_of_file
from tracksmith.genome.aliases import ContigNames, read_aliases
from tracksmith.genome.fasta import Genome, Notify, silent
from tracksmith.genome.genotypes import GenotypeFile, choose_samples, read_sample_names
from tracksmith.genome.intervals import Regions
from tracksmith.genome.vcf import VariantFile, VariantRecord, check_assembly
from tracksmith.haplotypes.called import callers_of
from tracksmith.haplotypes.checks import RecordOrder, check_person, note_person
from tracksmith.haplotypes.people import Person, PersonBuilder
from tracksmith.runs.planned import check_file
from tracksmith.runs.record import ALIAS, FileRecord, HaplotypesRecord, Limits, SampleRecord
from tracksmith.runs.request import Request
from tracksmith.runs.run import Run

__all__ = ["VCF", "People", "chosen_samples", "open_people", "read_people", "regions_near"]

VCF = "vcf"
"""Under which name a run remembers where its file of genotypes is."""


@dataclass(frozen=True)
class People:
    """The people of a run, and how many records of the file were read."""

    people: tuple[Person, ...]
    records: int


def chosen_samples(request: Request) -> list[str]:
    """Return the samples that a request names, from both options, or the only one of its file."""
    listed = [] if request.samples is None else read_sample_names(request.samples)
    path = request.vcf or Path()
    return choose_samples(path, [*request.sample, *listed], allow_truncated=request.allow_truncated)


def read_people(
    request: Request, genome: Genome, near: Regions | None, notify: Notify
) -> tuple[People, HaplotypesRecord]:
    """Read the people of a new run, hold them against its genome, and say what was odd.

    ``near`` are the regions in whose windows edits count, None for all.

    Raises
    ------
    InputError
        The file is broken or of another assembly, or too much of a person cannot be applied.
    UsageError
        A sample that the file does not have.
    """
    path, samples = request.vcf or Path(), chosen_samples(request)
    alias = None if request.alias is None else FileRecord.of(request.alias).sha256
    record = HaplotypesRecord(
        FileRecord.of(path), tuple(SampleRecord(name, 0) for name in samples), request.unphased,
        alias, request.allow_truncated,
    )  # fmt: skip
    names = _contig_names(path, genome, request.alias, notify)
    if not request.allow_other_lengths:
        _check_assembly(path, names, allow_truncated=request.allow_truncated)
    people = _read(path, record, genome, names, near, notify)
    for person in people.people:
        check_person(person, path.name, record, Limits(request.strict, request.max_skipped))
        note_person(person, notify)
    edits = tuple(SampleRecord(person.name, person.edits) for person in people.people)
    return people, HaplotypesRecord(
        record.file, edits, record.unphased, record.alias, record.allow_truncated
    )


def _check_assembly(path: Path, names: ContigNames, *, allow_truncated: bool) -> None:
    with VariantFile(path, allow_truncated=allow_truncated) as file:
        header = file.header
    try:
        check_assembly(header, names)
    except InputError as error:
        raise InputError(
            f"{error}\nIf the genome was cut from that assembly, --allow-other-lengths goes on; "
            "the REF alleles are checked all the same."
        ) from None


def open_people(run: Run, genome: Genome, near: Regions | None) -> People:
    """Read the people of a planned run again.

    Raises
    ------
    TrustError
        Their file is gone, or another.
    """
    record = run.plan.haplotypes
    if record is None:
        raise TrustError(f"{run.folder} tells of no people. Restore run.json, or start anew.")
    path = check_file(run.places.file(VCF), record.file, "file of genotypes")
    alias = run.places.file(ALIAS) if record.alias else None
    if alias and (not alias.is_file() or digest_of_file(alias) != record.alias):
        raise TrustError(
            f"{alias} is not the file of aliases that was planned. Restore it, or start anew."
        )
    names = _contig_names(path, genome, alias, silent)
    people = _read(path, record, genome, names, near, silent)
    counts = tuple(SampleRecord(person.name, person.edits) for person in people.people)
    if counts != record.samples:
        raise TrustError(f"{path} gives other edits than were planned. Start anew.")
    return people


def _contig_names(path: Path, genome: Genome, alias: Path | None, notify: Notify) -> ContigNames:
    aliases = read_aliases(alias, genome.contigs) if alias else None
    return ContigNames(genome.contigs, path.name, notify, aliases)


def _read(
    path: Path,
    record: HaplotypesRecord,
    genome: Genome,
    names: ContigNames,
    near: Regions | None,
    notify: Notify,
) -> People:
    with VariantFile(path, allow_truncated=record.allow_truncated) as file:
        names.declare(file.header.contigs)
    samples = [sample.name for sample in record.samples]
    file_of = GenotypeFile(path, samples, allow_truncated=record.allow_truncated)
    callers = callers_of(genome, names, record.unphased, len(samples))
    builders = [PersonBuilder(name) for name in samples]
    order = RecordOrder()
    for called in file_of:
        order.see(called.record)
        counted = near is None or _is_near(called.record, names, near)
        if counted is None:
            continue
        for number, (caller, builder) in enumerate(zip(callers, builders, strict=True)):
            for edit in caller.edits(called, number, counted=counted):
                builder.add(edit)
    order.tell(path.name, names, notify)
    people = tuple(
        builder.finish(genome, near, caller.counts, caller.first)
        for caller, builder in zip(callers, builders, strict=True)
    )
    return People(people, file_of.records)


def _is_near(record: VariantRecord, names: ContigNames, near: Regions) -> bool | None:
    """Say whether a record adjoins a region; None where its contig has none."""
    contig = names.find(record.contig)
    if contig is None or not len(near.contig_arrays(contig)[0]):
        return None
    return near.touches(contig, record.position - 1, record.position + len(record.ref) + 1)


def regions_near(regions: Regions | None, widest: int) -> Regions | None:
    """Return the regions widened by the widest window (bp), within their contigs."""
    if regions is None:
        return None
    lengths = regions.contigs.lengths[regions.contig]
    starts = np.maximum(regions.starts - widest, 0)
    return Regions(
        regions.contigs, regions.contig, starts, np.minimum(regions.ends + widest, lengths)
    )
