"""The plugin beside the contract: the conformance kit, and what it imports."""

import ast
from pathlib import Path

from tracksmith.models.registry import load_registry
from tracksmith.testing import conformance

TestCorePromoter = conformance("core-promoter")

PACKAGE = Path(__file__).resolve().parents[1] / "tracksmith_demo"
PAGE = Path(__file__).resolve().parents[3] / "docs" / "write-a-plugin.md"


def imports(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


def public_modules():
    """Return the first column of the table that says what a plugin may import."""
    section = PAGE.read_text(encoding="utf-8").partition("## What a plugin may import")[2]
    rows = [line for line in section.partition("\n## ")[0].splitlines() if line.startswith("| `")]
    return {name.strip("` ") for row in rows for name in row.split("|")[1].split(",")}


def test_it_imports_nothing_of_tracksmith_but_what_the_documentation_calls_public():
    used = {name for path in PACKAGE.glob("*.py") for name in imports(path)}
    of_tracksmith = {name for name in used if name.split(".")[0] == "tracksmith"}
    assert {"tracksmith", "tracksmith.plugin"} <= of_tracksmith <= public_modules()


def test_it_is_found_under_its_own_distribution():
    registered = load_registry().get("core-promoter")
    assert (registered.distribution, registered.entry_point) == ("tracksmith-demo", "demo")
