"""The models of a run: resolved from what was asked, and found again from a plan."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tracksmith.errors import PluginError, TracksmithError, TrustError, UsageError
from tracksmith.files import digest_of_file
from tracksmith.models.card import ModelCard, RegionGeometry
from tracksmith.models.contract import LoadRequest, Model, WeightPaths
from tracksmith.models.registry import RegisteredModel, Registry
from tracksmith.models.selection import select_tracks
from tracksmith.models.trust import consent, option_for
from tracksmith.models.weights import describe, find_weights
from tracksmith.runs.codec import encode
from tracksmith.runs.record import FileRecord, ModelRecord, TrustedFile
from tracksmith.runs.request import Request
from tracksmith.runs.run import Run, differences

__all__ = [
    "ChosenModel",
    "PlannedModel",
    "card_options",
    "choose_model",
    "choose_models",
    "load_model",
    "note_unused",
    "open_model",
    "open_models",
    "reads_regions",
    "trusted_files",
    "with_partners",
]


@dataclass(frozen=True)
class ChosenModel:
    """A model that was asked for, with its weights found and its card described."""

    registered: RegisteredModel
    card: ModelCard
    weights: WeightPaths
    tracks: tuple[str, ...]

    @property
    def closed(self) -> ModelCard:
        """The card with the tracks that are computed."""
        return with_partners(self.card, self.tracks)

    def records(self, folds: Collection[str]) -> dict[str, tuple[FileRecord, ...]]:
        """Return the records of the weight files of some folds; none means all."""
        return {
            fold: tuple(FileRecord.of(path) for path in files)
            for fold, files in self.weights.items()
            if not folds or fold in folds
        }

    @property
    def places(self) -> dict[str, tuple[str, ...]]:
        """Paths of the weight files by fold, named as the user sees them."""
        return {
            fold: tuple(str(path.absolute()) for path in files)
            for fold, files in self.weights.items()
        }


def reads_regions(card: ModelCard) -> bool:
    """Say whether a model reads a list of regions instead of windows."""
    return isinstance(card.geometry, RegionGeometry)


def choose_models(request: Request, registry: Registry) -> list[RegisteredModel]:
    """Return the models that were asked for, each once.

    Raises
    ------
    UsageError
        None was named, one is unknown, or it is not said whose the weights are.
    """
    if not request.models:
        raise UsageError("No model was named: use -m MODEL; `tracksmith models` lists them.")
    chosen = [registry.get(name) for name in dict.fromkeys(request.models)]
    if "weights" in request.own.get("", {}) and len(chosen) > 1:
        raise UsageError("With several models say whose weights: --weights MODEL=PATH.")
    return chosen


def choose_model(
    registered: RegisteredModel, request: Request, notify: Callable[[str], None]
) -> ChosenModel:
    """Find the weights of a model and the tracks that are wanted of it.

    Raises
    ------
    TracksmithError
        Of the kind that fits: unknown track (UsageError), weights that are
        missing (ResourceError) or not of this model (InputError).
    """
    model_request = request.of(registered.card.name)
    weights = find_weights(registered.model, model_request.weights)
    card = describe(registered.model, weights)
    if not card.commercial_use:
        notify(f"NOTE: {card.name} may not be used commercially ({card.weights_licence}).")
    return ChosenModel(registered, card, weights, tuple(select_tracks(card, model_request.tracks)))


def with_partners(card: ModelCard, chosen: Iterable[str]) -> ModelCard:
    """Return the card with the chosen tracks and the partners their strands need."""
    by_id = {track.id: track for track in card.tracks}
    chosen = tuple(chosen)
    wanted = list(dict.fromkeys([*chosen, *(by_id[i].rc_partner or i for i in chosen)]))
    return card.with_tracks(wanted)


def card_options(card: ModelCard, given: Mapping[str, str]) -> dict[str, str]:
    """Return every option of the card with its value, given or default.

    Raises
    ------
    UsageError
        An option that the card has not, or a value that is none of its choices.
    """
    known = {option.name: option for option in card.options}
    for name, value in given.items():
        if name not in known:
            raise UsageError(
                f"--option {name}: {card.name} has "
                + (f"the options {', '.join(known)}." if known else "no options.")
            )
        if known[name].choices and value not in known[name].choices:
            raise UsageError(
                f"--option {name}={value}: use one of {', '.join(known[name].choices)}."
            )
    return {name: given.get(name, option.default) for name, option in known.items()}


def options_of(
    card: ModelCard, request: Request, cards: Iterable[ModelCard], notify: Callable[[str], None]
) -> dict[str, str]:
    """Return the options of one model of a run.

    What is said for every model counts for those that have such an option, and
    is told of the others; an option that no model has is refused.
    """
    given = dict(request.of(card.name).options)
    own = request.own.get(card.name, {}).get("options", {})
    known = {option.name for option in card.options}
    elsewhere = {option.name for other in cards for option in other.options}
    for name in [name for name in given if name not in known and name not in own]:
        if name in elsewhere:
            del given[name]
            notify(f"--option {name} has no meaning for {card.name}; it is left out there.")
    return card_options(card, given)


@dataclass(frozen=True)
class PlannedModel:
    """One model of a planned run, as it is installed now.

    ``full`` is its card with all tracks; ``card`` with those that are computed.
    """

    model: Model
    full: ModelCard
    record: ModelRecord
    weights: WeightPaths

    @property
    def card(self) -> ModelCard:
        """The card with the tracks that are computed."""
        return self.record.card

    @property
    def name(self) -> str:
        """The model's name."""
        return self.record.card.name


def open_model(run: Run, number: int, registry: Registry) -> PlannedModel:
    """Return a model of a planned run, checked against what is installed.

    Raises
    ------
    TrustError
        Its card is not the one that was planned.
    """
    record = run.plan.models[number]
    model = registry.get(record.name).model
    weights = run.places.weights_of(record.name)
    full = describe(model, weights)
    known = {track.id for track in full.tracks}
    ids = [track.id for track in record.card.tracks]
    installed = full.with_tracks([name for name in ids if name in known])
    lines = differences(encode(record.card, full=True), encode(installed, full=True))
    if lines:
        listed = "\n".join(f"  {line}" for line in lines[:10])
        raise TrustError(
            f"The model {full.name} is not the one that was planned (planned, installed):\n"
            f"{listed}\nInstall the planned version of the plugin, or start anew."
        )
    return PlannedModel(model, full, record, weights)


def open_models(run: Run, registry: Registry) -> list[PlannedModel]:
    """Return all models of a planned run; see :func:`open_model`."""
    if not run.plan.models:
        raise TrustError(f"{run.folder} was planned without a model. Start anew with --overwrite.")
    return [open_model(run, number, registry) for number in range(len(run.plan.models))]


def load_model(planned: PlannedModel, tracks: tuple[str, ...], features: tuple[str, ...]) -> Any:
    """Load the networks of a model, after checking the digests of its weights.

    Raises
    ------
    TrustError
        A weight file is not the one that was planned.
    PluginError
        The plugin failed to load it.
    """
    used = {
        fold: _planned_weights(planned, fold, files)
        for fold, files in planned.record.weights.items()
    }
    try:
        request = LoadRequest(used, tracks, planned.record.options, features)
        return planned.model.load(request)
    except TracksmithError:
        raise
    except (Exception, SystemExit) as error:
        raise PluginError(
            f"{planned.name} failed to load: {type(error).__name__}: {error}"
        ) from error


def _planned_weights(
    planned: PlannedModel, fold: str, records: Sequence[FileRecord]
) -> tuple[Path, ...]:
    """Return the paths of a fold's weight files, each held against its digest."""
    paths = planned.weights.get(fold, ())
    if len(paths) != len(records):
        raise TrustError(
            f"run.json says of {len(paths)} weight files of {planned.name} where they are; "
            f"{len(records)} were planned. Restore the file, or start anew."
        )
    return tuple(
        check_file(path, record, "weight file") for path, record in zip(paths, records, strict=True)
    )


def check_file(path: Path, record: FileRecord, what: str) -> Path:
    """Return the path of a file that was planned.

    Raises
    ------
    TrustError
        It is gone, or another file.
    """
    if not path.is_file() or digest_of_file(path) != record.sha256:
        raise TrustError(
            f"{path} is not the {what} that was planned ({record.name}, sha256 "
            f"{record.sha256[:12]}...). Restore it, or start anew."
        )
    return path


def trusted_files(
    models: Iterable[ModelRecord], digests: Collection[str]
) -> tuple[TrustedFile, ...]:
    """Return the weight files with these digests among the models of a run."""
    return tuple(
        TrustedFile(record.name, fold, file.name, file.sha256)
        for record in models
        for fold, files in record.weights.items()
        for file in files
        if file.sha256 in digests
    )


def note_unused(models: Iterable[ModelRecord], notify: Callable[[str], None]) -> None:
    """Tell of every trusted digest that no weight file of a run has."""
    digests = consent().digests
    known = {file.sha256 for file in trusted_files(models, digests)}
    for digest in sorted(digests - known):
        notify(f"NOTE: {option_for(digest)}: no weight file of this run has that sha256.")
