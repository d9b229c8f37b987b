"""The input matrix: motif clusters per region, then accessibility as the last column."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracksmith.errors import InputError, UsageError
from tracksmith.genome.contigs import shown
from tracksmith.genome.tabix import TabixBed
from tracksmith.plugin import FeatureRequest, RegionBatch
from tracksmith_get.motifs import MotifSet, read_clusters
from tracksmith_get.scan import motif_features

__all__ = ["ACCESSIBILITY", "GetFeatures", "archetype_features", "open_features"]

ACCESSIBILITY = "accessibility"
"""Name of the last column."""

RATIO_OFFSET = 0.01
"""Added to both sums of motif scores before their ratio, as the authors do."""

SIGNAL_SCALE = 1e5
"""Accessibility is log10(signal / total * 1e5 + 1)."""

Raw = Callable[[RegionBatch], NDArray[np.float32]]


def open_features(request: FeatureRequest) -> GetFeatures:
    """Open motifs and clusters, or an archetype BED and clusters.

    Raises
    ------
    UsageError
        Not exactly one of the two was given.
    InputError
        A file is malformed, or the archetype BED has none of the regions' contigs.
    """
    files = request.files
    if "clusters" not in files or ("motifs" in files) == ("archetypes" in files):
        given = ", ".join(sorted(files)) or "none"
        raise UsageError(
            f"GET needs motif features (given: {given}). Give either\n"
            "  --input motifs=FILE.meme --input clusters=TABLE.tsv   to scan the regions, or\n"
            "  --input archetypes=FILE.bed.gz --input clusters=TABLE.tsv   to sum up a genome-wide "
            "scan (bgzipped, with a tabix index)."
        )
    accessibility = request.options.get(ACCESSIBILITY, "binary")
    if "archetypes" in files and request.alleles:
        raise UsageError(
            "An archetype BED is a scan of the reference: no allele changes it. Give "
            "--input motifs=FILE and --input clusters=FILE, so that both alleles are scanned."
        )
    if "archetypes" in files:
        return _from_archetypes(request, accessibility)
    motifs = MotifSet.read(files["motifs"], files["clusters"])
    ends = request.options.get("scan_ends", "moods")

    def scan(batch: RegionBatch) -> NDArray[np.float32]:
        return motif_features(batch.bases, motifs, device=request.device, ends=ends)

    ratio = request.options.get("alleles", "ratio") == "ratio"
    return GetFeatures(motifs.clusters, scan, accessibility, ratio)


def _from_archetypes(request: FeatureRequest, accessibility: str) -> GetFeatures:
    path = request.files["archetypes"]
    columns, _ = read_clusters(request.files["clusters"])
    bed = TabixBed(path, request.contig_names and request.contig_names(str(path)))
    _require_contigs(bed, request)

    def sums(batch: RegionBatch) -> NDArray[np.float32]:
        return archetype_features(bed, batch, columns)

    return GetFeatures(columns, sums, accessibility)


def _require_contigs(bed: TabixBed, request: FeatureRequest) -> None:
    """Refuse a BED without any of the regions' contigs, and say which ones it lacks."""
    absent = [name for name in request.contigs if name not in bed.contigs]
    if not absent:
        return
    if len(absent) == len(request.contigs):
        raise InputError(
            f"{bed.path} has none of the contigs of the peaks: it has {shown(bed.contigs)}, the "
            f"peaks lie on {shown(absent)}. Give the file that was made on this genome, or, if "
            "they are the same contigs under other names, --alias FILE with two columns."
        )
    request.notify(
        f"{bed.path} has no records on {shown(absent)}: the motif features of peaks there are 0."
    )


def archetype_features(
    bed: TabixBed, batch: RegionBatch, clusters: Sequence[str]
) -> NDArray[np.float32]:
    """Sum, per region and cluster, the scores of all records that share a base with the region.

    Parameters
    ----------
    bed
        Columns: contig, start, end, cluster, score; more are ignored.

    Returns
    -------
    features : float32, shape (regions, clusters)

    Raises
    ------
    InputError
        A record has no score, or a cluster that is not in the list.
    """
    index = {name: number for number, name in enumerate(clusters)}
    sums = np.zeros((len(batch.starts), len(clusters)))
    for row, (start, end) in enumerate(zip(batch.starts, batch.ends, strict=True)):
        for record in bed.overlapping(batch.contig, int(start), int(end)):
            try:
                sums[row, index[record[3]]] += float(record[4])
            except (IndexError, KeyError, ValueError):
                shown = "\\t".join(record[:6])
                raise InputError(
                    f"{bed.path}, record `{shown}`: the fourth column must be one of the "
                    f"{len(clusters)} clusters of the table (such as {clusters[0]}) and the fifth "
                    "a score. Give the table that belongs to this file."
                ) from None
    return sums.astype(np.float32)


@dataclass(frozen=True)
class GetFeatures:
    """The columns of GET: one per motif cluster, then accessibility.

    Motif columns are divided by their maximum over all regions of the run and
    clipped to 1. ``accessibility`` is ``binary`` (1 for every region),
    ``global`` (log10(signal / total * 1e5 + 1) divided by its maximum) or
    ``window`` (the same, divided once more by the maximum of each window,
    which the network does). With ``ratio`` an allele changes each motif column
    by the ratio of the sums of motif scores, as the authors do it.
    """

    clusters: tuple[str, ...]
    raw: Raw
    accessibility: str = "binary"
    ratio: bool = True

    @property
    def substitutions_only(self) -> bool:
        """Whether alleles that change the length cannot be told: by ratio, as the authors."""
        return self.ratio

    def allele_rows(
        self,
        matrix: NDArray[np.float32],
        reference: NDArray[np.float32],
        alternative: NDArray[np.float32],
    ) -> NDArray[np.float32] | None:
        """Multiply each motif column by (s_alt + 0.01) / (s_ref + 0.01), s the sums of scores.

        A motif that the region did not have stays absent.
        """
        if not self.ratio:
            return None
        changed = matrix.copy()
        changed[:, :-1] *= (alternative + RATIO_OFFSET) / (reference + RATIO_OFFSET)
        return changed

    @property
    def names(self) -> tuple[str, ...]:
        """Cluster names, then ``accessibility``."""
        return (*self.clusters, ACCESSIBILITY)

    def features(self, batch: RegionBatch) -> NDArray[np.float32]:
        """Return the summed motif scores, float32 ``(regions, clusters)``."""
        return self.raw(batch)

    def normalise(
        self,
        features: NDArray[np.float32],
        signal: NDArray[np.float64] | None,
        normalisers: Mapping[str, Any] | None,
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Return the matrix float32 ``(regions, clusters + 1)`` and its normalisers.

        Raises
        ------
        UsageError
            Quantitative accessibility without a signal.
        InputError
            The normalisers are of another set of clusters.
        """
        used = self._normalisers(features, signal, normalisers)
        maxima = np.array([used["maxima"][name] for name in self.clusters], dtype=np.float32)
        matrix = np.empty((len(features), len(self.clusters) + 1), dtype=np.float32)
        # A cluster that no region had when the maxima were taken counts as full where it occurs.
        np.divide(features, maxima, out=matrix[:, :-1], where=maxima > 0)
        np.copyto(matrix[:, :-1], features > 0, where=maxima == 0, casting="unsafe")
        np.minimum(matrix[:, :-1], 1, out=matrix[:, :-1])
        matrix[:, -1] = self._accessibility(signal, used)
        return matrix, used

    def _accessibility(
        self, signal: NDArray[np.float64] | None, used: Mapping[str, Any]
    ) -> NDArray[np.float64] | float:
        if self.accessibility == "binary" or signal is None:
            return 1.0
        level = _level(signal, used["signal_total"]) / used["level_maximum"]
        clipped: NDArray[np.float64] = np.minimum(level, 1)
        return clipped

    def _normalisers(
        self,
        features: NDArray[np.float32],
        signal: NDArray[np.float64] | None,
        given: Mapping[str, Any] | None,
    ) -> dict[str, Any]:
        if self.accessibility != "binary" and signal is None:
            raise UsageError(
                f"--option accessibility={self.accessibility} needs a signal per region: give "
                "--accessibility FILE.bw or --counts-column N, or use accessibility=binary."
            )
        if given is not None:
            return self._checked(given)
        maxima = [float(value) for value in features.max(axis=0)]
        normalisers: dict[str, Any] = {"maxima": dict(zip(self.clusters, maxima, strict=True))}
        if signal is not None:
            total = float(signal.sum())
            normalisers["signal_total"] = total
            normalisers["level_maximum"] = float(_level(signal, total).max())
        return normalisers

    def _checked(self, given: Mapping[str, Any]) -> dict[str, Any]:
        maxima = given.get("maxima")
        if not isinstance(maxima, Mapping) or set(maxima) != set(self.clusters):
            raise InputError(
                "The normalisers given belong to another set of motif clusters. Use those of a run "
                "with the same cluster table, or none."
            )
        wanted = {"signal_total", "level_maximum"} if self.accessibility != "binary" else set()
        numbers = [*maxima.values(), *(given.get(name, 0) for name in wanted)]
        if not all(isinstance(n, (int, float)) and 0 <= n < np.inf for n in numbers) or not all(
            given.get(name, 0) > 0 for name in wanted
        ):
            raise InputError(
                "The normalisers given are incomplete for accessibility="
                f"{self.accessibility}. Use those of a run with the same option."
            )
        return dict(given)


def _level(signal: NDArray[np.float64], total: float) -> NDArray[np.float64]:
    """Return log10(signal / total * 1e5 + 1)."""
    level: NDArray[np.float64] = np.log10(signal / total * SIGNAL_SCALE + 1)
    return level
