"""Scales, held against the values of the tracks that they draw."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.hub.unwritten import unwritten_run
from tracksmith.hub.igv import igv_tracks
from tracksmith.hub.layout import lay_out
from tracksmith.hub.runs import Output
from tracksmith.hub.scale import (
    common_scales,
    outward,
    scale_key,
    strongest_limits,
    value_range,
    wide_function,
)

SLACK = 1.0101
"""Three digits, rounded outward, lie within 1 % of a number."""

sizes = st.floats(1e-3, 1e5)


@st.composite
def sparse_values(draw, sign=None):
    """Values of which at most 0.5 % are peaks, and all others next to nothing beside the least."""
    peaks = draw(st.lists(st.floats(1, 2), min_size=1, max_size=5))
    noise = draw(st.floats(0, 0.004))
    values = np.full(1000, noise)
    values[:500] = 0
    values[100 : 100 + len(peaks)] = peaks
    sign = draw(st.sampled_from((1, -1))) if sign is None else sign
    return values * (sign * draw(sizes))


@st.composite
def dense_values(draw, sign=None):
    """Values of which at least 5 % have some height beside the greatest."""
    height = draw(st.floats(0.05, 1))
    values = np.zeros(1000)
    values[: draw(st.integers(50, 1000))] = height
    values[7] = 1
    sign = draw(st.sampled_from((1, -1))) if sign is None else sign
    return values * (sign * draw(sizes))


@st.composite
def signed_values(draw):
    values = np.concatenate([draw(dense_values(1)), draw(dense_values(-1))])
    assume(abs(values).max() < 20 * min(values.max(), -values.min()))
    return values


any_values = sparse_values() | dense_values() | signed_values()


def entry_of(values, **more):
    """Return what ``run.json`` says of a track of these values."""
    probabilities = (0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999)
    return {
        "values": len(values), "statistic": "mean",
        "min": float(values.min()), "max": float(values.max()),
        "quantiles": {f"{p:g}": float(np.quantile(values, p, method="nearest"))
                      for p in probabilities},
        **more,
    }  # fmt: skip


def run_of(*tracks, fields=None, **more):
    """Return a run of one model with a bigWig per array of values, all of one kind."""
    fields = fields or [{} for _ in tracks]
    cards = [{"id": f"t{n}", "label": f"T{n}", "assay": "CAGE", "units": "counts", **fact}
             for n, fact in enumerate(fields)]  # fmt: skip
    files = [entry_of(values, track=f"t{n}", path=f"tracks/t{n}.bw", **more)
             for n, values in enumerate(tracks)]  # fmt: skip
    return unwritten_run(cards, files)


def outputs_of(*tracks, **more) -> list[Output]:
    return list(run_of(*tracks, **more).outputs())


def with_file(output, **changes):
    """Return the output with another record of its file."""
    return replace(output, file=replace(output.file, **changes))


def scale_of(outputs):
    (scale,) = common_scales(outputs).values()
    return scale


def is_sparse(tracks):
    """Count, where the scale looks at quantiles: 99 % on each side are next to nothing."""
    strongest = max(abs(values).max() for values in tracks)
    seen = 0.01 * strongest
    return all((values >= seen).mean() < 0.01 and (values <= -seen).mean() < 0.01
               for values in tracks)  # fmt: skip


def fits(limits, values):
    return limits[0] <= values.min() and values.max() <= limits[1]


@given(st.lists(any_values, min_size=1, max_size=4))
def test_a_kind_is_sparse_where_hardly_a_value_can_be_seen_beside_the_strongest(tracks):
    outputs = outputs_of(*tracks)
    assert scale_of(outputs).sparse == is_sparse(tracks)
    for output, values in zip(outputs, tracks, strict=True):
        limits = scale_of(outputs).fixed(*value_range(output))
        assert (limits is not None) == is_sparse(tracks)
        assert limits is None or fits(limits, values)


@given(st.lists(sparse_values(), min_size=1, max_size=4))
def test_the_strongest_peak_of_a_sparse_kind_fills_its_row(tracks):
    outputs = outputs_of(*tracks)
    scale = scale_of(outputs)
    assume(scale.sparse)
    strongest = max(abs(values).max() for values in tracks)
    rows = [scale.fixed(*value_range(output)) for output in outputs]
    for (low, high), values in zip(rows, tracks, strict=True):
        assert strongest <= high - low <= SLACK * strongest, "one unit of height for the kind"
        assert low == 0 < high if values.max() > 0 else low < 0 == high
    low, high = scale.fixed(-1, 1)
    assert -low == high == rows[0][1] - rows[0][0], "an overlay of both strands is mirrored"


@given(st.lists(dense_values(), min_size=1, max_size=4))
def test_limits_for_those_who_turn_scaling_off_hold_all_but_the_rarest_values(tracks):
    outputs = outputs_of(*tracks)
    scale = scale_of(outputs)
    usual = max(np.quantile(abs(values), 0.999, method="nearest") for values in tracks)
    for output, values in zip(outputs, tracks, strict=True):
        low, high = scale.usual_limits(*value_range(output))
        assert (abs(values) <= high - low).mean() >= 0.998
        assert usual <= SLACK * (high - low)
        assert high - low <= SLACK * usual
        assert low == 0 < high if values.max() > 0 else low < 0 == high


@given(st.lists(signed_values(), min_size=1, max_size=3), dense_values(1))
def test_all_rows_of_a_signed_kind_have_the_same_limits_on_both_sides(signed, other):
    outputs = outputs_of(*signed, other)
    scale = scale_of(outputs)
    assume(not scale.sparse)
    assert len({scale.usual_limits(*value_range(output)) for output in outputs}) == 1
    low, high = scale.usual_limits(*value_range(outputs[0]))
    assert low < 0 < high
    joined = np.concatenate([*signed, other])
    assert -low <= SLACK * -joined.min()
    assert high <= SLACK * joined.max()


@given(st.lists(any_values, min_size=1, max_size=3))
def test_negated_values_turn_a_scale_upside_down(tracks):
    ways = []
    for sign in (1, -1):
        outputs = outputs_of(*(sign * values for values in tracks))
        scale = scale_of(outputs)
        ranges = [value_range(output) for output in outputs]
        rows = [(scale.fixed(*r), scale.usual_limits(*r)) for r in ranges]
        ways.append((scale, rows, [wide_function(output) for output in outputs]))
    (scale, rows, functions), (turned, turned_rows, turned_functions) = ways
    assert (scale.low, scale.high, scale.usual) == (-turned.high, -turned.low, turned.usual)
    assert (scale.sparse, scale.signed) == (turned.sparse, turned.signed)
    for row, other in zip(rows, turned_rows, strict=True):
        for limits, mirrored in zip(row, other, strict=True):
            assert (limits and (-limits[1], -limits[0])) == mirrored
    swapped = {"max": "min", "min": "max", "mean": "mean"}
    assert [swapped[name] for name in functions] == turned_functions


@given(st.lists(any_values, min_size=1, max_size=3), st.integers(-3, 3))
def test_another_unit_changes_the_numbers_of_a_scale_and_nothing_else(tracks, power):
    factor = 10.0**power
    here, there = (outputs_of(*(values * by for values in tracks)) for by in (1, factor))
    one, other = scale_of(here), scale_of(there)
    assert (one.sparse, one.signed) == (other.sparse, other.signed)
    for a, b in zip(here, there, strict=True):
        limits, scaled = one.usual_limits(*value_range(a)), other.usual_limits(*value_range(b))
        assert scaled == pytest.approx([factor * limit for limit in limits], rel=0.011)


@given(sparse_values() | dense_values())
def test_a_wide_view_of_rare_peaks_shows_the_extreme_and_of_any_other_track_the_mean(values):
    (output,) = outputs_of(values)
    extreme = "max" if values.max() > 0 else "min"
    assert wide_function(output) == (extreme if is_sparse([values]) else "mean")


@given(signed_values())
def test_a_wide_view_of_a_signed_track_shows_the_mean(values):
    assert wide_function(outputs_of(values)[0]) == "mean"


def test_a_wide_view_of_nothing_but_zeros_shows_the_mean():
    output = outputs_of(np.zeros(9))[0]
    assert wide_function(output) == "mean"
    scale = scale_of([output])
    assert not scale.sparse
    assert scale.usual_limits(0, 0) is None
    assert value_range(output)[0] < value_range(output)[1]


def test_a_track_without_quantiles_is_not_sparse_and_is_held_whole():
    (output,) = outputs_of(np.array([0, 0, 50.0]))
    output = with_file(output, quantiles={})
    scale = scale_of([output])
    assert not scale.sparse
    assert scale.usual_limits(0, 50) == (0, 50)


def test_quantiles_of_a_histogram_that_lie_beyond_the_extremes_do_not_widen_a_scale():
    (output,) = outputs_of(np.linspace(0, 33.25, 1000))
    output = with_file(output, quantiles={**output.file.quantiles, "0.999": 33.375})
    assert scale_of([output]).usual_limits(0, 33.25) == (0, 33.3)


@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_rounding_outward_is_never_inward_nor_by_more_than_one_percent(value):
    up, down = outward(value, up=True), outward(value, up=False)
    assert down <= value <= up
    assert up - value <= 0.0101 * abs(value)
    assert value - down <= 0.0101 * abs(value)
    assert outward(up, up=True) == up
    assert outward(-value, up=False) == -up
    assert float(f"{up:.3g}") == up


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0.0])
def test_what_is_no_size_is_rounded_to_zero(value):
    assert outward(value, up=True) == outward(value, up=False) == 0


@given(any_values)
def test_the_range_of_a_track_holds_its_values_and_is_never_empty(values):
    low, high = value_range(outputs_of(values)[0])
    assert low < high
    assert fits((low, high), values)
    assert high - low <= SLACK * (values.max() - min(values.min(), 0)) + 1


@given(dense_values(1))
def test_the_strongest_effect_leaves_a_tenth_of_its_row_free(values):
    limits = strongest_limits(outputs_of(values, statistic="absmax")[0])
    assert limits[0] == 0
    assert 1.1 * values.max() <= limits[1] <= 1.1 * SLACK * values.max()


def test_without_an_effect_there_is_no_scale_of_effects():
    assert strongest_limits(outputs_of(np.zeros(3))[0]) is None


@pytest.mark.parametrize("name", ["assay", "units", "transform"])
def test_tracks_of_another_assay_unit_or_transform_have_a_scale_of_their_own(name):
    one, other = np.array([0.0, 1]), np.array([0.0, 900])
    outputs = outputs_of(one, other, fields=[{name: "a"}, {name: "b"}])
    assert [scale.high for scale in common_scales(outputs).values()] == [1, 900]


def test_statistics_have_scales_of_their_own_but_the_alleles_share_one():
    outputs = outputs_of(*[np.array([0.0, 1])] * 5)
    statistics = ("mean", "sd", "ref", "alt", "delta")
    keys = [
        scale_key(with_file(output, statistic=statistic))
        for output, statistic in zip(outputs, statistics, strict=True)
    ]
    assert keys[2] == keys[3]
    assert len(set(keys)) == 4


def test_only_bigwigs_have_a_scale():
    (output,) = outputs_of(np.array([0.0, 1]))
    assert common_scales([with_file(output, kind="bigbed")]) == {}


PAIR = [
    {"strand": "+", "rc_partner": "t1"},
    {"strand": "-", "rc_partner": "t0"},
]


@given(st.data())
def test_no_fixed_scale_of_a_session_or_a_hub_cuts_a_value_off(data):
    kind = data.draw(st.sampled_from((sparse_values, dense_values)))
    plus, minus, other = (data.draw(kind(sign)) for sign in (1, -1, 1))
    run = run_of(plus, minus, other, fields=[*PAIR, {}])
    values = {"t0": plus, "t1": minus, "t2": other}
    sparse = is_sparse(values.values())
    rows = igv_tracks([run], lambda output: output.track_id)
    drawn = [(row, part["url"]) for row in rows for part in row.get("tracks", [row])]
    assert sorted(url for _, url in drawn) == ["t0", "t1", "t2"]
    for row, url in drawn:
        assert row["autoscale"] is not sparse
        assert not sparse or fits((row["min"], row["max"]), values[url])
    urls = {str(output.path): f"{output.track_id}.bw" for output in run.outputs()}
    scaled = 0
    for top in lay_out([run], urls):
        for node in top.walk():
            stanza = node.stanza
            if stanza.get("autoScale"):
                assert stanza["autoScale"] == ("off" if sparse else "on")
                limits = [float(limit) for limit in stanza["viewLimits"].split(":")]
                for output in node.outputs if sparse else ():
                    scaled += 1
                    assert fits(limits, values[output.track_id])
    assert scaled == (3 if sparse else 0)
