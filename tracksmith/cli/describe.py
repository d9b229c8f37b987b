"""The words and tables in which ``tracksmith models`` tells about models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from tracksmith.cli.tables import paired_lines, table
from tracksmith.models.card import ModelCard, RegionGeometry, Track, WeightFile
from tracksmith.models.registry import RegisteredModel, Registry
from tracksmith.models.weights import WeightsState, state_of_weights

__all__ = ["broken_text", "card_text", "listing", "listing_json", "show_json", "track_table"]

NON_COMMERCIAL = "*** NON-COMMERCIAL USE ONLY: these weights may not be used commercially. ***"


def listing(registry: Registry, width: int | None) -> str:
    """Return the table of all models."""
    headers = ("NAME", "VER", "TRACKS", "WINDOW", "BIN", "FOLDS", "WEIGHTS", "LICENCE")
    rows = [
        (
            name,
            item.card.version,
            f"{len(item.card.tracks):,}",
            *_window_and_bin(item.card),
            str(len(item.card.folds) or 1),
            _weights_word(item.card, state_of_weights(item.model)),
            item.card.weights_licence.split(" (")[0].split(":")[0],
        )
        for name, item in registry.models.items()
    ]
    text = table(headers, rows, width, right="TRACKS WINDOW BIN FOLDS")
    restricted = [name for name, item in registry.models.items() if not item.card.commercial_use]
    if restricted:
        text += f"\n\n*** NON-COMMERCIAL USE ONLY: {', '.join(restricted)} ***"
    return text


def broken_text(registry: Registry, width: int | None) -> str:
    """Return which plugins cannot be used, and why."""
    pairs = [
        (f"{plugin.entry_point} ({plugin.distribution} {plugin.version})", plugin.reason)
        for plugin in registry.broken
    ]
    return "Broken plugins:\n" + paired_lines(
        [(f"  {name}", reason) for name, reason in pairs], width
    )


def card_text(item: RegisteredModel, width: int | None) -> str:
    """Return everything that a card says, for reading."""
    card = item.card
    state = state_of_weights(item.model)
    blocks = [
        paired_lines([(f"{card.name} {card.version}", card.summary)], width),
        paired_lines(list(_identity(item)), width),
        paired_lines(list(_reading(card)), width),
    ]
    if card.folds:
        blocks.append(_fold_table(card, state, width))
    blocks.append(_weights_text(card, state, width))
    if card.notes:
        blocks.append(paired_lines([("Notes", "\n".join(card.notes))], width))
    return "\n\n".join(blocks)


def track_table(card: ModelCard, tracks: Sequence[Track], width: int | None) -> tuple[str, str]:
    """Return the table of some tracks of a card, and what is the same for all of them.

    A column is left out where every label says it, and where it is the same
    in every row.
    """
    numbers = {track.id: number for number, track in enumerate(card.tracks)}
    columns: dict[str, list[str]] = {
        "STRAND": [track.strand for track in tracks],
        "ASSAY": [track.assay for track in tracks],
        "CELL TYPE": [track.cell_type for track in tracks],
        "ONTOLOGY": [track.ontology for track in tracks],
        "UNITS": [track.units for track in tracks],
    }
    labels = [track.label for track in tracks]
    kept: dict[str, list[str]] = {
        "#": [str(numbers[track.id]) for track in tracks],
        "ID": [track.id for track in tracks],
        "LABEL": labels,
    }
    alike = []
    for head, texts in columns.items():
        if len(tracks) > 1 and len(set(texts)) == 1:
            alike.append(f"{head.lower()} {texts[0]}" if texts[0] else "")
        elif not all(text in label for text, label in zip(texts, labels, strict=True)):
            kept[head] = texts
    rows = list(zip(*kept.values(), strict=True))
    shared = "; ".join(filter(None, alike))
    return table(tuple(kept), rows, width, right="#"), f"All: {shared}." if shared else ""


def listing_json(registry: Registry) -> dict[str, Any]:
    """Return the list of models and of broken plugins as plain values."""
    return {
        "models": [
            {
                "name": name,
                "version": item.card.version,
                "summary": item.card.summary,
                "tracks": len(item.card.tracks),
                "geometry": asdict(item.card.geometry),
                "folds": [fold.name for fold in item.card.folds],
                "weights": _weights_json(state_of_weights(item.model)),
                "weights_licence": item.card.weights_licence,
                "commercial_use": item.card.commercial_use,
                "plugin": {"distribution": item.distribution, "version": item.version},
            }
            for name, item in registry.models.items()
        ],
        "broken": [asdict(plugin) for plugin in registry.broken],
    }


def show_json(item: RegisteredModel) -> dict[str, Any]:
    """Return a card, its plugin and the state of its weights as plain values."""
    return {
        "card": item.card.to_dict(),
        "plugin": {"distribution": item.distribution, "version": item.version},
        "weights": _weights_json(state_of_weights(item.model)),
    }


def _weights_json(state: WeightsState) -> dict[str, Any]:
    return {
        "needed": state.needed,
        "found": {fold: [str(path) for path in files] for fold, files in state.paths.items()},
        "looked_at": [str(place) for place in state.places],
        "why_not": state.why_not,
    }


def _window_and_bin(card: ModelCard) -> tuple[str, str]:
    if isinstance(card.geometry, RegionGeometry):
        return f"{card.geometry.context:,} regions", "region"
    return f"{card.geometry.window:,} bp", f"{card.geometry.bin:,} bp"


def _weights_word(card: ModelCard, state: WeightsState) -> str:
    if not state.needed:
        return "built in"
    if not state.paths:
        return "missing"
    if len(state.paths) < len(card.folds):
        return f"{len(state.paths)} of {len(card.folds)} folds"
    return "found"


def _identity(item: RegisteredModel) -> Iterator[tuple[str, str]]:
    card = item.card
    yield "Plugin", f"{item.distribution} {item.version}"
    if card.authors:
        yield "Authors", card.authors
    yield "Citation", card.citation
    yield "Licence", f"code {card.code_licence}; weights {card.weights_licence}"
    if not card.commercial_use:
        yield "", NON_COMMERCIAL


def _reading(card: ModelCard) -> Iterator[tuple[str, str]]:
    geometry = card.geometry
    if isinstance(geometry, RegionGeometry):
        yield "Reads", f"{geometry.context:,} regions at once, moving on by {geometry.stride:,}"
        yield "Inputs", ", ".join(geometry.inputs)
    else:
        yield "Window", f"{geometry.window:,} bp"
        end = geometry.core_start + geometry.core_length
        value = "one value for the whole window" if geometry.whole_window else f"{geometry.bin} bp"
        yield "Core", f"bases {geometry.core_start:,} to {end:,} of the window, bins of {value}"
        yield "Bases", _alphabet(card)
    averaged = {
        "default": "averaged with the forward strand unless --no-rc",
        "allowed": "averaged with the forward strand with --rc",
        "wrong": "never averaged: wrong for this model",
    }
    yield "Reverse complement", averaged[card.reverse_complement]
    yield "Assemblies", ", ".join(card.assemblies) or "any"
    yield "Tracks", _tracks(card)
    for option in card.options:
        choices = f" ({', '.join(option.choices)})" if option.choices else ""
        yield (
            f"--option {option.name}",
            f"{option.help.rstrip('.')}. Default {option.default}{choices}.",
        )
    how = "" if isinstance(geometry, RegionGeometry) else f"; {card.variants.reduce} over bins"
    yield "Variant scores", f"{', '.join(card.default_scores)}{how}"


def _alphabet(card: ModelCard) -> str:
    alphabet = card.alphabet
    heterozygous = {
        "half": "half of that in both channels",
        "sum": "that in both channels",
        "unknown": "as N",
    }
    return (
        f"channels {alphabet.order}, a base is {alphabet.known:g}, N is {alphabet.unknown:g}; "
        f"heterozygous: {heterozygous[alphabet.heterozygous]}"
    )


def _tracks(card: ModelCard) -> str:
    shown = "\n".join(
        f"{track.id} ({track.strand}): {track.label}"
        + (f", {track.units}" if track.units else "")
        + (f", {track.transform}" if track.transform != "linear" else "")
        for track in card.tracks[:6]
    )
    if len(card.tracks) > 6:
        shown += f"\n... {len(card.tracks):,} in all: `tracksmith models tracks {card.name}`"
    return shown


def _fold_table(card: ModelCard, state: WeightsState, width: int | None) -> str:
    rows = [
        (
            fold.name,
            "found" if fold.name in state.paths else "missing",
            " ".join(fold.held_out) or "not stated",
        )
        for fold in card.folds
    ]
    text = table(("FOLD", "WEIGHTS", "HELD OUT (never seen in training)"), rows, width)
    if card.unseen:
        text += f"\nNo fold saw {' '.join(card.unseen)}."
    return text


def _weights_text(card: ModelCard, state: WeightsState, width: int | None) -> str:
    if not state.needed:
        return paired_lines([("Weights", "part of the code; nothing to fetch")], width)
    pairs = [("Looked at", "\n".join(map(str, state.places)))]
    if state.paths:
        first = next(iter(state.paths.values()))[0]
        pairs.append(("Found", f"{_weights_word(card, state)} in {first.parent}"))
    elif any(place.is_dir() for place in state.places):
        reasons = [line[4:] for line in state.why_not.splitlines() if line.startswith("  - ")]
        pairs.append(("Found", "nothing that can be used\n" + "\n".join(reasons)))
    else:
        pairs.append(("Found", f"nothing; run `tracksmith models fetch {card.name}`"))
    text = paired_lines([("Weights", _count(card)), *pairs], width)
    if files := (*card.weights, *card.archives):
        headers = ("FOLD", "FILE", "BYTES", "SHA256")
        text += "\n" + table(headers, [_row(file) for file in files], width, right="BYTES")
    return text


def _count(card: ModelCard) -> str:
    if not card.weights:
        text = "files that the plugin finds by itself"
        names = ", ".join(file.name for file in card.archives)
        return f"{text}; published in {names}" if names else text
    known = sum(file.sha256 is not None for file in card.weights)
    return f"{len(card.weights)} files, {known} with a published sha256"


def _row(file: WeightFile) -> tuple[str, str, str, str]:
    size = f"{file.size:,}" if file.size else "unknown"
    return file.fold or "-", file.name, size, file.sha256 or "unknown"
