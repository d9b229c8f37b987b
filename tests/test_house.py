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
CORE = [path for path in FILES if path.is_relative_to(ROOT / "tracksmith")]
PLUGIN_WORDS = re.compile(
    r"(?<![a-z0-9])(motif|archetype|cluster|tpm|clipnet|mpralegnet|enformer|core.promoter"
    r"|get-expression)s?(?![a-z0-9])",
    re.IGNORECASE,
)
"""What only a plugin knows: whole words, in the plural too, and as parts of a name."""
COMPUTERS = re.compile(
    r"\b(on a cluster|for clusters|as cluster|Client\(cluster\)|self\._cluster|def _cluster"
    r"|no cluster script|cluster_script|close_clusters)"
)
"""Clusters of computers, of which the core does speak."""
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
    places = []
    for path in LIBRARY:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            if called and node.func.id in ("print", "exit"):
                places.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.func.id}")
            if isinstance(node, ast.Assert):
                places.append(f"{path.relative_to(ROOT)}:{node.lineno} assert")
    assert not places


def test_nothing_unfinished_is_left_in_the_code():
    mark = re.compile(r"\b(TODO|FIXME|XXX|HACK|NotImplementedError)\b")
    here = Path(__file__)
    places = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in FILES
        if path != here
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if mark.search(line)
    ]
    assert not places


def imports(path: Path):
    """Yield line and module of every import, those inside functions included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.lineno, node.module


def test_the_core_imports_no_plugin():
    wrong = [
        f"{path.relative_to(ROOT)}:{line} {module}"
        for path in CORE
        for line, module in imports(path)
        if module.startswith("tracksmith_")
    ]
    assert not wrong


def test_the_core_names_no_package_of_a_plugin():
    """A name in a text could be imported too."""
    packages = sorted(path.name for path in (ROOT / "plugins").glob("*/tracksmith_*"))
    assert len(packages) >= 5
    mention = re.compile(rf"\b({'|'.join(packages)})\b")
    wrong = [
        f"{path.relative_to(ROOT)}:{number} {match[0]}"
        for path in CORE
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if (match := mention.search(line))
    ]
    assert not wrong


MOTIFS = re.compile(
    r"tracksmith/(attributions/|(runs/explain_fields|cli/explain|hub/recipes|study_of_runs|study)\.py)"
)
"""Where letters are named by motifs: any file of them, not those of a plugin."""


def words_of_plugins() -> dict[str, set[str]]:
    """Return the words of plugins in each file of the core, comments and docstrings included."""
    said = {}
    for path in CORE:
        text = COMPUTERS.sub("", path.read_text(encoding="utf-8"))
        if MOTIFS.match(path.relative_to(ROOT).as_posix()):
            text = re.sub("motifs?", "", text, flags=re.IGNORECASE)
        if words := {word.lower() for word in PLUGIN_WORDS.findall(text)}:
            said[str(path.relative_to(ROOT))] = words
    return said


def test_the_core_speaks_of_no_plugin():
    assert not words_of_plugins()


def test_reasons_for_skipping_name_no_option_of_a_plugin():
    """They are read beside every model, whatever its options are called."""
    from tracksmith.genome.allele_kinds import Reason
    from tracksmith.models.registry import load_registry

    options = [o for m in load_registry().models.values() for o in m.card.options]
    words = {word for o in options for word in (o.name, *o.choices) if len(word) > 3} - {
        "alleles",
        "window",
    }
    assert "ratio" in words
    said = {word for reason in Reason for word in re.findall(r"\w+", reason.text.lower())}
    assert not words & said


def test_no_file_names_an_index_of_packages():
    """Where packages come from is the user's choice, and his machine's."""
    index = re.compile("|".join(("index" + "-url", "py" + r"pi\.org", "python" + "hosted")))
    kept = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    names = kept.stdout.splitlines() or [str(path.relative_to(ROOT)) for path in FILES]
    files = [
        name
        for name in names
        if (ROOT / name).is_file() and index.search((ROOT / name).read_text(errors="ignore"))
    ]
    assert not files


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


def test_a_fact_of_a_file_format_stands_in_one_file():
    """The magics of bigWig, bigBed, their trees and 2bit, and where a tabix index ends."""
    magics = (0x888FFC26, 0x8789F2EB, 0x78CA8C91, 0x2468ACE0, 0x1A412743)
    magic_of = {fact: magic for magic in magics for fact in (magic, magic.to_bytes(4, "little"))}
    places = {name: set() for name in (*magics, "2**29")}
    # What tells files of all kinds apart by their first bytes holds those of many formats.
    for path in (path for path in LIBRARY if path.name != "kinds.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and node.value in magic_of:
                places[magic_of[node.value]].add(path.name)
            if isinstance(node, ast.BinOp) and ast.unparse(node) == "2 ** 29":
                places["2**29"].add(path.name)
    assert {fact: names for fact, names in places.items() if len(names) != 1} == {}
