"""``run.json``: typed records that come back as they were, and edits that are refused."""

import json
from dataclasses import fields, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from tracksmith.models.card import Fold, ModelCard, RegionGeometry, Track, WindowGeometry
from tracksmith.runs.codec import decode, encode
from tracksmith.runs.record import (
    FileEntry,
    FileRecord,
    FoldsRecord,
    GenomeRecord,
    Limits,
    ModelRecord,
    Places,
    PlanRecord,
    RegionSet,
    RegionsRecord,
    Results,
    Stage,
    VariantCounts,
    VariantsRecord,
)

# Records of every shape.

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
COUNT = st.integers(0, 10**12)
FLOAT = st.floats(allow_nan=False, allow_infinity=False)
NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_.-]{0,7}", fullmatch=True)
PLAIN = st.recursive(
    st.none() | st.booleans() | COUNT | FLOAT | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


def tuples(values):
    return st.lists(values, max_size=3).map(tuple)


def by_name(values):
    return st.dictionaries(TEXT, values, max_size=3)


FILES = st.builds(FileRecord, TEXT, COUNT, TEXT)
GEOMETRY = st.one_of(
    st.builds(lambda a, b, c: WindowGeometry(a + b + c, a, b), COUNT, st.integers(1, 9), COUNT),
    st.builds(
        lambda stride, more, inputs: RegionGeometry(stride + more, stride, inputs),
        st.integers(1, 99), COUNT, tuples(TEXT),
    ),
)  # fmt: skip
CARDS = st.builds(
    ModelCard,
    *[NAMES] * 6,
    geometry=GEOMETRY,
    tracks=st.lists(
        st.builds(Track, NAMES, TEXT, st.sampled_from("+-."), signed=st.booleans()),
        min_size=1, max_size=3, unique_by=lambda track: track.id.lower(),
    ).map(tuple),
    authors=TEXT,
    folds=st.lists(st.builds(Fold, NAMES, tuples(TEXT)), max_size=2, unique_by=lambda f: f.name)
    .map(tuple),
    notes=tuples(TEXT),
)  # fmt: skip
MODELS = st.builds(
    ModelRecord, CARDS, tuples(NAMES), TEXT, COUNT, COUNT,
    folds=st.builds(FoldsRecord, TEXT, tuples(TEXT), st.booleans()),
    weights=by_name(tuples(FILES)), options=by_name(TEXT),
    shifts=tuples(st.integers(-99, 99)),
    regions=st.none() | st.builds(RegionsRecord, COUNT, by_name(FILES), st.none() | COUNT),
    scores=tuples(TEXT),
)  # fmt: skip
PLANS = st.builds(
    PlanRecord, TEXT, st.builds(GenomeRecord, TEXT, COUNT, TEXT, tuples(st.tuples(TEXT, COUNT))),
    tuples(MODELS), tuples(st.builds(Stage, COUNT, TEXT, TEXT, tuples(COUNT), COUNT, COUNT)),
    TEXT, TEXT, by_name(TEXT), precision=st.none() | TEXT, formats=tuples(TEXT),
    regions=st.none() | st.builds(RegionSet, COUNT, COUNT, TEXT),
    variants=st.none() | st.builds(
        VariantsRecord, TEXT, COUNT, COUNT, st.none() | FILES,
        st.none() | st.tuples(TEXT, COUNT, COUNT), max_n=FLOAT,
    ),
    details=by_name(PLAIN),
)  # fmt: skip
RESULTS = st.builds(
    Results,
    tuples(st.builds(
        FileEntry, TEXT, TEXT, COUNT, TEXT, bin=st.none() | COUNT, min=st.none() | FLOAT,
        quantiles=by_name(FLOAT),
    )),
    counts=by_name(st.builds(VariantCounts, COUNT, reasons=by_name(COUNT))),
)  # fmt: skip
PLACES = st.builds(Places, TEXT, by_name(by_name(tuples(TEXT))), by_name(TEXT))
RECORDS = st.one_of(PLANS, RESULTS, st.builds(Limits, st.booleans(), FLOAT), PLACES)


@given(RECORDS, st.booleans())
@settings(max_examples=150)
def test_a_record_comes_back_from_json_as_it_was(record, full):
    text = json.dumps(encode(record, full=full))
    assert decode(type(record), json.loads(text), "it") == record


@given(PLANS)
@settings(max_examples=50)
def test_defaults_that_are_left_out_leave_the_identity_alone(plan):
    stored = encode(plan)
    for item in fields(PlanRecord):
        assert (item.name in stored) or getattr(plan, item.name) == getattr(BARE, item.name)
    assert decode(PlanRecord, encode(plan, full=True), "it").id == plan.id
    assert decode(PlanRecord, stored, "it").id == plan.id
    assert replace(plan, device=plan.device + "x").id != plan.id


BARE = PlanRecord(
    "windows", GenomeRecord("g.fa", 9, "0", (("chr1", 4),)), (), (), "cpu", "zlib", {}
)


def test_the_identity_of_a_plan_is_the_one_it_had_when_format_3_began():
    """Another number here means that runs which are under way can be finished no more."""
    assert BARE.id == "IDENTITY"
