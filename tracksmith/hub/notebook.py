"""Showing runs in a Jupyter notebook, through igv-notebook and a server on this machine.

igv-notebook reads local files through the kernel in classic notebooks only;
addresses work in JupyterLab and VS Code as well, so runs are always served.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tracksmith.errors import UsageError
from tracksmith.hub.server import LOOPBACK, RunServer, make_app, make_site, open_socket, start

__all__ = ["NotebookView", "show"]


@dataclass
class NotebookView:
    """An igv.js view in a notebook cell and the server behind it.

    ``browser`` is igv-notebook's: ``browser.search("chr1:100-200")`` moves it.
    The server ends with :meth:`close` or with the kernel.
    """

    browser: Any
    server: RunServer

    def close(self) -> None:
        """Stop serving; what is drawn stays."""
        self.server.close()


def show(*runs: str | Path, locus: str | None = None, genome: str | None = None) -> NotebookView:
    """Show finished runs in the current notebook cell.

    The notebook's browser must run on the machine of the kernel, or forward
    the port.

    Parameters
    ----------
    *runs
        Folders of finished runs on one genome.
    locus
        Where to open, such as ``chr1:1,000-2,000``; by default the strongest
        variant, else the first region.
    genome
        A genome that igv.org hosts; by default the runs' own.

    Raises
    ------
    UsageError
        igv-notebook or IPython is not installed.
    """
    try:
        import igv_notebook
    except ImportError as error:
        raise UsageError(
            f"{error.name} is missing: `pip install igv-notebook ipython`, or use "
            f"`tracksmith view {' '.join(map(str, runs))}`."
        ) from None
    site = make_site([Path(run) for run in runs], genome=genome, locus=locus)
    server = start(make_app(site), open_socket(LOOPBACK, None))
    igv_notebook.init()
    session = site.session(server.url)
    # With a genome of its own, igv.js need not ask igv.org for its list, nor wait without internet.
    session["loadDefaultGenomes"] = site.reference.hosted
    return NotebookView(igv_notebook.Browser(session), server)
