"""The file of variants itself, with the effects of every model in INFO."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tracksmith.effects.survey import ModelResults, headlines
from tracksmith.genome.fasta import Notify
from tracksmith.genome.vcf import VariantFile
from tracksmith.genome.vcf_writer import InfoField, annotated_vcf

__all__ = ["info_fields", "write_annotated"]

SKIPPED = "TS_SKIPPED"


def info_key(model: str, name: str) -> str:
    """Return the INFO key of one value of a model."""
    return "TS_" + re.sub(r"[^0-9A-Za-z_]", "_", f"{model}_{name}")


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
                f"{what}: percentage of {_whose(model)} with a smaller |{first.name}|",
            )
        )  # fmt: skip
    text = "Why the allele was not scored by the last of the models that skipped it"
    return [*found, InfoField(SKIPPED, "A", "String", text)]


def _whose(model: ModelResults) -> str:
    if model.plan.facts["background"]["snvs"]:
        return f"{model.plan.facts['background']['snvs']} random SNVs of the genome"
    return "the alleles of this file"


def write_annotated(path: Path, results: Sequence[ModelResults], notify: Notify) -> None:
    """Write the VCF of the run with the effects in INFO, and its index."""
    plan = results[0].plan
    truncated = bool(plan.facts["allow_truncated"])
    with VariantFile(plan.path, allow_truncated=truncated) as file:
        streams = [_Stream(model) for model in results]
        with annotated_vcf(path, file.header, info_fields(results), notify) as writer:
            for number, (record, line) in enumerate(file.lines()):
                values: dict[str, Any] = {}
                for stream in streams:
                    stream.add(number, len(record.alts), values)
                writer.write(record, line, values)


@dataclass
class _Values:
    """What is known of one allele of a record."""

    record: int
    allele: int
    values: dict[str, float | str]


class _Stream:
    """Hands out the values of one model record by record."""

    def __init__(self, model: ModelResults) -> None:
        self.model = model
        self._keys = [info_key(model.name, score.name) for score in model.scores]
        self._track = info_key(model.name, "track")
        self._percentile = info_key(model.name, "percentile")
        self._entries = self._read()
        self._next = next(self._entries, None)

    def _read(self) -> Iterator[_Values]:
        units = self.model.units
        for result in self.model.parts():
            heads = headlines(result, units)
            ranks = self.model.percentiles(result)
            rows = range(len(result.rows))
            value = result.scored.value[rows, :, heads.unit].tolist()
            rank = ranks[rows, heads.unit].tolist()
            records, alleles = result.rows["record"].tolist(), result.rows["allele"].tolist()
            names = [units.names[track] for track in heads.track.tolist()]
            found = [
                _Values(
                    records[row], alleles[row],
                    {
                        **dict(zip(self._keys, value[row], strict=True)),
                        self._track: names[row], self._percentile: rank[row],
                    },
                )
                for row in rows
            ]  # fmt: skip
            skipped = [
                _Values(entry.record, entry.allele, {SKIPPED: entry.reason})
                for entry in result.skipped
            ]
            yield from sorted([*found, *skipped], key=lambda entry: entry.record)

    def add(self, record: int, alts: int, values: dict[str, Any]) -> None:
        """Add the values of a record, one for every alternative allele."""
        while self._next is not None and self._next.record == record:
            entry, self._next = self._next, next(self._entries, None)
            if not alts:
                continue
            for key, value in entry.values.items():
                values.setdefault(key, [None] * alts)[entry.allele - 1] = value
