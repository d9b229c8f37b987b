"""The page of runs: igv.js, their tracks, strongest variants and provenance."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tracksmith.errors import InputError, UsageError
from tracksmith.files import TEMPORARY_PREFIX, aside
from tracksmith.genome.assemblies import assembly_of, canonical
from tracksmith.hub.genomes import (
    desktop_genome,
    genome_word,
    sizes_name,
    write_sequence,
    write_sizes,
)
from tracksmith.hub.igv import SHOWN, Reference, igv_tracks, session, session_xml
from tracksmith.hub.legend import legend
from tracksmith.hub.loci import MOST_LINES, VariantTable, opening, top_variants
from tracksmith.hub.pages import methods_of, weights_of
from tracksmith.hub.runs import Output, ShownModel, ShownRun, open_runs
from tracksmith.hub.sharing import Links
from tracksmith.hub.templates import Templates
from tracksmith.runs.lock import is_left_over
from tracksmith.runs.run import make_folder

__all__ = ["CDN", "IgvScript", "find_igv", "hosted_name", "page_html", "page_policy", "write_page"]

MARK = "page.js"
"""The file by which a folder is known to be a page."""

_CREDITS = ("name", "version", "summary", "code_licence", "weights_licence", "commercial_use",
            "citation", "notes")  # fmt: skip
UrlOf = Callable[[Output], str]


@dataclass(frozen=True)
class IgvScript:
    """The igv.js to load: a file to copy or serve, or an address with its digest."""

    path: Path | None = None
    address: str = "igv.min.js"
    integrity: str = ""


_POLICY = (
    "default-src 'none'; script-src 'self'{script}; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' blob: data:{elsewhere}; "
    "base-uri 'none'; form-action 'none'"
)
CDN = IgvScript(
    address="https://cdn.jsdelivr.net/npm/igv@3.8.10/dist/igv.min.js",
    integrity="sha384-b/GRD1DJ3Dgldpe6xYBLC9PzuduzTcS8Mm+lklLhsxW/fSCZgZnEyZib80jgh1li",
)


def find_igv(choice: str | None = None) -> IgvScript:
    """Return the igv.js that igv-notebook carries, a file of the user's, or ``cdn``.

    Nothing is loaded from the internet unless ``cdn`` was asked for.

    Raises
    ------
    UsageError
        The file does not exist.
    InputError
        igv-notebook is not installed and no file was given.
    """
    if choice == "cdn":
        return CDN
    if choice is not None:
        path = Path(choice)
        if not path.is_file():
            raise UsageError(f"--igv {choice}: no such file. Give igv.min.js, or `cdn`.")
        return IgvScript(path)
    spec = importlib.util.find_spec("igv_notebook")
    for place in (spec.submodule_search_locations or []) if spec else []:
        path = Path(place) / "js" / "igv.iife.js"
        if path.is_file():
            return IgvScript(path)
    raise InputError(
        "igv.js was not found: `pip install igv-notebook`, or give --igv PATH to an igv.min.js, "
        "or --igv cdn to load it from the internet."
    )


def page_html(
    templates: Templates,
    runs: Sequence[ShownRun],
    url_of: UrlOf,
    reference: Reference,
    script: IgvScript,
    locus: str | None = None,
) -> str:
    """Return the page of runs; ``browser.js``, ``page.js`` and ``page.css`` lie beside it."""
    tables = [(run, table) for run in runs for table in top_variants(run)]
    config = session(runs, url_of, reference, [table for _, table in tables], locus)
    data = {"session": config, "tracks": igv_tracks(runs, url_of), "shown": SHOWN}
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
    outputs = [output for run in runs for output in run.outputs()]
    predicted = any(out.kind == "bigwig" and not _is_effect(out) for out in outputs)
    what = ["predicted tracks"] if predicted else []
    what += ["variant effects"] if any(map(_is_effect, outputs)) else []
    return f"{', '.join(models)}: {' and '.join(what) or 'no tracks'}"


def _is_effect(output: Output) -> bool:
    """Say whether a file shows variants; of a run of variants, every one does."""
    return output.kind == "bigbed" or output.run.plan.variants is not None


def _table_values(run: ShownRun, table: VariantTable) -> dict[str, Any]:
    rows = [
        (str(locus) if locus else "", row)
        for locus, row in zip(table.loci, table.rows, strict=True)
    ]
    name = f"{table.model}, run {run.label}" if run.label else table.model
    numbers = [
        at for at in range(len(table.columns)) if all(_is_number(row[at]) for _, row in rows)
    ]
    values = {"model": name, "columns": table.columns, "rows": rows, "note": _note(table)}
    return values | {"numbers": numbers, "linked": any(locus for locus, _ in rows)}


def _note(table: VariantTable) -> str:
    """Say of how many alleles the rows of a table are the strongest."""
    shown, total = f"{len(table.rows):,}", f"{table.total:,}"
    if not table.complete:
        looked_at = f"; only the first {MOST_LINES:,} rows were looked at"
        return f"The {shown} strongest of {total} alleles{looked_at}"
    if len(table.rows) < table.total:
        return f"The {shown} strongest of {total} alleles"
    return "1 allele" if total == "1" else f"All {total} alleles, the strongest first"


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


def hosted_name(run: ShownRun, name: str | None) -> str | None:
    """Return the hosted genome to use: the one asked for, or the one that the lengths prove."""
    return canonical(name) if name else assembly_of(run.contigs)


def write_page(
    folders: Sequence[Path],
    out: Path | None = None,
    igv: str | None = None,
    genome: str | None = None,
    templates: Path | None = None,
    *,
    copy: bool = False,
) -> Path:
    """Write the page of runs, ready for any web server.

    Parameters
    ----------
    folders
        Finished runs on one genome. Their files are linked, relative to ``out``,
        or copied into it.
    out
        Folder of the page; by default ``igv`` in the run, where there is one.
    igv
        An igv.js file to copy, ``cdn`` to load a pinned version, or None for
        the one that igv-notebook carries.
    genome
        A genome that igv.org hosts; by default what the contigs prove, else
        the run's own genome is written beside the page as 2bit.
    copy
        Copy the tracks into ``out``, so that it can be moved and shared alone.

    Returns
    -------
    Path
        ``index.html`` in ``out``. Browsers load it from a web server only, not from a file.

    Raises
    ------
    UsageError
        ``out`` is missing for several runs, or holds something else than a page.
    """
    runs = open_runs(folders)
    script = find_igv(igv)
    filler = Templates(templates)
    target = _page_folder(runs, out)
    _begin(target, filler)
    reference = _static_reference(runs, target, genome)
    links = Links(runs, target, copy)
    links.write_copies(target)
    if script.path is not None:
        with aside(target / "igv.min.js") as temporary:
            shutil.copyfile(script.path, temporary)
    texts = {
        "session.xml": _desktop_session(filler, links, reference),
        "index.html": page_html(filler, runs, links.of, reference, script),
    }
    _write_texts(target, texts)
    return target / "index.html"


def _begin(target: Path, filler: Templates) -> None:
    """Make the folder of a page known as one, so that a killed command can be repeated."""
    make_folder(target)
    for left in filter(is_left_over, target.glob(f"{TEMPORARY_PREFIX}*")):
        left.unlink()
    _write_texts(target, {name: filler.raw(name) for name in (MARK, "browser.js", "page.css")})


def _write_texts(folder: Path, texts: Mapping[str, str]) -> None:
    for name, text in texts.items():
        with aside(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="\n")


def _page_folder(runs: Sequence[ShownRun], out: Path | None) -> Path:
    """Return the folder of the page; links are relative to it, so it is resolved."""
    if out is None:
        if len(runs) > 1:
            raise UsageError("Several runs share a page: say where with -o PAGE.")
        return runs[0].folder / "igv"
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file: choose another folder with -o.")
    files = [path for path in out.iterdir() if not is_left_over(path)] if out.is_dir() else []
    if files and not (out / MARK).is_file():
        raise UsageError(f"{out} is neither empty nor a page: choose another folder with -o.")
    return out.resolve()


def _static_reference(runs: Sequence[ShownRun], out: Path, genome: str | None) -> Reference:
    run = runs[0]
    hosted = hosted_name(run, genome)
    if hosted:
        return Reference(hosted)
    name = genome_word(run.genome.name.split(".")[0])
    write_sizes(run, out / sizes_name(name))
    written = write_sequence(runs, out / f"{name}.2bit")
    return Reference(name, two_bit=f"{name}.2bit" if written else "", sizes=sizes_name(name))


def _desktop_session(templates: Templates, links: Links, reference: Reference) -> str:
    genome = reference.name if reference.hosted else desktop_genome(links, reference.name)
    tables = [table for run in links.runs for table in top_variants(run)]
    return session_xml(templates, links.runs, links.path, genome, opening(links.runs, tables))
