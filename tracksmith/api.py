"""The verbs for Python: the same as the commands, with the same options."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracksmith.errors import UsageError
from tracksmith.kinds import kind_of_request, kind_of_run
from tracksmith.models.trust import trusting
from tracksmith.progress import Progress, Silent
from tracksmith.runs import job
from tracksmith.runs.request import Request, make_request
from tracksmith.runs.run import Run
from tracksmith.runs.values import read_scheduler

if TYPE_CHECKING:
    from tracksmith.effects.pieces import VariantResults
    from tracksmith.hub.build import HubReport
    from tracksmith.hub.check import Finding
    from tracksmith.runs.estimate import Estimate
    from tracksmith.runs.job import RunStatus

__all__ = [
    "build_hub",
    "check_hub",
    "estimate",
    "explain",
    "finish",
    "perturb",
    "plan",
    "predict",
    "score_variants",
    "status",
    "work",
]


def predict(
    model: str | Sequence[str],
    genome: str | Path,
    out: str | Path,
    *,
    progress: Progress | None = None,
    overwrite: bool = False,
    force: bool = False,
    keep_parts: bool = False,
    **options: Any,
) -> Run:
    """Write prediction tracks along a genome, or over the regions of a list.

    Parameters
    ----------
    model
        Name of a model, or several.
    genome
        FASTA, plain or bgzipped.
    out
        Run folder. A run that is half done there goes on; another run is refused.
    progress
        Where progress is told; silent by default.
    **options
        Fields of :class:`tracksmith.runs.request.Request` and of
        :class:`tracksmith.runs.request.ModelRequest`, such as ``regions``,
        ``folds``, ``weights`` or ``peaks``. The latter take a value for every
        model, or a mapping from model to value: ``folds={"MODEL": "mean:1,2"}``.
        With ``vcf`` and ``sample`` the haplotypes of people are predicted, too.

    Returns
    -------
    run
        The finished run; ``run.files`` lists what was written.

    Raises
    ------
    TracksmithError
        See :mod:`tracksmith.errors`.
    """
    request = _request(model, genome, options)
    if request.kind not in ("predict", "haplotypes"):
        raise UsageError("predict writes tracks along a genome; for variants use score_variants.")
    return _made(request, out, progress, overwrite=overwrite, force=force, keep_parts=keep_parts)


def _made(request: Request, out: str | Path, progress: Progress | None, **how: bool) -> Run:
    """Make a run in one go."""
    return job.run_all(kind_of_request(request), request, Path(out), progress or Silent(), **how)


def score_variants(
    source: str | Path | None,
    model: str | Sequence[str],
    genome: str | Path,
    out: str | Path,
    *,
    progress: Progress | None = None,
    overwrite: bool = False,
    force: bool = False,
    keep_parts: bool = False,
    **options: Any,
) -> VariantResults:
    """Score what the alleles of a file of variants change in a model's tracks.

    Parameters
    ----------
    source
        VCF, BCF or table, ``-`` for standard input; None with ``saturate``.
    **options
        As in :func:`predict`, and ``scores``, ``background``, ``around``,
        ``saturate``, ``strict``, ``max_skipped`` and the other fields of variants.

    Returns
    -------
    results
        The run, its counts, and its table in pieces: ``results.pieces()``.

    Raises
    ------
    TracksmithError
        See :mod:`tracksmith.errors`.
    """
    from tracksmith.effects.pieces import VariantResults

    request = _request(model, genome, {**options, "variants": source})
    if request.kind != "variants":
        raise UsageError("Give a file of variants, or saturate=REGION instead of it.")
    run = _made(request, out, progress, overwrite=overwrite, force=force, keep_parts=keep_parts)
    return VariantResults(run)


def perturb(
    edits: str | Path | None,
    readouts: str | Path,
    model: str | Sequence[str],
    genome: str | Path,
    out: str | Path,
    *,
    progress: Progress | None = None,
    overwrite: bool = False,
    force: bool = False,
    keep_parts: bool = False,
    **options: Any,
) -> Run:
    """Edit the genome in places and say what that changes where a model is read.

    Parameters
    ----------
    edits
        A table with titles, a BED file (with ``op``), a VCF or BCF; None with ``tile`` or
        ``local``.
    readouts
        BED of regions, or a GTF (or a BED with ``around``) of start sites.
    **options
        As in :func:`predict`, and ``op``, ``tile``, ``step``, ``local``, ``sequences``, ``seeds``,
        ``around``, ``value``, ``feature``, ``within``, ``tracks_for``, ``table_only``.

    Returns
    -------
    run
        The finished run; ``perturb/MODEL.tsv.gz`` in it is the table of all pairs.

    Raises
    ------
    TracksmithError
        See :mod:`tracksmith.errors`.
    """
    request = _request(model, genome, {**options, "edits": edits, "readouts": readouts})
    if request.kind != "perturb":
        raise UsageError("Say where the model is read: readouts, a BED file or a GTF.")
    return _made(request, out, progress, overwrite=overwrite, force=force, keep_parts=keep_parts)


def explain(
    model: str | Sequence[str],
    genome: str | Path,
    out: str | Path,
    *,
    progress: Progress | None = None,
    overwrite: bool = False,
    force: bool = False,
    keep_parts: bool = False,
    **options: Any,
) -> Run:
    """Write how much each base adds to what a model predicts, as letters.

    Of regions, or of both alleles of variants.

    Parameters
    ----------
    **options
        As in :func:`predict`; ``regions`` or ``alleles`` (a file of variants), ``method``
        (``"ism"`` by default), ``scores``, ``reduce``, ``references``, ``baseline``,
        ``hypothetical`` and the other fields of explanations.

    Returns
    -------
    run
        The finished run; ``run.files`` lists what was written.

    Raises
    ------
    TracksmithError
        See :mod:`tracksmith.errors`.
    """
    request = _request(model, genome, {"method": "ism", **options})
    if request.kind != "explain":
        raise UsageError("explain takes regions, or alleles=FILE; for effects use score_variants.")
    return _made(request, out, progress, overwrite=overwrite, force=force, keep_parts=keep_parts)


def plan(
    model: str | Sequence[str],
    genome: str | Path,
    out: str | Path,
    *,
    progress: Progress | None = None,
    overwrite: bool = False,
    force: bool = False,
    **options: Any,
) -> Run:
    """Fix a run and its parts without computing; with ``variants=FILE`` one of variants.

    See :func:`predict` for the options.
    """
    request = _request(model, genome, options)
    return job.plan(
        kind_of_request(request), request, Path(out), progress or Silent(),
        overwrite=overwrite, force=force,
    )  # fmt: skip


def estimate(
    model: str | Sequence[str],
    genome: str | Path,
    *,
    progress: Progress | None = None,
    **options: Any,
) -> Estimate:
    """Return what a run would cost: windows, files, disk, time. Nothing is kept.

    See :func:`predict` for the options; ``estimate(...).lines`` says it in words.
    """
    request = _request(model, genome, options)
    return job.estimate(kind_of_request(request), request, progress or Silent())


def work(
    run: str | Path,
    *,
    device: str = "auto",
    dask: Any = "",
    part: int | None = None,
    of: tuple[int, int] | None = None,
    trust_weights: str | Sequence[str] = (),
    progress: Progress | None = None,
) -> list[int]:
    """Compute parts of a planned run: one, the share ``of = (i, n)`` from 0, or all missing.

    Any number of these may run at once, on any machine that sees the folder. ``dask`` is a
    Dask scheduler (its address, its file, or a Client), whose workers compute them.
    Returns the parts that were computed.
    """
    opened = Run.open(Path(run))
    with trusting(trust_weights):
        return job.work(
            kind_of_run(opened), opened, progress or Silent(), device=device,
            dask=read_scheduler(dask) if dask else "", part=part, of=of,
        )  # fmt: skip


def finish(
    run: str | Path,
    *,
    keep_parts: bool = False,
    trust_weights: str | Sequence[str] = (),
    progress: Progress | None = None,
) -> Run:
    """Join the parts of a run into its files; safe to kill and to repeat."""
    opened = Run.open(Path(run))
    with trusting(trust_weights):
        return job.finish(kind_of_run(opened), opened, progress or Silent(), keep_parts=keep_parts)


def status(run: str | Path, *, deep: bool = False) -> RunStatus:
    """Say how far a run is; ``deep`` checks every byte."""
    return job.status(Run.open(Path(run)), deep=deep)


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
    add: Sequence[str | Path] = (),
    alias: str | Path | None = None,
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
    add
        Files of your own to show as well, each as ``FILE`` or ``FILE=LABEL``: bigWig,
        bigBed, BED, GFF3, GTF, VCF or BCF.
    alias
        A table of other names of contigs, for files that are added.

    Returns
    -------
    report
        Where ``hub.txt`` is, what it holds, notes and links.

    Raises
    ------
    TracksmithError
        See :mod:`tracksmith.errors`.
    """
    from tracksmith.hub.added import own_files
    from tracksmith.hub.build import build_hub as build

    several = [runs] if isinstance(runs, (str, Path)) else runs
    place = None if out is None else Path(out)
    own = None if templates is None else Path(templates)
    folders = [Path(run) for run in several]
    return build(
        folders, place, email, name=name, title=title, genome=genome, base_url=base_url,
        templates=own, copy=copy, add=own_files(add, alias),
    )  # fmt: skip


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


def _request(model: str | Sequence[str], genome: str | Path, options: dict[str, Any]) -> Request:
    return make_request({**options, "models": model, "genome": genome})
