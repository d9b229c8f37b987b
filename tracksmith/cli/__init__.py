"""The command line. The only package that knows click."""

from __future__ import annotations

import errno
import importlib
import importlib.util
import logging
import os
import select
import shlex
import signal
import sys
import tempfile
import traceback
from typing import Any

import click

from tracksmith.cli.added import added_command, added_commands
from tracksmith.cli.guesses import GuessingGroup
from tracksmith.cli.streams import open_closed_streams
from tracksmith.errors import InputError, ResourceError, TracksmithError
from tracksmith.files import name_fault, remedy
from tracksmith.version import __version__

__all__ = ["main"]

COMMANDS = {
    "doctor": ("tracksmith.cli.doctor:doctor", "Say what this installation can do."),
    "evaluate": ("tracksmith.cli.evaluate:evaluate", "Hold a run against what was measured."),
    "finish": ("tracksmith.cli.stages:finish", "Join the parts of a run into its tracks."),
    "hub": ("tracksmith.cli.hub:hub", "Build or check a UCSC track hub."),
    "models": ("tracksmith.cli.models:models", "List models, their cards, tracks and weights."),
    "perturb": ("tracksmith.cli.perturb:perturb", "Edit here, read there: what edits change."),
    "normalise": ("tracksmith.cli.normalise:normalise", "Add tracks of a run as quantiles."),
    "plan": ("tracksmith.cli.stages:plan", "Fix a run and its parts without computing."),
    "plot": ("tracksmith.cli.plot:plot", "Draw a region of runs, for a paper."),
    "plugin": ("tracksmith.cli.plugin:plugin", "Write or check a model plugin."),
    "predict": ("tracksmith.cli.predict:predict", "Write prediction tracks along a genome."),
    "run": ("tracksmith.cli.study:run", "Run a study: predict, variants and hub of a TOML file."),
    "status": ("tracksmith.cli.stages:status", "Say what of a run is done."),
    "study": ("tracksmith.cli.study:study", "Print the study that makes finished runs again."),
    "variants": ("tracksmith.cli.variants:variants", "Score the variants of a VCF."),
    "view": ("tracksmith.cli.view:view", "Open a run in a browser page."),
    "work": ("tracksmith.cli.stages:work", "Compute parts of a planned run."),
    "explain": ("tracksmith.cli.explain:explain", "Say which bases make up a prediction."),
}


STOPPED = "\nStopped. What was finished is kept: repeat the command to go on from there."


PATH_ERRORS = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR,
}  # fmt: skip
"""What the system says of a path that the user named; no fault of ours."""
LIMITS = {errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EDQUOT}
LESS_MEMORY = "Use a smaller --batch-size, or fewer tracks or devices."


class Terminated(KeyboardInterrupt):
    """SIGTERM: a scheduler wants the machine back. Unwinds like Ctrl-C."""


def _terminate(number: int, frame: object) -> None:
    raise Terminated


class LazyGroup(GuessingGroup):
    """Import a command's module only when that command runs: ``--help`` stays fast."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command line; also where standard streams are closed."""
        open_closed_streams()
        return super().main(*args, **kwargs)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the arguments; none may be a name that nothing could be stored under."""
        for text in args:
            if fault := name_fault(text):
                raise click.UsageError(f"An argument cannot be used: {fault}")
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*_built_in(), *added_commands(COMMANDS)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return added_command(cmd_name)
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in _built_in()])
        # decision: commands-by-summary (the help imports no plugin)
        if added := added_commands(COMMANDS):
            with formatter.section("Commands of plugins"):
                formatter.write_dl([(name, plugin.summary) for name, plugin in added.items()])

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; every error becomes a message and an exit code here."""
        signal.signal(signal.SIGTERM, _terminate)
        try:
            return super().invoke(ctx)
        except TracksmithError as error:
            click.echo(f"Error: {error}", err=True)
            sys.exit(error.exit_code)
        except Terminated:
            _say_last(STOPPED)
            sys.exit(128 + signal.SIGTERM)
        except KeyboardInterrupt:
            _say_last(STOPPED)
            sys.exit(128 + signal.SIGINT)
        except (click.exceptions.Exit, click.Abort, click.ClickException):
            raise
        except Exception as error:  # noqa: BLE001 - the one place where a bug is caught
            sys.exit(_exit_code(error))


def _say_last(text: str) -> None:
    """Say something after which nothing is said: Dask tells of workers that it only began."""
    click.echo(text, err=True)
    if "distributed" in sys.modules:
        sys.stderr.flush()
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def _exit_code(error: Exception) -> int:
    """Say what went wrong outside of our own errors, and return the exit code for it."""
    if isinstance(error, BrokenPipeError) and _leave_closed_pipes():
        return 128 + signal.SIGPIPE
    if isinstance(error, MemoryError):
        click.echo(f"Error: Not enough memory ({error}). {LESS_MEMORY}", err=True)
        return ResourceError.exit_code
    if isinstance(error, OSError) and error.errno in LIMITS:
        place = f"{error.filename}: " if error.filename else ""
        click.echo(f"Error: {place}{error.strerror}. {remedy(error)}", err=True)
        return ResourceError.exit_code
    if isinstance(error, OSError) and error.filename and error.errno in PATH_ERRORS:
        click.echo(f"Error: {error.filename}: {error.strerror}. Check the path.", err=True)
        return InputError.exit_code
    if said := _said_of_device(error):
        click.echo(f"Error: {said}", err=True)
        return ResourceError.exit_code
    _report_bug(error)
    return 1


def _said_of_device(error: Exception) -> str | None:
    """Return the sentence for a device that failed or was full, where no other place said it."""
    if "torch" not in sys.modules:
        return None
    from tracksmith.runs.failures import said_of_device

    return said_of_device(error)


def _leave_closed_pipes() -> bool:
    """Whether nobody reads standard output or error any more; what is unwritten goes nowhere."""
    watched = select.poll()
    for number in (1, 2):
        watched.register(number, select.POLLOUT)
    closed = [n for n, event in watched.poll(0) if event & (select.POLLERR | select.POLLHUP)]
    for number in closed:
        os.dup2(os.open(os.devnull, os.O_WRONLY), number)
    return bool(closed)


def _built_in() -> list[str]:
    return [name for name in COMMANDS if _module_exists(COMMANDS[name][0])]


def _module_exists(target: str) -> bool:
    return importlib.util.find_spec(target.partition(":")[0]) is not None


def _report_bug(error: Exception) -> None:
    text = "".join(traceback.format_exception(error))
    try:
        # A name that nobody can know: in a folder of everybody's, a link could lie in wait.
        number, name = tempfile.mkstemp(".log", "tracksmith-bug-", os.getcwd())  # noqa: PTH109
        with open(number, "w", encoding="utf-8", errors="backslashreplace") as log:  # noqa: PTH123
            log.write(f"tracksmith {__version__}\n{shlex.join(sys.argv)}\n\n{text}")
        where = f"The trace is in {name}"
    except OSError:
        where = text
    click.echo(
        f"Error: {type(error).__name__}: {error}\n"
        "This is a fault of tracksmith or of a plugin, not of your data.\n"
        f"{where}: please report it with the command.",
        err=True,
    )


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tracksmith")
@click.option("-v", "--verbose", count=True, help="Log more; -vv logs all.")
def main(verbose: int) -> None:
    """Turn sequence-to-function models into genome browser tracks."""
    level = (logging.WARNING, logging.INFO, logging.DEBUG)[min(verbose, 2)]
    logging.basicConfig(level=level, format="%(levelname)s %(name)s: %(message)s")
