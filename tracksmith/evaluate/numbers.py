"""The numbers themselves, by scipy and scikit-learn; each is NaN where it is not defined."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.spatial.distance import jensenshannon
from scipy.stats.contingency import odds_ratio
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

__all__ = [
    "Estimate",
    "Moments",
    "auprc",
    "auroc",
    "bootstrap",
    "jensen_shannon",
    "odds_at_top",
    "pearson",
    "precision_recall",
    "quartiles",
    "sign_agreement",
    "slope",
    "spearman",
]

Values = NDArray[np.float64]
Statistic = Callable[[Values, NDArray[np.generic]], float]
NAN = float("nan")


@dataclass(frozen=True)
class Estimate:
    """A number with its interval; NaN where there is none. ``count`` is what it was made from."""

    value: float
    low: float = NAN
    high: float = NAN
    count: int = 0
    p: float = NAN


def _varies(values: Values) -> bool:
    return len(values) > 1 and bool((values != values[0]).any())


def pearson(x: Values, y: Values) -> Estimate:
    """Return Pearson's r, float64 ``(n,)`` each without NaN, with Fisher's interval from 4 on."""
    if not (_varies(x) and _varies(y)):
        return Estimate(NAN, count=len(x))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.NearConstantInputWarning)
        result = stats.pearsonr(x, y)
        low, high = result.confidence_interval() if len(x) > 3 else (NAN, NAN)
    return Estimate(float(result.statistic), float(low), float(high), len(x), float(result.pvalue))


def spearman(x: Values, y: Values) -> Estimate:
    """Return Spearman's r."""
    if not (_varies(x) and _varies(y)):
        return Estimate(NAN, count=len(x))
    result = stats.spearmanr(x, y)
    return Estimate(float(result.statistic), count=len(x), p=float(result.pvalue))


def jensen_shannon(x: Values, y: Values) -> float:
    """Return the Jensen-Shannon distance, base 2, of two profiles made to sum to 1."""
    if not len(x) or (x < 0).any() or (y < 0).any() or not (x.sum() > 0 and y.sum() > 0):
        return NAN
    return float(jensenshannon(x, y, base=2))


def quartiles(values: Values) -> Estimate:
    """Return the median with the lower and upper quartile of what is not NaN."""
    known = values[~np.isnan(values)]
    if not len(known):
        return Estimate(NAN)
    low, middle, high = np.quantile(known, [0.25, 0.5, 0.75])
    return Estimate(float(middle), float(low), float(high), len(known))


def slope(x: Values, y: Values) -> Estimate:
    """Return the slope of the least-squares line of y on x, with its 95 % interval."""
    if not _varies(x) or len(x) < 3:
        return Estimate(NAN, count=len(x))
    result = stats.linregress(x, y)
    reach = float(stats.t.ppf(0.975, len(x) - 2)) * result.stderr
    value = float(result.slope)
    return Estimate(value, value - reach, value + reach, len(x), float(result.pvalue))


def sign_agreement(x: Values, y: Values) -> Estimate:
    """Return the share of equal signs where neither is 0, with Wilson's interval."""
    both = (x != 0) & (y != 0)
    count = int(both.sum())
    if not count:
        return Estimate(NAN)
    agree = int((np.sign(x[both]) == np.sign(y[both])).sum())
    test = stats.binomtest(agree, count)
    low, high = test.proportion_ci(0.95, method="wilson")
    return Estimate(agree / count, float(low), float(high), count, float(test.pvalue))


def auprc(label: NDArray[np.generic], size: Values) -> float:
    """Return the average precision of a size for a label (bool); NaN with one class alone."""
    return float(average_precision_score(label, size)) if _both(label) else NAN


def auroc(label: NDArray[np.generic], size: Values) -> float:
    """Return the area under the ROC curve; NaN with one class alone."""
    return float(roc_auc_score(label, size)) if _both(label) else NAN


def precision_recall(label: NDArray[np.bool_], size: Values) -> tuple[Values, Values]:
    """Return the curve of :func:`auprc`: recall, ascending, and precision."""
    precision, recall, _ = precision_recall_curve(label, size)
    return recall[::-1], precision[::-1]


def _both(label: NDArray[np.generic]) -> bool:
    return bool(label.any()) and not bool(label.all())


def odds_at_top(label: NDArray[np.bool_], size: Values, share: float) -> Estimate:
    """Return the odds ratio of the label among the strongest; ``p`` is Fisher's exact one."""
    if not _both(label):
        return Estimate(NAN)
    kept = max(1, math.ceil(share * len(size)))
    top = size >= np.sort(size)[-kept]
    table = [
        [int((top & label).sum()), int((top & ~label).sum())],
        [int((~top & label).sum()), int((~top & ~label).sum())],
    ]
    if top.all():
        return Estimate(NAN, count=int(top.sum()))
    with np.errstate(divide="ignore", invalid="ignore"):
        result = odds_ratio(table, kind="sample")
        low, high = result.confidence_interval(0.95)
    p = float(stats.fisher_exact(table).pvalue)
    return Estimate(float(result.statistic), float(low), float(high), int(top.sum()), p)


def bootstrap(
    statistic: Callable[[NDArray[np.int64]], NDArray[np.float64]],
    count: int,
    resamples: int,
    seed: int,
) -> NDArray[np.float64]:
    """Return a statistic, float64 ``(k,)``, of resampled rows: ``(resamples, k)``.

    ``statistic`` is given the numbers of ``count`` rows, drawn with replacement.
    """
    draw = np.random.default_rng(seed)
    return np.array([statistic(draw.integers(0, count, count)) for _ in range(resamples)])


@dataclass
class Moments:
    """Sums from which Pearson's r is made, for data larger than memory; they merge.

    ``x`` and ``y`` are means, ``xx``, ``yy`` and ``xy`` sums of products of deviations from them.
    """

    count: int = 0
    x: float = 0.0
    y: float = 0.0
    xx: float = 0.0
    yy: float = 0.0
    xy: float = 0.0
    x_range: tuple[float, float] = (math.inf, -math.inf)
    y_range: tuple[float, float] = (math.inf, -math.inf)

    def add(self, x: Values, y: Values) -> None:
        """Add pairs, float64 ``(n,)`` without NaN."""
        if not len(x):
            return
        mean_x, mean_y = float(x.mean()), float(y.mean())
        dx, dy = x - mean_x, y - mean_y
        self.merge(
            Moments(
                len(x), mean_x, mean_y, float(dx @ dx), float(dy @ dy), float(dx @ dy),
                (float(x.min()), float(x.max())), (float(y.min()), float(y.max())),
            )
        )  # fmt: skip

    def merge(self, other: Moments) -> None:
        """Add what another has counted (Chan et al. 1983)."""
        total = self.count + other.count
        if not total:
            return
        dx, dy = other.x - self.x, other.y - self.y
        weight = self.count * other.count / total
        self.xx += other.xx + dx * dx * weight
        self.yy += other.yy + dy * dy * weight
        self.xy += other.xy + dx * dy * weight
        self.x += dx * other.count / total
        self.y += dy * other.count / total
        self.x_range = _joined(self.x_range, other.x_range)
        self.y_range = _joined(self.y_range, other.y_range)
        self.count = total

    @property
    def pearson(self) -> float:
        """Pearson's r; NaN where one of both is constant."""
        # The sums of a constant need not be 0: its mean is rounded.
        if self.x_range[0] >= self.x_range[1] or self.y_range[0] >= self.y_range[1]:
            return NAN
        scale = math.sqrt(self.xx) * math.sqrt(self.yy)
        return max(-1.0, min(1.0, self.xy / scale)) if scale > 0 else NAN


def _joined(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    return min(one[0], other[0]), max(one[1], other[1])
