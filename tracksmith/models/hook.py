"""The one hook that a plugin implements.

A plugin names its module in the entry-point group ``tracksmith``; the module
must import without torch. In it::

    from tracksmith.plugin import Model, ModelCard, hookimpl

    @hookimpl
    def tracksmith_models():
        return [Model(card=CARD, load=load)]
"""

from __future__ import annotations

from collections.abc import Sequence

import pluggy

from tracksmith.models.contract import Model

__all__ = ["GROUP", "ModelHooks", "hookimpl", "hookspec"]

GROUP = "tracksmith"

hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)


class ModelHooks:
    """Specification of the hooks; pluggy checks every implementation against it."""

    @hookspec
    def tracksmith_models(self) -> Sequence[Model]:  # type: ignore[empty-body]
        """Return the models of this plugin. Called once, without arguments."""
