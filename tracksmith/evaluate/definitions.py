"""What each number is: its name, its definition and who defined it, printed beside it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "DEFINITIONS",
    "Definition",
    "contig_definition",
    "difference_definition",
    "odds_definition",
]


@dataclass(frozen=True)
class Definition:
    """A number's key in tables, its name, its definition, and where it comes from.

    ``interval`` says what the columns ``low`` and ``high`` beside it are; '' where there are none.
    """

    key: str
    name: str
    text: str
    source: str
    interval: str = ""

    @property
    def cited(self) -> str:
        """The definition and its source in one line."""
        return f"{self.text} [{self.source}]"


_PEARSON = "scipy.stats.pearsonr"
_SPEARMAN = "Spearman 1904; scipy.stats.spearmanr"
_BINDING = "Avsec et al. 2021"
_INITIATION = "He and Danko 2024"
_FISHER = "95 % interval by Fisher's z"
_BOOTSTRAP = "95 % interval: percentiles of a bootstrap"
_QUARTILES = "quartiles"

_EVERY = (
    Definition(
        "profile_pearson", "profile, Pearson r",
        "median over the regions of Pearson's r between predicted and measured values, base by "
        "base (bin by bin for a track of wider bins) where both have a value; strands of a pair "
        "are put one behind the other", f"as {_INITIATION}; {_PEARSON}", _QUARTILES,
    ),
    Definition(
        "profile_spearman", "profile, Spearman r",
        "the same with Spearman's rank correlation", _SPEARMAN, _QUARTILES,
    ),
    Definition(
        "profile_jsd", "profile, Jensen-Shannon distance",
        "median over the regions of the square root of the Jensen-Shannon divergence (base 2; 0 is "
        "equal, 1 is disjoint) of both profiles, each divided by its sum; not defined where a "
        "value is negative or a sum is 0", "Lin 1991, Endres and Schindelin 2003; "
        "scipy.spatial.distance.jensenshannon", _QUARTILES,
    ),
    Definition(
        "quantity_pearson", "quantity, Pearson r",
        "Pearson's r over the regions between log(1 + sum of the predicted profile) and "
        "log(1 + sum of the measured profile), sums over what both have a value for",
        f"as {_INITIATION} and {_BINDING}; {_PEARSON}", _FISHER,
    ),
    Definition(
        "quantity_spearman", "quantity, Spearman r",
        "the same with Spearman's rank correlation", f"as {_BINDING}; {_SPEARMAN}",
    ),
    Definition(
        "effects_pearson", "effects, Pearson r",
        "Pearson's r between predicted and measured effects; sizes of the measured ones where the "
        "score has no sign", _PEARSON, _FISHER,
    ),
    Definition(
        "effects_spearman", "effects, Spearman r", "the same with Spearman's rank correlation",
        _SPEARMAN,
    ),
    Definition(
        "effects_slope", "effects, slope",
        "slope of the least-squares line of measured on predicted effects, in measured units per "
        "predicted unit", "scipy.stats.linregress", "95 % interval by Student's t",
    ),
    Definition(
        "sign_agreement", "sign agreement",
        "share of variants whose predicted and measured effects have the same sign, of those where "
        "neither is 0", "scipy.stats.binomtest", "95 % interval by Wilson 1927",
    ),
    Definition(
        "auprc", "auPRC",
        "average precision of the size of the predicted effect for the label: the sum over "
        "thresholds of (gain in recall) x precision, without interpolation; guessing gives the "
        "share of positives", "Davis and Goadrich 2006; sklearn.metrics.average_precision_score",
        _BOOTSTRAP,
    ),
    Definition(
        "auroc", "auROC",
        "probability that a positive has a larger predicted effect than a negative, ties counting "
        "half; guessing gives 0.5", "Hanley and McNeil 1982; sklearn.metrics.roc_auc_score",
        _BOOTSTRAP,
    ),
)  # fmt: skip

DEFINITIONS = {definition.key: definition for definition in _EVERY}
"""By key; :func:`contig_definition` and :func:`odds_definition` make those with a number."""


def contig_definition(width: int) -> Definition:
    """Return Pearson's r along contigs in bins of ``width`` bp."""
    return Definition(
        f"contig_pearson_{width}",
        f"whole contig, Pearson r, {width:,} bp",
        f"Pearson's r over all bins of {width:,} bp, counted from the start of each contig, "
        "between the means of both tracks over the bases of the bin that have a value in both; "
        "bins without such a base are left out",
        f"as for binned coverage in Kelley et al. 2018; sums streamed as in Chan et al. "
        f"1983, equal to {_PEARSON}",
    )


def odds_definition(share: float) -> Definition:
    """Return the odds ratio of the label among the strongest ``share`` of variants."""
    return Definition(
        f"odds_ratio_{share:g}",
        f"odds ratio, top {100 * share:g} %",
        f"odds of the label among the strongest {100 * share:g} % of predicted effects (by size, "
        "ties at the threshold included) over the odds among the rest: (a / b) / (c / d)",
        "scipy.stats.contingency.odds_ratio(kind='sample')",
        "95 % interval, normal on the log scale",
    )


def difference_definition(key: str) -> Definition:
    """Return the difference of a number between two predictions of the same variants."""
    base = DEFINITIONS[key]
    return Definition(
        f"difference_{key}",
        f"difference in {base.name}",
        f"{base.name} of this model minus that of the first one, on the variants that both have, "
        "with the same resamples; p is twice the smaller share of resamples on either side of 0",
        "Efron and Tibshirani 1993, paired bootstrap; as He and Danko 2024",
        _BOOTSTRAP,
    )
