"""Whatever JSON stands in a manifest: a part that is named as broken, never a trace or a merge."""

import json

import pytest
import verbs
from engine_toys import Dense, toy_card
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_forward import CENTRED

from tracksmith.errors import IncompleteError
from tracksmith.models.contract import Model, Predictor
from tracksmith.runs.parts import PartStore
from tracksmith.runs.run import Run

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = (
    "format", "run", "part", "stage", "model", "plugins", "items", "versions", "size", "lengths",
    "crc32", "counts", "trusted",
)  # fmt: skip


@pytest.fixture
def run(register, write_genome, random_bases, tmp_path) -> Run:
    card = toy_card(CENTRED, ("1",))
    register(Model(card, lambda request: Predictor({"1": Dense(CENTRED, 0)})))
    genome = write_genome(chr1=random_bases(40_000, 1))
    out = tmp_path / "run"
    planned = verbs.plan(verbs.request(("toy",), genome, parts=2), out)
    verbs.work(out)
    return planned


def problem_of(run: Run, manifest: object) -> str | None:
    """Write the manifest of part 1 and let ``finish`` look at it; return its complaint."""
    kept = {path: path.read_bytes() for path in run.parts_folder.iterdir()}
    path = run.parts_folder / "part-00001.json"
    path.write_text(manifest if isinstance(manifest, str) else json.dumps(manifest))
    store = verbs.worker(run).store
    try:
        PartStore(run).problem(1)
        store.require_all()
        store.counts(0)
        store.trusted()
        list(store.pieces(0, 0))
    except IncompleteError as error:
        return str(error)
    finally:
        for left in run.parts_folder.iterdir():
            left.unlink()
        for place, content in kept.items():
            place.write_bytes(content)
    return None


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(key=st.sampled_from(KEYS), value=JSON)
def test_any_value_in_a_manifest_is_noticed(run, key, value):
    good = json.loads((run.parts_folder / "part-00001.json").read_text())
    complaint = problem_of(run, good | {key: value})
    same = json.dumps(good.get(key)) == json.dumps(value)
    if key == "trusted" and isinstance(value, list):
        same = all(isinstance(item, str) for item in value)  # other files, no other bytes
    equal = key in ("format", "part", "stage", "model", "crc32") and value == good[key]
    assert (complaint is None) == (same or equal)
    if complaint:
        assert "  part 1: " in complaint


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=JSON)
def test_any_json_for_a_manifest_is_a_broken_part(run, content):
    assert "  part 1: " in problem_of(run, content if not isinstance(content, str) else [content])


@pytest.mark.parametrize(
    "change",
    [
        lambda good: {"lengths": [[sum(map(sum, good["lengths"]))]]},
        lambda good: {"lengths": [*good["lengths"], [0, 0, 0]]},
        lambda good: {"lengths": [[*row, 0] for row in good["lengths"]]},
        lambda good: {"lengths": [[float(n) for n in row] for row in good["lengths"]]},
        lambda good: {"lengths": [[row[0] + row[1] + 5, -5, row[2]] for row in good["lengths"]]},
        lambda good: {"counts": good["counts"] | {"bases": "many"}},
        lambda good: {"counts": {"bases": 1}},
        lambda good: {"trusted": [1]},
        lambda good: {"trusted": 7},
        lambda good: {"versions": list(good["versions"])},
    ],
)
def test_a_table_that_adds_up_but_does_not_fit_is_noticed(change, run):
    good = json.loads((run.parts_folder / "part-00001.json").read_text())
    assert "  part 1: " in problem_of(run, good | change(good))
    assert problem_of(run, good) is None


def test_json_nested_too_deep_is_a_broken_part(run):
    assert "unreadable manifest" in problem_of(run, "[" * 200_000)
