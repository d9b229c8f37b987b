"""Whether what was asked of a run of variants has a meaning."""

from __future__ import annotations

from tracksmith.errors import UsageError
from tracksmith.runs.request import Request

__all__ = ["check_request"]


MOST_RANDOM = 100_000_000
"""More would not fit into memory, and rank no better."""


def check_request(request: Request) -> None:
    """Refuse what contradicts itself, or what a saturated region has no use for.

    Raises
    ------
    UsageError
        With what to leave out or to give instead.
    """
    if (request.variants is None) == (request.saturate is None):
        raise UsageError("Give a file of variants, or --saturate REGION instead of it.")
    if isinstance(request.background, int) and not 0 <= request.background <= MOST_RANDOM:
        raise UsageError(
            f"--background {request.background}: give the number of random variants, 0 to "
            f"{MOST_RANDOM:,}."
        )
    if isinstance(request.background, int) and request.background_size is not None:
        raise UsageError(
            "--background-size counts the variants of a background from a file: give --background "
            "a BED or VCF file or matched=FILE, or leave it out."
        )
    if request.background_size is not None and request.background_size < 1:
        raise UsageError(f"--background-size {request.background_size}: at least 1.")
    for value, flag, of in ((request.max_n, "--max-n", "window"),
                            (request.max_skipped, "--max-skipped", "alleles")):  # fmt: skip
        if not 0 <= value <= 1:
            raise UsageError(f"{flag} {value:g}: give a share of the {of}, 0 to 1.")
    if request.saturate is not None:
        _refuse_idle(request)


def _refuse_idle(request: Request) -> None:
    """Refuse what a saturated region has no use for."""
    if request.around:
        raise UsageError("--saturate writes tracks of its own: leave out --tracks top:N or REGION.")
    if request.strict or request.max_skipped != Request.max_skipped:
        raise UsageError("--saturate skips no allele: leave out --strict and --max-skipped.")
    requests = [request.of(model) for model in request.models]
    given = {
        "--background": request.background,
        "-r": request.regions,
        "--chroms": request.chroms,
        "--ref-mismatch": request.ref_mismatch != Request.ref_mismatch,
        "--allow-truncated": request.allow_truncated,
        "--allow-other-lengths": request.allow_other_lengths,
        "a second --score": any(len(one.scores) > 1 for one in requests),
    }
    idle = [name for name, value in given.items() if value]
    if idle:
        raise UsageError(f"--saturate has no use for {', '.join(idle)}: leave it out.")
