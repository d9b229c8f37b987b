"""Every command in README and docs runs, in the order of its page, on small files of its names."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tracksmith_demo.genome import write_demo_genome

from tracksmith.cli.options import request_from
from tracksmith.study import read_study

ROOT = Path(__file__).resolve().parents[2]
PAGES = ["README.md", *sorted(str(p.relative_to(ROOT)) for p in (ROOT / "docs").glob("*.md"))]
OWN_TEST = ["docs/write-a-plugin.md"]
"""Pages whose commands need installations between them; test_write_a_plugin.py runs those."""
RUN_HERE = [page for page in PAGES if page not in OWN_TEST]
BLOCK = re.compile(r"^```(sh|python|toml|tsv)\n(.*?)^```", re.MULTILINE | re.DOTALL)
NEEDS_WEIGHTS = re.compile(r"--weights|--from")
SERVES = re.compile(r"^tracksmith view")
DOWNLOADS = re.compile(r"^tracksmith models fetch (?!.*--from)")
NAMED = re.compile(r"# (\S+\.(?:toml|tsv))\n")


def blocks(page: str) -> list[tuple[str, str]]:
    return BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))


def commands(page: str) -> list[str]:
    lines = []
    for kind, text in blocks(page):
        if kind == "sh":
            joined = text.replace("\\\n", " ")
            lines += [line.strip().removeprefix(".venv/bin/") for line in joined.splitlines()]
    return [line for line in lines if line.startswith("tracksmith ")]


def write_files(page: str, folder: Path) -> None:
    """Write the files that the page shows under a name."""
    for _, text in blocks(page):
        if shown := NAMED.match(text):
            (folder / shown[1]).write_text(text)


@pytest.fixture
def workplace(tmp_path: Path, shared_or_none: Path | None) -> Path:
    """A folder with the files that the pages name, made from the demonstration genome."""
    demo = write_demo_genome(tmp_path / "demo")
    text = demo.fasta.read_text().splitlines(keepends=True)
    names = [line[1:].strip() for line in text if line.startswith(">")]
    renamed = "".join(text)
    for old, new in zip(names, ("chr1", "chr2"), strict=True):
        renamed = renamed.replace(f">{old}\n", f">{new}\n")
    (tmp_path / "genome.fa").write_text(renamed)
    for source, target in (
        (demo.promoters_bed, "peaks.bed"),
        (demo.variants_vcf, "variants.vcf"),
        (demo.person_vcf, "person.vcf"),
    ):
        content = source.read_text().replace(names[0], "chr1").replace(names[1], "chr2")
        (tmp_path / target).write_text(content)
    lines = (tmp_path / "peaks.bed").read_text().splitlines(keepends=True)
    (tmp_path / "peaks.bed").write_text("".join(lines[:3]))
    if shared_or_none:
        folds = shared_or_none / "parity" / "clipnet" / "folds"
        (tmp_path / "clipnet-weights").mkdir()
        for fold in range(1, 10):  # the pages show a whole ensemble
            source = folds / f"fold_{(fold - 1) % 3 + 1}.h5"
            shutil.copy(source, tmp_path / "clipnet-weights" / f"fold_{fold}.h5")
        (tmp_path / "legnet" / "K562").mkdir(parents=True)
        legnet = shared_or_none / "parity" / "mpralegnet"
        shutil.copy(legnet / "small.ckpt", tmp_path / "legnet" / "K562" / "weights.ckpt")
        shutil.copy(legnet / "small_config.json", tmp_path / "legnet" / "K562" / "config.json")
    return tmp_path


@pytest.fixture
def shared_or_none() -> Path | None:
    folder = ROOT.parent / "shared"
    return folder if folder.is_dir() else None


@pytest.mark.parametrize("page", [page for page in RUN_HERE if commands(page)])
def test_every_command_of_the_page_runs(page, workplace, shared_or_none):
    environment = os.environ | {"TRACKSMITH_CACHE": str(workplace / "cache")}
    write_files(page, workplace)
    script = []
    for line in commands(page):
        if SERVES.match(line) or DOWNLOADS.match(line):
            continue
        if NEEDS_WEIGHTS.search(line) and shared_or_none is None:
            continue
        script.append(line)
    done = _run_all(script, workplace, environment)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def _run_all(lines: list[str], folder: Path, environment: dict[str, str]):
    """Run the commands one after another in one process: torch is imported once."""
    code = f"""
import shlex, sys
from tracksmith.cli import main
for line in {lines!r}:
    print("$", line, flush=True)
    try:
        main(shlex.split(line.partition(" > ")[0])[1:], prog_name="tracksmith")
    except SystemExit as end:
        if end.code and not line.startswith("tracksmith status"):
            sys.exit(f"exit {{end.code}}: {{line}}")
"""
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


def python_of(page: str) -> str:
    texts = [text for kind, text in blocks(page) if kind == "python"]
    return "\n".join(text for text in texts if text.startswith("import tracksmith"))


@pytest.mark.parametrize("page", [page for page in RUN_HERE if python_of(page)])
def test_every_python_block_that_imports_tracksmith_runs(page, workplace):
    code = python_of(page)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=workplace, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr


def test_the_study_of_the_page_asks_for_what_the_long_commands_ask_for(tmp_path):
    write_files("docs/predict.md", tmp_path)
    study = read_study(tmp_path / "study.toml")
    both = {"models": ["core-promoter"], "genome": tmp_path / "genome.fa"}
    predicted = request_from(
        {
            **both,
            "regions": ("chr1:1-60,000",),
            "shifts": ("core-promoter=-8,0,8",),
            "formats": ("bigwig", "bedgraph"),
        }
    )
    scored = request_from(
        {**both, "variants": tmp_path / "variants.vcf", "scores": ("diff", "log2fc")}
    )
    assert [step.request for step in study.steps] == [predicted, scored]
    assert [step.out.name for step in study.steps] == ["study-run", "study-effects"]
    assert study.hub is not None and study.hub["name"] == "study"


def test_every_make_target_of_the_readme_exists():
    made = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake (\w+)`?", (ROOT / "README.md").read_text()))
    assert named and named <= made


def test_every_link_between_pages_leads_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", (ROOT / page).read_text(encoding="utf-8")):
            assert (ROOT / page).parent.joinpath(target).exists(), f"{page}: {target}"
