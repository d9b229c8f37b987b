"""What bases are read from: a genome, or one with alleles of its own."""

from __future__ import annotations

from typing import Protocol

from tracksmith.genome.bases import Masks
from tracksmith.genome.contigs import Contigs

__all__ = ["Readable"]


class Readable(Protocol):
    """Contigs whose bases can be read."""

    @property
    def contigs(self) -> Contigs:
        """Names and lengths (bp) of the contigs, in order."""

    def read(self, contig: str, start: int, end: int) -> Masks:
        """Return the bases of ``[start, end)``, 0-based, as masks; 0 outside the contig."""
