"""The page of runs as files for a web server, and the igv.js that it loads."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from tracksmith.errors import InputError, UsageError
from tracksmith.files import TEMPORARY_PREFIX, aside
from tracksmith.hub.added import OwnFiles, read_added
from tracksmith.hub.added_shown import added_configs
from tracksmith.hub.genomes import (
    desktop_genome,
    genome_word,
    hosted_name,
    sizes_name,
    write_sequence,
    write_sizes,
)
from tracksmith.hub.igv import Reference
from tracksmith.hub.igv_xml import session_xml
from tracksmith.hub.loci import opening, top_variants
from tracksmith.hub.page_text import IgvScript, page_html
from tracksmith.hub.runs import ShownRun, open_runs
from tracksmith.hub.sharing import Links
from tracksmith.hub.templates import Templates
from tracksmith.runs.lock import is_left_over
from tracksmith.runs.run import make_folder

__all__ = ["CDN", "find_igv", "write_page"]

MARK = "page.js"
"""The file by which a folder is known to be a page."""


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


def write_page(
    folders: Sequence[Path],
    out: Path | None = None,
    igv: str | None = None,
    genome: str | None = None,
    templates: Path | None = None,
    *,
    copy: bool = False,
    add: OwnFiles = OwnFiles(),  # noqa: B008 - frozen
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
    add
        Files of the user's own to show as well.

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
    tracks = read_added(add, runs[0].contigs)
    target = _page_folder(runs, out)
    _begin(target, filler)
    reference = _static_reference(runs, target, genome)
    links = Links(runs, target, copy, tracks)
    links.write_copies(target)
    if script.path is not None:
        with aside(target / "igv.min.js") as temporary:
            shutil.copyfile(script.path, temporary)
    texts = {
        "session.xml": _desktop_session(filler, links, reference),
        "index.html": page_html(
            filler, runs, links.of, reference, script, added=added_configs(tracks, links.of_added)
        ),
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
    added = added_configs(links.added, links.added_path)
    place = opening(links.runs, tables)
    return session_xml(templates, links.runs, links.path, genome, place, added)
