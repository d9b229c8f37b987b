"""The verb of figures for Python; what it needs is imported when it is called."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tracksmith.errors import UsageError
from tracksmith.plot.libraries import require_libraries

__all__ = ["plot_locus"]

WIDTHS = (1.0, 40.0)


def plot_locus(
    runs: str | Path | Sequence[str | Path],
    region: str,
    out: str | Path,
    *,
    tracks: Sequence[str] = (),
    genes: str | Path | None = None,
    width: float = 6.9,
    title: str = "",
) -> Path:
    """Draw tracks, variants and genes of a region of finished runs, for a paper.

    Parameters
    ----------
    region
        Such as ``chr1:1,000-2,000``, 1-based.
    out
        The picture: ``.svg``, ``.pdf`` or ``.png``.
    tracks
        Ids of tracks, or patterns; all by default.
    genes
        GTF, GFF3 or BED.
    width
        In inches; 6.9 fills a page, 3.4 a column.

    Returns
    -------
    Path
        ``out``.

    Raises
    ------
    TracksmithError
        See :mod:`tracksmith.errors`.
    """
    require_libraries("matplotlib")
    from tracksmith.plot.draw import draw_locus, save_figure
    from tracksmith.plot.locus import read_locus

    if not WIDTHS[0] <= width <= WIDTHS[1]:
        raise UsageError(f"--width {width:g}: inches, {WIDTHS[0]:g} to {WIDTHS[1]:g}.")
    several = [runs] if isinstance(runs, (str, Path)) else runs
    place = None if genes is None else Path(genes)
    locus = read_locus([Path(run) for run in several], region, tracks, place)
    save_figure(draw_locus(locus, width, title), Path(out))
    return Path(out)
