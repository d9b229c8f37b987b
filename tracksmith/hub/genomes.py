"""The genome of a hub or page: its name, held against what the user named, and its files."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

from tracksmith.errors import InputError, UsageError
from tracksmith.files import aside
from tracksmith.genome.assemblies import ASSEMBLIES, assembly_of, canonical
from tracksmith.genome.contigs import Contigs, shown
from tracksmith.genome.fasta import Genome
from tracksmith.genome.fasta_index import index_beside
from tracksmith.genome.twobit import write_twobit
from tracksmith.hub.runs import ShownRun, find_fasta
from tracksmith.hub.sharing import Links, quoted

__all__ = [
    "HubGenome",
    "check_against",
    "choose_genome",
    "desktop_genome",
    "genome_word",
    "holds_letters",
    "hosted_name",
    "same_fasta",
    "sizes_name",
    "write_sequence",
    "write_sizes",
]


OWN_GENOME = "assembly"
"""What a user gives as the genome to bring it along instead of naming a hosted one."""

_SIZES = ".chrom.sizes"
_ASSEMBLY_HUB_NAME = re.compile(r"[^A-Za-z0-9_]+")


@dataclass(frozen=True)
class HubGenome:
    """The genome of a hub, whether browsers host it, and what to tell the user of the choice."""

    name: str
    hosted: bool
    notes: tuple[str, ...] = ()


def choose_genome(run: ShownRun, wanted: str | None) -> HubGenome:
    """Return the genome of a hub: as the user wants it, else what the contigs prove.

    Raises
    ------
    UsageError
        It is no word, or not the genome of the run.
    """
    own = genome_word(run.genome.name.split(".")[0])
    if wanted == OWN_GENOME:
        return HubGenome(own, hosted=False)
    if wanted is not None:
        known = canonical(wanted)
        if known != "".join(known.split()) or not known.isprintable():
            raise UsageError(f"--genome {wanted!r} must be one word, such as hg38.")
        notes = check_against(known, run.contigs)
        if known not in ASSEMBLIES:
            notes.append(f"{known} is taken as it is: its contigs were not compared.")
        return HubGenome(known, hosted=True, notes=(*notes, *_card_notes(run, known)))
    proven = assembly_of(run.contigs)
    if proven is not None:
        return HubGenome(proven, hosted=True, notes=tuple(_card_notes(run, proven)))
    note = (
        "The contigs prove no known assembly, so the hub brings its genome along. "
        "If browsers host it, give --genome NAME."
    )
    return HubGenome(own, hosted=False, notes=(note,))


def _card_notes(run: ShownRun, genome: str) -> list[str]:
    notes = []
    for model in run.models:
        valid = [canonical(name) for name in model.card.assemblies]
        if valid and genome not in valid:
            notes.append(f"{model.name} is meant for {', '.join(valid)}; these tracks: {genome}.")
    return notes


def hosted_name(run: ShownRun, name: str | None) -> str | None:
    """Return the hosted genome to use: the one asked for, or the one that the lengths prove."""
    return canonical(name) if name else assembly_of(run.contigs)


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


def sizes_name(name: str) -> str:
    """Return the name of the file of a genome's sizes; IGV desktop knows it by its ending."""
    return f"{name}{_SIZES}"


def holds_letters(genome: str) -> bool:
    """Say whether a genome of :func:`desktop_genome`, or a hosted one, is more than its sizes."""
    return not genome.endswith(_SIZES)


def write_sizes(run: ShownRun, path: Path) -> None:
    """Write names and lengths of the contigs of a run, one a line."""
    sizes = "".join(f"{name}\t{length}\n" for name, length in run.contigs)
    with aside(path) as temporary:
        temporary.write_text(sizes, encoding="utf-8", newline="\n")


def write_sequence(runs: Sequence[ShownRun], path: Path, before: Path | None = None) -> bool:
    """Write the genome of runs as 2bit; say whether its FASTA is at its place.

    ``before`` is a file with the same genome, copied where it exists.

    Raises
    ------
    InputError
        The FASTA is not the genome that the runs were made on.
    """
    if before is not None and before.is_file():
        shutil.copyfile(before, path)
        return True
    fasta = find_fasta(runs)
    if fasta is None:
        return False
    genome, run = Genome.open(fasta), runs[0]
    if genome.contigs != run.contigs or genome.sha256() != run.genome.sha256:
        raise InputError(f"{fasta} is not the genome that the run was made on: it changed.")
    write_twobit(genome, path)
    return True


def same_fasta(runs: Sequence[ShownRun]) -> Path | None:
    """Return the FASTA of the runs if it is the same still; a run could name any file.

    Its size stands for its digest, which would take long to tell.
    """
    fasta = find_fasta(runs)
    same = fasta is not None and fasta.stat().st_size == runs[0].genome.size
    return fasta if same else None


def desktop_genome(links: Links, name: str, base_url: str = "") -> str:
    """Return what a session in ``links.out`` names as the genome for IGV desktop.

    IGV 2.16 takes a 2bit for a FASTA, so it is the FASTA of the runs where it
    can be reached from the session: anywhere on this machine, but in a folder
    that is shared where there is an address, or copies to be moved alone. Else
    it is the file of sizes in that folder, with which IGV shows no letters.
    """
    fasta = _indexed_fasta(links.runs)
    shared = fasta is not None and any(map(fasta.is_relative_to, links.shared))
    if fasta is None or ((base_url or links.copied) and not shared):
        return urljoin(base_url, sizes_name(name))
    if base_url:
        return urljoin(base_url, quoted(links.path_to(fasta)))
    # A relative path holds where all is moved together, an absolute one where the rest is.
    together = os.path.commonpath([links.out, *(run.folder for run in links.runs)])
    return links.path_to(fasta) if fasta.is_relative_to(together) else os.fspath(fasta)


def _indexed_fasta(runs: Sequence[ShownRun]) -> Path | None:
    """Return the FASTA of the runs if it is the same still and IGV needs to write no index."""
    fasta = same_fasta(runs)
    if fasta is None or index_beside(fasta, runs[0].contigs) is None:
        return None
    # The folder alone is resolved: indexes lie beside a link, not beside what it leads to.
    return fasta.parent.resolve() / fasta.name
