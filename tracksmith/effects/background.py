"""Backgrounds: the scores of other variants, among which those of a file are ranked."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracksmith.effects.background_file import (
    StoredBackground,
    read_background,
    write_background,
)
from tracksmith.effects.background_record import (
    BACKGROUND,
    FILE,
    MATCHED,
    BackgroundRecord,
)
from tracksmith.effects.background_scores import classes_from, planned_sites, scored_background
from tracksmith.effects.scorer import Scorer
from tracksmith.effects.survey import ModelFacts
from tracksmith.errors import InputError, ResourceError, UsageError
from tracksmith.files import cache_root, canonical_json
from tracksmith.genome.fasta import Notify, silent
from tracksmith.runs.codec import encode
from tracksmith.runs.planned import check_file

__all__ = ["background_is_kept", "made_background"]

log = logging.getLogger(__name__)


def made_background(
    model: ModelFacts,
    load: Callable[[], Scorer],
    wanted: Callable[[], NDArray[np.int64]],
    notify: Notify = silent,
) -> StoredBackground:
    """Return the ranks among other variants: given, from the cache, or scored now and put there.

    ``load`` returns the model, where it is needed; ``wanted`` contig and position of the variants
    to be ranked, int64 (2, variants): matched ones are drawn for their classes. ``notify`` is told
    of a file in the cache that is damaged; it is made again.

    Raises
    ------
    TrustError
        A file of an earlier run is another one, or of another model.
    """
    record = model.background_record
    if record is not None and record.kind == FILE:
        return _given(model, record)
    columns = len(model.scores) * len(model.units)
    classes = _wanted_classes(model, wanted)
    path = _cache_path(model, classes)
    try:
        stored = read_background(path)
        if stored.ranks.columns != columns:
            raise InputError(f"{path} has {stored.ranks.columns} columns, {columns} are due.")
        return stored
    except FileNotFoundError:
        pass
    except (OSError, InputError) as error:
        notify(f"The background {path} is not used: {error} It is made again.")
    stored = scored_background(model, load(), classes, _identity(model), notify)
    try:
        write_background(path, stored)
    except (OSError, ResourceError) as error:
        log.warning("the background cannot be kept in %s: %s", path, error)
    return stored


def background_is_kept(model: ModelFacts) -> bool:
    """Say whether nothing has to be scored, for an earlier run kept the ranks that are needed."""
    record = model.background_record
    if record is not None and record.kind in (FILE, MATCHED):
        return record.kind == FILE
    return _cache_path(model, set()).is_file()


def _given(model: ModelFacts, record: BackgroundRecord) -> StoredBackground:
    """Read the file of an earlier run and hold it against the model of this one."""
    path = check_file(model.plan.run.places.file(BACKGROUND), record.file, "background")
    stored = read_background(path)
    if stored.about.get("identity") != _identity(model):
        was = stored.about.get("model", "another model")
        raise UsageError(
            f"--background {path}: it was made with {was}, scores "
            f"{', '.join(stored.about.get('scores', []))}. {model.name} in this run differs in "
            "genome, weights, folds, options, tracks or scores, so its effects cannot be ranked "
            "there. Make a background of its own: --background with a number or a file."
        )
    return stored


def _identity(model: ModelFacts) -> str:
    """Return a digest of all that decides a score but for its last digits."""
    plan = model.plan.run.plan
    record = replace(plan.models[model.number], batch_size=0, batch_chosen=False)
    identity = {
        "genome": plan.genome.sha256,
        "model": encode(record),
        "max_n": model.plan.variants.max_n,
    }
    return hashlib.sha256(canonical_json(identity).encode()).hexdigest()


def _cache_path(model: ModelFacts, classes: set[int]) -> Path:
    """Return where the ranks of a model, a genome and all that decides scores are kept."""
    plan, variants = model.plan.run.plan, model.plan.variants
    key: dict[str, Any] = {
        "genome": plan.genome.sha256,
        "model": encode(plan.models[model.number]),
        "background": [variants.background, variants.seed],
        "max_n": variants.max_n,
        "device": plan.device,
        "versions": dict(plan.versions),
    }
    if model.background_record is not None:
        key |= {"record": encode(model.background_record), "classes": sorted(classes)}
    digest = hashlib.sha256(canonical_json(key).encode()).hexdigest()
    return cache_root() / "background" / f"{digest}.ranks"


def _wanted_classes(model: ModelFacts, wanted: Callable[[], NDArray[np.int64]]) -> set[int]:
    record = model.background_record
    if record is None or record.kind != MATCHED:
        return set()
    classes = classes_from(model, planned_sites(model)).of(*wanted())
    return set(np.unique(classes).tolist()) - {-1}
