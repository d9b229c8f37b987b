"""The pages name what the program has: options, scores, formats, verbs, kinds of run."""

import re
from pathlib import Path

import pytest

import tracksmith
from tracksmith.effects.scores import SCORES
from tracksmith.kinds import KINDS
from tracksmith.runs.record import FORMAT, PlanRecord
from tracksmith.runs.request import (
    EXPLAIN,
    PERTURB,
    PREDICT,
    SCORE_NAMES,
    VARIANTS,
    describe_field,
    flag_of,
    request_fields,
)
from tracksmith.tracks.formats import FORMATS

ROOT = Path(__file__).resolve().parents[2]
PREDICTING, SCORING, PERTURBING, EXPLAINING = (
    (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    for name in ("predict", "variants", "perturb", "explain")
)
PAGES = {
    PREDICT: PREDICTING,
    VARIANTS: PREDICTING + SCORING,
    PERTURB: PREDICTING + PERTURBING,
    EXPLAIN: PREDICTING + EXPLAINING,
}


def names_of(field: str) -> list[str]:
    short = describe_field(field)["flag"]
    return [flag_of(field), *([short] if short else [])]


def is_named(field: str, page: str) -> bool:
    return any(re.search(rf"`{name}\b[^`]*`", page) for name in names_of(field))


@pytest.mark.parametrize("kind", PAGES)
def test_every_option_is_on_the_page_of_its_kind_of_run(kind):
    plain = ("models", "variants", "edits")
    own = [item.name for item in request_fields(kind) if item.name not in plain]
    missing = [flag_of(name) for name in own if not is_named(name, PAGES[kind])]
    assert not missing


def test_every_score_is_in_the_help_and_on_the_page():
    assert set(SCORE_NAMES) == set(SCORES)
    for name, score in SCORES.items():
        row = next(line for line in SCORING.splitlines() if line.startswith(f"| `{name}` |"))
        assert ("never negative" in row) == (not score.signed)


def test_every_format_is_in_the_help_and_on_the_page():
    for name, form in FORMATS.items():
        assert name in describe_field("formats")["about"]
        row = next(line for line in PREDICTING.splitlines() if line.startswith(f"| `{name}` |"))
        assert f"`MODEL.TRACK{form.suffix}`" in row


def test_the_format_of_a_run_on_the_page_is_that_of_the_program():
    assert f"| `format` | {FORMAT}." in PREDICTING
    assert f"which is {FORMAT}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_every_verb_of_python_is_on_a_page():
    others = ("hubs", "evaluate", "explain", "plot")
    texts = [(ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8") for name in others]
    pages = "".join([PREDICTING, SCORING, PERTURBING, *texts])
    for name in set(tracksmith.__all__) - {"__version__"}:
        assert re.search(rf"\b{name}\(|tracksmith\.{name}\b", pages), name


def test_every_kind_of_run_has_its_page():
    assert [page.stem for kind in KINDS for page in (ROOT / "docs").glob(f"{kind}.md")] == [*KINDS]


def test_every_module_that_the_architecture_names_exists():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\b(?:[a-z_]+/)+(?:[a-z_]+\.py)?|\b[a-z_]+\.py\b", page))
    assert len(named) > 30
    places = (ROOT, ROOT / "tracksmith", ROOT / "tracksmith" / "runs")
    missing = [name for name in named if not any((place / name).exists() for place in places)]
    assert not missing


def test_every_contract_of_imports_orders_the_packages_as_the_architecture_does():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = page[: page.index("## From the command line")]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    order = [
        name.strip("/").removesuffix(".py") for row in rows for name in re.findall(r"`(\S+)`", row)
    ]
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    layers = re.search(r"layers = \[(.*?)\]", text, re.DOTALL)
    assert layers is not None
    listed = re.findall(r"tracksmith\.(\w+)", layers[1])
    assert sorted(order) == sorted([*listed, "plugins"])
    height = {
        name: number
        for number, layer in enumerate(layers[1].splitlines())
        for name in re.findall(r"tracksmith\.(\w+)", layer)
    }
    assert [height[name] for name in order[:-1]] == sorted(height[name] for name in order[:-1])


def test_fields_of_a_plan_that_the_page_speaks_of_exist():
    row = next(line for line in PREDICTING.splitlines() if line.startswith("| `plan` |"))
    for word in ("kind", "genome", "models", "stages", "device", "versions", "formats"):
        assert word in row
        assert word in PlanRecord.__dataclass_fields__
