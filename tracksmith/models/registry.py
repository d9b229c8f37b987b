"""Finding models: every plugin is loaded in isolation, so that a broken one loses only itself.

pluggy's own entry-point loader stops at the first plugin that fails; the loop
here gives each plugin a plugin manager of its own, checks its hooks, and keeps
the reason where something is wrong.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import import_module, metadata
from types import ModuleType

import pluggy
from packaging.requirements import Requirement

from tracksmith.errors import PluginError, TracksmithError, UsageError
from tracksmith.guess import did_you_mean
from tracksmith.models.card import ModelCard
from tracksmith.models.contract import Model
from tracksmith.models.hook import GROUP, ModelHooks
from tracksmith.version import __version__

__all__ = ["BrokenPlugin", "RegisteredModel", "Registry", "load_registry"]

HOOK = "tracksmith_models"
BUILT_IN = {"core-promoter": "tracksmith.models.core_promoter"}
"""Entry-point name to module of the models that come with tracksmith itself.

They are listed here as well as in the package's entry points, so that a
checkout that was never installed has them too.
"""


@dataclass(frozen=True)
class RegisteredModel:
    """A usable model and the distribution that brought it."""

    model: Model
    distribution: str
    version: str
    entry_point: str

    @property
    def card(self) -> ModelCard:
        """The model's card."""
        return self.model.card


@dataclass(frozen=True)
class BrokenPlugin:
    """A plugin, or one model of it, that cannot be used, and why.

    ``model`` is the name of the model where the plugin got far enough to say it.
    """

    entry_point: str
    distribution: str
    version: str
    reason: str
    model: str = ""

    def concerns(self, name: str) -> bool:
        """Say whether somebody who asks for model ``name`` should hear of this."""
        known = {self.entry_point, self.distribution, self.distribution.removeprefix("tracksmith-")}
        return name == self.model or (not self.model and name in known)


@dataclass(frozen=True)
class Registry:
    """All models by name, and all plugins that are broken."""

    models: dict[str, RegisteredModel]
    broken: list[BrokenPlugin]

    def get(self, name: str) -> RegisteredModel:
        """Return the model called ``name``.

        Raises
        ------
        UsageError
            No such model; the message names the nearest one, or says why the
            plugin that should bring it is broken.
        """
        if name in self.models:
            return self.models[name]
        for plugin in self.broken:
            if plugin.concerns(name):
                raise UsageError(
                    f"Model {name!r} cannot be used: its plugin {plugin.entry_point!r} "
                    f"({plugin.distribution} {plugin.version}) is broken: {plugin.reason}\n"
                    f"Repair, update or remove the package {plugin.distribution}."
                )
        raise UsageError(
            f"No model is called {name!r}.{did_you_mean(name, self.models)}\n"
            f"Known models: {', '.join(sorted(self.models)) or 'none'}. "
            "`tracksmith models` tells more, also of plugins that are broken."
        )


@dataclass(frozen=True)
class _Source:
    """Where a plugin module comes from; ``load`` imports it."""

    entry_point: str
    distribution: str
    version: str
    load: Callable[[], object]

    def broken(self, reason: str, model: str = "") -> BrokenPlugin:
        return BrokenPlugin(self.entry_point, self.distribution, self.version, reason, model)


def load_registry() -> Registry:
    """Load every installed plugin and return its models.

    Order, and with it who wins when two plugins offer a model of one name, is
    fixed: built-in models, then distributions and their entry points by name.
    ``TRACKSMITH_NO_PLUGINS=1`` leaves only the built-in models. Nothing here
    imports torch.

    Returns
    -------
    Registry
        Models by name in that order, and what is broken with the reasons.
    """
    models: dict[str, RegisteredModel] = {}
    broken: list[BrokenPlugin] = []
    for source in [*_built_in_sources(), *_installed_sources()]:
        for found in _models_of(source):
            if isinstance(found, BrokenPlugin):
                broken.append(found)
                continue
            name = found.card.name
            if name in models:
                first = models[name]
                broken.append(
                    source.broken(
                        f"a model called {name!r} is already offered by {first.entry_point!r} "
                        f"({first.distribution} {first.version}), which is used",
                        name,
                    )
                )
            else:
                models[name] = found
    return Registry(models, broken)


def _built_in_sources() -> Iterator[_Source]:
    # By name: the package's root also names the verbs, which lie above this room.
    version = import_module("tracksmith").__version__
    for name, module in BUILT_IN.items():
        yield _Source(name, "tracksmith", version, partial(import_module, module))


def _installed_sources() -> list[_Source]:
    if os.environ.get("TRACKSMITH_NO_PLUGINS", "0") not in ("", "0"):
        return []
    sources = [
        _Source(point.name, *_distribution_of(point), partial(_load, point))
        for point in metadata.entry_points(group=GROUP)
        if point.value not in BUILT_IN.values()
    ]
    return sorted(sources, key=lambda source: (source.distribution, source.entry_point))


def _distribution_of(point: metadata.EntryPoint) -> tuple[str, str]:
    if point.dist is None:
        return "unknown", "unknown"
    return point.dist.name, point.dist.version


def _load(point: metadata.EntryPoint) -> object:
    """Import a plugin that was made for this version, by its own requirements."""
    for line in (point.dist.requires or ()) if point.dist else ():
        if not line.lower().startswith("tracksmith"):
            continue
        needed = Requirement(line)
        applies = needed.marker is None or needed.marker.evaluate({"extra": ""})
        fits = needed.specifier.contains(__version__, prereleases=True)
        if needed.name.lower() == "tracksmith" and applies and not fits:
            raise PluginError(
                f"it needs tracksmith{needed.specifier}, and this is {__version__}: "
                "install a version of either that fits the other"
            )
    return point.load()


def _models_of(source: _Source) -> Iterator[RegisteredModel | BrokenPlugin]:
    """Yield the models of one plugin, and a `BrokenPlugin` for whatever is wrong with it."""
    try:
        values = list(_call_hook(source.load()))
    except TracksmithError as error:
        yield source.broken(str(error))
        return
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a plugin does stays its own
        yield source.broken(f"{type(error).__name__}: {error}")
        return
    if not values:
        yield source.broken(f"{HOOK}() returns no model")
    for value in values:
        if isinstance(value, Model) and isinstance(value.card, ModelCard) and callable(value.load):
            yield RegisteredModel(value, source.distribution, source.version, source.entry_point)
        else:
            yield source.broken(f"{HOOK}() returns {_shown(value)}, not a Model with card and load")


def _call_hook(plugin: object) -> Iterable[object]:
    """Register one plugin with a manager of its own and call its hook.

    Raises
    ------
    PluginError
        The hook is missing, misspelled, takes arguments or returns no list.
    """
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(ModelHooks)
    try:
        manager.register(plugin)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        # The first line names the plugin object, which says nothing to a reader.
        detail = str(error).split("\n", 1)[-1]
        raise PluginError(f"its hook is wrong: {detail}. The one hook is {HOOK}()") from error
    answers: list[object] = manager.hook.tracksmith_models()
    if not answers:
        raise PluginError(_why_without_hook(plugin))
    if isinstance(answers[0], Model):
        return [answers[0]]
    if isinstance(answers[0], (str, bytes, dict)) or not isinstance(answers[0], Iterable):
        raise PluginError(f"{HOOK}() returns {_shown(answers[0])}, not a list of Model")
    return answers[0]


def _why_without_hook(plugin: object) -> str:
    named = plugin.__name__ if isinstance(plugin, ModuleType) else repr(plugin)
    if hasattr(plugin, HOOK):
        return f"{named}.{HOOK} is not marked with @tracksmith.plugin.hookimpl, or returns None"
    return f"{named} has no function {HOOK} marked with @tracksmith.plugin.hookimpl"


def _shown(value: object) -> str:
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 60 else text[:57] + '...'}"
