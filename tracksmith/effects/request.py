"""From what a user asked of variants to a run: defaults filled in, digests taken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tracksmith.effects.info_keys import refuse_shared_keys
from tracksmith.effects.region_plan import resolve_over_regions
from tracksmith.effects.region_scorer import MODES, choose_region_scores
from tracksmith.effects.scores import choose_scores
from tracksmith.engine.regions import RegionRequest
from tracksmith.engine.request import (
    Notify,
    PredictRequest,
    Resolved,
    file_facts,
    resolve_request,
)
from tracksmith.errors import InputError, UsageError
from tracksmith.genome.aliases import ContigNames, read_aliases
from tracksmith.genome.contigs import Contigs
from tracksmith.genome.intervals import parse_region
from tracksmith.genome.numbers import clipped_number
from tracksmith.genome.vcf import VariantFile, VariantRecord, VcfHeader, check_assembly
from tracksmith.models.registry import Registry
from tracksmith.progress import Progress

__all__ = [
    "BACKGROUND_SEED",
    "ResolvedVariants",
    "SourceSize",
    "VariantRequest",
    "contig_names",
    "resolve_variants",
]

BACKGROUND_SEED = 1
PART_BASES = 1 << 23
"""Windows of a part read about so many bases: the work that a kill can lose."""

SHORT_WINDOW, SHORT_BATCHES = 4096, 4
"""Windows up to so many bp get so many times the default batch of the engine."""

REGION_WINDOW = 1 << 13
"""What a variant of a model over regions counts as, in bases."""

MISMATCHES = ("skip", "error", "use-alt-as-ref")


@dataclass(frozen=True)
class VariantRequest:
    """What ``tracksmith variants`` was asked, before any file was opened.

    ``predict`` holds the models, the genome and how they are run; its regions
    restrict the variants. ``source`` is a VCF, BCF or table, ``-`` for standard
    input; ``saturate`` a region whose every substitution is scored instead.
    ``around`` names variants that get tracks: ``top:N`` or a region.
    ``max_n`` is the largest share of N in a window. With
    ``allow_other_lengths`` the contigs may be longer or shorter than the file
    declares, as those of a genome that was cut; REF alleles are checked all the same.
    ``over`` is what a model over regions is asked, in place of ``predict``;
    ``region_mode`` says how the features of an allele are made.
    """

    predict: PredictRequest
    source: Path | None = None
    saturate: str | None = None
    scores: tuple[str, ...] = ()
    background: int = 0
    around: tuple[str, ...] = ()
    ref_mismatch: str = "skip"
    max_n: float = 0.5
    allow_truncated: bool = False
    allow_other_lengths: bool = False
    over: RegionRequest | None = None
    region_mode: str = "ratio"

    @property
    def trust_weights(self) -> tuple[str, ...]:
        """Digests of weight files that may run code when they are loaded."""
        more = () if self.over is None else self.over.trust_weights
        return (*self.predict.trust_weights, *more)


@dataclass(frozen=True)
class SourceSize:
    """How much a file of variants holds.

    ``text`` counts the letters of the alleles, identifiers and contig names;
    ``sorted`` says whether records come contig by contig with ascending positions.
    """

    records: int
    alleles: int
    text: int
    sorted: bool


@dataclass(frozen=True)
class ResolvedVariants(Resolved):
    """A resolved request, and how much there is to score."""

    size: SourceSize


def resolve_variants(
    asked: VariantRequest, registry: Registry, progress: Progress
) -> ResolvedVariants:
    """Open the genome, the weights and the variants, and fill in every default.

    Every record of the file is read once, so that a broken file is refused here.

    Raises
    ------
    TracksmithError
        As :func:`resolve_request`; a source that is no list of variants
        (InputError), scores that do not fit the model (UsageError).
    """
    _check_switches(asked)
    notify = progress.note
    if asked.over is None:
        resolved = resolve_request(replace(asked.predict, parts=None), registry, notify)
    else:
        resolved = resolve_over_regions(asked.over, registry, progress)
    contigs = resolved.genome.contigs
    request, places = dict(resolved.request), dict(resolved.places)
    request["models"] = [
        _with_batch(_with_scores(entry, asked, registry), asked, request["device"])
        for entry in request["models"]
    ]
    if asked.source is not None:
        source, size = _file_facts(asked, request["models"], contigs, notify)
        places["variants"] = str(asked.source.resolve())
    else:
        source, places["variants"] = _region_facts(asked, contigs, notify), ""
        bases = source["records"]
        size = SourceSize(bases, 3 * bases, 0, True)
    alias = asked.predict.alias
    places["alias"] = None if alias is None else str(alias.resolve())
    request["variants"] = {
        "source": source,
        "alias": None if alias is None else file_facts(alias)["sha256"],
        "background": {"snvs": asked.background, "seed": BACKGROUND_SEED},
        "around": _around(asked, contigs, notify),
        "ref_mismatch": asked.ref_mismatch,
        "max_n": asked.max_n,
        "allow_truncated": asked.allow_truncated,
    }
    if asked.predict.dtype != "float32":
        notify(
            f"NOTE: --dtype {asked.predict.dtype} is too coarse for many effects of variants, "
            "which are small differences of large numbers."
        )
    parts = [
        list(
            range(
                0, source["records"], _part_records(entry["geometry"].get("window", REGION_WINDOW))
            )
        )
        for entry in request["models"]
    ]
    return ResolvedVariants(
        request, resolved.versions, places, parts, resolved.regions, resolved.genome, size
    )


def contig_names(
    contigs: Contigs, source: str, alias: str | Path | None, notify: Notify
) -> ContigNames:
    """Return how the contig names of a file of variants are read."""
    aliases = read_aliases(alias, contigs) if alias else None
    return ContigNames(contigs, source, notify, aliases)


def _check_switches(asked: VariantRequest) -> None:
    if (asked.source is None) == (asked.saturate is None):
        raise UsageError("Give a file of variants, or --saturate REGION instead of it.")
    if asked.ref_mismatch not in MISMATCHES:
        raise UsageError(f"--ref-mismatch {asked.ref_mismatch}: use {', '.join(MISMATCHES)}.")
    if asked.background < 0:
        raise UsageError(f"--background {asked.background}: give the number of random variants.")
    if not 0 <= asked.max_n <= 1:
        raise UsageError(f"--max-n {asked.max_n}: give a share of the window, 0 to 1.")
    if asked.predict.stride is not None:
        raise UsageError("--stride has no meaning for variants: each has a window of its own.")
    if asked.region_mode not in MODES:
        raise UsageError(f"--region-mode {asked.region_mode}: use {' or '.join(MODES)}.")
    _refuse_without_effect(asked)


def _refuse_without_effect(asked: VariantRequest) -> None:
    """Refuse options that what was asked would leave without effect."""
    if asked.over is None and asked.region_mode != VariantRequest.region_mode:
        raise UsageError("--region-mode belongs to a model over regions: give it --peaks too.")
    if asked.over is not None:
        if asked.background or asked.around:
            raise UsageError("--background and --tracks top:N or REGION need a model over windows.")
        if asked.max_n != VariantRequest.max_n:
            raise UsageError("--max-n needs a model over windows: peaks have none.")
    if asked.saturate is None:
        return
    if asked.around:
        raise UsageError("--saturate writes tracks of its own: leave out --tracks top:N or REGION.")
    given = {
        "--background": asked.background,
        "-r": asked.predict.regions,
        "--chroms": asked.predict.chroms,
        "--spread": asked.predict.spread,
        "--ref-mismatch": asked.ref_mismatch != VariantRequest.ref_mismatch,
        "--allow-truncated": asked.allow_truncated,
        "--allow-other-lengths": asked.allow_other_lengths,
        "a second --score": len(asked.scores) > 1,
    }
    idle = [name for name, value in given.items() if value]
    if idle:
        raise UsageError(f"--saturate has no use for {', '.join(idle)}: leave it out.")


def reads_regions(entry: Mapping[str, Any]) -> bool:
    """Say whether a model of a request reads regions instead of windows."""
    return bool(entry["card"]["reads"] == "regions")


def _with_scores(
    entry: dict[str, Any], asked: VariantRequest, registry: Registry
) -> dict[str, Any]:
    if reads_regions(entry):
        regional = [score.name for score in choose_region_scores(asked.scores)]
        return {**entry, "scores": regional, "mode": asked.region_mode}
    registered = registry.get(entry["card"]["name"])
    names = asked.scores or tuple(entry["card"]["variants"]["scores"])
    chosen = choose_scores(names, registered.card, registered.model.scores)
    return {**entry, "scores": [score.name for score in chosen]}


def _with_batch(entry: dict[str, Any], asked: VariantRequest, kind: str) -> dict[str, Any]:
    """Enlarge the default batch of a short window on a CPU: alleles come by the hundred."""
    window = entry["geometry"].get("window", SHORT_WINDOW + 1)
    if asked.predict.batch_size is not None or kind != "cpu" or window > SHORT_WINDOW:
        return entry
    return {**entry, "batch_size": SHORT_BATCHES * entry["batch_size"]}


def _part_records(window: int) -> int:
    return max(64, min(4096, PART_BASES // window))


def _file_facts(
    asked: VariantRequest, models: Iterable[Mapping[str, Any]], contigs: Contigs, notify: Notify
) -> tuple[dict[str, Any], SourceSize]:
    path, alias = Path(str(asked.source)), asked.predict.alias
    names = contig_names(contigs, path.name, None if alias is None else str(alias), notify)
    with VariantFile(path, allow_truncated=asked.allow_truncated) as file:
        if not asked.allow_other_lengths:
            _check_assembly(file.header, names)
        names.declare(file.header.contigs)
        size = _read_through(file, names)
        kind = file.format
    if kind != "table":
        refuse_shared_keys({entry["card"]["name"]: entry["scores"] for entry in models})
    return {"kind": kind, **file_facts(path), "records": size.records}, size


def _read_through(records: Iterable[VariantRecord], names: ContigNames) -> SourceSize:
    number = alleles = text = 0
    in_order, contig, position = True, "", 0
    seen: set[str] = set()
    named: dict[int, str] = {}
    for record in records:
        number += 1
        alleles += len(record.alts)
        text += len(record.id) + len(record.ref) + sum(map(len, record.alts)) + len(record.contig)
        if record.contig != contig:
            contig, position = record.contig, -1
            in_order &= contig not in seen
            seen.add(contig)
            _refuse_second_name(record, names, named)
        in_order &= record.position >= position
        position = record.position
    return SourceSize(number, alleles, text, in_order)


def _refuse_second_name(record: VariantRecord, names: ContigNames, named: dict[int, str]) -> None:
    """Refuse a contig that came under another name before: tables group lines by name."""
    number = names.find(record.contig)
    if number is None:
        return
    name = named.setdefault(number, record.contig)
    if name != record.contig:
        raise InputError(
            f"{names.source}:{record.line}: contig {record.contig!r} was called {name!r} before: "
            f"both are {names.contigs.names[number]!r} of the genome. Give each contig one name "
            "(bcftools annotate --rename-chrs) and sort the file."
        )


def _check_assembly(header: VcfHeader, names: ContigNames) -> None:
    try:
        check_assembly(header, names)
    except InputError as error:
        raise InputError(
            f"{error}\nIf the genome was cut from that assembly, --allow-other-lengths goes on; "
            "the REF alleles are checked all the same."
        ) from None


def _region_facts(asked: VariantRequest, contigs: Contigs, notify: Notify) -> dict[str, Any]:
    names = contig_names(contigs, "--saturate", asked.predict.alias, notify)
    interval = parse_region(str(asked.saturate), names)
    return {
        "kind": "saturation",
        "contig": interval.contig,
        "start": interval.start,
        "end": interval.end,
        "records": len(interval),
    }


def _around(asked: VariantRequest, contigs: Contigs, notify: Notify) -> list[str]:
    """Return each ``top:N``, or a region under the genome's names."""
    names = contig_names(contigs, "--tracks", asked.predict.alias, notify)
    return [
        f"top:{_count(text)}" if text.startswith("top:") else str(parse_region(text, names))
        for text in asked.around
    ]


def _count(text: str) -> int:
    """Return the number of ``top:N``."""
    digits = text[4:]
    number = clipped_number(digits, 2**31) if digits.isascii() and digits.isdigit() else 0
    if not 1 <= number <= 2**31:
        raise InputError(f"--tracks {text[:40]}: give a number of variants, such as top:20.")
    return number
