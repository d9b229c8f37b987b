"""What a shell may complete beside commands and options, which click completes itself."""

from __future__ import annotations

import click

__all__ = ["complete_models"]


# decision: completion-by-click (click prints the script of each shell itself)
def complete_models(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the names of models that begin so."""
    from tracksmith.models.registry import load_registry

    return [name for name in load_registry().models if name.startswith(incomplete.lower())]
