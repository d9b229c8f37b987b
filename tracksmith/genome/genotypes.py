"""Genotypes of chosen samples of a VCF or BCF: read with cyvcf2, which sees nothing unchecked.

cyvcf2 ends the interpreter on some malformed lines, so each is read strictly
first, with its number. Of a sound record cyvcf2 gets what it is to read and no
more: the genotypes of the chosen samples, in a small VCF that is written here.
"""

from __future__ import annotations

import difflib
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from cyvcf2 import VCF

from tracksmith.errors import InputError, TracksmithError, UsageError
from tracksmith.genome.contigs import shown
from tracksmith.genome.htslib import quiet_htslib
from tracksmith.genome.vcf import VariantFile, VariantRecord

__all__ = ["MISSING", "Call", "CalledRecord", "GenotypeFile", "choose_samples", "read_sample_names"]

MISSING = -1
"""The number of an allele that was not called."""

_GENOTYPE = re.compile(rb"[|/]?(?:[0-9]{1,4}|\.)(?:[|/](?:[0-9]{1,4}|\.))*")
_REFERENCE = frozenset((b"0|0", b"0/0", b"0"))
_FIXED = 9
"""Columns before those of the samples."""
_BATCH = 4096
_HEAD = (
    "##fileformat=VCFv4.3\n##contig=<ID=1>\n"
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t"
)


class Call(NamedTuple):
    """The genotype of one sample at one record.

    ``alleles`` holds a number for each copy of the contig, 0 the reference's,
    -1 where it was not called. ``phased`` says that their order is known, within
    the phase set ``phase_set`` ('' where the file names none). ``text`` is as written.
    """

    alleles: tuple[int, ...]
    phased: bool
    phase_set: str
    text: str


class CalledRecord(NamedTuple):
    """A record, and the call of each chosen sample in the order in which they were chosen."""

    record: VariantRecord
    calls: tuple[Call, ...]


class _Checked(NamedTuple):
    """A record with sound genotypes as they are written, and the phase sets."""

    record: VariantRecord
    texts: tuple[bytes, ...]
    sets: tuple[str, ...]


class GenotypeFile:
    """The records of a file at which a chosen sample has more than the reference.

    Parameters
    ----------
    path
        VCF (plain, gzip, bgzip) or BCF.
    samples
        The samples to read, from :func:`choose_samples`.
    allow_truncated
        Read a bgzip file without its end marker.

    Attributes
    ----------
    records : int
        How many records were read so far, those of nothing but reference included.
    """

    def __init__(
        self, path: Path, samples: Sequence[str], *, allow_truncated: bool = False
    ) -> None:
        self.path, self.samples = path, tuple(samples)
        self.records = 0
        self._allow_truncated = allow_truncated

    def __iter__(self) -> Iterator[CalledRecord]:
        """Read the file from its begin.

        Raises
        ------
        InputError
            A line is no record, or holds a genotype that is none, with its number.
        """
        self.records = 0
        with (
            VariantFile(self.path, allow_truncated=self._allow_truncated) as file,
            tempfile.TemporaryDirectory() as folder,
        ):
            columns = _columns(file, self.samples)
            checked = self._checked(file, columns)
            while batch := list(islice(checked, _BATCH)):
                yield from _read(batch, len(columns), Path(folder) / "genotypes.vcf")

    def _checked(self, file: VariantFile, columns: Sequence[int]) -> Iterator[_Checked]:
        last = max(columns)
        for record, raw in file.lines():
            self.records += 1
            parts = raw.rstrip(b"\r\n").split(b"\t", last + 1)
            keys = parts[_FIXED - 1].split(b":")
            genotype = keys.index(b"GT") if b"GT" in keys else len(keys)
            phase = keys.index(b"PS") if b"PS" in keys else len(keys)
            fields = [parts[column].split(b":") for column in columns]
            texts = tuple(own[genotype] if genotype < len(own) else b"." for own in fields)
            if _REFERENCE.issuperset(texts):
                continue
            for sample, text in zip(self.samples, texts, strict=True):
                if problem := _problem(text, len(record.alts)):
                    raise file.fail(record.line, f"{record.place}, sample {sample}: {problem}")
            sets = (own[phase] if phase < len(own) else b"." for own in fields)
            yield _Checked(record, texts, tuple(map(_phase_set, sets)))


@lru_cache(1 << 12)
def _problem(text: bytes, alleles: int) -> str:
    """Say why a genotype of a record with so many alternative alleles cannot be read, or ''."""
    if not _GENOTYPE.fullmatch(text):
        shown_text = text[:40].decode("utf-8", "replace")
        return (
            f"the genotype {shown_text!r} is none. GT holds numbers of alleles or '.', with '|' "
            "or '/' between them, such as 0|1."
        )
    numbers = re.findall(rb"[0-9]+", text)
    too_high = next((number for number in map(int, numbers) if number > alleles), None)
    if too_high is not None:
        return (
            f"the genotype {text.decode()} names allele {too_high}; ALT of the record holds "
            f"{alleles}."
        )
    copies = len(re.findall(rb"[0-9]+|\.", text))
    if copies > 2:
        return (
            f"the genotype {text.decode()} is of {copies} copies. Haplotypes are of one or two: "
            "leave polyploid samples out, or call them as diploid."
        )
    return ""


def _phase_set(text: bytes) -> str:
    return "" if text in (b".", b"") else text.decode("utf-8", "replace")


def _columns(file: VariantFile, samples: Sequence[str]) -> list[int]:
    """Return the columns of the samples, from 0."""
    names = _samples_of(file)
    return [_FIXED + names.index(sample) for sample in samples]


def _samples_of(file: VariantFile) -> list[str]:
    if file.format == "table":
        raise InputError(f"{file.name} is a table, which has no genotypes. Give a VCF or BCF.")
    columns = file.header.lines[-1].decode("utf-8", "surrogateescape").split("\t")
    if len(columns) <= _FIXED:
        raise InputError(
            f"{file.name} has no samples: its header ends before FORMAT and their names. Give a "
            "file with genotypes."
        )
    return columns[_FIXED:]


def choose_samples(
    path: Path, wanted: Sequence[str], *, allow_truncated: bool = False
) -> list[str]:
    """Return the samples to read: those asked for, each once, or the only one of the file.

    Raises
    ------
    UsageError
        The file has several and none was asked for, or has no such sample, or two of its name.
    InputError
        The file has no samples.
    """
    with VariantFile(path, allow_truncated=allow_truncated) as file:
        names, name = _samples_of(file), file.name
    if not wanted:
        if len(names) > 1:
            raise UsageError(
                f"{name} has {len(names):,} samples: {shown(names)}. Choose with --sample NAME or "
                "--samples FILE."
            )
        wanted = names
    counts = Counter(names)
    for sample in wanted:
        if sample not in counts:
            near = difflib.get_close_matches(sample, names, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise UsageError(
                f"--sample {sample}: {name} has no such sample; it has {shown(names)}.{hint}"
            )
        if counts[sample] > 1:
            raise UsageError(f"--sample {sample}: {name} has {counts[sample]} samples so called.")
    return list(dict.fromkeys(wanted))


def read_sample_names(path: Path) -> list[str]:
    """Return the names in a file, one a line; blank lines and those that begin with # are left out.

    Raises
    ------
    InputError
        It cannot be read, or holds no name.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"Cannot read the names of samples from {path}: {error}") from None
    names = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if not names:
        raise InputError(f"{path} names no sample. Write one name a line.")
    return names


# decision: genotypes-guarded (cyvcf2 ends the interpreter on broken lines)
def _read(batch: Sequence[_Checked], samples: int, path: Path) -> Iterator[CalledRecord]:
    """Have cyvcf2 read the genotypes of checked records."""
    path.write_bytes(b"".join(_lines(batch, samples)))
    with quiet_htslib():
        source = VCF(str(path), gts012=False)
        arrays = [variant.genotype.array().tolist() for variant in source]
        source.close()
    if len(arrays) != len(batch):
        raise TracksmithError(f"cyvcf2 read {len(arrays)} of {len(batch)} genotypes.")
    for (record, texts, sets), rows in zip(batch, arrays, strict=True):
        calls = (
            Call(tuple(n for n in numbers if n >= MISSING), bool(phased), phase_set, text.decode())
            for (*numbers, phased), phase_set, text in zip(rows, sets, texts, strict=True)
        )
        yield CalledRecord(record, tuple(calls))


def _lines(batch: Iterable[_Checked], samples: int) -> Iterator[bytes]:
    """Yield a VCF of nothing but the genotypes; records keep their order by their positions."""
    yield (_HEAD + "\t".join(map(str, range(samples))) + "\n").encode()
    for number, (_, texts, _) in enumerate(batch, 1):
        # VCF 4.4 allows a sign before the first allele, which htslib cannot read everywhere.
        joined = b"\t".join(text.lstrip(b"|/") for text in texts)
        yield b"1\t%d\t.\tN\t.\t.\t.\t.\tGT\t%s\n" % (number, joined)
