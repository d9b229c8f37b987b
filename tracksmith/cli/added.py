"""Commands that plugins add, through the entry-point group ``tracksmith.commands``."""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import TYPE_CHECKING, Any

import click

from tracksmith.errors import TracksmithError, UsageError

if TYPE_CHECKING:
    from tracksmith.models.installed import InstalledEntry

__all__ = ["added_command", "added_commands", "unusable_commands"]

GROUP = "tracksmith.commands"


def added_commands(taken: Container[str] = ()) -> dict[str, InstalledEntry]:
    """Return what plugins add, by name of the command, without importing it.

    Of two plugins with one name the first by distribution counts, and none
    whose name is ``taken``.
    """
    from tracksmith.models.installed import installed_entries

    added: dict[str, InstalledEntry] = {}
    for plugin in installed_entries(GROUP):
        if plugin.point is not None and plugin.entry_point not in taken:
            added.setdefault(plugin.entry_point, plugin)
    return added


def added_command(name: str) -> click.Command | None:
    """Import the command that a plugin adds as ``name``; None if there is none.

    One that cannot be loaded becomes a command that says why.
    """
    plugin = added_commands().get(name)
    if plugin is None:
        return None
    command = _load(plugin)
    return _refusal(plugin, command) if isinstance(command, str) else command


def unusable_commands(taken: Container[str]) -> Iterator[tuple[InstalledEntry, str]]:
    """Yield every command of a plugin that cannot be used, and why; imports all of them."""
    from tracksmith.models.installed import installed_entries

    added = added_commands(taken)
    for plugin in installed_entries(GROUP):
        used = added.get(plugin.entry_point)
        if plugin.entry_point in taken:
            yield plugin, "tracksmith has a command of this name"
        elif used is not None and used != plugin:
            yield plugin, f"the command of {used.distribution} {used.version} is used"
        elif isinstance(reason := _load(plugin), str):
            yield plugin, reason


def _load(plugin: InstalledEntry) -> click.Command | str:
    """Return the command, or why it cannot be used."""
    try:
        command = plugin.load()
    except TracksmithError as error:
        return str(error)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a plugin does stays its own
        return f"{type(error).__name__}: {error}"
    if not isinstance(command, click.Command):
        return f"it offers an object of type {type(command).__name__}, not a click command"
    return command


def _refusal(plugin: InstalledEntry, reason: str) -> click.Command:
    def refuse(**_: Any) -> None:
        raise UsageError(
            f"The command {plugin.entry_point!r} cannot be used: its plugin "
            f"({plugin.distribution} {plugin.version}) is broken: {reason}\n"
            f"Repair, update or remove the package {plugin.distribution}."
        )

    anything = {"ignore_unknown_options": True, "allow_extra_args": True}
    return click.Command(
        plugin.entry_point, callback=refuse, add_help_option=False, context_settings=anything
    )
