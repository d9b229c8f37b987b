"""The page of runs: igv.js, their tracks, strongest variants and provenance."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tracksmith.errors import InputError, UsageError
from tracksmith.files import TEMPORARY_PREFIX, aside
from tracksmith.genome.assemblies import assembly_of, canonical
from tracksmith.genome.fasta import Genome
from tracksmith.genome.twobit import write_twobit
from tracksmith.hub.genomes import genome_word
from tracksmith.hub.igv import SHOWN, Reference, igv_tracks, session, session_xml
from tracksmith.hub.loci import MOST_LINES, VariantTable, top_variants
from tracksmith.hub.pages import methods_of, weights_of
from tracksmith.hub.runs import Output, ShownModel, ShownRun, find_fasta, open_runs
from tracksmith.hub.sharing import COPIES, Links
from tracksmith.hub.templates import Templates
from tracksmith.runs.lock import is_left_over
from tracksmith.runs.run import make_folder

__all__ = ["CDN", "IgvScript", "find_igv", "page_html", "page_policy", "write_page"]

MARK = "page.js"
"""The file by which a folder is known to be a page."""

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
    found = importlib.util.find_spec("igv_notebook")
    for place in (found.submodule_search_locations or []) if found else []:
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
    found = session(runs, url_of, reference, [table for _, table in tables], locus)
    data = {"session": found, "tracks": igv_tracks(runs, url_of), "shown": SHOWN}
    return templates.fill(
        "page.html",
        policy=page_policy(reference, script),
        title=" + ".join(run.folder.name for run in runs),
        data=data,
        script=script,
        tables=[_table_values(run, table) for run, table in tables],
        models=[_model_values(run, model) for run in runs for model in run.models],
        genome=runs[0].genome,
        runs=[{"id": run.run.id, "label": run.label, "files": run.entries} for run in runs],
    )


def page_policy(reference: Reference, script: IgvScript) -> str:
    """Return what a page may load and run: its own files, and from elsewhere what was asked for."""
    # The one script, not its host: anybody can publish another one there.
    more = f" {script.address}" if script.address.startswith("https:") else ""
    # Only a genome that igv.org hosts needs anything from elsewhere.
    return _POLICY.format(script=more, elsewhere=" https:" if reference.hosted else "")


def _table_values(run: ShownRun, table: VariantTable) -> dict[str, Any]:
    note = f"The {len(table.rows)} strongest of {table.looked_at:,} rows"
    if table.complete and len(table.rows) == table.looked_at:
        note = f"All {table.looked_at:,} rows, the strongest first"
    if not table.complete:
        note += f"; only the first {MOST_LINES:,} rows were looked at"
    rows = list(zip(table.loci, table.rows, strict=True))
    name = f"{table.model}, run {run.label}" if run.label else table.model
    numbers = [
        at for at in range(len(table.columns)) if all(_is_number(row[at]) for _, row in rows)
    ]
    found = {"model": name, "columns": table.columns, "rows": rows, "note": note}
    return found | {"numbers": numbers}


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return text in ("", ".")
    return True


def _model_values(run: ShownRun, model: ShownModel) -> dict[str, Any]:
    return {
        "run": run.label,
        "card": {"authors": "", "commercial_use": True, "notes": (), **model.card},
        "methods": methods_of(run, model),
        "weights": weights_of(model),
    }


def hosted_name(run: ShownRun, asked: str | None) -> str | None:
    """Return the hosted genome to use: the one asked for, or the one that the lengths prove."""
    return canonical(asked) if asked else assembly_of(run.contigs)


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
    make_folder(target)
    for left in filter(is_left_over, target.glob(f"{TEMPORARY_PREFIX}*")):
        left.unlink()
    # First what says that the folder is a page: a command that is killed later can be repeated.
    _write_texts(target, {name: filler.raw(name) for name in (MARK, "browser.js", "page.css")})
    reference = _static_reference(runs, target, genome)
    links = Links(runs, target, copy)
    if copy:
        shutil.rmtree(target / COPIES, ignore_errors=True)
        links.write_copies(target)
    if script.path is not None:
        with aside(target / "igv.min.js") as temporary:
            shutil.copyfile(script.path, temporary)
    tables = [table for run in runs for table in top_variants(run, 1)]
    found = session(runs, links.of, reference, tables)
    texts = {
        "session.json": json.dumps(found, indent=1, ensure_ascii=False) + "\n",
        "session.xml": session_xml(filler, runs, found, reference),
        "index.html": page_html(filler, runs, links.of, reference, script),
    }
    _write_texts(target, texts)
    return target / "index.html"


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
    run, fasta = runs[0], find_fasta(runs)
    hosted = hosted_name(run, genome)
    if hosted:
        return Reference(hosted)
    name = genome_word(str(run.genome["name"]).split(".")[0])
    sizes = "".join(f"{contig}\t{length}\n" for contig, length in run.contigs)
    with aside(out / "chrom.sizes") as temporary:
        temporary.write_text(sizes, encoding="utf-8")
    if fasta is None:
        return Reference(name, sizes="chrom.sizes")
    opened = Genome.open(fasta)
    if opened.contigs != run.contigs or opened.sha256() != run.genome["sha256"]:
        raise InputError(f"{fasta} is not the genome that the run was made on: it changed.")
    write_twobit(opened, out / f"{name}.2bit")
    return Reference(name, two_bit=f"{name}.2bit", sizes="chrom.sizes")
