"""The page of a run: igv.js, its tracks, its strongest variants, its provenance."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tracksmith.errors import InputError, UsageError
from tracksmith.files import aside
from tracksmith.genome.fasta import Genome
from tracksmith.hub.genomes import assembly_of, canonical, genome_word
from tracksmith.hub.igv import SHOWN, Reference, igv_tracks, session, session_xml
from tracksmith.hub.loci import MOST_LINES, VariantTable, top_variants
from tracksmith.hub.pages import methods_of, weights_of
from tracksmith.hub.runs import Output, ShownRun, open_runs
from tracksmith.hub.templates import Templates
from tracksmith.hub.twobit import write_twobit

__all__ = ["CDN", "IgvScript", "find_igv", "page_html", "write_page"]

UrlOf = Callable[[Output], str]


@dataclass(frozen=True)
class IgvScript:
    """The igv.js to load: a file to copy or serve, or an address with its digest."""

    path: Path | None = None
    address: str = "igv.min.js"
    integrity: str = ""


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
    run: ShownRun,
    url_of: UrlOf,
    reference: Reference,
    script: IgvScript,
    locus: str | None = None,
) -> str:
    """Return the page of a run; scripts and styles are ``page.js`` and ``page.css`` beside it."""
    tables = top_variants(run)
    found = session([run], url_of, reference, tables, locus)
    data = {"session": found, "tracks": igv_tracks([run], url_of), "shown": SHOWN}
    return templates.fill(
        "page.html",
        title=run.folder.name,
        data=data,
        script=script,
        tables=[_table_values(table) for table in tables],
        models=[_model_values(run, number) for number in range(len(run.models))],
        genome=run.genome,
        files=run.content["files"],
        run_id=str(run.content["id"]),
    )


def _table_values(table: VariantTable) -> dict[str, Any]:
    note = f"{len(table.rows)} strongest of {table.looked_at:,} rows"
    if not table.complete:
        note += f"; only the first {MOST_LINES:,} rows were looked at"
    rows = list(zip(table.loci, table.rows, strict=True))
    return {"model": table.model, "columns": table.columns, "rows": rows, "note": note}


def _model_values(run: ShownRun, number: int) -> dict[str, Any]:
    model = run.models[number]
    return {
        "card": {"authors": "", "commercial_use": True, "notes": (), **model.card},
        "methods": methods_of(run, model),
        "weights": weights_of(model),
    }


def hosted_name(run: ShownRun, asked: str | None) -> str | None:
    """Return the hosted genome to use: the one asked for, or the one that the lengths prove."""
    return canonical(asked) if asked else assembly_of(run.contigs)


def write_page(
    folder: Path,
    igv: str | None = None,
    genome: str | None = None,
    templates: Path | None = None,
) -> Path:
    """Write the page of a run into its ``igv`` folder, ready for any web server.

    Parameters
    ----------
    folder
        A finished run.
    igv
        An igv.js file to copy, ``cdn`` to load a pinned version, or None for
        the one that igv-notebook carries.
    genome
        A genome that igv.org hosts; by default what the contigs prove, else
        the run's own genome is written beside the page as 2bit.

    Returns
    -------
    Path
        ``igv/index.html``. Browsers load it from a web server only, not from a file.
    """
    run = open_runs([folder])[0]
    script = find_igv(igv)
    filler = Templates(templates)
    out = run.folder / "igv"
    out.mkdir(exist_ok=True)
    reference = _static_reference(run, out, genome)

    def url_of(output: Output) -> str:
        return "../" + _quoted(str(output.entry["path"]))

    if script.path is not None:
        with aside(out / "igv.min.js") as temporary:
            shutil.copyfile(script.path, temporary)
    found = session([run], url_of, reference, top_variants(run, 1))
    texts = {
        "page.js": filler.raw("page.js"),
        "page.css": filler.raw("page.css"),
        "session.json": json.dumps(found, indent=1, ensure_ascii=False) + "\n",
        "session.xml": session_xml(filler, [run], found, reference),
        "index.html": page_html(filler, run, url_of, reference, script),
    }
    for name, text in texts.items():
        with aside(out / name) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="\n")
    return out / "index.html"


def _static_reference(run: ShownRun, out: Path, genome: str | None) -> Reference:
    hosted = hosted_name(run, genome)
    if hosted:
        return Reference(hosted)
    name = genome_word(str(run.genome["name"]).split(".")[0])
    sizes = "".join(f"{contig}\t{length}\n" for contig, length in run.contigs)
    with aside(out / "chrom.sizes") as temporary:
        temporary.write_text(sizes, encoding="utf-8")
    if run.fasta is None:
        return Reference(name, sizes="chrom.sizes")
    opened = Genome.open(run.fasta)
    if opened.contigs != run.contigs:
        raise InputError(f"{run.fasta} is not the genome that the run was made on: it changed.")
    write_twobit(opened, out / f"{name}.2bit")
    return Reference(name, two_bit=f"{name}.2bit", sizes="chrom.sizes")


def _quoted(path: str) -> str:
    from urllib.parse import quote

    return quote(path, safe="/._-~")
