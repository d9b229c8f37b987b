"""What a second look at the house left as laws: where words live, how wide files and calls are."""

import ast
import importlib
import inspect
import re
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from tracksmith.cli import main
from tracksmith.effects.scores import SCORES
from tracksmith.runs.request import FORMAT_NAMES, SCORE_NAMES, flag_of, request_fields
from tracksmith.tracks.formats import FORMATS

ROOT = Path(__file__).resolve().parents[1]
TREES = {
    path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / "tracksmith").rglob("*.py"))
}
MODULES = {name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in TREES}

VERBS = {"plan", "work", "finish", "run_all", "estimate", "status"}
MOST_IMPORTS = 14
MOST_PARAMETERS = 6
PLAIN = {"request", "file", "content", "card"}
"""What has a type of its own everywhere but where JSON is read."""
READERS_OF_JSON = re.compile(
    r"tracksmith/(runs/(run|parts|codec)|models/(published|safe_load))\.py"
)
"""Where plain values are read: the records of runs, of publishers, of checkpoints."""
PLUGIN_TREES = {
    path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / "plugins").glob("*/tracksmith_*/**/*.py"))
}
EMPTY_NAMES = {"found", "asked", "facts", "entry", "told", "held"}
"""How one came by a thing, never what it is."""


def functions(tree: ast.AST) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]


def test_the_verbs_of_a_run_are_defined_in_one_room():
    homes = {
        name
        for name, tree in TREES.items()
        if any(isinstance(n, ast.FunctionDef) and n.name in VERBS for n in tree.body)
    }
    own = {name for name in homes if not name.startswith("tracksmith/cli/")}
    assert own == {"tracksmith/runs/job.py", "tracksmith/api.py"}


def imported(name: str) -> set[str]:
    """Return our modules that a file imports, those inside functions included."""
    here = name.removesuffix(".py").split("/")
    modules = set()
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names if alias.name in MODULES}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(here[: -node.level]) + "." if node.level else ""
            module = (base + (node.module or "")).rstrip(".")
            both = {f"{module}.{alias.name}" for alias in node.names} & MODULES
            modules |= both or ({module} & MODULES)
    return modules


def test_no_file_imports_more_than_14_of_our_modules():
    counts = {name: len(imported(name)) for name in TREES}
    assert counts["tracksmith/runs/job.py"] > 10
    assert not {name: count for name, count in counts.items() if count > MOST_IMPORTS}


def is_looked_up(node: ast.AST) -> bool:
    """Say whether a field of a request, file or card is read by the text of its name."""
    by_name = isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Slice)
    by_get = isinstance(node, ast.Attribute) and node.attr == "get"
    owner = node.value if by_name or by_get else None
    name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
    return name in PLAIN


@pytest.mark.parametrize("text", ["file['path']", "output.file.get('base')", "model.card[key]"])
def test_a_field_by_its_text_is_seen(text):
    assert any(map(is_looked_up, ast.walk(ast.parse(text))))


def test_plain_values_from_json_are_read_in_one_room():
    wrong = [
        f"{name}:{node.lineno} {ast.unparse(node)}"
        for name, tree in TREES.items()
        if not READERS_OF_JSON.fullmatch(name)
        for node in ast.walk(tree)
        if is_looked_up(node)
    ]
    assert not wrong


def test_no_function_of_the_library_takes_more_than_six_arguments_by_place():
    """Those that must be named explain themselves at the call."""
    wide = [
        f"{name}:{function.lineno} {function.name}"
        for name, tree in TREES.items()
        if not name.startswith("tracksmith/cli/")
        for function in functions(tree)
        if len([a for a in (*function.args.posonlyargs, *function.args.args)
                if a.arg not in ("self", "cls")]) > MOST_PARAMETERS
    ]  # fmt: skip
    assert not wide


def bound_names(node: ast.AST) -> list[str]:
    """Return the names that a node binds: assigned, looped over, passed, imported, defined."""
    if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
        return [node.id if isinstance(node, ast.Name) else node.attr]
    if isinstance(node, ast.arg):
        return [node.arg]
    if isinstance(node, ast.alias):
        return [node.asname or node.name]
    named = (
        ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef,
        ast.ExceptHandler, ast.MatchAs, ast.MatchStar,
    )  # fmt: skip
    return [node.name] if isinstance(node, named) and node.name else []


def empty_names(tree: ast.AST) -> list[str]:
    """Return where a name is bound that says only how one came by the thing."""
    return [
        f"{getattr(node, 'lineno', 0)} {name}"
        for node in ast.walk(tree)
        for name in bound_names(node)
        if name.strip("_").lower() in EMPTY_NAMES
    ]


@pytest.mark.parametrize(
    "text",
    [
        "found = 1",
        "first, (*told, last) = x",
        "held: int",
        "self._asked = 1",
        "def f(*, facts): pass",
        "lambda entry: 1",
        "for entry in x: pass",
        "[1 for entry in x]",
        "with x as held: pass",
        "(found := 1)",
        "def asked(): pass",
        "class _Found: pass",
        "from x import y as told",
        "try: pass\nexcept E as found: pass",
        "match x:\n    case [*entry]: pass",
    ],
)
def test_a_name_that_says_only_how_one_came_by_a_thing_is_seen(text):
    assert len(empty_names(ast.parse(text))) == 1


def test_names_say_what_a_thing_is():
    assert not empty_names(ast.parse("held_out = value_facts(x.found, asked=told)"))
    assert len(PLUGIN_TREES) > 20
    wrong = [
        f"{name}:{place}"
        for name, tree in (TREES | PLUGIN_TREES).items()
        for place in empty_names(tree)
    ]
    assert not wrong


def size(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the lines of a function without its docstring."""
    lines = function.end_lineno - function.lineno + 1
    first = function.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        lines -= first.end_lineno - first.lineno + 1
    return lines


def test_functions_are_short():
    sizes = sorted(size(function) for tree in TREES.values() for function in functions(tree))
    assert len(sizes) > 1_500
    assert sizes[len(sizes) // 2] <= 10
    assert sizes[len(sizes) * 9 // 10] <= 25


def test_no_two_fields_of_a_request_share_a_flag():
    fields = request_fields()
    long = Counter(flag_of(item.name) for item in fields)
    short = Counter(flag for item in fields if len(flag := item.metadata["flag"]) == 2)
    assert len(short) > 5
    assert not [flag for flag, count in (long + short).items() if count > 1]


def help_of(command: str) -> str:
    done = CliRunner().invoke(main, [command, "--help"], terminal_width=200)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize("command", ["variants", "plan"])
def test_help_names_every_score(command):
    assert set(SCORE_NAMES) == set(SCORES)
    assert f"A score: {', '.join(SCORES)}, or" in " ".join(help_of(command).split())


@pytest.mark.parametrize("command", ["predict", "plan"])
def test_help_names_every_format(command):
    assert tuple(FORMATS) == FORMAT_NAMES
    assert f"Format of the tracks: {' or '.join(FORMATS)};" in " ".join(help_of(command).split())


@pytest.mark.parametrize("package", ["tracksmith", "tracksmith.tracks"])
def test_no_module_takes_the_place_of_a_function_that_its_package_offers(package):
    """Importing ``tracksmith.x`` sets the name ``x`` in the package, whatever it was before."""
    offered = importlib.import_module(package)
    folder = Path(str(offered.__file__)).parent
    for name in set(offered.__all__) - {"__version__"}:
        if not inspect.ismodule(getattr(offered, name)):
            assert not (folder / name).is_dir(), name
            assert not (folder / f"{name}.py").exists(), name
