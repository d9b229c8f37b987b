"""The verbs for Python: the same as the commands, with the same options."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracksmith.engine import api as engine
from tracksmith.engine.request import PredictRequest
from tracksmith.errors import UsageError
from tracksmith.progress import Progress
from tracksmith.run import Run

if TYPE_CHECKING:
    from tracksmith.effects.pieces import VariantResults
    from tracksmith.hub.build import HubReport
    from tracksmith.hub.check import Finding

__all__ = ["build_hub", "check_hub", "plan", "predict", "score_variants"]


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
        ``dtype``, ``precision``, ``parts``, ``options``, ``alias``, ``clip``,
        ``trust_weights``.

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


def score_variants(
    source: str | Path | None,
    model: str | Sequence[str],
    genome: str | Path,
    out: str | Path,
    *,
    weights: str | Path | Mapping[str, str | Path] | None = None,
    progress: Progress | None = None,
    overwrite: bool = False,
    keep_parts: bool = False,
    force: bool = False,
    strict: bool = False,
    max_skipped: float = 0.05,
    **options: Any,
) -> VariantResults:
    """Score what the alleles of a file of variants change in a model's tracks.

    Parameters
    ----------
    source
        VCF, BCF or table, ``-`` for standard input; None with ``saturate``.
    strict, max_skipped
        Whether no allele may be skipped, or which share of them.
    **options
        Fields of :class:`tracksmith.effects.request.VariantRequest`: ``scores``,
        ``background``, ``around``, ``saturate``, ``ref_mismatch``, ``max_n``,
        ``allow_truncated``, ``allow_other_lengths``; and those of :func:`predict`.

    Returns
    -------
    results
        The run, its counts, and its table in pieces: ``results.pieces()``.

    Raises
    ------
    TracksmithError
        See :mod:`tracksmith.errors`.
    """
    from tracksmith.effects import api as effects
    from tracksmith.effects.finish import Limits
    from tracksmith.effects.pieces import VariantResults
    from tracksmith.effects.request import VariantRequest

    names = {item.name for item in fields(VariantRequest)} - {"predict", "source"}
    own = {name: options.pop(name) for name in names & options.keys()}
    for several in {"scores", "around"} & own.keys():
        own[several] = (own[several],) if isinstance(own[several], str) else tuple(own[several])
    asked = VariantRequest(
        predict=_request(model, genome, weights, options),
        source=None if source is None else Path(source),
        **own,
    )
    if not 0 <= max_skipped <= 1:
        raise UsageError(f"max_skipped={max_skipped}: give a share of the alleles, 0 to 1.")
    limits = Limits(strict, max_skipped)
    run = effects.score(asked, Path(out), limits, progress, overwrite, keep_parts, force)
    return VariantResults(run)


def build_hub(
    runs: str | Path | Sequence[str | Path],
    out: str | Path | None = None,
    *,
    email: str,
    name: str | None = None,
    title: str | None = None,
    genome: str | None = None,
    base_url: str | None = None,
    templates: str | Path | None = None,
    copy: bool = False,
) -> HubReport:
    """Build a UCSC track hub of finished runs on one genome, with IGV sessions beside it.

    Parameters
    ----------
    runs
        Folder of a run, or several to show side by side.
    out
        Folder of the hub; ``hub`` in the run by default, where there is one.
    email, name, title
        Contact; one word that identifies the hub; its label.
    genome
        UCSC's name, such as hg38; ``assembly`` to bring the genome along. By
        default what the contigs' lengths prove, else ``assembly``.
    base_url
        Address at which ``out`` will be served, for links that open the hub.
    templates
        Folder of templates that replace those of the same name.
    copy
        Copy the tracks into the hub's folder, so that it can be shared alone.

    Returns
    -------
    report
        Where ``hub.txt`` is, what it holds, notes and links.

    Raises
    ------
    TracksmithError
        See :mod:`tracksmith.errors`.
    """
    from tracksmith.hub.build import build_hub as build

    several = [runs] if isinstance(runs, (str, Path)) else runs
    place = None if out is None else Path(out)
    own = None if templates is None else Path(templates)
    folders = [Path(run) for run in several]
    return build(folders, place, email, name, title, genome, base_url, own, copy=copy)


def check_hub(place: str | Path, *, full: bool = False) -> list[Finding]:
    """Check a hub: a folder, a ``hub.txt``, a run, or an http(s) address.

    With ``full`` every value and zoom record of its bigWigs is read, not a sample.

    Returns
    -------
    findings
        What is wrong: level, file, line, cause and cure; [] for a good hub.

    Raises
    ------
    TracksmithError
        See :mod:`tracksmith.errors`.
    """
    from tracksmith.hub.check import check_hub as check

    return check(str(place), full)


def _request(
    model: str | Sequence[str],
    genome: str | Path,
    weights: str | Path | Mapping[str, str | Path] | None,
    options: Mapping[str, Any],
) -> PredictRequest:
    given: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in options.items()
    }
    for several in ("regions", "chroms", "tracks", "trust_weights"):
        if several in given:
            given[several] = tuple(map(str, _listed(given[several])))
    if "shifts" in given:
        given["shifts"] = tuple(_whole("shifts", value) for value in _listed(given["shifts"]))
    if "folds" in given:
        given["folds"] = str(given["folds"])
    for name in ("batch_size", "parts", "stride"):
        if given.get(name) is not None:
            given[name] = _whole(name, given[name])
    if isinstance(given.get("alias"), str):
        given["alias"] = Path(given["alias"])
    models = (model,) if isinstance(model, str) else tuple(model)
    if weights is None:
        places: dict[str, Path] = {}
    elif isinstance(weights, Mapping):
        places = {name: Path(path) for name, path in weights.items()}
    else:
        places = {"": Path(weights)}
    return PredictRequest(models=models, genome=Path(genome), weights=places, **given)


def _listed(value: Any) -> Sequence[Any]:
    """Return the values of an option that takes several, be it none, one or more."""
    if value is None:
        return ()
    return value if isinstance(value, Sequence) and not isinstance(value, str) else (value,)


def _whole(name: str, value: Any) -> int:
    try:
        return operator.index(value)
    except TypeError:
        raise UsageError(f"{name}={value!r}: give a whole number.") from None
