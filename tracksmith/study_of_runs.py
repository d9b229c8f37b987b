"""A study written back from finished runs: what would make each of them again."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from tracksmith.errors import UsageError
from tracksmith.runs.genome import REGIONS_FILE
from tracksmith.runs.record import ModelRecord
from tracksmith.runs.request import (
    EXPLAIN,
    HAPLOTYPES,
    PERTURB,
    PREDICT,
    ModelRequest,
)
from tracksmith.runs.run import Run
from tracksmith.runs.spool import FOLDER as SPOOL_FOLDER
from tracksmith.study import kinds_of, refuse_shared_folder

__all__ = ["study_text"]


def study_text(runs: Sequence[Run], hub: Mapping[str, str] | None = None) -> str:
    """Return the study that would make these runs again, as TOML with absolute paths."""
    refuse_shared_folder(None, [run.folder for run in runs])
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
    if run.plan.kind == EXPLAIN:
        return {
            "alleles": run.places.files.get("variants"),
            "allow_truncated": variants.allow_truncated or None,
            "allow_other_lengths": run.places.allow_other_lengths or None,
        }
    shared = {"max_n": variants.max_n}
    if variants.saturation:
        return {**shared, "saturate": _region_file(run, run.places.saturate or REGIONS_FILE)}
    return {
        **shared,
        "variants": run.places.files.get("variants"),
        "around": list(variants.around),
        **_said_of_background(run),
        "ref_mismatch": variants.ref_mismatch,
        "allow_truncated": variants.allow_truncated or None,
        "allow_other_lengths": run.places.allow_other_lengths or None,
        "strict": run.limits.strict or None,
        "max_skipped": run.limits.most_skipped,
    }


def _said_of_people(run: Run) -> dict[str, Any]:
    people = run.plan.haplotypes
    if people is None:
        return {}
    return {
        "vcf": run.places.files.get("vcf"),
        "sample": [sample.name for sample in people.samples],
        "unphased": people.unphased,
        "allow_truncated": people.allow_truncated or None,
        "allow_other_lengths": run.places.allow_other_lengths or None,
        "strict": run.limits.strict or None,
        "max_skipped": run.limits.most_skipped,
    }


def _said_of_explanations(run: Run) -> dict[str, Any]:
    details = run.plan.details if run.plan.kind == EXPLAIN else {}
    values = {name: value for name, value in details.items() if value not in ("", False)}
    return values | ({"motifs": str(run.places.file("motifs"))} if "motifs" in values else {})


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
    if run.plan.kind in kinds_of(PREDICT):
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
