"""The file of variants itself, with the effects of every model in INFO."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tracksmith.effects.info_keys import info_key
from tracksmith.effects.results import PartResult
from tracksmith.effects.survey import ModelResults, headlines, units_shown
from tracksmith.effects.tables import number_texts
from tracksmith.effects.units import WHOLE
from tracksmith.errors import TracksmithError
from tracksmith.genome.fasta import Notify
from tracksmith.genome.vcf import VariantFile
from tracksmith.genome.vcf_check import verify_vcf
from tracksmith.genome.vcf_writer import InfoField, annotated_vcf
from tracksmith.tracks.options import TrackOptions

__all__ = ["info_fields", "write_annotated"]

SKIPPED = "TS_SKIPPED"


def info_fields(results: Sequence[ModelResults]) -> list[InfoField]:
    """Return the fields that are added, with their descriptions."""
    fields = [field for model in results for field in _fields_of(model)]
    text = "Why the allele was not scored by the last of the models that skipped it"
    return [*fields, InfoField(SKIPPED, "A", "String", text)]


def _fields_of(model: ModelResults) -> Iterator[InfoField]:
    group = [model.scores[number].name for number in model.headline]
    what = f"{model.name}, track, strand pair or model with the strongest {' or '.join(group)}"
    for score in model.scores:
        key = info_key(model.name, score.name)
        text = f"{score.name} = {score.formula} ({score.unit}); A, a: alternative"
        yield InfoField(key, "A", "Float", f"{what}: {text}")
        if score.places:
            yield InfoField(f"{key}_at", "A", "Integer", f"Where {key} was found, 1-based position")
    key = info_key(model.name, "track")
    yield InfoField(
        key, "A", "String", f"{what}: the track that changes most, {WHOLE} for the model"
    )
    key = info_key(model.name, "percentile")
    yield InfoField(key, "A", "Float", f"{what}: {model.percentile_text}")
    if len(group) > 1:
        key = info_key(model.name, "headline")
        yield InfoField(key, "A", "String", f"Which of {', '.join(group)} is the strongest")


def write_annotated(
    path: Path, results: Sequence[ModelResults], notify: Notify, options: TrackOptions
) -> None:
    """Write the VCF of the run with the effects in INFO, and its index; read it back.

    Raises
    ------
    TracksmithError
        The finished file does not read back as it was written; it is removed.
    """
    plan = results[0].plan
    truncated = plan.variants.allow_truncated
    fields = info_fields(results)
    records = 0
    with VariantFile(plan.path, allow_truncated=truncated) as file:
        streams = [_Stream(model) for model in results]
        annotated = Counter({field.key: 0 for field in fields})
        with annotated_vcf(path, file.header, fields, notify, options.compress_text) as writer:
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


def _keys(model: ModelResults) -> list[str]:
    """Return the keys of a model's values, in the order of the columns."""
    return [field.key for field in _fields_of(model)]


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
        self._keys = _keys(model)
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
        for result in self.model.parts():
            columns = self._columns(result)
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
                _Allele(left_out.record, left_out.allele, (), left_out.reason)
                for left_out in result.skipped
            )
            yield from heapq.merge(scored, skipped) if result.skipped else scored

    def _columns(self, result: PartResult) -> list[list[str]]:
        """Return the texts of every row, key by key."""
        heads, rows = headlines(result, self.model), np.arange(len(result.rows))
        units, columns = self.model.units, []
        for number, unit in enumerate(units_shown(result, self.model, heads)):
            columns.append(number_texts(result.scored.value[rows, number, unit], "."))
            if self.model.scores[number].places:
                place = result.scored.place[rows, number, unit].tolist()
                columns.append(["." if at < 0 else str(at + 1) for at in place])
        columns.append([units.names[track] for track in heads.track.tolist()])
        ranks = self.model.percentiles(result)[rows, heads.cell(len(units))]
        columns.append(number_texts(ranks, "."))
        if len(self.model.headline) > 1:
            names = [score.name for score in self.model.scores]
            columns.append([names[number] for number in heads.score.tolist()])
        return columns

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
