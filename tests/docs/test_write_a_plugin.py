"""The tutorial, followed to the letter: its toy, its package, its commands, its numbers."""

import gzip
import importlib
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyBigWig
import pytest
import torch
from click.testing import CliRunner

from tracksmith.cli import main
from tracksmith.engine.conformance import CheckRequest, check_model
from tracksmith.models.registry import RegisteredModel, Registry, load_registry
from tracksmith.plugin import Model, ModelCard, Track, VariantDefaults, WindowGeometry

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "write-a-plugin.md").read_text()
BLOCKS = re.findall(r"^```(\w+)(?: file=(\S+))?\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
SNIPPETS = [text for language, path, text in BLOCKS if language == "python" and not path]
XPRESSO = ROOT / "docs" / "xpresso"
LOCUS = (24_985_580, 26_000_306)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def pip_install(folder: Path, target: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    command += ["--no-build-isolation", "--disable-pip-version-check", "--upgrade"]
    subprocess.run([*command, "--target", str(target), str(folder)], check=True)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder to follow the tutorial in; what is installed there is found and forgotten."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith(("tracksmith_my", "gc_toy"))]:
        del sys.modules[name]
    for name in [name for name in sys.modules if name.startswith("tracksmith_xpresso")]:
        del sys.modules[name]


@pytest.fixture
def inputs(place, shared):
    """What the tutorial's reader has: a genome, the locus, the weights, the checkout's docs."""
    bases = "".join(np.random.default_rng(1).choice(list("ACGT"), 6_000))
    (place / "genome.fa").write_text(f">chr1\n{bases}\n")
    locus = shared / "data" / "hg38_chr21" / "chr21.hg38.0-26.0Mb.Npad.fa.gz"
    for suffix in ("", ".fai", ".gzi"):
        (place / f"chr21.fa.gz{suffix}").symlink_to(f"{locus}{suffix}")
    (place / "weights").symlink_to(shared / "data" / "xpresso")
    (place / "docs").symlink_to(ROOT / "docs")
    return place


def tracksmith(line: str) -> str:
    result = CliRunner().invoke(main, shlex.split(line.removeprefix("tracksmith ")))
    assert result.exit_code == 0, f"{line}\n{result.output}"
    return result.output


def test_files_that_the_tutorial_shows_are_the_files():
    shown = {path: text for _, path, text in BLOCKS if path}
    assert len(shown) == 3
    for path, text in shown.items():
        assert text == (ROOT / path).read_text(), f"{path} differs from docs/write-a-plugin.md"


def test_the_toy_is_a_sound_plugin_in_under_20_lines(place):
    toy, _ = SNIPPETS
    assert sum(bool(line.strip()) for line in toy.splitlines()) < 20
    (place / "site" / "gc_toy.py").write_text(toy)
    information = place / "site" / "gc-1.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: gc\nVersion: 1\n")
    (information / "entry_points.txt").write_text("[tracksmith]\ngc = gc_toy\n")
    report = check_model(load_registry().get("gc").model, CheckRequest())
    assert not report.failed, report.text()
    assert report["place"].status == "pass"


@pytest.fixture
def over_regions(place, monkeypatch):
    """The example of a model over regions, as the one model that is installed."""
    (code,) = (text for language, _, text in BLOCKS if language == "py")
    (place / "site" / "gc_toy_regions.py").write_text(code)
    module = importlib.import_module("gc_toy_regions")
    (model,) = module.tracksmith_models()
    known = Registry({"gc-regions": RegisteredModel(model, "toys", "1", "toys")}, [])
    monkeypatch.setattr("tracksmith.models.registry.load_registry", lambda: known)
    return model


def test_the_example_of_a_model_over_regions_is_sound(over_regions):
    # The kit wants an input named, also where the model reads none: it makes the regions itself.
    report = check_model(over_regions, CheckRequest(inputs={"peaks": Path("none.bed")}))
    assert not report.failed, report.text()


def test_the_example_of_a_model_over_regions_predicts_and_scores_variants(over_regions, inputs):
    starts = range(100, 3_100, 100)
    bases = (inputs / "genome.fa").read_text().split("\n")[1]
    (inputs / "peaks.bed").write_text("".join(f"chr1\t{s}\t{s + 50}\n" for s in starts))
    new = "A" if bases[110] in "GC" else "G"
    (inputs / "in.tsv").write_text(f"chr1\t111\t{bases[110]}\t{new}\n")
    common = "-m gc-regions -g genome.fa --peaks peaks.bed -d cpu"
    tracksmith(f"tracksmith predict -q {common} -o regions")
    counts = np.array([sum(bases[s : s + 50].count(b) for b in "GC") / 50 for s in starts])
    shares = counts / counts.max()
    with pyBigWig.open("regions/tracks/gc-regions.gc.bw") as file:
        first = file.values("chr1", 100, 101)[0]
    assert first == pytest.approx(shares[0] - shares[:20].mean(), abs=1e-6)
    tracksmith(f"tracksmith variants -q in.tsv {common} -o changed")
    with gzip.open("changed/variants/gc-regions.tsv.gz", "rt") as lines:
        names = next(lines).strip("#\n").split("\t")
        rows = [dict(zip(names, line.rstrip("\n").split("\t"), strict=True)) for line in lines]
    values = {row["score"]: float(row["value"]) for row in rows}
    assert set(values) == {"diff", "window"}
    more = (new in "GC") - (bases[110] in "GC")
    step = more / 50 / counts.max()  # the region's own share; the mean of 20 moves with it
    assert more and values["diff"] == pytest.approx(step * 19 / 20, abs=1e-6)


def test_the_score_of_the_tutorial_is_sound():
    _, code = SNIPPETS
    names = {}
    exec(code, names)
    geometry = WindowGeometry(window=50, core_start=10, core_length=30)
    card = ModelCard(
        "gc", "1", "x", "MIT", "MIT", "none", geometry, (Track("acceptor", "a"),),
        variants=VariantDefaults(scores=("acceptor_gain",)),
    )  # fmt: skip

    def load(request):
        class Cs(torch.nn.Module):
            def forward(self, bases):
                return bases[:, 1:2, 10:40]

        return Cs()

    report = check_model(Model(card, load, scores=names["SCORES"]), CheckRequest())
    assert report["variants"].status == "pass", report["variants"].sentence
    reference, alternative = np.zeros((2, 1, 4, 30), np.float32)
    alternative[0, range(4), [3, 0, 29, 7]] = [0.5, 0.25, 1, 0.125]
    record = names["acceptor_gain"](reference, alternative)
    assert record.value.tolist() == [0.5, 0.25, 1, 0.125] == record.alternative.tolist()
    assert record.bin.tolist() == [3, 0, 29, 7]


def test_xpresso_takes_at_most_60_lines_beside_its_network():
    files = [
        p for p in XPRESSO.rglob("*") if p.suffix in (".py", ".toml") and "build" not in p.parts
    ]
    lines = {p.name: len(p.read_text().splitlines()) for p in files}
    assert set(lines) == {
        "pyproject.toml",
        "plugin.py",
        "network.py",
        "__init__.py",
        "test_xpresso.py",
    }
    del lines["network.py"]
    assert sum(lines.values()) <= 60


def test_every_command_of_the_tutorial_works_in_its_order(inputs):
    said = []
    for language, _, text in BLOCKS:
        for line in text.splitlines() if language in ("sh", "console") else ():
            if language == "console":
                folder = line.removeprefix("pip install ").removeprefix("-e ")
                pip_install(inputs / folder, inputs / "site")
                importlib.invalidate_caches()
            else:
                said.append(tracksmith(line))
    assert len(said) == 6
    assert (inputs / "run" / "tracks" / "my-model.plus.bw").is_file()
    assert "19 checks: 13 passed, 0 failed, 6 could not tell." in said[4]
    values = read(inputs / "expression", "plus", 25_734_400, 25_734_700)
    np.testing.assert_allclose(values[250], 0.8944952, atol=1e-5)


def read(run: Path, track: str, start: int, end: int) -> np.ndarray:
    with pyBigWig.open(str(run / "tracks" / f"xpresso.{track}.bw")) as file:
        return file.values("chr21", start, end, numpy=True)


def start_sites(shared: Path) -> dict[str, set[int]]:
    """Start sites of protein-coding transcripts inside the locus, 0-based, by strand."""
    sites: dict[str, set[int]] = {"+": set(), "-": set()}
    genes = shared / "data" / "hg38_chr21" / "ensembl_genes.chr21_25Mb.gff3.gz"
    with gzip.open(genes, "rt") as lines:
        for line in lines:
            fields = line.split("\t")
            if len(fields) == 9 and "ID=transcript:" in fields[8]:
                site = int(fields[3]) - 1 if fields[6] == "+" else int(fields[4]) - 1
                if "biotype=protein_coding" in fields[8] and LOCUS[0] <= site < LOCUS[1]:
                    sites[fields[6]].add(site)
    return sites


def test_expression_is_high_at_start_sites_and_low_elsewhere_on_both_strands(inputs, shared):
    """Start sites within 200 bp, and 200 bp in every 20 kb; TRACKSMITH_FULL_SIZE=1: the locus."""
    pip_install(XPRESSO, inputs / "site")
    importlib.invalidate_caches()
    sites = start_sites(shared)
    near = sorted({(s // 100 + i) * 100 for s in sites["+"] | sites["-"] for i in range(-2, 3)})
    far = [start + i for start in range(LOCUS[0] // 100 * 100, LOCUS[1], 20_000) for i in (0, 100)]
    places = [(start, start + 100) for start in sorted({*near, *far}) if start >= LOCUS[0]]
    if os.environ.get("TRACKSMITH_FULL_SIZE") == "1":
        places = [LOCUS]
    bed = "".join(f"chr21\t{start}\t{end}\n" for start, end in places)
    (inputs / "places.bed").write_text(bed)
    tracksmith("tracksmith predict -q -m xpresso --weights weights -g chr21.fa.gz "
               "-r places.bed -o expression")  # fmt: skip
    for strand, track in (("+", "plus"), ("-", "minus")):
        values = read(inputs / "expression", track, *LOCUS)
        position = np.arange(*LOCUS)
        close = np.zeros(values.size, dtype=bool)
        for site in sites[strand]:
            close |= np.abs(position - site) <= 200
        high, low = np.nanmean(values[close]), np.nanmean(values[~close])
        print(f"{track}: {high:.2f} near start sites, {low:.2f} elsewhere")
        assert high > low + 1
