"""The verbs for Python: the same as the commands, with the same options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tracksmith.engine import api as engine
from tracksmith.engine.request import PredictRequest
from tracksmith.progress import Progress
from tracksmith.run import Run

__all__ = ["plan", "predict"]


def predict(
    model: str | Sequence[str],
    genome: str | Path,
    out: str | Path,
    *,
    weights: str | Path | Mapping[str, str | Path] | None = None,
    progress: Progress | None = None,
    overwrite: bool = False,
    force: bool = False,
    keep_parts: bool = False,
    **options: Any,
) -> Run:
    """Write prediction tracks (bigWig) along a genome.

    Parameters
    ----------
    model
        Name of a model, or several.
    genome
        FASTA, plain or bgzipped.
    out
        Run folder. A run that is half done there goes on; another run is refused.
    weights
        File or folder of the weights, or a mapping from model to it.
    progress
        Where progress is told; silent by default.
    **options
        Fields of :class:`tracksmith.engine.request.PredictRequest`: ``regions``,
        ``chroms``, ``tracks``, ``folds``, ``spread``, ``reverse_complement``,
        ``shifts``, ``stride`` (bp), ``batch_size`` (windows), ``device``,
        ``dtype``, ``precision``, ``parts``, ``options``, ``alias``, ``clip``.

    Returns
    -------
    run
        The finished run; ``run.files`` lists what was written.

    Raises
    ------
    TracksmithError
        See :mod:`tracksmith.errors`.
    """
    asked = _request(model, genome, weights, options)
    return engine.predict(asked, Path(out), progress, overwrite, force, keep_parts)


def plan(
    model: str | Sequence[str],
    genome: str | Path,
    out: str | Path,
    *,
    weights: str | Path | Mapping[str, str | Path] | None = None,
    progress: Progress | None = None,
    overwrite: bool = False,
    force: bool = False,
    **options: Any,
) -> Run:
    """Fix a run and its parts without computing; see :func:`predict`."""
    asked = _request(model, genome, weights, options)
    return engine.plan(asked, Path(out), progress, overwrite, force)


def _request(
    model: str | Sequence[str],
    genome: str | Path,
    weights: str | Path | Mapping[str, str | Path] | None,
    options: Mapping[str, Any],
) -> PredictRequest:
    given: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in options.items()
    }
    for several in ("regions", "chroms", "tracks"):
        if isinstance(given.get(several), (str, Path)):
            given[several] = (str(given[several]),)
    models = (model,) if isinstance(model, str) else tuple(model)
    if weights is None:
        places: dict[str, Path] = {}
    elif isinstance(weights, Mapping):
        places = {name: Path(path) for name, path in weights.items()}
    else:
        places = {"": Path(weights)}
    return PredictRequest(models=models, genome=Path(genome), weights=places, **given)
