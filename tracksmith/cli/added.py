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
    for entry in installed_entries(GROUP):
        if entry.point is not None and entry.entry_point not in taken:
            added.setdefault(entry.entry_point, entry)
    return added


def added_command(name: str) -> click.Command | None:
    """Import the command that a plugin adds as ``name``; None if there is none.

    One that cannot be loaded becomes a command that says why.
    """
    entry = added_commands().get(name)
    if entry is None:
        return None
    command = _load(entry)
    return _refusal(entry, command) if isinstance(command, str) else command


def unusable_commands(taken: Container[str]) -> Iterator[tuple[InstalledEntry, str]]:
    """Yield every command of a plugin that cannot be used, and why; imports all of them."""
    from tracksmith.models.installed import installed_entries

    added = added_commands(taken)
    for entry in installed_entries(GROUP):
        used = added.get(entry.entry_point)
        if entry.entry_point in taken:
            yield entry, "tracksmith has a command of this name"
        elif used is not None and used != entry:
            yield entry, f"the command of {used.distribution} {used.version} is used"
        elif isinstance(reason := _load(entry), str):
            yield entry, reason


def _load(entry: InstalledEntry) -> click.Command | str:
    """Return the command, or why it cannot be used."""
    try:
        command = entry.load()
    except TracksmithError as error:
        return str(error)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a plugin does stays its own
        return f"{type(error).__name__}: {error}"
    if not isinstance(command, click.Command):
        return f"it offers an object of type {type(command).__name__}, not a click command"
    return command


def _refusal(entry: InstalledEntry, reason: str) -> click.Command:
    def refuse(**_: Any) -> None:
        raise UsageError(
            f"The command {entry.entry_point!r} cannot be used: its plugin "
            f"({entry.distribution} {entry.version}) is broken: {reason}\n"
            f"Repair, update or remove the package {entry.distribution}."
        )

    anything = {"ignore_unknown_options": True, "allow_extra_args": True}
    return click.Command(
        entry.entry_point, callback=refuse, add_help_option=False, context_settings=anything
    )
