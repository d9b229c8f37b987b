"""Runs in a Jupyter notebook: ``tracksmith.notebook.show(RUN)``."""

from __future__ import annotations

from tracksmith.hub.notebook import CellBrowser, NotebookView, show

__all__ = ["CellBrowser", "NotebookView", "show"]
