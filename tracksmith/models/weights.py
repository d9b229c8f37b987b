"""Where a model's weights lie, whether they are the right files, and which folds to use."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from tracksmith.errors import (
    InputError,
    PluginError,
    ResourceError,
    TracksmithError,
    TrustError,
    UsageError,
)
from tracksmith.files import cache_root
from tracksmith.models.card import ModelCard, WeightFile
from tracksmith.models.checked import check_weights, mismatch
from tracksmith.models.contract import Model, WeightPaths

__all__ = [
    "WeightsState",
    "bare",
    "describe",
    "find_weights",
    "locate_weights",
    "places",
    "select_folds",
    "state_of_weights",
    "tables_there",
    "weights_cache",
]


def weights_cache(card: ModelCard) -> Path:
    """Return the folder into which ``tracksmith models fetch`` puts a model's weights.

    ``$TRACKSMITH_CACHE/weights/<model>/<version>``; without that variable the
    user's cache folder of the operating system. Models that read the same files
    share a folder.
    """
    return cache_root() / "weights" / (card.weights_of or card.name) / card.version


def places(card: ModelCard) -> list[Path]:
    """Return the folders that are looked at when the user names none, in order."""
    chosen = os.environ.get("TRACKSMITH_WEIGHTS")
    names = dict.fromkeys((card.name, card.weights_of or card.name))
    own = [Path(chosen).expanduser() / name for name in names] if chosen else []
    return [*own, weights_cache(card)]


def needs_weights(model: Model) -> bool:
    """Say whether a model has weights outside its code."""
    card = model.card
    return bool(card.weights or card.archives) or model.find_weights is not None


def locate_weights(
    model: Model, given: Path | None = None, option: str = "--weights"
) -> WeightPaths:
    """Return the files of each fold without reading them.

    Looks at ``given`` alone where the user named a file or folder, else at
    ``$TRACKSMITH_WEIGHTS/<model>/``, then at the cache; the first place with
    a complete fold counts. A model that needs no weights has its folds (or
    ``""``) with no files. Messages call ``given`` by the name of its ``option``.

    Raises
    ------
    InputError
        ``given`` does not exist or holds no complete fold.
    ResourceError
        The weights are nowhere; the message says where they were looked for.
    """
    card = model.card
    if not needs_weights(model):
        if given is not None:
            raise UsageError(f"{option} {given}: {card.name} reads no weight files. Leave it out.")
        return {fold.name: () for fold in card.folds} or {"": ()}
    if given is not None:
        return _at_given(model, given, option)
    reasons = []
    for place in places(card):
        if not place.is_dir():
            reasons.append(f"{place}: no such folder")
            continue
        try:
            return _at(model, place)
        except InputError as error:
            reasons.append(f"{place}: {error}")
    looked = "\n".join(f"  - {reason}" for reason in reasons)
    raise ResourceError(
        f"The weights of {card.name} {card.version} are not on this machine. Looked at:\n{looked}\n"
        f"Run `tracksmith models fetch {card.name}`, or name a file or folder with --weights PATH."
    )


@dataclass(frozen=True)
class WeightsState:
    """What is known about a model's weights without reading them.

    ``paths`` is empty where they are not found, or not needed; ``why_not`` says why.
    """

    needed: bool
    paths: WeightPaths
    places: tuple[Path, ...]
    why_not: str = ""


def state_of_weights(model: Model, given: Path | None = None) -> WeightsState:
    """Say whether a model's weights are there; missing ones are no error unless ``given``."""
    looked = (given,) if given is not None else tuple(places(model.card))
    if not needs_weights(model):
        return WeightsState(False, {}, ())
    try:
        return WeightsState(True, locate_weights(model, given), looked)
    except TracksmithError as error:
        if given is not None:
            raise
        return WeightsState(True, {}, looked, str(error))


def tables_there(card: ModelCard) -> WeightPaths:
    """Return the tables that name a model's tracks, as far as they lie where weights belong.

    They are small, and tell the names before the weights are there.
    """
    tables: dict[str, tuple[Path, ...]] = {}
    for file in card.weights:
        if file.names_tracks:
            present = [place / file.name for place in places(card) if (place / file.name).is_file()]
            tables[file.fold] = (*tables.get(file.fold, ()), *present[:1])
    return {fold: paths for fold, paths in tables.items() if paths}


def find_weights(model: Model, given: Path | None = None) -> WeightPaths:
    """Locate a model's weights and check each file whose digest the card states.

    Raises
    ------
    InputError, ResourceError
        As :func:`locate_weights`.
    TrustError
        A file is not the published one; it must not be loaded.
    """
    paths = locate_weights(model, given)
    for file in check_weights(model.card, paths, only_stated=True):
        if file.wrong:
            raise TrustError(mismatch(model.card, file))
    return paths


def _at_given(model: Model, given: Path, option: str) -> WeightPaths:
    if given.is_symlink() and not given.exists():
        raise InputError(f"{option}: {_dangling(given)}")
    if not given.exists():
        raise InputError(f"{option} {given}: there is no such file or folder ({given.absolute()}).")
    try:
        return _at(model, given)
    except InputError as error:
        raise InputError(
            f"{option} {given} holds no weights of {model.card.name}: {error}\n"
            f"`tracksmith models show {model.card.name}` lists the files."
        ) from error


def _dangling(link: Path) -> str:
    return (
        f"{link} is a link to {link.readlink()}, which is not there: bring its content here first "
        "(`git annex get`, `dvc pull` or the like)."
    )


def _at(model: Model, place: Path) -> WeightPaths:
    """Return what one file or folder holds.

    Raises
    ------
    InputError
        There is no complete fold.
    """
    try:
        return _weights_at(model, place)
    except InputError as error:
        inside = place.rglob("*") if place.is_dir() else iter(())
        links = [path for path in inside if path.is_symlink() and not path.exists()]
        if not links:
            raise
        raise InputError(f"{error}\n{_dangling(min(links))}") from error


def _weights_at(model: Model, place: Path) -> WeightPaths:
    if model.find_weights is None:
        return _by_card(model.card, place)
    try:
        by_fold = model.find_weights(place)
    except TracksmithError:
        raise
    except Exception as error:
        raise PluginError(
            f"{model.card.name} failed in find_weights({str(place)!r}): "
            f"{type(error).__name__}: {error}"
        ) from error
    _check_by_fold(model.card, by_fold)
    return by_fold


def _check_by_fold(card: ModelCard, by_fold: object) -> None:
    names = {fold.name for fold in card.folds} or {""}
    if not isinstance(by_fold, Mapping) or not all(
        isinstance(files, tuple) and all(isinstance(path, Path) for path in files)
        for files in by_fold.values()
    ):
        raise PluginError(f"{card.name}: find_weights must return a dict of fold to tuple of Path")
    if set(by_fold) - names:
        raise PluginError(
            f"{card.name}: find_weights returns the folds {sorted(set(by_fold) - names)}, "
            f"which the card does not name ({sorted(names)})"
        )
    if not by_fold:
        raise InputError("no weight file of this model is there")
    for path in (path for files in by_fold.values() for path in files):
        if not path.is_file():
            raise PluginError(f"{card.name}: find_weights returns {path}, which is no file")


def describe(model: Model, paths: WeightPaths) -> ModelCard:
    """Return the card of a model, refined by what lies beside its weights.

    Raises
    ------
    PluginError
        The plugin's ``describe`` fails, or returns no card of that name.
    """
    if model.describe is None:
        return model.card
    try:
        card: object = model.describe(paths)
    except TracksmithError:
        raise
    except Exception as error:
        raise PluginError(
            f"{model.card.name} failed in describe(): {type(error).__name__}: {error}"
        ) from error
    if not isinstance(card, ModelCard) or card.name != model.card.name:
        shown = card.name if isinstance(card, ModelCard) else type(card).__name__
        raise PluginError(
            f"{model.card.name}: describe() returned {shown}; return its own card, refined."
        )
    return card


def _files_by_fold(card: ModelCard) -> dict[str, list[WeightFile]]:
    files: dict[str, list[WeightFile]] = {fold.name: [] for fold in card.folds}
    for file in card.weights:
        files.setdefault(file.fold, []).append(file)
    return {fold: listed for fold, listed in files.items() if listed}


def _by_card(card: ModelCard, place: Path) -> WeightPaths:
    wanted = _files_by_fold(card)
    if place.is_file():
        return _single_file(wanted, place)
    by_fold, missing = {}, []
    for fold, files in wanted.items():
        paths = tuple(place / file.name for file in files)
        absent = [path.name for path in paths if not path.is_file()]
        missing += absent
        if not absent:
            by_fold[fold] = paths
    if not by_fold:
        raise InputError(f"missing {_shown(missing)}")
    return by_fold


def _single_file(wanted: Mapping[str, list[WeightFile]], place: Path) -> WeightPaths:
    fits = [fold for fold, files in wanted.items() if place.name in {f.name for f in files}]
    if len(wanted) == 1:
        fits = list(wanted)
    if not fits:
        names = [file.name for files in wanted.values() for file in files]
        raise InputError(f"its name says no fold; expected one of {_shown(names)}")
    (fold,) = fits
    if len(wanted[fold]) > 1:
        names = [file.name for file in wanted[fold]]
        raise InputError(f"one file is not enough; name a folder with {_shown(names)}")
    return {fold: (place,)}


def _shown(names: list[str]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")


def select_folds(
    card: ModelCard,
    available: tuple[str, ...],
    rule: str,
    names: Mapping[str, str] = MappingProxyType({}),
) -> Callable[[str], tuple[str, ...]]:
    """Return a function from a contig to the folds that predict it, in the card's order.

    Parameters
    ----------
    available
        Folds whose weights are there; ``("",)`` for a model without folds.
    rule
        ``mean``: all of them. ``held-out``: those that never saw the contig in
        training, all where no fold saw it, none otherwise (the contig stays a
        gap). Else the name of one fold. Contigs are compared without a
        leading ``chr``.
    names
        What the card calls contigs that the genome calls otherwise, by the
        genome's name; ``""`` for one that the card does not know.

    Raises
    ------
    UsageError
        No such fold, or the card does not say what its folds held out.
    ResourceError
        The fold's weights are not there; from the returned function: the
        weights of all folds that held the contig out are not.
    """
    order = [fold.name for fold in card.folds] or [""]
    present = tuple(name for name in order if name in available)
    if rule == "mean":
        return lambda contig: present
    if rule == "held-out":
        return _held_out(card, present, names)
    if rule not in order or not rule:
        near = difflib.get_close_matches(rule, ["mean", "held-out", *filter(None, order)], n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        known = ", ".join(filter(None, order)) or "none"
        raise UsageError(
            f"--folds {rule}: use mean, held-out or a fold's name.{hint} "
            f"Folds of {card.name}: {known}."
        )
    if rule not in present:
        raise ResourceError(_fold_missing(card, [rule]))
    return lambda contig: (rule,)


def _held_out(
    card: ModelCard, present: tuple[str, ...], names: Mapping[str, str]
) -> Callable[[str], tuple[str, ...]]:
    if not any(fold.held_out for fold in card.folds) and not card.unseen:
        raise UsageError(
            f"--folds held-out: the card of {card.name} does not say which contigs its folds "
            "never saw. Use --folds mean."
        )

    def choose(contig: str) -> tuple[str, ...]:
        known = bare(names.get(contig, contig))
        if known in map(bare, card.unseen):
            return present
        wanted = [fold.name for fold in card.folds if known in map(bare, fold.held_out)]
        chosen = tuple(name for name in present if name in wanted)
        if wanted and not chosen:
            raise ResourceError(f"{contig}: " + _fold_missing(card, wanted))
        return chosen

    return choose


def bare(contig: str) -> str:
    """Return the name of a contig as those of folds are compared."""
    return contig.removeprefix("chr")


def _fold_missing(card: ModelCard, folds: list[str]) -> str:
    return (
        f"the weights of fold {', '.join(folds)} of {card.name} are not on this machine. "
        f"Run `tracksmith models fetch {card.name}`, or use --weights PATH."
    )
