"""What a run was asked: one type for the command line, Python and study files.

Every field is declared once, with its help text, the kinds of run it belongs
to and the models for which it has a meaning. Fields of :class:`ModelRequest`
may be said for every model, or for one: ``{"": value, "MODEL": value}``.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from tracksmith.errors import UsageError
from tracksmith.models.scores import WINDOW_SCORES
from tracksmith.runs.device import DTYPES
from tracksmith.runs.explain_fields import ExplainRequest
from tracksmith.runs.fields import (
    EXPLAIN,
    HAPLOTYPES,
    PERTURB,
    PREDICT,
    REGIONS,
    VARIANTS,
    WINDOWS,
    option,
)
from tracksmith.runs.haplotype_fields import HaplotypeModelRequest, HaplotypeRequest
from tracksmith.runs.perturb_fields import PerturbRequest
from tracksmith.runs.values import (
    read_background,
    read_number,
    read_path,
    read_paths_by_name,
    read_scheduler,
    read_shifts,
    read_text,
    read_texts,
    read_texts_by_name,
    read_whole,
    read_yes,
    shown,
)

__all__ = [
    "EXPLAIN",
    "FORMAT_NAMES",
    "HAPLOTYPES",
    "LISTS",
    "MAPPINGS",
    "PERTURB",
    "PREDICT",
    "SCORE_NAMES",
    "VARIANTS",
    "ModelRequest",
    "Request",
    "describe_field",
    "flag_of",
    "is_of_model",
    "make_request",
    "request_fields",
]

MAPPINGS = (read_texts_by_name, read_paths_by_name)
LISTS = (read_texts,)


SCORE_NAMES = tuple(WINDOW_SCORES)
"""The scores that tracksmith brings."""

FORMAT_NAMES = ("bigwig", "bedgraph")
"""The formats of a track; a test holds them against the formats, which are slow to import."""


@dataclass(frozen=True)
class ModelRequest(HaplotypeModelRequest):
    """What one model of a run was asked."""

    tracks: tuple[str, ...] = option(
        (), read_texts, "Tracks: id or pattern, assay=, cell=, strand=, or number; all by default.",
        flag="-t", group="Models",
    )  # fmt: skip
    weights: Path | None = option(
        None, read_path, "Weights: a file or folder.", group="Models",
    )  # fmt: skip
    options: Mapping[str, str] = option(
        {}, read_texts_by_name, "A model's own option: NAME=VALUE.", flag="--option",
        group="Models",
    )  # fmt: skip
    folds: str = option(
        "mean", read_text, "mean, held-out, one fold, or some: mean:1,2.", reads=(WINDOWS,),
        group="Models",
    )  # fmt: skip
    spread: bool = option(
        False, read_yes, "Also write the standard deviation over folds.", reads=(WINDOWS,),
        kinds=(PREDICT, VARIANTS, EXPLAIN), group="Models",
    )  # fmt: skip
    reverse_complement: bool | None = option(
        None, read_yes, "Average with the reverse complement; default by model.", flag="--rc",
        reads=(WINDOWS,), group="Models",
    )  # fmt: skip
    shifts: tuple[int, ...] = option(
        (0,), read_shifts, "Shifts in bp to average over.", reads=(WINDOWS,), group="Models"
    )
    stride: int | None = option(
        None, read_whole, "Distance between windows in bp (or in regions); default by model.",
        kinds=(PREDICT,), group="Models",
    )  # fmt: skip
    batch_size: int | None = option(None, read_whole, "Windows a batch, or auto.", flag="-b")
    dtype: str = option(
        "float32",
        read_text,
        "Precision of the arithmetic; tf32 on CUDA devices only.",
        choices=DTYPES,
    )
    peaks: Path | None = option(
        None, read_path, "BED file of regions, for a model over regions.", reads=(REGIONS,),
        kinds=(PREDICT, VARIANTS),
        group="Models over regions",
    )  # fmt: skip
    # decision: inputs-by-name (the command line knows no plugin's words)
    inputs: Mapping[str, Path] = option(
        {}, read_paths_by_name, "Another input of a model over regions: NAME=PATH.", flag="--input",
        reads=(REGIONS,),
        kinds=(PREDICT, VARIANTS), group="Models over regions",
    )  # fmt: skip
    accessibility: Path | None = option(
        None, read_path, "bigWig, summed over each region.", reads=(REGIONS,),
        kinds=(PREDICT, VARIANTS),
        group="Models over regions",
    )  # fmt: skip
    counts_column: int | None = option(
        None, read_whole, "Column of the regions with counts, from 1.", reads=(REGIONS,),
        kinds=(PREDICT, VARIANTS),
        group="Models over regions",
    )  # fmt: skip
    overlaps: str = option(
        "refuse", read_text, "What to do with regions that share a base.", reads=(REGIONS,),
        kinds=(PREDICT, VARIANTS),
        choices=("refuse", "merge"), group="Models over regions",
    )  # fmt: skip
    normalisers: Path | None = option(
        None, read_path, "Normalisers of an earlier run.", reads=(REGIONS,),
        kinds=(PREDICT, VARIANTS),
        group="Models over regions",
    )  # fmt: skip
    scores: tuple[str, ...] = option(
        (), read_texts,
        f"A score: {', '.join(SCORE_NAMES)}, or a model's own; repeatable. Default by model.",
        flag="--score", kinds=(VARIANTS, EXPLAIN), group="Variants",
    )  # fmt: skip
    max_allele: int | None = option(
        None, read_whole, "Longest allele that is scored, in bp; default by model.",
        kinds=(VARIANTS, EXPLAIN), group="Variants",
    )  # fmt: skip


@dataclass(frozen=True)
class Request(HaplotypeRequest, PerturbRequest, ExplainRequest):
    """What a run was asked, before any file was opened.

    ``own`` holds the fields of :class:`ModelRequest` that were given: by model,
    ``""`` for every model.
    """

    models: tuple[str, ...] = option(
        (), read_texts, "Model; repeatable. Other options may be said for one of several: "
        "--folds MODEL=VALUE.", flag="-m", group="Models",
    )  # fmt: skip
    genome: Path = option(Path(), read_path, "FASTA, plain or bgzipped.", flag="-g", group="Genome")
    regions: tuple[str, ...] = option(
        (), read_texts, "BED file or region such as chr1:1,000-2,000; repeatable. Default: all.",
        flag="-r", reads=(WINDOWS,), group="Genome",
    )  # fmt: skip
    chroms: tuple[str, ...] = option(
        (), read_texts, "Contig name or pattern; repeatable.", reads=(WINDOWS,), group="Genome"
    )
    alias: Path | None = option(None, read_path, "Table of contig aliases.", group="Genome")
    clip: bool = option(False, read_yes, "Clip regions that pass a contig's end.", group="Genome")
    variants: Path | None = option(
        None, read_path, "VCF, BCF or table of variants; - for standard input.", kinds=(VARIANTS,),
        group="Variants",
    )  # fmt: skip
    saturate: str | None = option(
        None, read_text,
        "Instead of a file: every substitution of a region or of those of a BED file, as tracks.",
        kinds=(VARIANTS,), group="Variants",
    )  # fmt: skip
    around: tuple[str, ...] = option(
        (), read_texts, "Variants: tracks around the strongest (top:20) or those of a region. "
        "Perturbations: bp to either side of a start site that are read.",
        kinds=(VARIANTS, PERTURB), reads=(WINDOWS,), group="Variants",
    )  # fmt: skip
    background: int | str = option(
        0, read_background, "Rank among so many random SNVs of the genome, or those of a BED or "
        "VCF file, matched=FILE (start sites: GTF, BED), or an earlier run's .ranks.",
        kinds=(VARIANTS,), reads=(WINDOWS,), group="Variants",
    )  # fmt: skip
    background_size: int | None = option(
        None, read_whole, "Variants of a background from a file: 10,000, or 1,000 a class.",
        kinds=(VARIANTS,), reads=(WINDOWS,), group="Variants",
    )  # fmt: skip
    ref_mismatch: str = option(
        "skip", read_text, "What becomes of a REF that the genome does not have.",
        kinds=(VARIANTS,), choices=("skip", "error", "use-alt-as-ref"), group="Variants",
    )  # fmt: skip
    max_n: float = option(
        0.5, read_number, "Largest share of N in a window.", kinds=(VARIANTS,), reads=(WINDOWS,),
        group="Variants",
    )  # fmt: skip
    max_skipped: float = option(
        0.05, read_number, "Largest share of alleles that may be skipped.",
        kinds=(VARIANTS, HAPLOTYPES), group="Variants",
    )  # fmt: skip
    strict: bool = option(
        False,
        read_yes,
        "Fail when any allele cannot be scored.",
        kinds=(VARIANTS, HAPLOTYPES),
        group="Variants",
    )
    allow_truncated: bool = option(
        False, read_yes, "Read a bgzip file without its end marker.",
        kinds=(VARIANTS, HAPLOTYPES, EXPLAIN),
        group="Variants",
    )  # fmt: skip
    allow_other_lengths: bool = option(
        False, read_yes,
        "Contigs may have other lengths than the file declares (a genome that was cut).",
        kinds=(VARIANTS, HAPLOTYPES, EXPLAIN), group="Variants",
    )  # fmt: skip
    device: str = option("auto", read_text, "auto, cpu, cuda, cuda:0 or cuda:0,cuda:1.", flag="-d")
    dask: str = option(
        "", read_scheduler, "Workers of a Dask scheduler: tcp://HOST:PORT, or its file."
    )
    precision: str | None = option(
        None, read_text, "Round values: 10bits (mantissa) or 2decimals.", kinds=(PREDICT,),
        group="Files",
    )  # fmt: skip
    compressor: str | None = option(
        None, read_text, "zlib, isal or deflate; default: the fastest installed.", group="Files"
    )
    formats: tuple[str, ...] = option(
        (), read_texts,
        f"Format of the tracks: {' or '.join(FORMAT_NAMES)}; repeatable. Default: bigwig.",
        flag="--format", kinds=(PREDICT,), group="Files",
    )  # fmt: skip
    parts: int | None = option(
        None, read_whole, "Parts per model; default: about 4 Mb each.", kinds=(PREDICT,),
        reads=(WINDOWS,),
    )  # fmt: skip
    trust_weights: tuple[str, ...] = option(
        (), read_texts, "Unpickle the weight file with this sha256:DIGEST, though that runs code "
        "from it; repeatable.",
    )  # fmt: skip
    own: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """Which kind of run this asks for."""
        if self.method:
            return EXPLAIN
        if self.readouts is not None:
            return PERTURB
        if self.variants is not None or self.saturate is not None:
            return VARIANTS
        return PREDICT if self.vcf is None else HAPLOTYPES

    def of(self, model: str) -> ModelRequest:
        """Return what one model is asked: what is said for it before what is said for all."""
        values = dict(self.own.get("", {}))
        for name, value in self.own.get(model, {}).items():
            both = isinstance(value, Mapping) and name in values
            values[name] = {**values[name], **value} if both else value
        return ModelRequest(**values)

    @property
    def first(self) -> str:
        """The first of the devices that are named."""
        return self.device.partition(",")[0].strip()

    def given(self) -> dict[str, Any]:
        """Return the fields of the run as a whole that differ from their default."""
        every = {item.name: getattr(self, item.name) for item in fields(self)}
        return {name: value for name, value in every.items() if value != _default(_FIELDS[name])}

    def with_own(self, model: str, **values: Any) -> Request:
        """Return the request with fields of one model (``""``: of all) replaced."""
        return replace(self, own={**self.own, model: {**self.own.get(model, {}), **values}})


_OWN = (*fields(HaplotypeRequest), *fields(HaplotypeModelRequest))
_FIELDS: dict[str, Field[Any]] = {
    item.name: item for item in (*fields(Request), *fields(ModelRequest)) if item not in _OWN
} | {item.name: item for item in _OWN}
_OF_MODEL = frozenset(item.name for item in fields(ModelRequest))


def request_fields(kind: str | None = None) -> list[Field[Any]]:
    """Return the fields that a kind of run has (None: all), in the order of the help."""
    return [
        item
        for item in _FIELDS.values()
        if item.metadata and (kind is None or kind in item.metadata["kinds"])
    ]


def is_of_model(name: str) -> bool:
    """Say whether a field may be said for one model."""
    return name in _OF_MODEL


def _default(item: Field[Any]) -> Any:
    if item.default_factory is not MISSING:
        return item.default_factory()
    return item.default


def flag_of(name: str) -> str:
    """Return a field as a command line says it."""
    long = name.replace("_", "-")
    shown: str = _FIELDS[name].metadata["flag"]
    return shown if shown.startswith("--") else f"--{long}"


def describe_field(name: str) -> Mapping[str, Any]:
    """Return the metadata of a field: how it is read, its help, its group."""
    return _FIELDS[name].metadata


def make_request(values: Mapping[str, Any] | None = None, /, **more: Any) -> Request:
    """Return the request that a mapping of field names to values describes.

    A field of :class:`ModelRequest` takes a value for every model, or a mapping
    from model to value; texts are read as on the command line.

    Raises
    ------
    UsageError
        An unknown field, a model that the run does not have, a value of a wrong kind.
    """
    given = {**(values or {}), **more}
    if unknown := sorted(given.keys() - {item.name for item in request_fields()}):
        raise _unknown_field(unknown[0])
    models = read_texts(given.get("models"))
    run = {
        name: _value(name, value)
        for name, value in given.items()
        if name not in _OF_MODEL and value is not None
    }
    own: dict[str, dict[str, Any]] = {}
    for name in sorted(given.keys() & _OF_MODEL):
        for model, value in _by_model(name, given[name], models).items():
            if value is not None:
                own.setdefault(model, {})[name] = _value(name, value)
    return Request(**{**run, "models": models, "own": own})


def _unknown_field(name: str) -> UsageError:
    known = [item.name for item in request_fields()]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else f" Known are {', '.join(known)}."
    return UsageError(f"There is no option {name!r}.{hint}")


def _value(name: str, value: Any) -> Any:
    """Read one value; what is wrong with it is told with the option's name."""
    known = _FIELDS[name].metadata
    try:
        read = known["read"](value)
    except UsageError as error:
        raise UsageError(f"{flag_of(name)} {error}") from None
    except (TypeError, ValueError):
        raise UsageError(f"{flag_of(name)} {shown(value)}: this is no value for it.") from None
    if known["choices"] and read not in known["choices"]:
        raise UsageError(f"{flag_of(name)} {read}: use one of {', '.join(known['choices'])}.")
    return read


def _by_model(name: str, value: Any, models: tuple[str, ...]) -> Mapping[str, Any]:
    """Return a value by model: as given, or under ``""`` for all."""
    if not isinstance(value, Mapping):
        return {"": value}
    if _FIELDS[name].metadata["read"] in MAPPINGS:
        nested = [isinstance(item, Mapping) for item in value.values()]
        if not any(nested):
            return {"": value}
        if not all(nested):
            raise UsageError(f"{flag_of(name)}: give NAME=VALUE for all models, or by model.")
    for model in value:
        if model and model not in models:
            near = difflib.get_close_matches(str(model), models, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise UsageError(f"{flag_of(name)} names {model}, which was not asked for.{hint}")
    return value
