"""The genome of a hub: held against the assembly that the user named, or a word of its own."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tracksmith.errors import UsageError
from tracksmith.genome.assemblies import ASSEMBLIES, canonical
from tracksmith.genome.contigs import Contigs, shown

__all__ = ["check_against", "genome_word"]


_ASSEMBLY_HUB_NAME = re.compile(r"[^A-Za-z0-9_]+")


def check_against(name: str, contigs: Contigs) -> list[str]:
    """Hold contigs against an assembly that the user named; return warnings.

    Raises
    ------
    UsageError
        No contig has a name of that assembly, or one is longer than there.
    """
    known = ASSEMBLIES.get(name)
    if known is None:
        return []
    lengths = dict(contigs)
    full = len(known) > 20
    common = [chrom for chrom in known if chrom in lengths]
    if full and not common:
        raise UsageError(
            f"The run's contigs ({shown(contigs.names)}) are not named as in {name} "
            f"({shown(list(known))}): the browser would show nothing. Give --genome another "
            "assembly, or --genome assembly to bring the genome along."
        )
    longer = [chrom for chrom in common if lengths[chrom] > known[chrom]]
    if longer:
        raise UsageError(
            f"{longer[0]} has {lengths[longer[0]]:,} bp in the run, {known[longer[0]]:,} bp in "
            f"{name}: the run was made on another assembly."
        )
    shorter = [chrom for chrom in common if lengths[chrom] < known[chrom]]
    return [
        f"{chrom} has {lengths[chrom]:,} bp in the run, {known[chrom]:,} bp in {name}: the FASTA "
        "was cut short; positions hold as long as it was cut at its end."
        for chrom in shorter[:3]
    ]


def genome_word(stem: str, taken: Sequence[str] = ()) -> str:
    """Return a one-word name for an assembly hub, never the name of a known assembly."""
    name = _ASSEMBLY_HUB_NAME.sub("_", stem).strip("_") or "genome"
    if not name[0].isascii() or not name[0].isalpha():
        name = f"g_{name}"
    if canonical(name) in ASSEMBLIES or name in taken:
        name = f"{name}_local"
    return name[:60]
