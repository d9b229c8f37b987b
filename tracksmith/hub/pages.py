"""The HTML page of every track: what it is, how it was made, whose it is."""

from __future__ import annotations

from collections.abc import Sequence

from tracksmith.hub.haplotypes import EDITS_TEXT, is_edits, person_rows
from tracksmith.hub.legend import legend
from tracksmith.hub.recipes import recipe_rows
from tracksmith.hub.runs import Output, ShownModel, ShownRun
from tracksmith.hub.templates import Templates
from tracksmith.hub.tree import Node
from tracksmith.hub.values import plain_text
from tracksmith.models.card import RegionGeometry
from tracksmith.runs.record import FoldsRecord, ModelRecord

__all__ = ["about_page", "methods_of", "track_facts", "track_page", "weights_of"]

MOST_FILES = 30
_GAPS = "Bases without a value were not predicted; a gap is not a zero."
Row = tuple[str, str]


def track_page(templates: Templates, shown: Node, email: str) -> str:
    """Return the page of one node; every value is escaped by the template."""
    single = shown.outputs[0] if len(shown.outputs) == 1 else None
    return templates.fill(
        "track.html",
        title=shown.title,
        model=shown.model.card,
        facts=track_facts(single) if single else [],
        display=_display(shown),
        legend=legend(shown.outputs),
        methods=methods_of(shown.run, shown.model),
        weights=weights_of(shown.model),
        files=[output.file for output in shown.outputs[:MOST_FILES]],
        email=email,
    )


def about_page(templates: Templates, runs: Sequence[ShownRun], title: str, email: str) -> str:
    """Return the page of the whole hub."""
    models = {model.name: model.card for run in runs for model in run.models}
    return templates.fill(
        "about.html",
        title=title,
        models=list(models.values()),
        genome=runs[0].genome,
        legend=legend(output for run in runs for output in run.outputs()),
        email=email,
    )


def track_facts(output: Output) -> list[Row]:
    """Return what is known of one file: label, strand, assay, units, distribution."""
    track, file = output.track, output.file
    strand = {"+": "plus", "-": "minus"}.get(track.strand, "")
    rows = [
        ("Track", output.track_id),
        ("Person", output.sample),
        ("Statistic", output.statistic),
        ("Score", file.score),
        ("Readout", file.readout),
        ("Edit", file.edit),
        (_rows_of(output), _counted(file.variants or file.rows)),
        ("Strand", f"{strand} (stored negative)" if output.stored_sign < 0 else strand),
        ("Assay", track.assay),
        ("Cell type", track.cell_type),
        ("Ontology", track.ontology),
        ("Units", track.units),
        ("Transform", track.transform),
        ("Bases with a value", _counted(file.values)),
        (
            "Largest effect" if output.statistic == "arcs" else "Minimum, mean, maximum",
            _distribution(output),
        ),
    ]
    return [(name, plain_text(value)) for name, value in rows if value]


def _rows_of(output: Output) -> str:
    """Return what the rows of a file are."""
    if output.sample:
        return "Edits"
    return {"arcs": "Arcs", "sites": "Stretches"}.get(output.statistic, "Variants")


def _counted(number: int | None) -> str:
    return f"{number:,}" if number else ""


def _distribution(output: Output) -> str:
    parts = (output.file.min, output.file.mean, output.file.max)
    shown = ", ".join(f"{part:.4g}" for part in parts if part is not None)
    return f"{shown} {output.track.units}".strip() if shown else ""


def methods_of(run: ShownRun, model: ShownModel) -> list[Row]:
    """Return how a model was run: windows, folds, averaging, genome, versions."""
    record, genome, plan = model.record, run.plan.genome, run.plan
    versions = sorted(plan.versions.items())
    rows = [
        ("Genome", f"{genome.name}, sha256 {genome.sha256}"),
        ("Window", _geometry(record)),
        ("Folds", _folds(record.folds, bool(weights_of(model)))),
        ("Reverse complement", "averaged" if record.reverse_complement else "not averaged"),
        ("Shifts", ", ".join(map(str, record.shifts)) + " bp"),
        ("Options", ", ".join(f"{k}={v}" for k, v in record.options.items())),
        *_variant_rows(run, model),
        *person_rows(run, model),
        *recipe_rows(run, model),
        ("Arithmetic", record.dtype),
        ("Rounding", plan.precision or "none"),
        ("Device", plan.device),
        ("Versions", ", ".join(f"{name} {number}" for name, number in versions)),
        ("Run", run.run.id),
    ]
    return [(name, plain_text(value)) for name, value in rows if value]


def _variant_rows(run: ShownRun, model: ShownModel) -> list[Row]:
    """Return what was scored, and how, for a run over variants."""
    variants = run.plan.variants
    if variants is None:
        files = run.plan.details.get("files", {})
        return [
            (n.capitalize(), f"{one['name']}, sha256 {one['sha256']}") for n, one in files.items()
        ]
    digest = f", sha256 {variants.file.sha256}" if variants.file else ""
    return [
        ("Variants", f"{variants.name}{digest}"),
        ("Scores", ", ".join(model.record.scores)),
    ]


def _geometry(record: ModelRecord) -> str:
    if isinstance(record.card.geometry, RegionGeometry):
        return f"{record.card.geometry.context:,} consecutive regions read at once"
    kept = record.card.geometry.at_stride(record.stride)
    text = (
        f"{kept.window:,} bp read, {kept.core_length:,} bp predicted from its base "
        f"{kept.core_start:,} on, one value per {f'{kept.bin:,} ' if kept.bin > 1 else ''}bp"
    )
    return text + (", the same for the whole core" if kept.whole_window else "")


def _folds(folds: FoldsRecord, trained: bool) -> str:
    names = [name for name in folds.names if name]
    if folds.rule == "held-out":
        return f"held-out: each contig by folds that did not train on it ({', '.join(names)})"
    if not trained:
        return "none: the model has no trained weights"
    if not names:
        return "one set of weights; it may have seen these contigs in training"
    if folds.rule == "mean":
        return f"mean of {len(names)}: {', '.join(names)}; some have seen these contigs in training"
    return f"{', '.join(names)} alone; it may have seen these contigs in training"


def weights_of(model: ShownModel) -> list[dict[str, str]]:
    """Return fold, file name and sha256 of every weight file."""
    return [
        {"fold": fold or "-", "name": file.name, "sha256": file.sha256}
        for fold, files in model.record.weights.items()
        for file in files
    ]


def _display(shown: Node) -> str:
    stanza = shown.stanza
    if shown.stanza.role == "super":
        return "A folder of all that this model gave."
    if stanza.track_type in ("bigBed", "bigLolly", "bigInteract"):
        return _display_items(shown)
    if stanza.get("logo") == "on":
        return _display_letters({output.statistic for output in shown.outputs})
    statistics = {output.statistic for output in shown.outputs}
    if "saturation" in statistics:
        return (
            "The effect of changing each base to the one named; the reference base has no value. "
            f"Up is a gain on both strands. Values are never averaged in wide views. {_GAPS}"
        )
    return " ".join(text for text in (_what(shown, statistics), _scale(shown), _GAPS) if text)


def _display_letters(statistics: set[str]) -> str:
    """Say what letters are; of an alternative, browsers draw the wrong ones where it differs."""
    text = "Contributions of single bases, drawn as letters in close views."
    if "letters-alt" in statistics:
        text += (
            " The letters are the reference's, their heights the alternative's: where that has "
            "another base, the height is that base's. A deleted base has no value."
        )
    if "letters-delta" in statistics:
        text += " Up is what the alternative adds; a deleted base has minus what it added."
    return f"{text} {_GAPS}"


def _what(shown: Node, statistics: set[str]) -> str:
    if any(output.file.readout for output in shown.outputs):
        return _what_of_edits(statistics)
    if shown.stanza.role == "multiwig" and "ref" in statistics:
        return "Reference allele in grey, alternative allele in colour."
    if shown.stanza.role == "multiwig" and shown.outputs[0].sample:
        return "Both haplotypes over each other: the first blue, the second orange."
    if shown.stanza.role == "multiwig":
        return (
            "Both strands over each other: plus upward, minus downward (its values are stored "
            "negative)."
        )
    if statistics == {"delta"}:
        signs = {output.stored_sign for output in shown.outputs}
        if signs == {1}:
            return "The alternative allele minus the reference: up is a gain, on either strand."
        return (
            "The alternative allele minus the reference, negated on minus strands: there, up is a "
            "loss."
        )
    return "Signal graphs." if shown.children else "A signal graph."


def _what_of_edits(statistics: set[str]) -> str:
    """Say what tracks of perturbations show."""
    if "ref" in statistics:
        return "Without the edit in grey, with it in colour; a deleted base has no value."
    if statistics == {"delta"}:
        return "With the edit minus without it: up is a gain, on either strand."
    return (
        "What each edit changes in the readout, drawn where the edit is: up is a gain. Where edits "
        "overlap, the mean of their effects. Edits beyond the readout's window have no value."
    )


def _scale(shown: Node) -> str:
    """Say what the height of a row stands for."""
    stanza = shown.stanza
    if stanza.get("autoScale") == "group":
        return "All tracks scale together to what is in view."
    if stanza.get("autoScale") == "on":
        return "It scales itself to what is in view."
    if stanza.get("viewLimits") and stanza.get("autoScale") == "off":
        limits = stanza["viewLimits"].replace(":", " to ")
        return f"The scale, {limits}, is that of all tracks of its kind and holds every value."
    return "" if shown.children else "Its scale is that of the track that holds it."


def _display_items(shown: Node) -> str:
    if shown.outputs[0].kind == "sites":
        return (
            "Each item is a stretch of letters that stands out. It has a name where one matrix "
            "matches it better than all others by a margin, else it is grey; red raises the "
            "prediction, blue lowers it."
        )
    if is_edits(shown.outputs[0]):
        return EDITS_TEXT
    if shown.outputs[0].kind == "folds":
        return (
            "Each item is a contig with the names of the folds that predicted it; none of them "
            "trained on that contig. Contigs without an item were not predicted."
        )
    if shown.stanza.track_type == "bigInteract":
        return (
            "Each arc leads from an edit to a readout: red raises the readout, blue lowers it. "
            "Filters choose arcs by the size and the sign of the effect, by the edit, and by the "
            "readout. What changes nothing, or lies beyond a readout's window, has no arc."
        )
    if shown.stanza.track_type == "bigLolly":
        return (
            "The height of each lollipop is the absolute effect, never signed; its colour gives "
            "the direction: red raises the prediction, blue lowers it."
        )
    return (
        "Each item is one variant, coloured red where the alternative allele raises the "
        "prediction, blue where it lowers it, grey below the 50th percentile."
    )
