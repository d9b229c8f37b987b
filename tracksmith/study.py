"""A study: predictions, variants and the hub of them in one TOML file.

::

    models = ["MODEL"]                # what stands above the tables counts in each of them
    genome = "genome.fa"

    [predict]
    out = "run"
    [predict.folds]                   # any option of a model, by model
    MODEL = "mean:1,2"

    [variants]
    variants = "variants.vcf"
    out = "effects"

    [hub]
    out = "hub"
    email = "you@example.org"

Names are those of :class:`tracksmith.runs.request.Request`, and a run has the
same id as one of the long commands. Paths are relative to the file's folder.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tracksmith.errors import InputError, UsageError
from tracksmith.genome.kinds import is_file, require_file
from tracksmith.guess import did_you_mean
from tracksmith.runs.request import (
    EXPLAIN,
    HAPLOTYPES,
    PERTURB,
    PREDICT,
    VARIANTS,
    Request,
    is_of_model,
    make_request,
    request_fields,
)
from tracksmith.runs.values import is_address, read_text, read_texts, read_yes

__all__ = [
    "KINDS", "PATHS", "Step", "Study", "kinds_of", "read_study", "refuse_shared_folder",
]  # fmt: skip

PATHS = (
    "genome", "alias", "variants", "edits", "readouts", "sequences", "weights", "peaks",
    "accessibility", "normalisers", "motifs", "vcf", "samples",
)  # fmt: skip
"""Fields that name one file or folder; ``regions`` and ``inputs`` name several."""

KINDS = (PREDICT, VARIANTS, PERTURB, EXPLAIN)
"""The tables of runs, in the order in which the runs are made."""

NEEDS = {
    PREDICT: "writes tracks along a genome: a field there belongs to [variants] or [perturb]",
    VARIANTS: 'needs variants = "FILE", or saturate = "REGION"',
    PERTURB: 'needs readouts = "FILE", and edits = "FILE", tile or local',
    EXPLAIN: "explains regions: what belongs to other kinds of run is in their tables",
}

TABLES = (*KINDS, "hub")
HUB = ("out", "email", "name", "title", "genome", "base_url", "templates", "copy", "add", "alias")


@dataclass(frozen=True)
class Step:
    """One run of a study."""

    request: Request
    out: Path


@dataclass(frozen=True)
class Study:
    """The runs of a study in their order, and the options of its hub, None without one."""

    steps: tuple[Step, ...]
    hub: Mapping[str, Any] | None


def read_study(path: Path) -> Study:
    """Read a study.

    Raises
    ------
    InputError
        The file is no TOML.
    UsageError
        A name that no command has, or a run without a folder.
    """
    require_file(path, "study")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is no study: {error}.") from None
    tables = {name: content.pop(name, []) for name in TABLES}
    shared, folder = content, path.parent
    _refuse_other_tables(path, shared)
    steps = [
        _step(path, kind, {**_of_kind(shared, kind), **table}, folder)
        for kind in KINDS
        for table in _tables(path, kind, tables[kind])
    ]
    if not steps:
        listed = " or ".join(f"[{kind}]" for kind in KINDS)
        raise UsageError(f"{path} holds no table {listed}.")
    refuse_shared_folder(path, [step.out for step in steps])
    hubs = _tables(path, "hub", tables["hub"])
    if len(hubs) > 1:
        raise UsageError(f"{path}: there is one [hub] of all runs; this study has {len(hubs)}.")
    hub = _hub(path, hubs[0], folder) if hubs else None
    if hub is not None and Path(hub["out"]).absolute() in [step.out.absolute() for step in steps]:
        raise UsageError(f"{path}: {hub['out']} is the folder of a run and of the hub.")
    return Study(tuple(steps), hub)


def _refuse_other_tables(path: Path, shared: Mapping[str, Any]) -> None:
    """Refuse a table whose name was mistyped: else it would count as an option of every run."""
    by_model = [item.name for item in request_fields() if is_of_model(item.name)]
    for name, value in shared.items():
        nested = value if isinstance(value, list) else [value]
        if name not in by_model and any(isinstance(item, dict) for item in nested):
            hint = did_you_mean(name, TABLES) or did_you_mean(name, by_model)
            known = "" if hint else f" There are {', '.join(f'[{table}]' for table in TABLES)}."
            raise UsageError(f"{path}: there is no table [{name}].{hint}{known}")


def refuse_shared_folder(path: Path | None, folders: Sequence[Path]) -> None:
    """Refuse two runs of one study in one folder, before the first of them is made."""
    for folder in folders:
        if [other.absolute() for other in folders].count(folder.absolute()) > 1:
            where = "" if path is None else f"{path}: "
            raise UsageError(f"{where}{folder} is the folder of two runs. Give each its own.")


def _tables(path: Path, name: str, value: Any) -> list[dict[str, Any]]:
    tables = value if isinstance(value, list) else [value]
    if not all(isinstance(table, dict) for table in tables):
        raise UsageError(f"{path}: {name} is no table. Write [{name}], or [[{name}]] for several.")
    return tables


def _of_kind(shared: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Return what stands above the tables without what this kind of run does not have."""
    foreign = {item.name for item in request_fields()} - {
        item.name for own in kinds_of(kind) for item in request_fields(own)
    }
    return {name: value for name, value in shared.items() if name not in foreign}


def kinds_of(table: str) -> tuple[str, ...]:
    """Return the kinds of run that a table may ask for: people are an option of predictions."""
    return (PREDICT, HAPLOTYPES) if table == PREDICT else (table,)


def _step(path: Path, kind: str, table: dict[str, Any], folder: Path) -> Step:
    out = table.pop("out", None)
    if not isinstance(out, str) or not out:
        raise UsageError(f'{path}: [{kind}] needs a folder to write to: out = "...".')
    if "trust_weights" in table:
        raise UsageError(
            f"{path}, [{kind}]: whether to trust weights is for whoever runs the study to say: "
            "take trust_weights out, and give --trust-weights to tracksmith run."
        )
    if kind == EXPLAIN:
        table = {"method": "ism", **table}
    try:
        # decision: study-is-a-request (the same names, checks and ids as a command)
        request = make_request({name: _placed(name, item, folder) for name, item in table.items()})
    except UsageError as error:
        raise UsageError(f"{path}, [{kind}]: {error}") from None
    if request.kind not in kinds_of(kind):
        raise UsageError(f"{path}: [{kind}] {NEEDS[kind]}.")
    return Step(request, folder / out)


def _hub(path: Path, table: dict[str, Any], folder: Path) -> dict[str, Any]:
    if unknown := sorted(table.keys() - set(HUB)):
        hint = did_you_mean(unknown[0], HUB) or f" Known are {', '.join(HUB)}."
        raise UsageError(f"{path}, [hub]: there is no {unknown[0]!r}.{hint}")
    if not {"out", "email"} <= table.keys():
        raise UsageError(f"{path}: [hub] needs out and email.")
    values = {name: _hub_value(path, name, value) for name, value in table.items()}
    copy, add = values.pop("copy", False), values.pop("add", ())
    texts: dict[str, str] = values
    _refuse_words(path, texts)
    for name in {"out", "templates", "alias"} & texts.keys():
        texts[name] = str(folder / texts[name])
    return {**texts, "copy": copy, "add": [str(folder / item) for item in add]}


def _hub_value(path: Path, name: str, value: Any) -> Any:
    try:
        if name == "add":
            return read_texts(value)
        return read_yes(value) if name == "copy" else read_text(value)
    except UsageError as error:
        raise UsageError(f"{path}, [hub]: {name} {error}") from None


def _refuse_words(path: Path, texts: Mapping[str, str]) -> None:
    """Refuse what no hub may be called before the runs are made, which may take days."""
    from tracksmith.hub.build import checked_words

    try:
        checked_words(texts["email"], texts.get("name", "hub"), texts.get("base_url"))
    except UsageError as error:
        raise UsageError(f"{path}, [hub]: {error}") from None


def _placed(name: str, value: Any, folder: Path) -> Any:
    """Return a value with its paths taken from the study's folder."""
    if isinstance(value, Mapping):
        plain = name not in (*PATHS, "inputs")
        return {k: v if plain else _placed(name, v, folder) for k, v in value.items()}
    if name in ("regions", "saturate") and isinstance(value, str):
        return str(folder / value) if is_file(folder / value) else value
    if name == "regions" and isinstance(value, list):
        return [_placed("saturate", item, folder) for item in value]
    if name == "dask" and isinstance(value, str) and not is_address(value):
        return str(folder / value) if value else value
    return str(folder / value) if name in (*PATHS, "inputs") and isinstance(value, str) else value
