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

import json
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from tracksmith.errors import InputError, UsageError
from tracksmith.genome.kinds import is_file, require_file
from tracksmith.guess import did_you_mean
from tracksmith.runs.genome import REGIONS_FILE
from tracksmith.runs.record import HaplotypesRecord, ModelRecord, VariantsRecord
from tracksmith.runs.request import (
    EXPLAIN,
    HAPLOTYPES,
    PERTURB,
    PREDICT,
    VARIANTS,
    ModelRequest,
    Request,
    is_of_model,
    make_request,
    request_fields,
)
from tracksmith.runs.run import Run
from tracksmith.runs.spool import FOLDER as SPOOL_FOLDER
from tracksmith.runs.values import is_address, read_text, read_texts, read_yes

__all__ = ["Step", "Study", "read_study", "study_text"]

PATHS = (
    "genome", "alias", "variants", "edits", "readouts", "sequences", "weights", "peaks",
    "accessibility", "normalisers", "vcf", "samples",
)  # fmt: skip
"""Fields that name one file or folder; ``regions`` and ``inputs`` name several."""

KINDS = (PREDICT, VARIANTS, PERTURB, EXPLAIN)
"""The tables of runs, in the order in which the runs are made."""

KINDS_OF = {kind: (kind,) for kind in KINDS} | {PREDICT: (PREDICT, HAPLOTYPES)}
"""The kinds of run that a table may ask for: people are an option of predictions."""

NEEDS = {
    PREDICT: "writes tracks along a genome: what belongs to [variants] or [perturb] is there",
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
    _refuse_shared_folder(path, [step.out for step in steps])
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


def _refuse_shared_folder(path: Path | None, folders: Sequence[Path]) -> None:
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
        item.name for own in KINDS_OF[kind] for item in request_fields(own)
    }
    return {name: value for name, value in shared.items() if name not in foreign}


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
    if request.kind not in KINDS_OF[kind]:
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


def study_text(runs: Sequence[Run], hub: Mapping[str, str] | None = None) -> str:
    """Return the study that would make these runs again, as TOML with absolute paths."""
    _refuse_shared_folder(None, [run.folder for run in runs])
    names = [PREDICT if run.plan.kind == HAPLOTYPES else run.plan.kind for run in runs]
    lines = []
    for kind, run in zip(names, runs, strict=True):
        title = f"[[{kind}]]" if names.count(kind) > 1 else f"[{kind}]"
        values = {"out": str(run.folder.absolute()), **_said(run)}
        lines += [title, *(f"{name} = {_toml(value)}" for name, value in values.items()), ""]
    if hub is not None:
        lines += ["[hub]", *(f"{name} = {_toml(value)}" for name, value in hub.items()), ""]
    return "\n".join(lines)


def _said(run: Run) -> dict[str, Any]:
    """Return the fields of the request that gives this run."""
    plan, places = run.plan, run.places
    for name, path in places.files.items():
        if Path(path).parent.name == SPOOL_FOLDER:
            raise UsageError(
                f"{run.folder}: its {name} came from a pipe, which no study can read again. "
                "Save them to a file and run that."
            )
    values: dict[str, Any] = {
        "models": [model.name for model in plan.models],
        "genome": places.genome,
        "regions": [_region_file(run, text) for text in places.regions],
        "chroms": list(places.chroms),
        "alias": places.files.get("alias"),
        "clip": places.clip or None,
        "device": plan.device,
        "precision": plan.precision,
        "compressor": plan.compressor,
        "formats": list(plan.formats) if tuple(plan.formats) != ("bigwig",) else None,
        "parts": places.parts,
        **_said_of_variants(run),
        **_said_of_people(run),
        **_said_of_perturbations(run),
        **_said_of_explanations(run),
    }
    every = [_said_of(model, run) for model in plan.models]
    for item in fields(ModelRequest):
        said = {
            m.name: own[item.name]
            for m, own in zip(plan.models, every, strict=True)
            if item.name in own
        }
        if said:
            values[item.name] = said
    return {name: value for name, value in values.items() if value not in (None, [], ())}


def _region_file(run: Run, text: str) -> str:
    """Return a region as asked for; regions from a pipe are in the run's own file."""
    return str((run.folder / REGIONS_FILE).absolute()) if text == REGIONS_FILE else text


def _said_of_variants(run: Run) -> dict[str, Any]:
    variants = run.plan.variants
    if variants is None:
        return {}
    if variants.saturation:
        regions = _region_file(run, run.places.saturate or REGIONS_FILE)
        return {"max_n": variants.max_n, "saturate": regions}
    own: dict[str, Any] = {"max_n": variants.max_n, "ref_mismatch": variants.ref_mismatch}
    own |= {"variants": run.places.files.get("variants"), "around": list(variants.around)}
    return {**own, **_said_of_background(run), **_said_of_alleles(run, variants)}


def _said_of_people(run: Run) -> dict[str, Any]:
    people = run.plan.haplotypes
    if people is None:
        return {}
    own = {"vcf": run.places.files.get("vcf"), "sample": [p.name for p in people.samples]}
    return {**own, "unphased": people.unphased, **_said_of_alleles(run, people)}


def _said_of_alleles(run: Run, source: VariantsRecord | HaplotypesRecord) -> dict[str, Any]:
    yes = {
        "allow_truncated": source.allow_truncated, "strict": run.limits.strict,
        "allow_other_lengths": run.places.allow_other_lengths,
    }  # fmt: skip
    return {name: True for name in yes if yes[name]} | {"max_skipped": run.limits.most_skipped}


def _said_of_explanations(run: Run) -> dict[str, Any]:
    details = run.plan.details if run.plan.kind == EXPLAIN else {}
    return {name: value for name, value in details.items() if value not in ("", False)}


def _said_of_perturbations(run: Run) -> dict[str, Any]:
    if run.plan.kind != PERTURB:
        return {}
    details, files = dict(run.plan.details), run.places.files
    details.pop("files", None)
    return {**details, **{n: files.get(n) for n in ("edits", "readouts", "sequences")}}


def _said_of_background(run: Run) -> dict[str, Any]:
    """Return among what effects are ranked, as it is asked for."""
    variants, record = run.plan.variants, run.plan.details.get("background")
    if record is None:
        return {"background": (variants and variants.background) or None}
    path = run.places.files.get("background", "")
    matched = "matched=" * (record["kind"] == "matched")
    return {"background": f"{matched}{path}", "background_size": record["size"] or None}


def _said_of(model: ModelRecord, run: Run) -> dict[str, Any]:
    """Return what is said for one model, its defaults left out."""
    folds = model.folds
    files = [path for paths in run.places.weights.get(model.name, {}).values() for path in paths]
    values: dict[str, Any] = {
        "tracks": list(model.tracks),
        "options": dict(model.options),
        "dtype": model.dtype,
        "batch_size": model.batch_size if model.batch_chosen else None,
        "scores": list(model.scores),
        "max_allele": model.max_allele or None,
        "register": model.register or None,
    }
    if files:
        several = os.path.commonpath([Path(path).parent for path in files])
        values["weights"] = files[0] if len(files) == 1 else several
    if run.plan.kind in KINDS_OF[PREDICT]:
        values["stride"] = model.stride
    if model.regions is None:
        rule = folds.rule
        named = [name for name in folds.names if name]
        if rule in ("mean", "held-out") and named and 0 < len(named) < len(model.card.folds):
            rule = f"{rule}:{','.join(named)}"
        values |= {
            "folds": rule, "spread": folds.spread or None, "shifts": list(model.shifts),
            "reverse_complement": model.reverse_complement,
        }  # fmt: skip
        if model.card.reverse_complement == "wrong":
            del values["reverse_complement"]
    else:
        values |= _region_inputs(model, run)
    return {name: value for name, value in values.items() if value not in (None, [], {}, ())}


def _region_inputs(model: ModelRecord, run: Run) -> dict[str, Any]:
    named = model.regions.inputs if model.regions else {}
    places = {name: str(run.places.file(f"{model.name}:{name}")) for name in named}
    own = ("peaks", "accessibility", "normalisers")
    values: dict[str, Any] = {name: places[name] for name in own if name in places}
    values["inputs"] = {n: path for n, path in places.items() if n not in (*own, "alias")}
    if model.regions is not None:
        values |= {
            "counts_column": model.regions.counts_column, "overlaps": model.regions.overlaps,
        }  # fmt: skip
    return values


def _toml(value: Any) -> str:
    """Return a value as TOML; JSON's texts, numbers and lists are TOML's too."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(k)} = {_toml(v)}" for k, v in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
