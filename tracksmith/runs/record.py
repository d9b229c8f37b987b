"""What ``run.json`` holds: a plan, where its files were found, and what came out.

::

    PlanRecord        everything that decides what is computed, named by the run's id
    ├── GenomeRecord
    ├── ModelRecord   one for each model
    ├── Stage         the parts
    ├── RegionSet     the regions asked for
    ├── VariantsRecord
    └── HaplotypesRecord
    Places            where genome, weights and other files were found; no part of the identity
    Results           the finished files and what was counted
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

from tracksmith.errors import TrustError
from tracksmith.files import canonical_json, digest_of_file
from tracksmith.models.card import ModelCard
from tracksmith.runs.codec import encode
from tracksmith.runs.counts import (
    BaseCounts,
    CoreCounts,
    PersonCounts,
    TrustedFile,
    VariantCounts,
)
from tracksmith.runs.inputs import FileRecord, HaplotypesRecord, SampleRecord

__all__ = [
    "ALIAS",
    "FORMAT",
    "SATURATION",
    "BaseCounts",
    "CoreCounts",
    "FileEntry",
    "FileRecord",
    "FoldsRecord",
    "GenomeRecord",
    "HaplotypesRecord",
    "Limits",
    "ModelRecord",
    "PersonCounts",
    "Places",
    "PlanRecord",
    "RegionSet",
    "RegionsRecord",
    "Results",
    "SampleRecord",
    "Stage",
    "TrustedFile",
    "VariantCounts",
    "VariantsRecord",
]

# decision: typed-records (a run of another format is refused, not guessed at)
FORMAT = 3
"""Version of ``run.json``: raised when a reader of today would misread a file of then."""

ALIAS = "alias"
"""Under which name :class:`Places` hold the table of aliases."""

SATURATION = "saturation"
"""The ``source`` of a :class:`VariantsRecord` that has no file."""

LONGEST = 1 << 63
"""Lengths of contigs (bp) are below this: they are kept as int64."""


@dataclass(frozen=True)
class GenomeRecord:
    """A genome: its file, and its contigs with their lengths (bp)."""

    name: str
    size: int
    sha256: str
    contigs: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class FoldsRecord:
    """The folds that are used, how they are chosen, and whether their spread is written.

    ``contigs`` says what the card calls contigs that the genome calls otherwise.
    """

    rule: str = "mean"
    names: tuple[str, ...] = ("",)
    spread: bool = False
    contigs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RegionsRecord:
    """What a model over regions is given beside the genome; ``inputs`` are files by their names."""

    context: int
    inputs: Mapping[str, FileRecord] = field(default_factory=dict)
    counts_column: int | None = None
    overlaps: str = "refuse"
    clip: bool = False


@dataclass(frozen=True)
class ModelRecord:
    """One model of a run.

    ``card`` holds the tracks that are computed: those of ``tracks``, which were
    asked for, and the partners that their strands need. ``stride`` is in bp, or
    in regions for a model over regions, which has ``regions``. ``batch_chosen``
    says that somebody asked for this batch size. ``scores`` and ``max_allele``
    (the longest allele that is scored, bp) belong to runs of variants, ``register`` (exact or
    core: how the values of a haplotype are put in register) to runs of haplotypes.
    """

    card: ModelCard
    tracks: tuple[str, ...]
    plugin: str
    stride: int
    batch_size: int
    folds: FoldsRecord = field(default_factory=FoldsRecord)
    weights: Mapping[str, tuple[FileRecord, ...]] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    reverse_complement: bool = False
    shifts: tuple[int, ...] = (0,)
    dtype: str = "float32"
    batch_chosen: bool = False
    regions: RegionsRecord | None = None
    scores: tuple[str, ...] = ()
    max_allele: int = 0
    register: str = ""

    @property
    def name(self) -> str:
        """The model's name."""
        return self.card.name

    @property
    def sound(self) -> bool:
        """Whether there are tracks, all of them on the card."""
        return bool(self.tracks) and set(self.tracks) <= {track.id for track in self.card.tracks}


@dataclass(frozen=True)
class Stage:
    """A step of a run for one model, cut into parts.

    Items (chunks, regions, windows, records) are numbered from 0 to ``items``;
    part ``i`` begins with item ``starts[i]``. Stages of a higher ``wave`` need
    all parts of the same model in lower ones. ``unit`` is what progress counts.
    """

    model: int
    what: str
    unit: str
    starts: tuple[int, ...]
    items: int
    wave: int = 0

    def items_of(self, number: int) -> tuple[int, int]:
        """Return the half-open range of items of the ``number``-th part of this stage."""
        last = self.starts[number + 1] if number + 1 < len(self.starts) else self.items
        return self.starts[number], last

    @property
    def sound(self) -> bool:
        """Whether the parts cover every item once."""
        edges = [*self.starts, self.items]
        return (not self.starts and not self.items) or (
            edges[0] == 0 and all(a < b for a, b in pairwise(edges))
        )


@dataclass(frozen=True)
class RegionSet:
    """The regions that were asked for, by their number, bases and digest."""

    bases: int
    count: int
    sha256: str


@dataclass(frozen=True)
class VariantsRecord:
    """The alleles of a run of variants.

    ``source`` is vcf, bcf or table, and ``file`` the file; or saturation, of every
    base of the plan's regions. It has so many ``records`` (or bases), ``alleles``
    and ``indels`` among them.
    ``alias`` is the sha256 of the table of aliases. ``background`` counts random
    SNVs, drawn with ``seed``. ``around`` names variants that get tracks.
    """

    source: str
    records: int
    alleles: int = 0
    indels: int = 0
    file: FileRecord | None = None
    alias: str | None = None
    background: int = 0
    seed: int = 1
    around: tuple[str, ...] = ()
    ref_mismatch: str = "skip"
    max_n: float = 0.5
    allow_truncated: bool = False

    @property
    def name(self) -> str:
        """What the file is called; '' for saturated regions."""
        return "" if self.file is None else self.file.name

    @property
    def saturation(self) -> bool:
        """Whether every substitution of regions is scored, instead of a file."""
        return self.source == SATURATION


@dataclass(frozen=True)
class PlanRecord:
    """Everything that decides what is computed, the parts included.

    ``kind`` names the kind of run; ``details`` holds what only that kind knows.
    ``device`` is the kind of device (cpu, cuda, mps): another gives other last
    digits.
    """

    kind: str
    genome: GenomeRecord
    models: tuple[ModelRecord, ...]
    # decision: parts-in-identity (a part's number means the same on every machine)
    stages: tuple[Stage, ...]
    device: str
    compressor: str
    versions: Mapping[str, str]
    precision: str | None = None
    formats: tuple[str, ...] = ("bigwig",)
    regions: RegionSet | None = None
    variants: VariantsRecord | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    haplotypes: HaplotypesRecord | None = None

    @property
    def sound(self) -> bool:
        """Whether it can be computed: parts for all of every model, tracks that the cards have."""
        models = {stage.model for stage in self.stages}
        return (
            all(stage.sound for stage in self.stages)
            and models == set(range(len(self.models) or len(models)))
            and all(0 <= length < LONGEST for _, length in self.genome.contigs)
            and all(model.sound for model in self.models)
        )

    @cached_property
    def id(self) -> str:
        """sha256 of the plan."""
        text = canonical_json({"format": FORMAT, "plan": encode(self)})
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Places:
    """Paths on this machine, ``files`` by what they are; and what was asked, as it was asked.

    What the plan holds as it was resolved, its regions and its parts, a study needs as it was
    asked: ``regions``, ``chroms``, ``clip``, ``saturate``, ``allow_other_lengths``, ``parts``.
    """

    genome: str
    weights: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    regions: tuple[str, ...] = ()
    chroms: tuple[str, ...] = ()
    clip: bool = False
    saturate: str | None = None
    allow_other_lengths: bool = False
    parts: int | None = None

    def file(self, name: str) -> Path:
        """Return where a file is that the plan holds.

        Raises
        ------
        TrustError
            Its place is not told.
        """
        if name not in self.files:
            raise TrustError(
                f"run.json does not say where the file of {name!r} is. Restore it, or start anew."
            )
        return Path(self.files[name])

    def weights_of(self, model: str) -> dict[str, tuple[Path, ...]]:
        """Return the weight files of a model by fold."""
        folds = self.weights.get(model, {})
        return {fold: tuple(map(Path, files)) for fold, files in folds.items()}


@dataclass(frozen=True)
class Limits:
    """How many alleles may be skipped: none (``strict``), or up to a share of them."""

    strict: bool = False
    most_skipped: float = 0.05


@dataclass(frozen=True)
class FileEntry:
    """A finished file: what it holds, and the distribution of its values.

    ``path`` is relative to the run; ``kind`` a word such as bigwig, bigbed,
    table. ``statistic`` is mean, sd, delta ...; ``base`` the base of a
    saturation track; ``edit`` and ``readout`` name what a track of perturbations shows;
    ``values`` counts bases with a value, ``rows`` rows.
    ``stored_sign`` is -1 where a track around variants holds negated values,
    else 1. ``quantiles`` are by probability. ``sample`` is a person of a run of haplotypes.
    """

    path: str
    kind: str
    size: int
    sha256: str
    model: str = ""
    track: str = ""
    statistic: str = ""
    score: str = ""
    base: str = ""
    edit: str = ""
    readout: str = ""
    bin: int | None = None
    variants: int | None = None
    rows: int | None = None
    stored_sign: int | None = None
    values: int | None = None
    min: float | None = None
    max: float | None = None
    mean: float | None = None
    quantiles: Mapping[str, float] = field(default_factory=dict)
    sample: str = ""

    @classmethod
    def of(cls, folder: Path, path: str, kind: str, **about: Any) -> FileEntry:
        """Return the entry of the finished file ``path`` of the run in ``folder``."""
        full = folder / path
        return cls(path, kind, full.stat().st_size, digest_of_file(full), **about)


@dataclass(frozen=True)
class Results:
    """What a finished run holds, counted by model where it is counted."""

    files: tuple[FileEntry, ...] = ()
    bases_read: Mapping[str, BaseCounts] = field(default_factory=dict)
    counts: Mapping[str, VariantCounts] = field(default_factory=dict)
    without_value: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    trusted_weights: tuple[TrustedFile, ...] = ()
    gpus: tuple[str, ...] = ()
    people: Mapping[str, PersonCounts] = field(default_factory=dict)
    haplotype_cores: Mapping[str, CoreCounts] = field(default_factory=dict)
