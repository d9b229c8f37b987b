"""Tracks of the user's own beside those of runs: measured signals, peaks, genes, variants.

A bigWig or bigBed is shown as it is. Any text is made into a bigBed, which is
kept in the cache: by then its names are the genome's, and its rows were checked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tracksmith.errors import InputError, UsageError
from tracksmith.files import aside, cache_root, canonical_json, digest_of_file
from tracksmith.genome.contigs import Contigs, check_lengths, shown
from tracksmith.genome.fasta import Notify, silent
from tracksmith.genome.kinds import is_file, kind_of_bytes, require_file
from tracksmith.genome.stream import ByteStream
from tracksmith.hub.added_rows import Rows, Target, rows_of_bed, rows_of_genes, rows_of_variants
from tracksmith.hub.values import plain_text
from tracksmith.tracks.bbi import layout_of
from tracksmith.tracks.bigbed import write_bigbed
from tracksmith.tracks.head import BbiHead, read_local_head
from tracksmith.tracks.reader import open_track

__all__ = ["AddedTrack", "OwnFiles", "own_files", "read_added", "shown_in_place"]

FORMAT = 1
"""Version of what is kept: raised when the same file would give other rows."""

# decision: added-as-bigbed (one format that every browser reads in pieces, checked, by our names)
_READERS: dict[str, Callable[[Path, Target], Rows]] = {
    "bed": rows_of_bed, "genes": rows_of_genes, "variants": rows_of_variants,
}  # fmt: skip
_SUFFIXES = {
    **dict.fromkeys((".bed", ".narrowpeak", ".broadpeak", ".gappedpeak", ".bed12"), "bed"),
    **dict.fromkeys((".gtf", ".gff", ".gff3", ".gff2"), "genes"),
    **dict.fromkeys((".vcf", ".bcf"), "variants"),
}
_TOOLS = {
    "bigWig": ("bigWigToBedGraph", "bedGraphToBigWig"),
    "bigBed": ("bigBedToBed", "bedToBigBed"),
}
_NOT_SHOWN = {
    ".bam": "reads are not shown; make their coverage a bigWig: bamCoverage -b FILE -o x.bw",
    ".cram": "reads are not shown; make their coverage a bigWig: bamCoverage -b FILE -o x.bw",
    ".bedgraph": "make it a bigWig: bedGraphToBigWig FILE chrom.sizes x.bw",
    ".bdg": "make it a bigWig: bedGraphToBigWig FILE chrom.sizes x.bw",
    ".wig": "make it a bigWig: wigToBigWig FILE chrom.sizes x.bw",
    ".tbi": "this is an index; give the file that it belongs to",
    ".csi": "this is an index; give the file that it belongs to",
    ".bai": "this is an index; give the file that it belongs to",
}


@dataclass(frozen=True)
class OwnFiles:
    """What a user wants to see beside runs.

    ``files`` are ``FILE`` or ``FILE=LABEL``: bigWig, bigBed, BED, GFF3, GTF, VCF or BCF;
    text may be plain or compressed, sorted or not, and needs no index. ``alias`` is a table
    of synonyms of contigs. ``notify`` is told of mapped names and of rows that were left out.
    """

    files: Sequence[str] = ()
    alias: Path | None = None
    notify: Notify = silent


@dataclass(frozen=True)
class AddedTrack:
    """A bigWig or bigBed of the user's, or made of a text of the user's (``source``)."""

    label: str
    path: Path
    source: Path
    head: BbiHead

    @property
    def made(self) -> bool:
        """Whether tracksmith made it, so that it lies in the cache."""
        return self.path != self.source

    @property
    def is_signal(self) -> bool:
        """Whether it is a bigWig."""
        return self.head.kind == "bigWig"


def own_files(
    files: Iterable[str | Path], alias: str | Path | None, notify: Notify = silent
) -> OwnFiles:
    """Return what a user gave, as paths or texts."""
    texts = tuple(str(file) for file in files)
    return OwnFiles(texts, None if alias is None else Path(alias), notify)


def read_added(own: OwnFiles, contigs: Contigs) -> tuple[AddedTrack, ...]:
    """Open what a user wants to see beside runs; ``contigs`` are those of the runs.

    Raises
    ------
    InputError, UsageError
        A file is missing, of no known kind, damaged, or of another genome.
    """
    target = Target(contigs, own.alias, own.notify)
    return tuple(_opened(*_split(text), target) for text in own.files)


def shown_in_place(wanted: Sequence[str]) -> list[Path]:
    """Return the files that are shown as they are, where they lie: bigWigs and bigBeds."""
    paths = (_split(text)[0].resolve() for text in wanted)
    return [path for path in paths if _is_bbi(path)]


def _is_bbi(path: Path) -> bool:
    with path.open("rb") as handle:
        return layout_of(handle.read(64)) is not None


def _split(text: str) -> tuple[Path, str]:
    """Return file and label; a name of a file may hold an equals sign."""
    places = [at for at, letter in enumerate(text) if letter == "="]
    ends = [len(text), *reversed(places)]
    end = next((end for end in ends if is_file(Path(text[:end]))), (places or [len(text)])[0])
    path, given = Path(text[:end]), text[end + 1 :]
    require_file(path, "file to show")
    label = plain_text(given if end < len(text) else _stem(path))
    if not label:
        raise UsageError(f"--add {text}: the label is empty. Give FILE=LABEL.")
    return path, label


def _stem(path: Path) -> str:
    """Return a file's name without the endings that tell its kind."""
    name = path.name
    for suffix in (".gz", ".bgz", *_SUFFIXES, ".bw", ".bb", ".bigwig", ".bigbed"):
        if name.lower().endswith(suffix) and len(name) > len(suffix):
            name = name[: -len(suffix)]
    return name


def _opened(path: Path, label: str, target: Target) -> AddedTrack:
    source = path.resolve()
    if not _is_bbi(source):
        made = _made(path, source, target)
        return AddedTrack(label, made, source, read_local_head(made))
    with open_track(source):
        head = read_local_head(source)
    _refuse_other_names(path, head, target)
    check_lengths(head.contigs, target.contigs, str(path))
    return AddedTrack(label, source, source, head)


def _refuse_other_names(path: Path, head: BbiHead, target: Target) -> None:
    """Refuse a file whose contigs are the genome's under names that no browser would find."""
    if any(name in target.contigs for name in head.contigs):
        return
    names = replace(target, notify=silent).names(path)
    if any(names.find(name, length) is not None for name, length in head.contigs.items()):
        tools = _TOOLS[head.kind]
        raise InputError(
            f"{path} calls its contigs {shown(list(head.contigs))}, the genome has "
            f"{shown(target.contigs.names)}: a browser would show nothing. Write it with the "
            f"genome's names: {tools[0]} {path.name}, rename, {tools[1]}."
        )


def _made(path: Path, source: Path, target: Target) -> Path:
    """Return the bigBed of a text, from the cache where it was made before."""
    kind = _kind_of(path)
    alias = "" if target.alias is None else digest_of_file(target.alias)
    identity = [FORMAT, kind, digest_of_file(source), target.contigs.digest(), alias]
    key = hashlib.sha256(canonical_json(identity).encode()).hexdigest()
    made = cache_root() / "added" / f"{key}.bb"
    notes = made.with_suffix(".notes")
    if not _is_whole(made) or not notes.is_file():
        said: list[str] = []
        _write(path, kind, Target(target.contigs, target.alias, said.append), made)
        with aside(notes) as temporary:
            temporary.write_text("".join(f"{line}\n" for line in said), encoding="utf-8")
    for line in notes.read_text(encoding="utf-8").splitlines():
        target.notify(line)
    return made


def _is_whole(made: Path) -> bool:
    """Say whether a kept file is there and opens; a damaged one is made again."""
    if not made.is_file():
        return False
    try:
        with open_track(made):
            return True
    except InputError:
        return False


def _write(path: Path, kind: str, target: Target, made: Path) -> None:
    rows, left_out, contigs = _READERS[kind](path, target), target.left_out, target.contigs
    if not rows.rows and left_out.rows:
        raise InputError(
            f"{path}: the genome has none of its contigs, {shown(list(left_out.contigs))}; it has "
            f"{shown(contigs.names)}. If they are the same under other names, give --alias FILE."
        )
    if not rows.rows:
        raise InputError(f"{path} holds nothing to show.")
    if left_out.rows:
        rows_lie = "1 row lies" if left_out.rows == 1 else f"{left_out.rows:,} rows lie"
        target.notify(
            f"{path}: {rows_lie} on contigs that the genome does not have "
            f"({shown(list(left_out.contigs))}) and left out."
        )
    made.parent.mkdir(parents=True, exist_ok=True)
    write_bigbed(made, list(contigs), rows.rows, rows.schema, extra_index=rows.indexed)


def _kind_of(path: Path) -> str:
    """Return which reader takes a text: by its name, else by its first line."""
    name = path.name.lower().removesuffix(".gz").removesuffix(".bgz")
    suffix = Path(name).suffix
    if suffix in _NOT_SHOWN:
        raise InputError(f"{path} cannot be shown: {_NOT_SHOWN[suffix]}.")
    if suffix in _SUFFIXES:
        return _SUFFIXES[suffix]
    with ByteStream(path) as stream:
        lines = stream.lines()
        first = next((line for line in lines if line.strip()), b"")
    if first.startswith((b"##fileformat=VCF", b"BCF")):
        return "variants"
    if first.startswith(b"##gff-version"):
        return "genes"
    kind = kind_of_bytes(first)
    if kind is not None or b"\0" in first:
        raise InputError(
            f"{path} cannot be shown{f': it is {kind}' if kind else ''}. Give a bigWig, bigBed, "
            "BED, GFF3, GTF, VCF or BCF file."
        )
    columns = first.split(b"\t")
    return "genes" if len(columns) in (8, 9) and columns[6] in (b"+", b"-", b".") else "bed"
