"""Runs in a Jupyter notebook: ``tracksmith.notebook.show(RUN)``."""

from __future__ import annotations

from tracksmith.hub.notebook import NotebookView, show

__all__ = ["NotebookView", "show"]
