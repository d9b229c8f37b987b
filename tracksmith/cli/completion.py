"""What a shell may complete beside commands and options, which click completes itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

import click
from click.shell_completion import CompletionItem

from tracksmith.runs.request import FORMAT_NAMES, SCORE_NAMES, describe_field, is_of_model
from tracksmith.runs.values import read_path, read_paths_by_name

__all__ = ["complete_models", "completer_of"]

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]

MOST = 500
"""So many tracks are offered: a shell that is asked for more shows none of them well."""


# decision: completion-by-click (click prints the script of each shell itself)
def complete_models(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the names of models that begin so, each with what it is."""
    cards = _cards()
    return [
        CompletionItem(name, help=card.summary)
        for name, card in cards.items()
        if name.startswith(incomplete.lower())
    ]


def completer_of(name: str) -> Completer | None:
    """Return what completes the values of a field of a request; None where nothing can."""
    if name == "models":
        return complete_models
    if describe_field(name)["read"] is read_path or name in ("regions", "saturate"):
        return _complete_files
    if describe_field(name)["read"] is read_paths_by_name:
        return _complete_inputs
    words = _WORDS.get(name) or _choices(name)
    return None if words is None else _completing(name, words)


def _complete_files(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Let the shell complete a file; behind ``MODEL=`` it cannot."""
    return [CompletionItem(incomplete, type="file")]


def _complete_inputs(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete the names of inputs; of ``NAME=PATH`` the shell knows the rest."""
    known = {f"{name}=" for card in _chosen(ctx) for name in getattr(card.geometry, "inputs", ())}
    names = sorted(known - {"peaks=", "accessibility="})
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def _completing(name: str, words: Callable[[list[Any]], Iterable[str]]) -> Completer:
    """Return what completes one of some words, alone or behind ``MODEL=``."""

    def complete(
        ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        cards = _chosen(ctx)
        model, equals, _ = incomplete.partition("=")
        own = [card for card in cards if card.name == model and equals and is_of_model(name)]
        before = f"{model}=" if own else ""
        fits = (
            before + word for word in words(own or cards) if (before + word).startswith(incomplete)
        )
        return [CompletionItem(word) for word in islice(dict.fromkeys(fits), MOST)]

    return complete


def _cards() -> dict[str, Any]:
    from tracksmith.models.registry import load_registry

    return {name: model.card for name, model in load_registry().models.items()}


def _chosen(ctx: click.Context) -> list[Any]:
    """Return the cards of the models that stand on the line so far."""
    cards = _cards()
    return [cards[name] for name in ctx.params.get("models") or () if name in cards]


def _choices(name: str) -> Callable[[list[Any]], Iterable[str]] | None:
    choices = describe_field(name)["choices"]
    return None if not choices else lambda cards: choices


def _folds(cards: list[Any]) -> Iterable[str]:
    return ("mean", "held-out", *(fold.name for card in cards for fold in card.folds))


def _tracks(cards: list[Any]) -> Iterable[str]:
    return (*(track.id for card in cards for track in card.tracks), "assay=", "cell=", "strand=")


def _options(cards: list[Any]) -> Iterable[str]:
    options = [option for card in cards for option in card.options]
    return (f"{option.name}={choice}" for option in options for choice in option.choices)


_WORDS: dict[str, Callable[[list[Any]], Iterable[str]]] = {
    "folds": _folds,
    "tracks": _tracks,
    "options": _options,
    "scores": lambda cards: SCORE_NAMES,
    "formats": lambda cards: FORMAT_NAMES,
    "device": lambda cards: ("auto", "cpu", "cuda", "mps"),
    "compressor": lambda cards: ("zlib", "isal", "deflate"),
}
