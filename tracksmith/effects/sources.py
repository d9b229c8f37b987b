"""The variants of a new run: read through once, counted, and refused where they are broken."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tracksmith.effects.plan import contig_names
from tracksmith.errors import InputError
from tracksmith.genome.aliases import ContigNames
from tracksmith.genome.contigs import Contigs, shown
from tracksmith.genome.fasta import Notify
from tracksmith.genome.intervals import parse_region
from tracksmith.genome.numbers import clipped_number
from tracksmith.genome.vcf import VariantFile, VariantRecord, VcfHeader, check_assembly
from tracksmith.runs.record import FileRecord, VariantsRecord
from tracksmith.runs.request import Request

__all__ = ["SourceSize", "survey_file", "survey_region"]


@dataclass(frozen=True)
class SourceSize:
    """How much a file of variants holds.

    ``text`` counts the letters of the alleles, identifiers and contig names;
    ``sorted`` says whether records come contig by contig with ascending positions;
    ``indels`` counts the alleles that have another length than their reference.
    """

    records: int
    alleles: int
    text: int
    sorted: bool
    indels: int = 0


def survey_file(
    request: Request, path: Path, contigs: Contigs, notify: Notify
) -> tuple[VariantsRecord, SourceSize]:
    """Read every record of a file once, so that a broken one is refused here.

    Raises
    ------
    InputError
        It is no list of variants, or belongs to another genome.
    """
    alias = request.alias
    names = contig_names(contigs, path.name, alias, notify)
    with VariantFile(path, allow_truncated=request.allow_truncated) as file:
        if not request.allow_other_lengths:
            _check_assembly(file.header, names)
        names.declare(file.header.contigs)
        size = _read_through(file, names)
        kind = file.format
    around = contig_names(contigs, "--tracks", alias, notify)
    return _record(request, around, kind, size, file=FileRecord.of(path)), size


def survey_region(
    request: Request, contigs: Contigs, notify: Notify
) -> tuple[VariantsRecord, SourceSize]:
    """Return the region whose every substitution is scored."""
    names = contig_names(contigs, "--saturate", request.alias, notify)
    interval = parse_region(str(request.saturate), names)
    bases = len(interval)
    region = (interval.contig, interval.start, interval.end)
    size = SourceSize(bases, 3 * bases, 0, True)
    return _record(request, names, "saturation", size, region=region), size


def _record(
    request: Request,
    names: ContigNames,
    source: str,
    size: SourceSize,
    *,
    file: FileRecord | None = None,
    region: tuple[str, int, int] | None = None,
) -> VariantsRecord:
    return VariantsRecord(
        source=source,
        records=size.records,
        alleles=size.alleles,
        indels=size.indels,
        file=file,
        region=region,
        alias=None if request.alias is None else FileRecord.of(request.alias).sha256,
        background=request.background,
        around=tuple(_around(text, names) for text in request.around),
        ref_mismatch=request.ref_mismatch,
        max_n=request.max_n,
        allow_truncated=request.allow_truncated,
    )


def _read_through(records: Iterable[VariantRecord], names: ContigNames) -> SourceSize:
    number = alleles = text = indels = 0
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
    if number and len(set(unknown)) == len(seen):
        raise InputError(
            f"{names.source}: none of its contigs is one of the genome. The file has "
            f"{shown(sorted(seen))}, the genome {shown(names.contigs.names)}. Give the genome that "
            "the variants were called on, or --alias FILE with two columns of names."
        )
    return SourceSize(number, alleles, text, in_order, indels)


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
        raise InputError(f"--tracks {text[:40]}: give a number of variants, such as top:20.")
    return f"top:{number}"
