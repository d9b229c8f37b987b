"""What a run of perturbations was asked, as its plan holds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tracksmith.errors import InputError, UsageError
from tracksmith.genome.contigs import MAX_CONTIG
from tracksmith.genome.kinds import require_file
from tracksmith.genome.numbers import clipped_number
from tracksmith.perturbations.perturbation import OPERATIONS
from tracksmith.runs.codec import encode
from tracksmith.runs.planned import check_file
from tracksmith.runs.record import ALIAS, FileRecord, Places
from tracksmith.runs.request import Request

__all__ = ["FILES", "Recipe", "check_request", "recipe_of"]

FILES = ("edits", "readouts", "sequences")
"""The files of a run, by the fields that name them."""

KINDS_OF_FILE = {
    "edits": "file of edits", "readouts": "file of readouts", "sequences": "FASTA file",
    ALIAS: "table of aliases",
}  # fmt: skip

_OF_TILES = ("mask", "shuffle", "delete", "invert", "duplicate", "keep")
"""Operations that need nothing but a place."""


@dataclass(frozen=True)
class Recipe:
    """What decides the edits and readouts; ``files`` holds name and sha256 of the files read.

    See :class:`tracksmith.runs.perturb_fields.PerturbRequest` for the other fields. ``around`` is
    in bp, None where it was left to the model.
    """

    files: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    op: str = ""
    tile: int | None = None
    step: int | None = None
    local: tuple[int, ...] = ()
    seeds: int = 10
    value: str = ""
    feature: str = "gene"
    around: int | None = None
    within: int | None = None
    tracks_for: tuple[str, ...] = ()
    table_only: bool = False

    @property
    def details(self) -> Mapping[str, Any]:
        """The same as plain values, without what has its default."""
        plain: Mapping[str, Any] = encode(self)
        return plain

    def paths(self, places: Places) -> dict[str, Path]:
        """Return where the files are, each held against its digest.

        Raises
        ------
        TrustError
            A file is gone, or another one.
        """
        checked = {}
        for name, known in self.files.items():
            record = FileRecord(known["name"], 0, known["sha256"])
            checked[name] = check_file(places.file(name), record, f"file of {name}")
        return checked


def recipe_of(request: Request) -> tuple[Recipe, dict[str, Path]]:
    """Return what a request asks of a run of perturbations, and its files.

    Raises
    ------
    InputError
        A file is missing.
    """
    named = {name: getattr(request, name) for name in (*FILES, ALIAS)}
    paths = {name: path for name, path in named.items() if path is not None}
    for name, path in paths.items():
        require_file(path, KINDS_OF_FILE[name])
        if not path.is_file():
            raise InputError(f"{path} is no file of {name}: it is a folder or a device.")
    records = {name: FileRecord.of(path) for name, path in paths.items()}
    recipe = Recipe(
        files={name: {"name": one.name, "sha256": one.sha256} for name, one in records.items()},
        op=request.op,
        tile=request.tile,
        step=request.step,
        local=request.local,
        seeds=request.seeds,
        value=request.value,
        feature=request.feature,
        around=_around(request.around),
        within=request.within,
        tracks_for=request.tracks_for,
        table_only=request.table_only,
    )
    return recipe, paths


def _around(texts: tuple[str, ...]) -> int | None:
    if not texts:
        return None
    if len(texts) > 1 or not (texts[0].isascii() and texts[0].isdecimal()):
        raise UsageError(f"--around {' '.join(texts)}: give one number of bp, 0 or more.")
    return clipped_number(texts[0], MAX_CONTIG)


def check_request(request: Request) -> None:
    """Refuse what contradicts itself.

    Raises
    ------
    UsageError
        With what to leave out or to give instead.
    """
    sources = {
        "a file of edits": request.edits is not None,
        "--tile": request.tile is not None,
        "--local": bool(request.local),
    }
    given = [name for name, value in sources.items() if value]
    if len(given) != 1:
        what = f"not {' and '.join(given)} together" if given else "nothing says what to edit"
        raise UsageError(f"Give a file of edits, or --tile WIDTH, or --local WIDTHS: {what}.")
    if request.op and request.op not in OPERATIONS:
        raise UsageError(f"--op {request.op}: use one of {', '.join(OPERATIONS)}.")
    if request.op and request.op not in _OF_TILES:
        raise UsageError(
            f"--op {request.op} needs more than a place: give a table with titles and a column op."
        )
    if request.tile is not None:
        _check_tiles(request)
    elif request.step is not None or request.regions or request.chroms:
        raise UsageError("--step, -r and --chroms say where --tile puts its tiles: leave them out.")
    for value, flag in ((request.seeds, "--seeds"), (request.within, "--within")):
        if value is not None and value < 1:
            raise UsageError(f"{flag} {value}: give 1 or more.")
    _around(request.around)


def _check_tiles(request: Request) -> None:
    for value, flag in ((request.tile, "--tile"), (request.step, "--step")):
        if value is not None and value < 1:
            raise UsageError(f"{flag} {value}: give a number of bp above 0.")
    if not request.op:
        raise UsageError(f"--tile needs --op: one of {', '.join(_OF_TILES)}.")
    if not request.regions:
        raise UsageError("--tile needs the regions to cut into tiles: -r REGION or a BED file.")
