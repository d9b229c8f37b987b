"""``run.json``: typed records that come back as they were, and edits that are refused."""

import copy
import hashlib
import json
import re
import shutil
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from region_toys import registry, toy

import tracksmith
from tracksmith.cli import main
from tracksmith.errors import InputError, TracksmithError, TrustError
from tracksmith.files import canonical_json
from tracksmith.hub.server import make_site
from tracksmith.models.card import Fold, ModelCard, RegionGeometry, Track, WindowGeometry
from tracksmith.models.registry import load_registry
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
from tracksmith.runs.run import Run

# Records of every shape.

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
COUNT = st.integers(0, 10**12)
FLOAT = st.floats(-1e300, 1e300)  # no number of a record is larger
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
        VariantsRecord, TEXT, COUNT, COUNT, COUNT, st.none() | FILES,
        st.none() | TEXT, max_n=FLOAT,
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
LIMITS = st.builds(Limits, st.booleans(), FLOAT)
PLACES = st.builds(Places, TEXT, by_name(by_name(tuples(TEXT))), by_name(TEXT))


@given(PLANS | RESULTS | LIMITS | PLACES, st.booleans())
@settings(max_examples=60)
def test_a_record_comes_back_from_json_as_it_was(record, full):
    text = json.dumps(encode(record, full=full))
    assert decode(type(record), json.loads(text), "it") == record


@given(PLANS)
@settings(max_examples=25)
def test_defaults_that_are_left_out_leave_the_identity_alone(plan):
    stored = encode(plan)
    for item in fields(PlanRecord):
        assert (item.name in stored) or getattr(plan, item.name) == getattr(BARE, item.name)
    assert decode(PlanRecord, encode(plan, full=True), "it").id == plan.id
    assert decode(PlanRecord, stored, "it").id == plan.id
    assert replace(plan, device=plan.device + "x").id != plan.id


@pytest.mark.parametrize("value", [10**400, -(10**301)])
def test_a_number_that_no_float_holds_is_no_statistic(value):
    with pytest.raises(TrustError, match=r"it\.min is -?10000.* but a number is due"):
        decode(
            FileEntry, {"path": "x", "kind": "bigwig", "size": 1, "sha256": "", "min": value}, "it"
        )


BARE = PlanRecord(
    "windows", GenomeRecord("g.fa", 9, "0", (("chr1", 4),)), (), (), "cpu", "zlib", {}
)


def test_the_identity_of_a_plan_is_the_one_it_had_when_format_3_began():
    """Another number here means that runs which are under way can be finished no more."""
    assert BARE.id == "df83a3c1f01eece3327fdaeb81fbb531e9068290a06eb68251720395128a0802"


# Edits of the run.json of real runs.


def nested(depth: int) -> list:
    value: list = []
    for _ in range(depth):
        value = [value]
    return value


GONE, MORE = object(), object()
EDITS = (
    None, True, -1, 3, 10**400, float("inf"), float("nan"), "x", "\ud800", [], {}, ["x"],
    nested(900), GONE, MORE,
)  # fmt: skip
"""What a field is replaced by; GONE removes it, MORE adds to it."""


def nodes(value, path=()):
    """Yield the path of every value; of a list, those of its first and last items."""
    yield path
    if isinstance(value, dict):
        for key in value:
            yield from nodes(value[key], (*path, key))
    elif isinstance(value, list):
        for index in sorted({0, len(value) - 1} if value else ()):
            yield from nodes(value[index], (*path, index))


def edited(stored, path, edit):
    """Return the stored content with one value edited; None where that edit has no meaning."""
    content = copy.deepcopy(stored)
    place = content
    for key in path[:-1]:
        place = place[key]
    value = place[path[-1]]
    if edit is GONE:
        del place[path[-1]]
    elif edit is MORE and isinstance(value, dict):
        value["more"] = 1
    elif edit is MORE and isinstance(value, list):
        value.append(value[0] if value else 1)
    elif edit is MORE:
        return None
    else:
        place[path[-1]] = edit
    return None if content == stored else content


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A planned and a finished run of each kind, by name."""
    folder = tmp_path_factory.mktemp("runs")
    sequence = "ACGTTGCAAC" * 100
    (folder / "genome.fa").write_text(f">chr1\n{sequence}\n>chr2\n{sequence[:300]}\n")
    (folder / "alias.tsv").write_text("chr1\t1\n")
    (folder / "peaks.bed").write_text("".join(f"chr1\t{s}\t{s + 40}\n" for s in (0, 90, 200)))
    rows = "".join(f"1\t{p}\t.\t{sequence[p - 1]}\tG\t.\t.\t.\n" for p in (201, 409))
    head = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    (folder / "in.vcf").write_text(head + rows)
    of_kind = {
        "windows": ("core-promoter", {"regions": "chr1:1-300"}),
        "regions": ("toy", {"peaks": folder / "peaks.bed"}),
        "variants": (
            "core-promoter", {"variants": folder / "in.vcf", "alias": folder / "alias.tsv"},
        ),
    }  # fmt: skip
    known = type(load_registry())({**load_registry().models, **registry(toy()).models}, [])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tracksmith.models.registry.load_registry", lambda: known)
        for kind, (model, options) in of_kind.items():
            for stage in ("planned", "finished"):
                out = folder / f"{kind}-{stage}"
                tracksmith.plan(model, folder / "genome.fa", out, device="cpu", **options)
            tracksmith.work(out)
            tracksmith.finish(out)
        yield folder


def verbs(out: Path):
    """Every way to use a run, each opening it anew."""
    return {
        "status": lambda: tracksmith.status(out, deep=True),
        "view": lambda: make_site([out], igv=None, genome=None, templates=None, locus=None),
        "work": lambda: tracksmith.work(out),
        "finish": lambda: tracksmith.finish(out),
    }


def refused(call) -> TracksmithError | None:
    """Return the error in which a call ends, if any; only ours are let pass."""
    try:
        call()
    except TracksmithError as error:
        assert error.exit_code in (3, 4, 6), error
        assert str(error).strip().endswith((".", "`")), error
        return error
    return None


@pytest.mark.parametrize(
    ("kind", "stage"),
    [
        ("windows", "planned"),
        ("regions", "finished"),
        ("variants", "planned"),
        ("variants", "finished"),
    ],
)
def test_an_edited_run_json_is_refused_in_a_sentence(runs, tmp_path, kind, stage):
    source, out = runs / f"{kind}-{stage}", tmp_path / "run"
    stored = json.loads((source / "run.json").read_text())
    trial = tmp_path / "trial"
    trial.mkdir()
    refusals = 0
    for path in nodes(stored):
        for edit in EDITS if path else ():
            if (content := edited(stored, path, edit)) is None:
                continue
            (trial / "run.json").write_text(json.dumps(content))
            if (error := refused(lambda: Run.open(trial))) is not None:
                assert isinstance(error, InputError | TrustError), (path, edit)
                refusals += 1
                continue
            # Only the places of files are no part of the identity.
            assert path[0] == "places", (path, edit)
            shutil.copytree(source, out)
            shutil.copy(trial / "run.json", out)
            for call in verbs(out).values():
                refused(call)
            shutil.rmtree(out)
    assert refusals > 1_000


def seal(content):
    """Give edited content the identity and the seal of what it holds now."""
    with suppress(TracksmithError):
        content["id"] = decode(PlanRecord, content["plan"], "plan").id
    sealed = {key: value for key, value in content.items() if key not in ("places", "seal")}
    content["seal"] = hashlib.sha256(canonical_json(sealed).encode()).hexdigest()
    return content


PLAN_EDITS = [
    ("stages", []),
    ("stages", "FIRST"),
    ("stages.0.starts", [1]),
    ("stages.0.items", 5),
    ("stages.0.model", 1),
    ("models", []),
    ("models.0.tracks", []),
    ("models.0.tracks", ["x"]),
    ("genome.contigs.0.1", -1),
    ("genome.contigs.0.1", 10**30),
    ("genome.contigs.0.1", 999),
    ("versions", {}),
    ("kind", "x"),
]


@pytest.mark.parametrize(("field", "value"), PLAN_EDITS)
@pytest.mark.parametrize("kind", ["windows", "regions", "variants"])
def test_a_plan_that_cannot_be_computed_is_refused_however_well_sealed(
    runs, tmp_path, kind, field, value
):
    shutil.copytree(runs / f"{kind}-planned", tmp_path / "run")
    content = json.loads((tmp_path / "run/run.json").read_text())
    place = content["plan"]
    *keys, last = (int(key) if key.isdigit() else key for key in field.split("."))
    for key in keys:
        place = place[key]
    place[last] = value if value != "FIRST" else [{**place[last][0], "starts": [0], "items": 9}]
    (tmp_path / "run/run.json").write_text(json.dumps(seal(content)))
    assert refused(lambda: tracksmith.work(tmp_path / "run")) is not None
    assert refused(lambda: tracksmith.finish(tmp_path / "run")) is not None
    assert not any((tmp_path / "run").rglob("*.b[wb]"))


def test_a_planned_file_of_aliases_whose_place_is_lost_is_not_left_out(runs, tmp_path):
    shutil.copytree(runs / "variants-planned", tmp_path / "run")
    content = json.loads((tmp_path / "run/run.json").read_text())
    del content["places"]["files"]["alias"]
    (tmp_path / "run/run.json").write_text(json.dumps(content))
    with pytest.raises(TrustError, match="does not say where the file of 'alias' is"):
        tracksmith.work(tmp_path / "run")


FORMAT_2 = {
    "format": 2,
    "id": "5e0f",
    "request": {"genome": {"name": "genome.fa"}, "models": [], "regions": None},
    "versions": {"tracksmith": "0.1.0", "torch": "2.10.0"},
    "places": {"genome": "genome.fa", "regions": [], "weights": {}},
    "parts": [[0, 4]],
    "files": [],
    "finished": False,
}
"""As tracksmith wrote it before its records had types."""


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        (json.dumps(FORMAT_2), 6, r"has format version 2; this tracksmith writes 3"),
        (json.dumps(FORMAT_2 | {"finished": True}), 6, r"has format version 2"),
        (json.dumps({"format": [[4]]}), 6, r"has format version \[\[4\]\]"),
        (json.dumps({"format": 3}), 6, "plan is None, but an object is due"),
        (
            json.dumps({"format": 3, "plan": {"a\x1b[2J\u2028": 1}}),
            6,
            r"a\\x1b\[2J\\u2028 is 1",
        ),
        (
            json.dumps({"format": 3, "plan": {"x" * 9_000: 1}}),
            6,
            r"x\.\.\.x+ is 1, but no such",
        ),
        ("[" * 100_000, 4, "Cannot read"),
        ('{"format": ' + "[" * 400 + "]" * 400 + "}", 6, "has format version"),
        ("{}", 4, "is no run of tracksmith"),
        ("[3]", 4, "is no run of tracksmith"),
        ("", 4, "Cannot read"),
        ('{"format": 3', 4, "Cannot read"),
        ('{"format": 1' + "0" * 5_000 + "}", 4, "Cannot read"),
        (b'{"format": "\xff"}', 4, "Cannot read"),
    ],
)
@pytest.mark.parametrize("verb", ["status", "work", "finish", "view", "study"])
def test_what_is_no_run_of_this_tracksmith_is_refused_by_every_command(
    tmp_path, verb, text, code, message
):
    raw = text if isinstance(text, bytes) else text.encode()
    (tmp_path / "run.json").write_bytes(raw)
    done = CliRunner().invoke(main, [verb, str(tmp_path)])
    assert done.exit_code == code, done.output
    assert re.search(message, done.output), done.output
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]
