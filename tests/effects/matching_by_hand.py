"""Both alleles compared in plain Python: spliced strings, bases by name, no array arithmetic.

Written from docs/variants.md alone. ``reference``, ``left`` and ``right`` are the bins of one
track: of the reference, and of the alternative in windows whose left or right end is that of the
reference. ``start`` is where the first bin starts in the contig. Wherever an insertion is taken to
be, it is shown at the base before its leftmost place.
"""

from typing import NamedTuple

from effect_toys import Variant, spliced


class Pair(NamedTuple):
    """Two numbers that are compared, and the place of the bin where they are shown."""

    reference: float
    alternative: float
    place: int


def placements(text: str, variant: Variant) -> list[int]:
    """Where the shorter allele may end: every place that gives the same sequence, by trying."""
    changed, _ = spliced(text, variant)
    position, old, new = variant.position, len(variant.reference), len(variant.alternative)
    shared = 0 if _anchored_behind(variant) else min(old, new)
    # What the alternative has in common with the reference but for the bases added or taken.
    plain = text[:position] + variant.alternative[:shared] + text[position + shared :]
    edges = []
    for edge in range(position + shared, len(text) + 1):
        if new > old:
            same = plain[:edge] + changed[edge : edge + new - old] + plain[edge:]
        else:
            same = plain[:edge] + plain[edge + old - new :]
        if same != changed:
            break
        edges.append(edge)
    return edges


def _anchored_behind(variant: Variant) -> bool:
    """At a contig's start, the base that both alleles share is their last."""
    one, other = variant.reference, variant.alternative
    return (
        variant.position == 0
        and min(len(one), len(other)) == 1
        and one[0] != other[0]
        and one[-1] == other[-1]
    )


def by_base(reference, left, start, scored, text, variant) -> list[list[Pair]]:
    """All ways to match bins of one base: the first bases stand for each other, others by place."""
    change = len(variant.alternative) - len(variant.reference)
    edges, ways = placements(text, variant), []
    shown = min(max(edges[0] - 1, start + scored[0]), start + scored[1] - 1)
    for edge in edges:
        pairs = []
        for place in range(start + scored[0], start + scored[1]):
            at = place - start
            if change < 0 and edge <= place < edge - change:
                pairs.append(Pair(reference[at], 0.0, place))
                continue
            other = at if place < edge else at + change
            if 0 <= other < len(left):
                pairs.append(Pair(reference[at], left[other], place))
        if change > 0 and start + scored[0] <= edge - 1 < start + scored[1]:
            new = [at - start for at in range(edge, edge + change)]
            pairs += [Pair(0.0, left[at], shown) for at in new if 0 <= at < len(left)]
        ways.append(pairs)
    return ways


def by_bin(reference, left, right, start, size, scored, text, variant) -> list[list[Pair]]:
    """All ways to match wider bins; every way is a seam between the two registers."""
    change = len(variant.alternative) - len(variant.reference)
    whole, rest = divmod(abs(change), size)
    edges, complete, all_ways = placements(text, variant), [], []
    anchor = min(max((edges[0] - start - 1) // size, scored[0]), scored[1] - 1)
    for edge in edges:
        for seam, side in _seams(edge - start, size, rest, change, scored):
            pairs, missing = _way(
                (reference, left, right), (seam, side), (whole, rest, change), size, scored, anchor
            )
            pairs = [Pair(r, a, start + at * size) for r, a, at in pairs]
            all_ways.append(pairs)
            if not missing:
                complete.append(pairs)
    return complete or all_ways


def _seams(edge, size, rest, change, scored):
    """The first border of bins left of the change and the first right of it."""
    low, high = scored
    if change > 0 and edge <= low * size:
        return [(low, None)]
    if change > 0 and edge > high * size:
        return [(high, None)]
    before, behind = edge - (rest if change > 0 else 0), edge + rest
    first = before // size
    second = next(border for border in range(first, first + 9) if border * size >= behind)
    if change < 0:
        return [(first, "left"), (second, "right")]
    return [(min(max(first, low), high), "left"), (min(max(second, low), high), "right")]


def _way(tracks, seam_and_side, indel, size, scored, anchor):
    reference, left, right = tracks
    (seam, side), (whole, rest, change) = seam_and_side, indel
    pairs, missing = [], False
    for at in range(*scored):
        if change > 0 or at < seam:
            other = left[at] if at < seam else right[at]
        else:
            other = right[at] if at >= seam + whole else 0.0
        # A deletion leaves a bin of which some bases are in both registers.
        if change < 0 and at == (seam - 1 if side == "left" else seam + whole):
            other *= (size - rest) / size
        pairs.append((reference[at], other, at))
    if change < 0 or side is None:
        return pairs, missing
    bins, step = (right, -1) if side == "left" else (left, 1)
    first = seam - 1 if side == "left" else seam
    for number in range(whole + (rest > 0)):
        at = first + step * number
        share = 1.0 if number < whole else rest / size
        if 0 <= at < len(bins):
            pairs.append((0.0, bins[at] * share, anchor))
        else:
            missing = True
    return pairs, missing


def squares(pairs: list[Pair]) -> float:
    return sum((pair.alternative - pair.reference) ** 2 for pair in pairs)


def closest(ways: list[list[Pair]]) -> list[Pair]:
    """The way with the smallest sum of squared differences."""
    return min(ways, key=squares)
