"""What only a run of predictions on haplotypes is asked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tracksmith.runs.fields import HAPLOTYPES, WINDOWS, option
from tracksmith.runs.values import read_path, read_text, read_texts

__all__ = ["HaplotypeModelRequest", "HaplotypeRequest"]

GROUP = "Haplotypes"
ONLY = (HAPLOTYPES,)


@dataclass(frozen=True)
class HaplotypeRequest:
    """The fields of :class:`tracksmith.runs.request.Request` that are of haplotypes alone."""

    vcf: Path | None = option(
        None, read_path, "VCF or BCF with genotypes: also predict both haplotypes of people.",
        kinds=ONLY, group=GROUP,
    )  # fmt: skip
    sample: tuple[str, ...] = option(
        (), read_texts, "Person, by the name in that file; repeatable.", kinds=ONLY, group=GROUP,
    )  # fmt: skip
    samples: Path | None = option(
        None, read_path, "File with names of people, one a line.", kinds=ONLY, group=GROUP,
    )  # fmt: skip
    unphased: str = option(
        "refuse", read_text, "What becomes of heterozygous genotypes without phase.", kinds=ONLY,
        choices=("refuse", "two-hot", "reference"), group=GROUP,
    )  # fmt: skip


@dataclass(frozen=True)
class HaplotypeModelRequest:
    """The fields of :class:`tracksmith.runs.request.ModelRequest` that are of haplotypes alone."""

    register: str = option(
        "auto", read_text, "How many windows a core gets where an indel moves its bases: exact, "
        "one for every register; core, one. auto is exact for cores below 10 kb.", kinds=ONLY,
        reads=(WINDOWS,), choices=("auto", "exact", "core"), group=GROUP,
    )  # fmt: skip
