"""Genes from GFF3 and GTF: one item for each transcript, with its exons and what is translated.

GFF3 as the Sequence Ontology project defines it (version 1.26), GTF as Ensembl
and GENCODE write it. Whatever has no parts (a peak, a repeat) is an item of its
own; a gene that has transcripts is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeAlias
from urllib.parse import unquote

from tracksmith.errors import InputError
from tracksmith.genome.aliases import ContigNames, LeftOut
from tracksmith.genome.stream import ByteStream

__all__ = ["GeneItem", "read_genes"]

EXON, CODING, BESIDE = "exon", "coding", "beside"
_PARTS = {
    "exon": EXON, "noncoding_exon": EXON, "cds": CODING, "stop_codon": CODING,
    "start_codon": CODING, "selenocysteine": BESIDE, "five_prime_utr": BESIDE,
    "three_prime_utr": BESIDE, "utr": BESIDE, "5utr": BESIDE, "3utr": BESIDE, "intron": "",
}  # fmt: skip
"""What of a transcript a feature is; an intron is what lies between the rest."""

_GTF_PAIR = re.compile(r'\s*([^\s";]+)\s+(?:"([^"]*)"|([^\s";]+))\s*(?:;|$)')
_PREFIX = re.compile(r"^(transcript|gene|rna|exon):")
Key: TypeAlias = tuple[str, int, str]
"""An id with contig and strand: ids of genes on X and Y may be the same."""
Span: TypeAlias = tuple[int, int]


class GeneItem(NamedTuple):
    """A transcript, or what has no parts: blocks ``[start, end)`` in order, apart.

    ``thick`` is the span that is translated, None where nothing is.
    """

    contig: int
    strand: str
    name: str
    transcript: str
    kind: str
    blocks: tuple[Span, ...]
    thick: Span | None


@dataclass
class _Feature:
    """What the lines of one id, or of the parts of one parent, say."""

    kind: str = ""
    gene: str = ""
    name: str = ""
    parents: tuple[str, ...] = ()
    spans: list[Span] = field(default_factory=list)
    parts: dict[str, list[Span]] = field(default_factory=dict)
    has_children: bool = False


def read_genes(path: Path, names: ContigNames, left_out: LeftOut) -> list[GeneItem]:
    """Read a GFF3 or GTF file, plain or compressed.

    Lines on contigs that the genome lacks are counted in ``left_out``.

    Raises
    ------
    InputError
        A line is no feature, or passes the end of its contig: with its number.
    """
    features: dict[Key, _Feature] = {}
    for number, columns in _lines(path):
        row = _Row(path, number, columns)
        contig = names.find(row.contig)
        if contig is None:
            left_out.add(row.contig)
            continue
        length = int(names.contigs.lengths[contig])
        if row.end > length:
            raise row.error(
                f"end {row.end:,} passes the end of {names.contigs.names[contig]}, which has "
                f"{length:,} bp. Is the file of another assembly?"
            )
        if (row.start, row.end) != (0, length) or row.parents:  # a landmark is no gene
            _add(features, row, contig)
    return list(_items(features))


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    with ByteStream(path) as stream:
        for number, raw in enumerate(stream.lines(), 1):
            stream.place = f"line {number}"
            line = raw.decode("utf-8", "replace").rstrip("\r\n")
            if line.startswith(("##FASTA", ">")):
                return
            if line.strip() and not line.startswith(("#", "track", "browser")):
                yield number, line.split("\t")


class _Row:
    """One line: its place, what it is, the ids of what it belongs to.

    ``parents`` have it as a part or child; those ``above`` are no items themselves.
    """

    def __init__(self, path: Path, number: int, columns: list[str]) -> None:
        self.path, self.number = path, number
        if len(columns) not in (8, 9):
            raise self.error(
                f"it has {len(columns)} column(s), separated by tabs; GFF3 and GTF have nine. "
                "Is it BED?"
            )
        self.contig = unquote(columns[0])
        self.kind = columns[2]
        self.start, self.end = self._position(columns[3]) - 1, self._position(columns[4])
        if not 0 <= self.start < self.end:
            raise self.error(f"{columns[3][:20]} to {columns[4][:20]} is no stretch of bases.")
        self.strand = columns[6] if columns[6] in ("+", "-") else "."
        self._read_attributes(columns[8] if len(columns) == 9 else "")

    def _position(self, text: str) -> int:
        if not (text.isascii() and text.isdigit()) or len(text) > 10:
            raise self.error(f"{text[:20]!r} is no position.")
        return int(text)

    def _read_attributes(self, text: str) -> None:
        gtf = _GTF_PAIR.match(text) is not None and "=" not in text.partition('"')[0]
        attributes = _gtf_attributes(text) if gtf else _gff_attributes(text)
        self.gene = (
            attributes.get("gene_name")
            or attributes.get("gene_symbol")
            or attributes.get("gene")
            or ""
        )
        self.name = attributes.get("transcript_name") or attributes.get("Name") or ""
        if gtf:
            self._place_in_gtf(attributes)
        else:
            self.own = attributes.get("ID", "")
            self.parents = tuple(part for part in attributes.get("Parent", "").split(",") if part)
            self.above = () if self.kind.lower() in _PARTS else self.parents

    def _place_in_gtf(self, attributes: dict[str, str]) -> None:
        """GTF names the gene and the transcript of every line, and no line."""
        gene, transcript = attributes.get("gene_id", ""), attributes.get("transcript_id", "")
        self.gene = self.gene or gene
        whole = f"gene:{gene}" if gene else ""
        self.above = (whole,) if whole and transcript else ()
        if self.kind.lower() in _PARTS and transcript:
            self.own, self.parents = "", (transcript,)
        else:
            self.own, self.parents = transcript or whole, self.above

    def error(self, what: str) -> InputError:
        return InputError(f"{self.path}:{self.number}: {what}")


def _gtf_attributes(text: str) -> dict[str, str]:
    return {pair[1]: pair[2] or pair[3] or "" for pair in _GTF_PAIR.finditer(text)}


def _gff_attributes(text: str) -> dict[str, str]:
    pairs = (part.strip().partition("=") for part in text.split(";"))
    return {name: unquote(value) for name, equals, value in pairs if equals}


def _add(features: dict[Key, _Feature], row: _Row, contig: int) -> None:
    span, part = (row.start, row.end), _PARTS.get(row.kind.lower())
    if part is not None and row.parents:
        for parent in row.parents:
            whole = features.setdefault((parent, contig, row.strand), _Feature())
            whole.gene = whole.gene or row.gene
            whole.parts.setdefault(part, []).append(span)
        _mark_parents(features, row, contig)
        return
    own = row.own or f"\n{row.number}"  # no id can be this
    feature = features.setdefault((own, contig, row.strand), _Feature())
    feature.kind, feature.parents = row.kind, row.parents
    feature.gene, feature.name = row.gene or feature.gene, row.name or feature.name
    feature.spans.append(span)
    _mark_parents(features, row, contig)


def _mark_parents(features: dict[Key, _Feature], row: _Row, contig: int) -> None:
    """Note what has transcripts, so that it is no item itself."""
    for parent in row.above:
        features.setdefault((parent, contig, row.strand), _Feature()).has_children = True


def _items(features: dict[Key, _Feature]) -> Iterator[GeneItem]:
    for (own, contig, strand), feature in features.items():
        parts = {kind: spans for kind, spans in feature.parts.items() if kind}
        if not parts and (feature.has_children or not feature.spans):
            continue
        coding = parts.get(CODING, [])
        blocks = parts.get(EXON) or [*coding, *parts.get(BESIDE, [])] or feature.spans
        joined = _joined(blocks)
        transcript = "" if own.startswith("\n") else _PREFIX.sub("", own)
        name = feature.gene or _name_of_parents(features, feature, contig, strand)
        name = name or feature.name or transcript or feature.kind
        yield GeneItem(
            contig, strand, name, transcript, feature.kind or "transcript", joined,
            _within(joined, coding),
        )  # fmt: skip


def _name_of_parents(
    features: dict[Key, _Feature], feature: _Feature, contig: int, strand: str
) -> str:
    for parent in feature.parents:
        above = features.get((parent, contig, strand))
        if above is not None and (above.gene or above.name):
            return above.gene or above.name
    return ""


def _within(blocks: Sequence[Span], coding: Sequence[Span]) -> Span | None:
    """Return what the coding parts span of the blocks."""
    if not coding:
        return None
    start = max(blocks[0][0], min(start for start, _ in coding))
    end = min(blocks[-1][1], max(end for _, end in coding))
    return (start, end) if start < end else None


def _joined(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Return spans in order, those that touch or overlap as one."""
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return tuple(joined)
