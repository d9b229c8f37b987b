"""Groups of commands that say what a mistyped one may have meant."""

from __future__ import annotations

from collections.abc import Sequence

import click

from tracksmith.guess import did_you_mean

__all__ = ["GuessingGroup"]


class GuessingGroup(click.Group):
    """A group that says which of its commands a mistyped one resembles."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the first argument names, or say what there is."""
        named = args and not args[0].startswith("-") and not ctx.resilient_parsing
        if named and self.get_command(ctx, args[0]) is None:
            ctx.fail(_unknown(args[0], self.list_commands(ctx), ctx.command_path))
        return super().resolve_command(ctx, args)


def _unknown(given: str, commands: Sequence[str], path: str) -> str:
    guess = did_you_mean(given, commands)
    every = f" `{path} --help` lists all." if not guess else ""
    return f"No such command {given!r}.{guess}{every}"
