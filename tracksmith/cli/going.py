"""What commands that make a run in one go have in common: they estimate, plan or run it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from tracksmith.errors import UsageError
from tracksmith.runs.request import Request

__all__ = ["Going", "going_as_one"]


@dataclass(frozen=True)
class Going:
    """The switches that say how a run is made; all other options say what it computes."""

    out: Path
    quiet: bool
    overwrite: bool
    force: bool
    keep_parts: bool
    dry_run: bool
    plan_only: bool = False

    def make(self, request: Request, say_more: Callable[..., None] | None = None) -> None:
        """Make the run and say what came out, or what it would cost.

        ``say_more`` is told of the finished run before its files are listed.
        """
        from tracksmith.cli.report import say_estimate, say_files, say_plan
        from tracksmith.kinds import kind_of_request
        from tracksmith.progress import LineProgress
        from tracksmith.runs import job

        if self.plan_only and self.keep_parts:
            raise UsageError(
                "--plan-only makes no parts: give --keep-parts to `tracksmith finish`."
            )
        place = (kind_of_request(request), request, self.out, LineProgress(quiet=self.quiet))
        if self.dry_run:
            say_estimate(job.estimate(place[0], request, place[3]))
        elif self.plan_only:
            run = job.plan(*place, overwrite=self.overwrite, force=self.force)
            say_plan(run, quiet=self.quiet)
        else:
            run = job.run_all(
                *place, overwrite=self.overwrite, force=self.force, keep_parts=self.keep_parts
            )
            if say_more is not None:
                say_more(run, quiet=self.quiet)
            say_files(run, quiet=self.quiet)


def going_as_one(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command its switches as one :class:`Going`, its first argument."""
    names = {item.name for item in fields(Going)}

    @functools.wraps(command)
    def called(**values: Any) -> None:
        own = {name: values.pop(name) for name in names & values.keys()}
        command(Going(**own), **values)

    return called
