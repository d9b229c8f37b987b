"""The file of variants itself, with the effects of every model in INFO."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tracksmith.effects.info_keys import info_key
from tracksmith.effects.survey import ModelResults, headlines
from tracksmith.effects.tables import number_texts
from tracksmith.errors import TracksmithError
from tracksmith.genome.fasta import Notify
from tracksmith.genome.vcf import VariantFile
from tracksmith.genome.vcf_check import verify_vcf
from tracksmith.genome.vcf_writer import InfoField, annotated_vcf

__all__ = ["info_fields", "write_annotated"]

SKIPPED = "TS_SKIPPED"


def info_fields(results: Sequence[ModelResults]) -> list[InfoField]:
    """Return the fields that are added, with their descriptions."""
    found = []
    for model in results:
        first = model.scores[0]
        what = f"{model.name}, track or strand pair with the strongest {first.name}"
        found += [
            InfoField(
                info_key(model.name, score.name), "A", "Float",
                f"{what}: {score.name} = {score.formula} ({score.unit}); A, a: alternative",
            )
            for score in model.scores
        ]  # fmt: skip
        found.append(
            InfoField(
                info_key(model.name, "track"), "A", "String", f"{what}: the track that changes most"
            )
        )
        found.append(
            InfoField(
                info_key(model.name, "percentile"), "A", "Float",
                f"{what}: {model.percentile_text}",
            )
        )  # fmt: skip
    text = "Why the allele was not scored by the last of the models that skipped it"
    return [*found, InfoField(SKIPPED, "A", "String", text)]


def write_annotated(path: Path, results: Sequence[ModelResults], notify: Notify) -> None:
    """Write the VCF of the run with the effects in INFO, and its index; read it back.

    Raises
    ------
    TracksmithError
        The finished file does not read back as it was written; it is removed.
    """
    plan = results[0].plan
    truncated = bool(plan.facts["allow_truncated"])
    fields = info_fields(results)
    records = 0
    with VariantFile(plan.path, allow_truncated=truncated) as file:
        streams = [_Stream(model) for model in results]
        annotated = Counter({field.key: 0 for field in fields})
        with annotated_vcf(path, file.header, fields, notify) as writer:
            for number, (record, line) in enumerate(file.lines()):
                entries = _entries(streams, number, len(record.alts), annotated)
                writer.write_info(record, line, ";".join(entries).encode())
                records += 1
    for stream in streams:
        annotated.update(stream.annotated)
    try:
        verify_vcf(path, records, dict(annotated), notify)
    except TracksmithError:
        path.unlink()
        raise


def _entries(
    streams: Sequence[_Stream], number: int, alts: int, annotated: Counter[str]
) -> list[str]:
    """Return the INFO entries of one record; count those that are not of a model."""
    entries: list[str] = []
    reasons = ["."] * alts
    for stream in streams:
        stream.add(number, entries, reasons)
    if any(reason != "." for reason in reasons):
        entries.append(f"{SKIPPED}={','.join(reasons)}")
        annotated[SKIPPED] += 1
    return entries


class _Allele(NamedTuple):
    """What is known of one allele of a record: its values as text, or why it has none."""

    record: int
    allele: int
    values: tuple[str, ...]
    reason: str


class _Stream:
    """Hands out the values of one model record by record, and counts the entries by key."""

    def __init__(self, model: ModelResults) -> None:
        self.model = model
        names = [*(score.name for score in model.scores), "percentile", "track"]
        self._keys = [info_key(model.name, name) for name in names]
        self._single = ";".join(f"{key}=%s" for key in self._keys)
        self._singles = 0
        self._others: Counter[str] = Counter()
        self._alleles = self._read()
        self._next = next(self._alleles, None)

    @property
    def annotated(self) -> dict[str, int]:
        """Records that got an entry, by key."""
        return {key: self._singles + self._others[key] for key in self._keys}

    def _read(self) -> Iterator[_Allele]:
        units = self.model.units
        for result in self.model.parts():
            heads = headlines(result, units)
            rows = np.arange(len(result.rows))
            ranks = self.model.percentiles(result)[rows, heads.unit]
            columns = [
                number_texts(result.scored.value[rows, score, heads.unit])
                for score in range(len(self.model.scores))
            ]
            columns.append(number_texts(ranks))
            columns.append([units.names[track] for track in heads.track.tolist()])
            scored = (
                _Allele(record, allele, values, "")
                for record, allele, values in zip(
                    result.rows["record"].tolist(),
                    result.rows["allele"].tolist(),
                    zip(*columns, strict=True),
                    strict=True,
                )
            )
            skipped = (
                _Allele(entry.record, entry.allele, (), entry.reason) for entry in result.skipped
            )
            yield from heapq.merge(scored, skipped) if result.skipped else scored

    def add(self, record: int, entries: list[str], reasons: list[str]) -> None:
        """Add the entries of a record, with a value for every alternative allele."""
        mine = []
        while self._next is not None and self._next.record == record:
            mine.append(self._next)
            self._next = next(self._alleles, None)
        if len(mine) == len(reasons) == 1 and mine[0].values and "." not in mine[0].values:
            entries.append(self._single % mine[0].values)
            self._singles += 1
        else:
            self._add(mine, entries, reasons)

    def _add(self, mine: Sequence[_Allele], entries: list[str], reasons: list[str]) -> None:
        values: list[tuple[str, ...]] = [("",) * len(self._keys)] * len(reasons)
        for allele in mine:
            if allele.reason and allele.allele:
                reasons[allele.allele - 1] = allele.reason
            elif allele.allele:
                values[allele.allele - 1] = allele.values
        for key, texts in zip(self._keys, zip(*values, strict=True), strict=bool(values)):
            if any(text not in ("", ".") for text in texts):
                entries.append(f"{key}={','.join(text or '.' for text in texts)}")
                self._others[key] += 1
