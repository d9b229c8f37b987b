"""The variants of a run: read through and counted when it is planned, found again when opened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from tracksmith.effects.records import RecordSource, Taken, count_unscorable, is_within
from tracksmith.errors import InputError, TrustError
from tracksmith.files import digest_of_file
from tracksmith.genome.aliases import ContigNames, read_aliases
from tracksmith.genome.alleles import AlleleReader, OnMismatch
from tracksmith.genome.contigs import Contigs, shown
from tracksmith.genome.fasta import Genome, Notify, silent
from tracksmith.genome.intervals import Regions, parse_region
from tracksmith.genome.numbers import clipped_number
from tracksmith.genome.vcf import VariantFile, VariantRecord, VcfHeader, check_assembly
from tracksmith.runs.planned import check_file
from tracksmith.runs.record import ALIAS, SATURATION, FileRecord, VariantCounts, VariantsRecord
from tracksmith.runs.request import Request
from tracksmith.runs.run import Run

__all__ = [
    "SourceSize",
    "every_allele",
    "open_records",
    "planned_alias",
    "planned_file",
    "planned_variants",
    "records_of",
    "requested_records",
    "source_places",
    "survey_source",
]

PIECE = 4096
"""Records of a background that are sorted out at once."""

VARIANTS = "variants"
"""Under which name a run remembers where its file of variants is."""


@dataclass(frozen=True)
class SourceSize:
    """How much a file of variants holds.

    ``text`` counts the letters of the alleles, identifiers and contig names;
    ``sorted`` says whether records come contig by contig with ascending positions;
    ``indels`` counts the alleles that have another length than their reference;
    ``unscorable`` those that have no sequence, among the records asked for.
    """

    records: int
    alleles: int
    text: int
    sorted: bool
    indels: int = 0
    unscorable: VariantCounts = VariantCounts()  # noqa: RUF009 - frozen


def survey_source(
    request: Request, contigs: Contigs, regions: Regions | None, notify: Notify
) -> tuple[VariantsRecord, SourceSize]:
    """Read every record of a file once, or count the bases of the regions to saturate.

    ``regions`` are those whose records are asked for, None for all; or those to saturate.

    Raises
    ------
    InputError
        The file is no list of variants, or belongs to another genome.
    """
    if request.variants is None:
        return _survey_regions(request, contigs, regions or Regions.whole(contigs))
    return _survey_file(request, request.variants, contigs, regions, notify)


@contextmanager
def records_of(
    request: Request, contigs: Contigs, notify: Notify
) -> Iterator[tuple[VariantFile, ContigNames]]:
    """Open a request's file of variants, and what maps its contigs onto the genome's.

    Raises
    ------
    InputError
        It is no such file, or its header names another assembly.
    """
    path = cast("Path", request.variants)
    names = _contig_names(contigs, path.name, request.alias, notify)
    with VariantFile(path, allow_truncated=request.allow_truncated) as file:
        if not request.allow_other_lengths:
            _check_assembly(file.header, names)
        names.declare(file.header.contigs)
        yield file, names


def _survey_file(
    request: Request, path: Path, contigs: Contigs, regions: Regions | None, notify: Notify
) -> tuple[VariantsRecord, SourceSize]:
    with records_of(request, contigs, notify) as (file, names):
        size = _read_through(file, names, regions)
        kind = file.format
    around = _contig_names(contigs, "--around", request.alias, notify)
    return _record(request, around, kind, size, file=FileRecord.of(path)), size


def _survey_regions(
    request: Request, contigs: Contigs, regions: Regions
) -> tuple[VariantsRecord, SourceSize]:
    size = SourceSize(regions.bases, 3 * regions.bases, 0, True)
    return _record(request, ContigNames(contigs, "--saturate"), SATURATION, size), size


def source_places(request: Request) -> dict[str, str]:
    """Return where the file of variants is, as a run stores it."""
    return {} if request.variants is None else {VARIANTS: str(request.variants.absolute())}


def planned_variants(run: Run) -> VariantsRecord:
    """Return what a run of variants says of them; TrustError where it says nothing."""
    if run.plan.variants is None:
        raise TrustError(f"{run.folder} tells of no variants. Restore run.json, or start anew.")
    return run.plan.variants


def planned_file(run: Run) -> Path:
    """Return the file of variants of a planned run.

    Raises
    ------
    TrustError
        It is gone, or another.
    """
    path, record = run.places.file(VARIANTS), planned_variants(run).file
    return path if record is None else check_file(path, record, "file of variants")


def open_records(
    path: Path, run: Run, genome: Genome, regions: Regions | None, limit: int, notify: Notify
) -> RecordSource:
    """Return a reader of a planned run's file for a model with alleles of up to ``limit`` bp.

    Raises
    ------
    TrustError
        The file of aliases is gone, or another.
    """
    variants = planned_variants(run)
    names = _contig_names(genome.contigs, path.name, planned_alias(run, variants), notify)
    return _records(path, names, variants, genome, regions, limit)


def requested_records(
    request: Request, variants: VariantsRecord, genome: Genome, regions: Regions | None, limit: int
) -> RecordSource:
    """Return the same reader while the run is planned: of the request's file."""
    path = cast("Path", request.variants)
    names = _contig_names(genome.contigs, path.name, request.alias, silent)
    return _records(path, names, variants, genome, regions, limit)


def _records(
    path: Path, names: ContigNames, variants: VariantsRecord, genome: Genome,
    regions: Regions | None, limit: int,
) -> RecordSource:  # fmt: skip
    with VariantFile(path, allow_truncated=variants.allow_truncated) as file:
        names.declare(file.header.contigs)  # as in planning: MT is chrM if the lengths agree
    reader = AlleleReader(genome, names, limit, cast("OnMismatch", variants.ref_mismatch))
    return RecordSource(path, reader, regions, allow_truncated=variants.allow_truncated)


def every_allele(
    path: Path, alias: Path | None, genome: Genome, limit: int, most: int
) -> Iterator[Taken]:
    """Yield the alleles of up to ``most`` records of another file of variants, evenly spaced."""
    names = _contig_names(genome.contigs, path.name, alias, silent)
    with VariantFile(path) as file:
        names.declare(file.header.contigs)
        records = sum(1 for _ in file)
    reader = AlleleReader(genome, names, limit, "skip")
    source = RecordSource(path, reader, None)
    step = max(1, -(-records // most))
    try:
        if step == 1:
            for first in range(0, records, PIECE):
                yield source.take(first, min(first + PIECE, records))
        else:
            for number in range(0, records, step):
                yield source.take(number, number + 1)
    finally:
        source.close()


def planned_alias(run: Run, variants: VariantsRecord) -> Path | None:
    """Return the file of aliases of a planned run, None where it has none.

    Raises
    ------
    TrustError
        It is gone, or another.
    """
    if variants.alias is None:
        return None
    path = run.places.file(ALIAS)
    if not path.is_file() or digest_of_file(path) != variants.alias:
        raise TrustError(
            f"{path} is not the file of aliases that was planned. Restore it, or start anew."
        )
    return path


def _contig_names(contigs: Contigs, source: str, alias: Path | None, notify: Notify) -> ContigNames:
    aliases = read_aliases(alias, contigs) if alias else None
    return ContigNames(contigs, source, notify, aliases)


def _record(
    request: Request,
    names: ContigNames,
    source: str,
    size: SourceSize,
    *,
    file: FileRecord | None = None,
) -> VariantsRecord:
    return VariantsRecord(
        source=source,
        records=size.records,
        alleles=size.alleles,
        indels=size.indels,
        file=file,
        alias=None if request.alias is None else FileRecord.of(request.alias).sha256,
        background=_number_of(request),
        around=tuple(_around(text, names) for text in request.around),
        ref_mismatch=request.ref_mismatch,
        max_n=request.max_n,
        allow_truncated=request.allow_truncated,
    )


def _number_of(request: Request) -> int:
    """Return how many random SNVs of the genome are asked for; a file says so itself."""
    return request.background if isinstance(request.background, int) else 0


def _read_through(
    records: Iterable[VariantRecord], names: ContigNames, regions: Regions | None
) -> SourceSize:
    number = alleles = text = indels = total = 0
    unscorable: Counter[str] = Counter()
    in_order, contig, position = True, "", 0
    seen: set[str] = set()
    named: dict[int, str] = {}
    unknown: list[str] = []
    for record in records:
        number += 1
        alleles += len(record.alts)
        indels += sum(len(alt) != len(record.ref) for alt in record.alts)
        text += len(record.id) + len(record.ref) + sum(map(len, record.alts)) + len(record.contig)
        if record.contig != contig:
            contig, position = record.contig, -1
            in_order &= contig not in seen
            seen.add(contig)
            _refuse_second_name(record, names, named)
            if names.find(record.contig) is None:
                unknown.append(record.contig)
        in_order &= record.position >= position
        position = record.position
        if regions is None or _is_within(record, names, regions):
            total += len(record.alts) or 1
            count_unscorable(record, unscorable)
    if number and len(set(unknown)) == len(seen):
        raise InputError(
            f"{names.source}: none of its contigs is one of the genome. The file has "
            f"{shown(sorted(seen))}, the genome {shown(names.contigs.names)}. Give the genome that "
            "the variants were called on, or --alias FILE with two columns of names."
        )
    skipped = unscorable.total()
    counts = VariantCounts(
        alleles_scored=total - skipped, alleles_skipped=skipped, reasons=dict(unscorable)
    )
    return SourceSize(number, alleles, text, in_order, indels, counts)


def _is_within(record: VariantRecord, names: ContigNames, regions: Regions) -> bool:
    contig = names.find(record.contig)
    return contig is not None and is_within(regions, contig, record)


def _refuse_second_name(record: VariantRecord, names: ContigNames, named: dict[int, str]) -> None:
    """Refuse a contig that came under another name before: tables group lines by name."""
    number = names.find(record.contig)
    if number is None:
        return
    name = named.setdefault(number, record.contig)
    if name != record.contig:
        raise InputError(
            f"{names.source}:{record.line}: contig {record.contig!r} was called {name!r} before: "
            f"both are {names.contigs.names[number]!r} of the genome. Give each contig one name "
            "(bcftools annotate --rename-chrs) and sort the file."
        )


def _check_assembly(header: VcfHeader, names: ContigNames) -> None:
    try:
        check_assembly(header, names)
    except InputError as error:
        raise InputError(
            f"{error}\nIf the genome was cut from that assembly, --allow-other-lengths goes on; "
            "the REF alleles are checked all the same."
        ) from None


def _around(text: str, names: ContigNames) -> str:
    """Return ``top:N``, or a region under the genome's names."""
    if not text.startswith("top:"):
        return str(parse_region(text, names))
    digits = text[4:]
    number = clipped_number(digits, 2**31) if digits.isascii() and digits.isdigit() else 0
    if not 1 <= number <= 2**31:
        raise InputError(f"--around {text[:40]}: give a number of variants, such as top:20.")
    return f"top:{number}"
