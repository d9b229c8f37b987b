"""Options made from the fields of a request, so that every command has the same ones."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field
from pathlib import Path
from typing import Any, TypeVar

import click

from tracksmith.cli.completion import completer_of
from tracksmith.errors import UsageError
from tracksmith.models.trust import OPTION, trusting
from tracksmith.runs.request import (
    LISTS,
    MAPPINGS,
    Request,
    describe_field,
    flag_of,
    is_of_model,
    make_request,
    request_fields,
)

__all__ = [
    "NamedPath",
    "RequestCommand",
    "add_options",
    "go_options",
    "key_values",
    "out_option",
    "quiet_option",
    "request_from",
    "request_options",
    "run_options",
    "run_switches",
    "trust_option",
]

Command = TypeVar("Command", bound=Callable[..., Any])

SWITCHES = {"--spread": "--spread=yes", "--rc": "--rc=yes", "--no-rc": "--rc=no"}
"""What may be said for one model, ``--spread MODEL=yes``, and also without any value."""

ELSEWHERE = ("variants", "edits", "trust_weights")
"""Fields that are no options: arguments, and consent, which lasts as long as the command."""


def _trust(context: click.Context, option: click.Parameter, digests: tuple[str, ...]) -> None:
    context.with_resource(trusting(digests))


trust_option = click.option(
    OPTION, multiple=True, metavar="sha256:DIGEST", callback=_trust, expose_value=False,
    help="Unpickle the weight file with this digest, though that runs code from it; repeatable.",
)  # fmt: skip
"""Consent lasts as long as the command; it is stored nowhere."""


def add_options(command: Command) -> Command:
    """Add the options by which files of the user's own are shown beside runs."""
    alias = click.option(
        "--alias", type=click.Path(path_type=Path), help="Table of contig aliases, for --add."
    )
    add = click.option(
        "--add", multiple=True, metavar="FILE[=LABEL]",
        help="Show a file of your own, too: bigWig, bigBed, BED, GFF3, GTF or VCF; repeatable.",
    )  # fmt: skip
    return add(alias(command))


class NamedPath(click.Path):
    """A path that is not empty: an unset variable of a shell is no folder here."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path."""
        if not str(value):
            self.fail("its value is empty: name a file or folder.", param, ctx)
        return super().convert(value, param, ctx)


def _single(context: click.Context, option: click.Parameter, values: tuple[Any, ...]) -> Any:
    """Return the one value of an option; two different ones contradict each other."""
    different = list(dict.fromkeys(values))
    if len(different) > 1:
        raise click.BadParameter(
            f"it is given twice, {different[0]} and {different[1]}: keep one.", context, option
        )
    return different[0] if different else None


out_option = click.option(
    "-o", "--out", required=True, multiple=True, callback=_single, type=NamedPath(),
    help="Run folder.",
)  # fmt: skip
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")

_SWITCHES = (
    quiet_option,
    click.option("--overwrite", is_flag=True, help="Replace another run in the same folder."),
    click.option("--force", is_flag=True, help="Go on though the disk may be too small."),
)
_GO = (
    click.option("--keep-parts", is_flag=True, help="Keep the parts after finishing."),
    click.option("--dry-run", is_flag=True, help="Say what it would cost; compute nothing."),
)


class RequestCommand(click.Command):
    """A command whose options stand in groups, and whose switches may be said for one model."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Give bare switches their value, so that one syntax serves all options."""
        given = [
            SWITCHES[text] if text in SWITCHES and not _is_value(args, number) else text
            for number, text in enumerate(args)
        ]
        return super().parse_args(ctx, given)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options group by group."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for option in self.get_params(ctx):
            record = option.get_help_record(ctx)
            if record is not None:
                groups.setdefault(_group_of(option), []).append(record)
        for title, records in groups.items():
            with formatter.section(title):
                formatter.write_dl(records)


def _is_value(args: list[str], number: int) -> bool:
    """Say whether a switch is followed by a value of its own: ``--spread MODEL=yes``."""
    following = args[number + 1] if number + 1 < len(args) else ""
    return args[number] != "--no-rc" and following.rpartition("=")[2] in ("yes", "no")


def _group_of(option: click.Parameter) -> str:
    name = option.name or ""
    try:
        return f"{describe_field(name)['group']}"
    except KeyError:
        return "This command"


def _long(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _option(item: Field[Any]) -> Callable[[Any], Any]:
    """Return the option of a field."""
    known = item.metadata
    flag = known["flag"]
    names = [flag] if flag.startswith("--") else [*([flag] if flag else []), _long(item.name)]
    if item.name == "models":
        names = ["-m", "--model"]
    if item.name == "reverse_complement":
        names = ["--rc"]
    about = known["about"] + (f" One of {', '.join(known['choices'])}." if known["choices"] else "")
    plain = isinstance(item.default, bool) and not is_of_model(item.name)
    if plain:
        return click.option(*names, item.name, is_flag=True, default=None, help=about)
    several = is_of_model(item.name) or known["read"] in LISTS
    required = item.name in ("models", "genome")
    return click.option(
        *names, item.name, multiple=True, callback=None if several else _single,
        required=required, help=about, shell_complete=completer_of(item.name),
    )  # fmt: skip


def request_options(*kinds: str) -> Callable[[Command], Command]:
    """Return a decorator that adds the options of requests of these kinds of run."""
    wanted = [
        item
        for item in request_fields()
        if item.name not in ELSEWHERE and set(kinds) & set(item.metadata["kinds"])
    ]

    def decorate(command: Command) -> Command:
        for option in (trust_option, *(_option(item) for item in reversed(wanted))):
            command = option(command)
        return command

    return decorate


def run_options(command: Command) -> Command:
    """Add the options of commands that write a run."""
    return out_option(run_switches(command))


def run_switches(command: Command) -> Command:
    """Add the switches of commands that write a run, or several."""
    return _with(_SWITCHES, command)


def go_options(command: Command) -> Command:
    """Add the switches of commands that make a run in one go."""
    return _with(_GO, command)


def _with(options: Sequence[Callable[[Any], Any]], command: Command) -> Command:
    for option in reversed(options):
        command = option(command)
    return command


def request_from(values: Mapping[str, Any]) -> Request:
    """Return the request that the options of a command describe.

    ``MODEL=VALUE`` says an option for one of the models.
    """
    models = tuple(values.get("models") or ())
    given: dict[str, Any] = {}
    for name, value in values.items():
        if value is None or value == ():
            continue
        given[name] = _said(name, value, models) if is_of_model(name) else value
    return make_request(given)


def _said(name: str, texts: tuple[str, ...], models: tuple[str, ...]) -> dict[str, Any]:
    """Return the values of an option by model, ``""`` for every model."""
    said: dict[str, Any] = {}
    read = describe_field(name)["read"]
    for text in texts:
        model, value = _split(name, text, models)
        if read in LISTS:
            said.setdefault(model, []).append(value)
        elif read in MAPPINGS:
            _add_pair(said.setdefault(model, {}), flag_of(name), value)
        elif model in said:
            raise UsageError(
                f"{flag_of(name)} is given twice, {said[model]} and {value}: keep one"
                + ("; put the files of all folds into one folder." if name == "weights" else ".")
            )
        else:
            said[model] = value
    return said


def _split(name: str, text: str, models: tuple[str, ...]) -> tuple[str, str]:
    """Take ``MODEL=VALUE`` apart where MODEL is one of the run's."""
    head, equals, tail = text.partition("=")
    if not equals:
        return "", text
    # decision: model-equals-value (one syntax for every option of a model)
    if head in models:
        return head, tail
    free = describe_field(name)["read"] in (*LISTS, *MAPPINGS)
    if not free and not (name == "weights" and Path(text).exists()):
        near = difflib.get_close_matches(head, models, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise UsageError(f"{flag_of(name)} names {head}, which was not asked for.{hint}")
    return "", text


def key_values(texts: tuple[str, ...], flag: str) -> dict[str, str]:
    """Read ``NAME=VALUE`` texts; no name may come twice."""
    pairs: dict[str, str] = {}
    for text in texts:
        _add_pair(pairs, flag, text)
    return pairs


def _add_pair(pairs: dict[str, str], flag: str, text: str) -> None:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UsageError(f"{flag} {text}: give NAME=VALUE.")
    if key in pairs:
        raise UsageError(f"{flag} {key} is given twice, {pairs[key]} and {value}: keep one.")
    pairs[key] = value
