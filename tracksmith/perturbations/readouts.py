"""Where a model is read: regions of a BED file, or the start sites of a GTF or BED file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tracksmith.errors import InputError
from tracksmith.genome.aliases import ContigNames, read_aliases
from tracksmith.genome.bed import read_bed
from tracksmith.genome.contigs import MAX_CONTIG, Contigs
from tracksmith.genome.fasta import Notify
from tracksmith.genome.numbers import clipped_number
from tracksmith.genome.stream import ByteStream

__all__ = ["Readout", "is_gtf", "read_readouts"]

_ATTRIBUTE = re.compile(r'([A-Za-z_]+)[ =](?:"([^"]*)"|([^";]*))')
_NAMES = {"gene": ("gene_name", "Name", "gene_id", "ID"), "transcript": ("transcript_id", "ID")}
_FEATURES = {"transcript": ("transcript", "mRNA")}


@dataclass(frozen=True)
class Readout:
    """A region ``[start, end)`` that is read, or a start ``site`` (then of one base).

    ``name`` is its own among those of a run.
    """

    name: str
    contig: int
    start: int
    end: int
    strand: str = "."
    site: bool = False

    @property
    def middle(self) -> int:
        """The base that is put into the middle of the model's core."""
        return (self.start + self.end) // 2

    def span(self, around: int, length: int) -> tuple[int, int]:
        """Return the bases to read: of a site, ``around`` bp to either side as well."""
        if not self.site:
            return self.start, self.end
        return max(0, self.start - around), min(length, self.end + around)

    def distance(self, start: int, end: int) -> int:
        """Return how far away bases lie, in bp: 1 next to it, 0 within, less than 0 upstream.

        Upstream is to the left, or by the strand where there is one.
        """
        if start < self.end and end > self.start:
            return 0
        left = end <= self.start
        away = self.start - end + 1 if left else start - self.end + 1
        return -away if left == (self.strand != "-") else away


def is_gtf(path: Path) -> bool:
    """Say whether a file is a GTF or GFF, by its first line with columns.

    A BED file has places where these have a feature and a strand; its names may be numbers.
    """
    with ByteStream(path) as stream:
        for raw in stream.lines():
            cells = raw.split(b"\t")
            if raw.strip() and not raw.startswith((b"#", b"track ", b"browser ")):
                places = len(cells) >= 9 and cells[3].isdigit() and cells[4].isdigit()
                return places and cells[6].strip() in (b"+", b"-", b".", b"?")
    return False


def read_readouts(
    path: Path, contigs: Contigs, notify: Notify, alias: Path | None, feature: str, *, sites: bool
) -> tuple[Readout, ...]:
    """Read where a model is to be read, in the order of the genome.

    ``feature`` is gene or transcript, of a GTF; ``sites`` takes the first base of each row of a
    BED file by its strand. Equal names get numbers.

    Raises
    ------
    InputError
        A line that is no region or feature, with its number.
    """
    if is_gtf(path):
        readouts = list(_gtf_sites(path, contigs, notify, alias, feature))
        if not readouts:
            raise InputError(f"{path} holds no line of the feature {feature!r}.")
    else:
        bed = read_bed(path, contigs, notify, alias)
        rows = zip(
            bed.names, bed.contig.tolist(), bed.starts.tolist(), bed.ends.tolist(), bed.strands,
            strict=True,
        )  # fmt: skip
        readouts = [_region(*row, sites=sites, contigs=contigs) for row in rows]
    readouts.sort(key=lambda one: (one.contig, one.start, one.end, one.name))
    return tuple(_numbered(list(dict.fromkeys(readouts))))


def _region(
    name: str, contig: int, start: int, end: int, strand: str, *, sites: bool, contigs: Contigs
) -> Readout:
    name = (
        ""
        if name == "."
        else name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    )
    if sites:
        start = end - 1 if strand == "-" else start
        end = start + 1
    return Readout(
        name or f"{contigs.names[contig]}:{start}-{end}", contig, start, end, strand, sites
    )


def _numbered(readouts: list[Readout]) -> Iterator[Readout]:
    """Give each readout a name of its own: the second of a name gets .2."""
    taken: set[str] = set()
    for one in readouts:
        name, count = one.name, 1
        while name in taken:
            count += 1
            name = f"{one.name}.{count}"
        taken.add(name)
        yield Readout(name, one.contig, one.start, one.end, one.strand, one.site)


def _gtf_sites(
    path: Path, contigs: Contigs, notify: Notify, alias: Path | None, feature: str
) -> Iterator[Readout]:
    aliases = read_aliases(alias, contigs) if alias is not None else None
    names = ContigNames(contigs, str(path), notify, aliases)
    wanted = _FEATURES.get(feature, (feature,))
    with ByteStream(path) as stream:
        for number, raw in enumerate(stream.lines(), 1):
            stream.place = f"line {number}"
            text = raw.decode("utf-8", "backslashreplace").rstrip("\r\n")
            if text.startswith("##FASTA"):  # a GFF3 may hold the sequences behind its features
                return
            if not text.strip() or text.startswith("#"):
                continue
            cells = text.split("\t")
            if len(cells) < 9:
                raise InputError(
                    f"{path}:{number}: {len(cells)} columns where a GTF has 9, separated by tabs."
                )
            if cells[2] in wanted:
                yield _gtf_site(f"{path}:{number}", cells, names, feature)


def _gtf_site(place: str, cells: list[str], names: ContigNames, feature: str) -> Readout:
    contig = names.require(cells[0], place)
    start, end = (_number(place, text) for text in cells[3:5])
    length = int(names.contigs.lengths[contig])
    if not 1 <= start <= end <= length:
        raise InputError(
            f"{place}: {start}-{end} is no stretch of {cells[0]}, which has {length:,} bp."
        )
    if cells[6] not in ("+", "-"):
        raise InputError(f"{place}: strand {cells[6]!r}: a start site needs + or -.")
    attributes = {key: quoted or bare for key, quoted, bare in _ATTRIBUTE.findall(cells[8])}
    keys = _NAMES.get(feature, _NAMES["gene"])
    name = next((attributes[key] for key in keys if attributes.get(key)), "")
    site = start - 1 if cells[6] == "+" else end - 1
    return Readout(
        name.strip() or f"{cells[0]}:{site}", contig, site, site + 1, cells[6], site=True
    )


def _number(place: str, text: str) -> int:
    if not text.isdecimal() or not text.isascii():
        raise InputError(f"{place}: position {text[:40]!r} is no whole number.")
    return clipped_number(text.encode(), MAX_CONTIG)
