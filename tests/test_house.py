"""The house's own rules: sizes, imports, words."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted(
    path
    for folder in ("tracksmith", "plugins", "tests")
    for path in (ROOT / folder).rglob("*.py")
    if "build" not in path.parts
)
LIBRARY = [
    path
    for path in FILES
    if "tests" not in path.parts and "benchmarks" not in path.parts and "cli" not in path.parts
]
MOST_LINES = 400
MOST_FUNCTION_LINES = 60


def functions(path: Path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


def test_no_file_is_longer_than_400_lines():
    long = {
        str(p.relative_to(ROOT)): n
        for p in FILES
        if (n := len(p.read_text().splitlines())) > MOST_LINES
    }
    assert not long


def test_no_function_is_longer_than_60_lines():
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in FILES
        for node in functions(path)
        if node.end_lineno - node.lineno + 1 > MOST_FUNCTION_LINES
    ]
    assert not long


def test_most_functions_of_the_library_are_short():
    sizes = sorted(
        node.end_lineno - node.lineno + 1 for path in LIBRARY for node in functions(path)
    )
    assert sizes[len(sizes) // 2] <= 15
    assert sizes[len(sizes) * 9 // 10] <= 40


def test_the_library_neither_prints_nor_asserts_on_data():
    found = []
    for path in LIBRARY:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            if called and node.func.id in ("print", "exit"):
                found.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.func.id}")
            if isinstance(node, ast.Assert):
                found.append(f"{path.relative_to(ROOT)}:{node.lineno} assert")
    assert not found


def test_nothing_unfinished_is_left_in_the_code():
    mark = re.compile(r"\b(TODO|FIXME|XXX|HACK|NotImplementedError)\b")
    here = Path(__file__)
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in FILES
        if path != here
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if mark.search(line)
    ]
    assert not found


def test_no_file_names_an_index_of_packages():
    """Where packages come from is the user's choice, and his machine's."""
    index = re.compile("|".join(("index" + "-url", "py" + r"pi\.org", "python" + "hosted")))
    kept = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    names = kept.stdout.splitlines() or [str(path.relative_to(ROOT)) for path in FILES]
    found = [
        name
        for name in names
        if (ROOT / name).is_file() and index.search((ROOT / name).read_text(errors="ignore"))
    ]
    assert not found


@pytest.mark.parametrize("arguments", [["--help"], ["models"], ["predict", "--help"]])
def test_listing_and_help_import_no_torch(arguments):
    code = (
        "import sys\nfrom tracksmith.cli import main\n"
        f"try: main({arguments!r})\nexcept SystemExit: pass\n"
        "assert 'torch' not in sys.modules, 'torch was imported'"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_every_public_name_exists():
    import tracksmith

    for name in tracksmith.__all__:
        assert getattr(tracksmith, name) is not None
