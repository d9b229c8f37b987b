"""Finished runs as a hub sees them: their outputs with the facts of the model card."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from tracksmith.errors import IncompleteError, InputError, UsageError
from tracksmith.genome.contigs import Contigs
from tracksmith.hub.values import safe_name
from tracksmith.models.card import ModelCard, Track
from tracksmith.runs.genome import contigs_of
from tracksmith.runs.record import FileEntry, GenomeRecord, ModelRecord, PlanRecord
from tracksmith.runs.request import EXPLAIN
from tracksmith.runs.run import Run
from tracksmith.tracks.formats import FORMATS

__all__ = [
    "DELTA_UP",
    "DIFFERENCE",
    "FIRST",
    "SECOND",
    "Output",
    "ShownModel",
    "ShownRun",
    "find_fasta",
    "open_runs",
    "owner_of",
    "same_genome",
]

_SHOWN_FORMATS = (form.name for form in FORMATS.values() if form.shown)
_KINDS = (*_SHOWN_FORMATS, "bigbed", "biginteract", "folds", "sites")
FIRST, SECOND, DIFFERENCE = "hap1", "hap2", "hap1-hap2"
"""The statistics of a person's tracks."""

LETTERS = ("letters", "letters-ref", "letters-alt", "letters-delta")
"""The statistics of attributions, which are drawn as letters."""

_GREY = (128, 128, 128)
_HAPLOTYPE_COLOURS = {FIRST: (31, 119, 180), SECOND: (214, 96, 18), DIFFERENCE: (80, 80, 80)}
_STRAND_COLOURS = {"+": (192, 57, 43), "-": (36, 87, 160)}
_STATISTICS = {
    "mean": "",
    "sd": "standard deviation over folds",
    "letters": "attribution",
    "letters-sd": "standard deviation over folds of the attribution",
    "letters-ref": "attribution, reference allele",
    "letters-alt": "attribution, alternative allele",
    "letters-delta": "attribution, alternative minus reference",
    "absmax": "strongest variant effect",
    "quantile": "quantile among all bases",
    "ref": "reference allele",
    "alt": "alternative allele",
    "delta": "alternative minus reference",
    FIRST: "first haplotype",
    SECOND: "second haplotype",
    DIFFERENCE: "first minus second haplotype (up is more on the first)",
    f"{FIRST}.sd": "first haplotype, standard deviation over folds",
    f"{SECOND}.sd": "second haplotype, standard deviation over folds",
    "arcs": "arcs from edits to readouts",
}
_OF_EDITS = {"ref": "without", "alt": "with", "delta": "difference made by"}
_NO_TRACK = Track(id="", label="", transform="")
_NEGATED = ("mean", "quantile", "ref", "alt", "delta")
DELTA_UP = {1: "up is a gain", -1: "up is a loss"}
"""What the direction of a difference means, by the sign in which it is stored."""


@dataclass(frozen=True)
class ShownModel:
    """One model of a run: its card and how it was run, as ``run.json`` holds them."""

    record: ModelRecord
    label: str

    @property
    def card(self) -> ModelCard:
        """The model card; among its tracks may be partners that nobody asked for."""
        return self.record.card

    @property
    def name(self) -> str:
        """The model's name."""
        return self.record.name

    def track(self, identifier: str) -> Track | None:
        """Return a track that was asked for, None for any other name."""
        return self._tracks.get(identifier)

    @cached_property
    def _tracks(self) -> dict[str, Track]:
        chosen = frozenset(self.record.tracks)
        return {track.id: track for track in self.card.tracks if track.id in chosen}


@dataclass(frozen=True)
class Output:
    """One finished file of a run that a browser can show, with its model and track.

    What ``run.json`` says of the file is ``file``: ``statistic`` there is mean,
    sd, letters, saturation, absmax, or another word that the run's writer
    chose; '' for a bigBed and for folds.
    """

    run: ShownRun = field(repr=False)
    model: ShownModel = field(repr=False)
    file: FileEntry

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return self.run.folder / self.file.path

    @property
    def kind(self) -> str:
        """``bigwig``, ``bigbed``, ``biginteract`` (arcs), or ``folds``: a BED of those held out."""
        return self.file.kind

    @property
    def statistic(self) -> str:
        """What the values are: the mean over folds, their standard deviation ..."""
        return self.file.statistic

    @property
    def letters(self) -> bool:
        """Whether the values belong to single bases, which are drawn as letters."""
        return self.statistic in LETTERS

    @property
    def sample(self) -> str:
        """The person whose it is, '' for no one's."""
        return self.file.sample

    @property
    def track_id(self) -> str:
        """The track's id, '' for a file over all tracks of a model."""
        return self.file.track

    @property
    def track(self) -> Track:
        """The track; a nameless one for a file over all tracks of a model."""
        return self.model.track(self.track_id) or _NO_TRACK

    @property
    def title(self) -> str:
        """What to call it in full."""
        what = self.track.label or self.track_id
        extra = _STATISTICS.get(self.statistic, self.statistic)
        if self.statistic.startswith("letters") and self.run.plan.kind == EXPLAIN:
            extra = extra.replace(
                "attribution",
                f"attribution of {self.file.score} by {self.run.plan.details.get('method', '')}",
            )
        if self.statistic == "delta":
            extra += f" ({DELTA_UP[self.stored_sign]})"
        if self.statistic == "saturation":
            extra = f"mutation to {self.file.base}"
        elif self.file.base:
            extra += f", mutation to {self.file.base}"
        if self.file.readout:
            extra = self._of_edits()
        if self.kind == "bigbed":
            extra = "edits" if self.sample else "variant effects"
        if self.sample:
            extra = f"{self.sample}, {extra}"
        if self.kind == "sites":
            extra = f"named stretches of the attribution of {self.file.score}"
        if self.kind == "folds":
            extra = "held-out folds"
        return ", ".join(part for part in (what, extra) if part) or self.model.name

    def _of_edits(self) -> str:
        """Return what a track of perturbations shows: of one edit, or of all on one readout."""
        around = f"around {self.file.readout}"
        if self.file.edit:
            return f"{around}, {_OF_EDITS.get(self.statistic, self.statistic)} {self.file.edit}"
        return f"effects of edits on {self.file.readout}"

    @property
    def stored_sign(self) -> int:
        """-1 where the file holds the negated values, else 1.

        Predictions of a minus strand that cannot be negative are stored
        negative, spreads and effects as they are. Differences of runs that do
        not say it were negated as well.
        """
        negated = self.track.strand == "-" and not self.track.signed and self.statistic in _NEGATED
        stated = self.file.stored_sign
        return -1 if stated == -1 or (stated is None and negated) else 1

    @property
    def colour(self) -> tuple[int, int, int]:
        """The track's colour; grey for a reference allele, lighter for a spread."""
        if self.statistic in ("ref", "letters-ref"):
            return _GREY
        haplotype = self.statistic.removesuffix(".sd")
        red, green, blue = _HAPLOTYPE_COLOURS.get(haplotype) or self._track_colour()
        if self.statistic.endswith("sd"):
            return ((red + 255) // 2, (green + 255) // 2, (blue + 255) // 2)
        return (red, green, blue)

    def _track_colour(self) -> tuple[int, int, int]:
        """Return the card's colour; red and blue for strands that have the same one there."""
        track = self.track
        partner = self.model.track(track.rc_partner or "") or track
        if track.strand in _STRAND_COLOURS and partner.color == track.color:
            return _STRAND_COLOURS[track.strand]
        return track.color

    @property
    def owner(self) -> str:
        """The model, after the run's label where there are several runs."""
        return owner_of(self.run, self.model)

    @property
    def unique(self) -> str:
        """A track name for it, unique within the run up to characters that were replaced."""
        parts = [
            self.track_id, self.sample, self.file.base, self.file.readout, self.file.edit,
        ]  # fmt: skip
        if self.statistic != "mean":
            parts.append(self.statistic or {"bigbed": "variants"}.get(self.kind, self.kind))
        return safe_name(self.model.label, *parts)


@dataclass(frozen=True)
class ShownRun:
    """A finished run; ``label`` tells it from the other runs of a hub, '' when alone."""

    folder: Path
    run: Run = field(repr=False)
    label: str = ""

    @property
    def plan(self) -> PlanRecord:
        """Everything that decided what was computed."""
        return self.run.plan

    @property
    def genome(self) -> GenomeRecord:
        """Name, sha256, size and contigs of the genome."""
        return self.plan.genome

    @property
    def contigs(self) -> Contigs:
        """The contigs of the genome, lengths in bp."""
        return contigs_of(self.plan.genome)

    @property
    def fasta(self) -> Path | None:
        """The genome's FASTA file, None where it is not at its place any more."""
        path = Path(self.run.places.genome)
        return path if path.is_file() else None

    @property
    def models(self) -> list[ShownModel]:
        """The models in the order of the request."""
        records = self.plan.models
        return [ShownModel(record, safe_name(self.label, record.name)) for record in records]

    @property
    def files(self) -> tuple[FileEntry, ...]:
        """All finished files."""
        return tuple(self.run.files)

    def files_of(self, kind: str) -> list[FileEntry]:
        """Return the files of one kind: bigwig, bigbed, table ..."""
        return [file for file in self.files if file.kind == kind]

    def alleles(self, model: str) -> int | None:
        """Return how many alleles the run scored with a model, None where it does not say."""
        results = self.run.results
        counts = results.counts.get(model) if results else None
        return None if counts is None else counts.alleles_scored

    def outputs(self) -> Iterator[Output]:
        """Yield what a browser can show, in the run's order, empty tracks left out."""
        models = {model.name: model for model in self.models}
        for file in self.files:
            if file.kind not in _KINDS or file.values == 0 or file.size == 0:
                continue
            # The edits of a person are of all models: they stand with the first one.
            model = models.get(file.model) if file.model or not file.sample else self.models[0]
            if model is None:
                raise InputError(
                    f"{self.folder}/run.json lists {file.path!r} for the model "
                    f"{file.model!r}, which the run does not have. Make the run again."
                )
            yield Output(self, model, file)

    def empty(self) -> list[str]:
        """Return the paths of tracks without any value."""
        return [file.path for file in self.files_of("bigwig") if file.values == 0]


def owner_of(run: ShownRun, model: ShownModel) -> str:
    """Name a model and, where there are several runs, its run."""
    return f"{run.label} {model.name}".strip()


def open_runs(folders: Sequence[Path]) -> list[ShownRun]:
    """Open finished runs of one genome, to be shown side by side.

    Raises
    ------
    IncompleteError
        A run is not finished, or lost a file.
    InputError
        There is no run, or it lists a file outside its folder.
    UsageError
        No run, the same twice, or runs of different genomes.
    """
    if not folders:
        raise UsageError("Name at least one run: a folder that `tracksmith predict -o` made.")
    resolved = [folder.resolve() for folder in folders]
    if len(set(resolved)) < len(resolved):
        raise UsageError("The same run was named twice.")
    labels = _labels(resolved)
    runs = [_open(folder, name) for folder, name in zip(resolved, labels, strict=True)]
    same_genome(runs)
    return runs


def _open(folder: Path, label: str) -> ShownRun:
    run = Run.open(folder)
    if not run.finished:
        raise IncompleteError(
            f"{folder} is not finished. Finish it with `tracksmith work {folder}` and "
            f"`tracksmith finish {folder}`; `tracksmith status {folder}` says what is missing."
        )
    shown = ShownRun(folder, run, label)
    for file in run.files:
        _check_place(shown, file.path)
    return shown


def _check_place(run: ShownRun, path: str) -> None:
    pure = PurePosixPath(path)
    inside = (run.folder / path).resolve().is_relative_to(run.folder)
    if pure.is_absolute() or ".." in pure.parts or not inside:
        raise InputError(f"{run.folder}/run.json lists {path!r}, which lies outside the run.")
    if not (run.folder / path).is_file():
        raise IncompleteError(
            f"{run.folder / path} is missing, though run.json lists it. Make it again with the "
            "command that made the run."
        )


def _labels(folders: Sequence[Path]) -> list[str]:
    """Return a short different name per run; '' for a run alone."""
    if len(folders) == 1:
        return [""]
    names = [safe_name(folder.name) for folder in folders]
    again = {name for name in names if names.count(name) > 1}
    if not again:
        return names
    # A number is added to all, so that it can meet no other folder's name.
    return [f"{name}_{number}" for number, name in enumerate(names, 1)]


def find_fasta(runs: Sequence[ShownRun]) -> Path | None:
    """Return the FASTA of the first run that still finds its own, None where none does."""
    return next((run.fasta for run in runs if run.fasta is not None), None)


def same_genome(runs: Sequence[ShownRun]) -> None:
    """Raise UsageError unless all runs were made on contigs of the same names and lengths."""
    first = runs[0]
    for other in runs[1:]:
        if other.genome.sha256 != first.genome.sha256 and other.contigs != first.contigs:
            raise UsageError(
                f"{first.folder} was made on {first.genome.name}, {other.folder} on "
                f"{other.genome.name}: their contigs differ. Build one hub per genome."
            )
