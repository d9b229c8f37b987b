"""The text of the page of runs: igv.js, their tracks, strongest variants and provenance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tracksmith.hub.igv import SHOWN, Reference, igv_tracks, session
from tracksmith.hub.legend import legend
from tracksmith.hub.loci import MOST_LINES, VariantTable, top_variants
from tracksmith.hub.pages import methods_of, weights_of
from tracksmith.hub.runs import Output, ShownModel, ShownRun
from tracksmith.hub.templates import Templates
from tracksmith.runs.fields import EXPLAIN, HAPLOTYPES, PERTURB, PREDICT, VARIANTS

__all__ = ["IgvScript", "page_html", "page_policy"]

_CREDITS = ("name", "version", "summary", "code_licence", "weights_licence", "commercial_use",
            "citation", "notes")  # fmt: skip
UrlOf = Callable[[Output], str]


@dataclass(frozen=True)
class IgvScript:
    """The igv.js to load: a file to copy or serve, or an address with its digest."""

    path: Path | None = None
    address: str = "igv.min.js"
    integrity: str = ""


_CONTENTS = {
    PREDICT: "predicted tracks",
    VARIANTS: "variant effects",
    HAPLOTYPES: "tracks of both haplotypes",
    PERTURB: "effects of edits",
    EXPLAIN: "attributions",
}
"""What a page shows of a run, by the kind of run."""

_POLICY = (
    "default-src 'none'; script-src 'self'{script}; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' blob: data:{elsewhere}; "
    "base-uri 'none'; form-action 'none'"
)


def page_html(
    templates: Templates,
    runs: Sequence[ShownRun],
    url_of: UrlOf,
    reference: Reference,
    script: IgvScript,
    locus: str | None = None,
    *,
    added: Sequence[dict[str, Any]] = (),
) -> str:
    """Return the page of runs; ``browser.js``, ``page.js`` and ``page.css`` lie beside it.

    ``added`` are igv.js's configurations of added tracks.
    """
    tables = [(run, table) for run in runs for table in top_variants(run)]
    config = session(runs, url_of, reference, [table for _, table in tables], locus, added)
    shown = SHOWN + len(added)
    data = {"session": config, "tracks": igv_tracks(runs, url_of, added), "shown": shown}
    return templates.fill(
        "page.html",
        policy=page_policy(reference, script),
        title=_title(runs),
        data=data,
        legend=legend(output for run in runs for output in run.outputs()),
        script=script,
        tables=[_table_values(run, table) for run, table in tables],
        models=_models_values(runs),
        genome=runs[0].genome,
        runs=[{"id": run.run.id, "label": run.label, "files": run.files} for run in runs],
    )


def page_policy(reference: Reference, script: IgvScript) -> str:
    """Return what a page may load and run: its own files, and from elsewhere what was asked for."""
    # The one script, not its host: anybody can publish another one there.
    more = f" {script.address}" if script.address.startswith("https:") else ""
    # Only a genome that igv.org hosts needs anything from elsewhere.
    return _POLICY.format(script=more, elsewhere=" https:" if reference.hosted else "")


def _title(runs: Sequence[ShownRun]) -> str:
    """Name the models and what they were asked for; folders' names say neither."""
    models = dict.fromkeys(model.name for run in runs for model in run.models)
    kinds = dict.fromkeys(run.run.plan.kind for run in runs if any(run.outputs()))
    what = [_CONTENTS.get(kind, "tracks") for kind in kinds]
    return f"{', '.join(models)}: {' and '.join(what) or 'no tracks'}"


def _table_values(run: ShownRun, table: VariantTable) -> dict[str, Any]:
    rows = [
        (str(locus) if locus else "", row)
        for locus, row in zip(table.loci, table.rows, strict=True)
    ]
    name = f"{table.model}, run {run.label}" if run.label else table.model
    numbers = [
        at for at in range(len(table.columns)) if all(_is_number(row[at]) for _, row in rows)
    ]
    values = {
        "heading": "Variants" if table.what == "alleles" else "Edits",
        "model": name,
        "columns": table.columns,
        "rows": rows,
        "note": _note(table),
    }
    return values | {"numbers": numbers, "linked": any(locus for locus, _ in rows)}


def _note(table: VariantTable) -> str:
    """Say of how many the rows of a table are the strongest."""
    shown, total = f"{len(table.rows):,}", f"{table.total:,}"
    if not table.complete:
        looked_at = f"; only the first {MOST_LINES:,} rows were looked at"
        return f"The {shown} strongest of {total} {table.what}{looked_at}"
    if len(table.rows) < table.total:
        return f"The {shown} strongest of {total} {table.what}"
    if total == "1":
        return "1 allele" if table.what == "alleles" else "1 effect of an edit"
    return f"All {total} {table.what}, the strongest first"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return text in ("", ".")
    return True


def _models_values(runs: Sequence[ShownRun]) -> list[dict[str, Any]]:
    """Return how each model was run; ``again`` where its credits stand on the page already."""
    values: list[dict[str, Any]] = []
    shown: set[tuple[object, ...]] = set()
    for run in runs:
        for model in run.models:
            credits = tuple(getattr(model.card, name) for name in _CREDITS)
            values.append({**_model_values(run, model), "again": credits in shown})
            shown.add(credits)
    return values


def _model_values(run: ShownRun, model: ShownModel) -> dict[str, Any]:
    return {
        "run": run.label,
        "card": model.card,
        "methods": methods_of(run, model),
        "weights": weights_of(model),
    }
