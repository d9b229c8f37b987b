"""Showing runs in a cell of a notebook, drawn by igv.js from a server on this machine.

The cell holds a script and the session; igv.js itself and the data come from
the server. That works wherever scripts of a cell run in a browser that reaches
the server: classic Notebook, Notebook 7, JupyterLab, VS Code.
"""

from __future__ import annotations

import json
import uuid
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from tracksmith.errors import UsageError
from tracksmith.hub.added import own_files
from tracksmith.hub.runs import ShownRun
from tracksmith.hub.server import (
    LOOPBACK,
    NOTEBOOKS,
    RunServer,
    make_site,
    open_socket,
    start,
)
from tracksmith.tracks.markup import without_markup

# decision: text-made-of-everything (a run may be somebody else's)
__all__ = ["CellBrowser", "NotebookView", "show"]

# decision: own-notebook-cell (igv-notebook breaks with two views and in VS Code)
_CELL = (
    '<div id="{id}" style="background: white; color: black">Run this cell to see the tracks.</div>'
    "\n<script>\n{script}\nwindow.tracksmithCells.show({spec});\n</script>"
)
# The cell that is called may not be drawn yet: VS Code runs stored cells in any order.
_CALL = (
    "(function send(tries) {{ if (window.tracksmithCells) window.tracksmithCells.call({spec}); "
    "else if (tries) setTimeout(send, 100, tries - 1); }})(300);"
)


@dataclass(frozen=True)
class CellBrowser:
    """The igv.js browser of a cell, moved from Python. Nothing comes back from it."""

    id: str

    def search(self, locus: str) -> None:
        """Go to a region such as ``chr1:1,000-2,000``, or to a variant by its id."""
        self._call("search", locus)

    def load_track(self, config: Mapping[str, Any]) -> None:
        """Add a track, given as igv.js's configuration of it (``url``, ``format``, ``name``)."""
        self._call("loadTrack", dict(config))

    def zoom_in(self) -> None:
        """Show half as many bases."""
        self._call("zoomIn")

    def zoom_out(self) -> None:
        """Show twice as many bases."""
        self._call("zoomOut")

    def _call(self, method: str, *values: Any) -> None:
        spec = _script_json({"id": self.id, "method": method, "values": values})
        _display("Javascript", _CALL.format(spec=spec))


@dataclass
class NotebookView:
    """An igv.js view in a notebook cell and the server behind it.

    ``browser.search("chr1:100-200")`` moves it. The server ends with
    :meth:`close` or with the kernel.
    """

    browser: CellBrowser
    server: RunServer

    def close(self) -> None:
        """Stop serving; what is drawn stays until the page is loaded again."""
        self.server.close()


def show(
    *runs: str | Path,
    locus: str | None = None,
    genome: str | None = None,
    add: Sequence[str | Path] = (),
    alias: str | Path | None = None,
) -> NotebookView:
    """Show finished runs in the current notebook cell.

    The notebook's browser must run on the machine of the kernel, or forward
    the port to the same port there; VS Code does so by itself.

    Parameters
    ----------
    *runs
        Folders of finished runs on one genome.
    locus
        Where to open, such as ``chr1:1,000-2,000`` or a variant's id; by default
        the strongest variant, else the first region.
    genome
        A genome that igv.org hosts; by default the runs' own.
    add
        Files of your own to show as well, each as ``FILE`` or ``FILE=LABEL``: bigWig,
        bigBed, BED, GFF3, GTF, VCF or BCF.
    alias
        A table of other names of contigs, for files that are added.

    Raises
    ------
    UsageError
        IPython is not installed, a contig's name would be HTML in a cell, or
        ``locus`` is neither a region nor a variant.
    """
    try:
        import_module("IPython.display")
    except ImportError as error:
        raise UsageError(
            f"{error.name} is missing: run this in a notebook, or use "
            f"`tracksmith view {' '.join(map(str, runs))}`."
        ) from None
    own = own_files(add, alias, notify=lambda note: warnings.warn(note, stacklevel=4))
    site = make_site([Path(run) for run in runs], genome=genome, locus=locus, add=own)
    _refuse_markup(site.runs[0])
    cell = f"tracksmith-{uuid.uuid4().hex}"
    server = start(site, open_socket(LOOPBACK, None), NOTEBOOKS)
    session = site.session(server.url)
    spec = _script_json({"id": cell, "server": server.url, "session": session})
    script = site.templates.raw("notebook.js")
    _display("HTML", _CELL.format(id=cell, script=script, spec=spec))
    return NotebookView(CellBrowser(cell), server)


def _refuse_markup(run: ShownRun) -> None:
    """Refuse contigs whose names igv.js would paste into the page of a notebook as HTML."""
    odd = [name for name in run.contigs.names if without_markup(name) != name]
    if odd:
        raise UsageError(
            f"The contig name {odd[0]!r} of {run.genome.name} is HTML to a notebook, and might "
            f"run there. Rename it in the FASTA, or use `tracksmith view {run.folder}`."
        )


def _display(kind: str, text: str) -> None:
    ipython: Any = import_module("IPython.display")
    ipython.display(getattr(ipython, kind)(text))


def _script_json(value: Any) -> str:
    """Return JSON that can stand in a script of a page: no name can end the script."""
    text = json.dumps(value, ensure_ascii=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
