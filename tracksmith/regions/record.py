"""What a run records of a model over regions, and its inputs, found again by that record."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from tracksmith.engine.folds import check_card_assembly, refuse_partial
from tracksmith.errors import InputError, PluginError, UsageError
from tracksmith.models.card import ModelCard, RegionGeometry
from tracksmith.regions.peaks import Overlaps, PeaksRequest
from tracksmith.regions.windows import region_windows
from tracksmith.regions.work import RegionInputs
from tracksmith.runs.begin import Context
from tracksmith.runs.planned import ChosenModel, check_file, options_of
from tracksmith.runs.record import FileRecord, FoldsRecord, ModelRecord, Places, RegionsRecord
from tracksmith.runs.request import ModelRequest

__all__ = ["place_names", "planned_inputs", "region_inputs", "region_record"]

BATCH_WINDOWS = {"cpu": 4, "cuda": 64}


def region_record(chosen: ChosenModel, context: Context) -> tuple[ModelRecord, RegionInputs]:
    """Return the record of a model over regions, with every default filled in, and its inputs.

    Raises
    ------
    TracksmithError
        Of the kind that fits: inputs that it does not read (UsageError), a
        missing file (InputError), weights that are missing (ResourceError).
    """
    card, request = chosen.card, context.request
    model_request = request.of(card.name)
    geometry = card.geometry
    if not isinstance(geometry, RegionGeometry):
        raise PluginError(f"{card.name} describes itself as a window model once it is loaded.")
    if model_request.weights is None or not model_request.weights.is_file():
        refuse_partial(card, tuple(chosen.weights), "the file of one fold (--weights FILE)")
    inputs = region_inputs(card, model_request, request.alias, clip=request.clip)
    stride = geometry.stride if model_request.stride is None else model_request.stride
    region_windows(0, geometry.context, stride)
    check_card_assembly(card, context.genome.contigs, "mean", context.progress.note)
    files = {name: FileRecord.of(_there(name, path)) for name, path in inputs.every.items()}
    record = ModelRecord(
        card=card,
        tracks=chosen.tracks,
        plugin=chosen.registered.plugin,
        stride=stride,
        batch_size=model_request.batch_size or BATCH_WINDOWS.get(context.device, 4),
        folds=FoldsRecord("mean", tuple(chosen.weights) or ("",)),
        weights=chosen.records(()),
        options=options_of(card, request, context.cards, context.progress.note),
        dtype=model_request.dtype,
        batch_chosen=model_request.batch_size is not None,
        regions=RegionsRecord(
            geometry.context,
            files,
            model_request.counts_column,
            model_request.overlaps,
            request.clip,
        ),
    )
    return record, inputs


def region_inputs(
    card: ModelCard, model_request: ModelRequest, alias: Path | None, *, clip: bool
) -> RegionInputs:
    """Return the inputs that were given, after checking that the model reads such.

    Raises
    ------
    UsageError
        No regions were given, or the model does not read what was.
    """
    if model_request.peaks is None:
        raise UsageError(
            f"{card.name} reads a list of regions, not windows along a genome: "
            "give it --peaks FILE.bed."
        )
    known = card.geometry.inputs if isinstance(card.geometry, RegionGeometry) else ()
    signal = model_request.accessibility is not None or model_request.counts_column is not None
    given = {*model_request.inputs, *(["accessibility"] if signal else [])}
    unknown = sorted(given - set(known) | ({"peaks"} & set(model_request.inputs)))
    if unknown:
        raise UsageError(
            f"{card.name} does not read {', '.join(unknown)}; besides --peaks it may be given "
            f"{', '.join(name for name in known if name != 'peaks')}."
        )
    peaks = PeaksRequest(
        model_request.peaks, model_request.accessibility, model_request.counts_column,
        cast("Overlaps", model_request.overlaps), alias, clip,
    )  # fmt: skip
    return RegionInputs(peaks, model_request.inputs, model_request.normalisers)


def place_names(model: str, inputs: RegionInputs) -> dict[str, str]:
    """Return where the inputs of a model are, as a run stores it."""
    return {f"{model}:{name}": str(path.absolute()) for name, path in inputs.every.items()}


def planned_inputs(record: ModelRecord, places: Places) -> RegionInputs:
    """Return the inputs of a planned model, checked against their digests.

    Raises
    ------
    TrustError
        A file is gone, or is another.
    """
    planned = record.regions or RegionsRecord(0)
    paths = {
        name: check_file(places.file(f"{record.name}:{name}"), file, name)
        for name, file in planned.inputs.items()
    }
    own = ("peaks", "accessibility", "normalisers", "alias")
    peaks = PeaksRequest(
        paths["peaks"], paths.get("accessibility"), planned.counts_column,
        cast("Overlaps", planned.overlaps), paths.get("alias"), planned.clip,
    )  # fmt: skip
    files = {name: path for name, path in paths.items() if name not in own}
    return RegionInputs(peaks, files, paths.get("normalisers"))


def _there(name: str, path: Path) -> Path:
    if not path.is_file():
        raise InputError(f"{name}: there is no file {path} (that is {path.absolute()}).")
    return path
