"""What a finished run counted, as ``run.json`` holds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["BaseCounts", "CoreCounts", "PersonCounts", "TrustedFile", "VariantCounts"]


@dataclass(frozen=True)
class BaseCounts:
    """Bases that a model read: all, N, and other ambiguous codes."""

    bases: int = 0
    unknown: int = 0
    ambiguous: int = 0


@dataclass(frozen=True)
class VariantCounts:
    """What became of the records and alleles of a file; ``reasons`` counts skipped alleles."""

    records: int = 0
    records_outside_regions: int = 0
    records_scored: int = 0
    records_skipped: int = 0
    alleles_scored: int = 0
    alleles_skipped: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class PersonCounts:
    """What became of the alleles of a person.

    ``applied`` to a haplotype, ``skipped`` by reason; ``calls`` counts genotypes that were
    missing, half_missing, haploid, unphased, two_hot.
    """

    applied: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)
    calls: Mapping[str, int] = field(default_factory=dict)
    phase_sets: int = 0


@dataclass(frozen=True)
class CoreCounts:
    """The cores of a model on the haplotypes of all people: all, and those computed anew.

    ``windows`` counts the windows of one orientation that were; ``spanning`` those cores of a
    person whose window spans two phase sets.
    """

    cores: int = 0
    computed: int = 0
    windows: int = 0
    spanning: int = 0


@dataclass(frozen=True)
class TrustedFile:
    """A weight file that was unpickled because somebody consented."""

    model: str
    fold: str
    name: str
    sha256: str
