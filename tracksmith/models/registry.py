"""Finding models: every plugin is loaded in isolation, so that a broken one loses only itself.

pluggy's own entry-point loader stops at the first plugin that fails; the loop
here gives each plugin a plugin manager of its own, checks its hooks, and keeps
the reason where something is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import ModuleType

import pluggy

from tracksmith.errors import PluginError, TracksmithError, UsageError
from tracksmith.guess import did_you_mean
from tracksmith.models.card import ModelCard
from tracksmith.models.contract import Model
from tracksmith.models.hook import GROUP, ModelHooks
from tracksmith.models.installed import InstalledEntry, installed_entries

__all__ = ["NONE_INSTALLED", "BrokenPlugin", "RegisteredModel", "Registry", "load_registry"]

HOOK = "tracksmith_models"
NONE_INSTALLED = """\
No model is installed: each is a package of its own, and tracksmith itself brings none.
Install one or write one:
  pip install tracksmith-NAME          a published one
  pip install plugins/*                those of a checkout of tracksmith, or one of them
  tracksmith plugin new NAME           the beginning of your own"""
"""What is said where there is no model at all."""


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

    @property
    def plugin(self) -> str:
        """The distribution and its version, as a run names them."""
        return f"{self.distribution} {self.version}"


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
        if not self.models and not self.broken:
            raise UsageError(f"There is no model {name!r}.\n{NONE_INSTALLED}")
        raise UsageError(
            f"No model is called {name!r}.{did_you_mean(name, self.models)}\n"
            f"Known models: {', '.join(sorted(self.models)) or 'none'}. "
            "`tracksmith models` tells more, also of plugins that are broken."
        )


def load_registry() -> Registry:
    """Load every installed plugin and return its models.

    Order, and with it who wins when two plugins offer a model of one name, is
    fixed: distributions and their entry points by name. ``TRACKSMITH_NO_PLUGINS=1``
    leaves no model. Nothing here imports torch.

    Returns
    -------
    Registry
        Models by name in that order, and what is broken with the reasons.
    """
    models: dict[str, RegisteredModel] = {}
    broken: list[BrokenPlugin] = []
    # decision: demo-is-a-plugin (no model has another way in)
    for plugin in installed_entries(GROUP):
        for item in _models_of(plugin):
            if isinstance(item, BrokenPlugin):
                broken.append(item)
                continue
            name = item.card.name
            if name in models:
                first = models[name]
                broken.append(
                    _broken(
                        plugin,
                        f"a model called {name!r} is already offered by {first.entry_point!r} "
                        f"({first.distribution} {first.version}), which is used",
                        name,
                    )
                )
            else:
                models[name] = item
    return Registry(models, broken)


def _broken(plugin: InstalledEntry, reason: str, model: str = "") -> BrokenPlugin:
    return BrokenPlugin(plugin.entry_point, plugin.distribution, plugin.version, reason, model)


def _models_of(plugin: InstalledEntry) -> Iterator[RegisteredModel | BrokenPlugin]:
    """Yield the models of one plugin, and a `BrokenPlugin` for whatever is wrong with it."""
    try:
        values = list(_call_hook(plugin.load()))
    except TracksmithError as error:
        yield _broken(plugin, str(error))
        return
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a plugin does stays its own
        yield _broken(plugin, f"{type(error).__name__}: {error}")
        return
    if not values:
        yield _broken(plugin, f"{HOOK}() returns no model")
    for value in values:
        if isinstance(value, Model) and isinstance(value.card, ModelCard) and callable(value.load):
            yield RegisteredModel(value, plugin.distribution, plugin.version, plugin.entry_point)
        else:
            shown = _shown(value)
            yield _broken(plugin, f"{HOOK}() returns {shown}, not a Model with card and load")


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
