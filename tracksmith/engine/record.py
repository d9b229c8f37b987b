"""What a run records of a model over windows: all that was asked, every default filled in."""

from __future__ import annotations

from collections.abc import Sequence

from tracksmith.engine.folds import (
    FoldsRequest,
    check_card_assembly,
    check_mean_only,
    choose_folds,
    names_on_card,
    parse_folds,
)
from tracksmith.engine.tiling import tile
from tracksmith.errors import UsageError
from tracksmith.genome.aliases import ContigNames, read_aliases
from tracksmith.genome.fasta import Genome
from tracksmith.genome.intervals import Regions
from tracksmith.models.card import ModelCard
from tracksmith.runs.begin import Context
from tracksmith.runs.device import default_batch_size, first_device
from tracksmith.runs.planned import ChosenModel, options_of
from tracksmith.runs.record import FoldsRecord, ModelRecord

__all__ = ["window_record"]


def window_record(chosen: ChosenModel, context: Context) -> ModelRecord:
    """Return the record of a model over windows, with every default filled in.

    Raises
    ------
    UsageError
        Folds, stride, strands or options that the model does not have.
    ResourceError
        Weights of some folds are missing.
    """
    request, notify = context.request, context.progress.note
    card = chosen.card
    model_request = request.of(card.name)
    tiling = tile(card.window_geometry, model_request.stride)
    contigs = _contigs(context.genome, context.regions)
    explicit = model_request.weights is not None and model_request.weights.is_file()
    held_out = parse_folds(model_request.folds)[0] == "held-out"
    known = names_on_card(card, _contig_names(context)) if held_out else {}
    folds_request = FoldsRequest(model_request.folds, model_request.spread, explicit)
    available = tuple(chosen.weights) or ("",)
    rule, names = choose_folds(card, available, folds_request, contigs, notify, known)
    options = options_of(card, request, context.cards, notify)
    device = first_device(request.device)
    check_mean_only(card, options, rule, names, spread=model_request.spread)
    check_card_assembly(card, context.genome.contigs, rule, notify, known)
    return ModelRecord(
        card=chosen.closed,
        tracks=chosen.tracks,
        plugin=chosen.registered.plugin,
        stride=tiling.stride,
        batch_size=model_request.batch_size or default_batch_size(device, tiling.window),
        folds=FoldsRecord(rule, names, model_request.spread, known),
        weights=chosen.records(names),
        options=options,
        reverse_complement=_reverse(card, choice=model_request.reverse_complement),
        shifts=model_request.shifts,
        dtype=model_request.dtype,
        batch_chosen=model_request.batch_size is not None,
    )


def _contig_names(context: Context) -> ContigNames:
    """Return the genome's contigs by the names that a card may have for them."""
    contigs, alias = context.genome.contigs, context.request.alias
    aliases = read_aliases(alias, contigs) if alias is not None else None
    return ContigNames(contigs, "--folds held-out", aliases=aliases)


def _contigs(genome: Genome, regions: Regions | None) -> Sequence[str]:
    """Return the names of the contigs that were asked for."""
    names = genome.contigs.names
    return names if regions is None else [names[n] for n in sorted(set(regions.contig.tolist()))]


def _reverse(card: ModelCard, *, choice: bool | None) -> bool:
    if choice and card.reverse_complement == "wrong":
        raise UsageError(
            f"--rc: the card of {card.name} says that averaging with the reverse complement "
            "is wrong for this model."
        )
    return card.reverse_complement == "default" if choice is None else choice
