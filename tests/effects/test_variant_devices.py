"""Runs of variants on several devices: each a worker process, the same bytes, deaths and faults."""

import importlib.util
import shutil
from pathlib import Path

import numpy as np
import pytest
import verbs
from effect_toys import CUT, parts_of

import tracksmith
from tracksmith.errors import IncompleteError, UsageError
from tracksmith.files import digest_of_file
from tracksmith.runs.run import Run

pytest.importorskip("distributed")

PLUGIN = """
from engine_toys import Dense, toy_card
from tracksmith.models.card import VariantDefaults, WindowGeometry
from tracksmith.plugin import Model, Predictor, hookimpl

GEOMETRY = WindowGeometry(64, 16, 32)


class Failing(Dense):
    def forward(self, bases):
        if (bases[:, 0].unfold(1, 25, 1).sum(dim=-1) == 25).any():
            raise ValueError("layer lost")
        return super().forward(bases)


@hookimpl
def tracksmith_models():
    variants = VariantDefaults(scores=("diff", "l2"), max_allele=20)
    card = toy_card(GEOMETRY, ("1", "2"), name="worker-toy", variants=variants)
    networks = {"1": Failing(GEOMETRY, 0), "2": Dense(GEOMETRY, 1)}
    return [Model(card, lambda request: Predictor(networks))]
"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A distribution with a toy model, that worker processes find as well."""
    folder = tmp_path / "site"
    info = folder / "worker_toys-1.dist-info"
    info.mkdir(parents=True)
    (folder / "worker_toys.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: worker-toys\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[tracksmith]\nworker-toys = worker_toys\n")
    toys = Path(__file__).parents[1] / "engine"
    monkeypatch.setenv("PYTHONPATH", f"{folder}:{toys}")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr(CUT, parts_of(40))


def digests(folder: Path, inner: str = "variants") -> dict[str, str]:
    return {path.name: digest_of_file(path) for path in sorted((folder / inner).iterdir())}


def other(base):
    return "ACGT"[("ACGT".index(base) + 1) % 4]


@pytest.fixture
def variants(random_bases, write_genome, write_vcf):
    """A genome with a run of A, and a variant every five bases; the run lies in part 2 of 4."""
    text = random_bases(1_000, 3)
    text = text[:580] + "A" * 40 + text[620:]
    genome = write_genome(chr1=text)
    rows = [("chr1", at + 1, f"v{at}", text[at], other(text[at])) for at in range(100, 900, 5)]
    return write_vcf(rows), genome, text


@pytest.fixture
def plain(random_bases, write_genome, write_vcf):
    """The same without the run of A."""
    text = random_bases(1_000, 3)
    genome = write_genome(chr1=text)
    rows = [("chr1", at + 1, f"v{at}", text[at], other(text[at])) for at in range(100, 900, 5)]
    return write_vcf(rows), genome


def test_two_workers_write_the_bytes_of_one_device(installed, plain, tmp_path):
    source, genome = plain
    options = {"spread": True, "around": ["top:3"]}
    for name, device in (("one", "cpu"), ("two", "cpu,cpu")):
        one_run = tracksmith.score_variants(
            source, "worker-toy", genome, tmp_path / name, device=device, **options
        )
    assert [len(stage.starts) for stage in one_run.run.plan.stages] == [4]
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    assert digest_of_file(tmp_path / "one/run.json") == digest_of_file(tmp_path / "two/run.json")


def test_clipnet_on_two_workers(
    shared, random_bases, write_genome, write_vcf, tmp_path, monkeypatch
):
    if importlib.util.find_spec("tracksmith_clipnet") is None:
        pytest.skip("the plugin tracksmith_clipnet is not installed")
    monkeypatch.setattr(CUT, parts_of(3))
    text = random_bases(3_000, 4)
    rows = [("chr1", at + 1, ".", text[at], other(text[at])) for at in range(1_200, 1_800, 100)]
    source, genome = write_vcf(rows), write_genome(chr1=text)
    for name, device in (("one", "cpu"), ("two", "cpu,cpu")):
        tracksmith.score_variants(
            source, "clipnet-lcl", genome, tmp_path / name, device=device,
            weights=shared / "parity/clipnet/folds", folds="mean:1,2,3",
        )  # fmt: skip
    assert digests(tmp_path / "one") == digests(tmp_path / "two")


def test_parts_of_dying_workers_are_done_by_others(demo, tmp_path, monkeypatch):
    monkeypatch.setattr(CUT, parts_of(15))
    request = verbs.request(
        ("core-promoter",), demo.fasta, variants=demo.variants_vcf, device="cpu,cpu"
    )
    # Every worker process dies as it begins its third part.
    monkeypatch.setenv("TRACKSMITH_CRASH", "part-begin:3")
    run = verbs.run_all(request, tmp_path / "run")
    assert run.parts >= 4
    monkeypatch.delenv("TRACKSMITH_CRASH")
    tracksmith.score_variants(
        demo.variants_vcf, "core-promoter", demo.fasta, tmp_path / "plain", device="cpu"
    )
    assert digests(tmp_path / "run") == digests(tmp_path / "plain")


def test_a_part_that_a_plugin_breaks_is_set_aside_and_the_rest_is_done(
    installed, variants, tmp_path, monkeypatch
):
    source, genome, _ = variants
    out = tmp_path / "run"
    request = verbs.request(("worker-toy",), genome, variants=source, device="cpu,cpu")
    with pytest.raises(IncompleteError, match=r"1 of 4 parts failed \(2\)") as caught:
        verbs.run_all(request, out)
    assert "ValueError: layer lost" in str(caught.value)
    assert "Traceback" in (out / "parts/part-00002.failed.txt").read_text()
    assert sorted(path.name for path in (out / "parts").glob("*.json")) == [
        f"part-0000{part}.json" for part in (0, 1, 3)
    ]


def test_files_that_moved_since_planning_are_found_by_the_workers(installed, plain, tmp_path):
    source, genome = plain
    out = tmp_path / "run"
    request = verbs.request(("worker-toy",), genome, variants=source, device="cpu,cpu")
    verbs.plan(request, out)
    moved = tmp_path / "moved"
    moved.mkdir()
    places = [Path(shutil.move(path, moved)) for path in (source, genome)]
    request = verbs.request(("worker-toy",), places[1], variants=places[0], device="cpu,cpu")
    assert verbs.run_all(request, out).finished


def test_parts_are_computed_on_the_planned_kind_of_device_only(demo, tmp_path):
    out = tmp_path / "run"
    verbs.plan(
        verbs.request(("core-promoter",), demo.fasta, variants=demo.variants_vcf, device="cpu"), out
    )
    with pytest.raises(UsageError, match=r"was planned for cpu.*other last digits"):
        verbs.work(out, device="cuda")
    assert verbs.work(out, device="auto") == [0]


def test_a_model_over_regions_on_two_workers(small_get, tmp_path, monkeypatch):
    request, texts, _ = small_get
    monkeypatch.setattr(CUT, parts_of(8))
    table = tmp_path / "variants.tsv"
    places = np.random.default_rng(5).integers(500, 6_000, 24)
    table.write_text(
        "".join(
            f"chr1\t{at + 1}\t{texts['chr1'][at]}\t{other(texts['chr1'][at])}\n"
            for at in sorted(places.tolist())
        )
    )
    for name, device in (("one", "cpu"), ("two", "cpu,cpu")):
        one_run = verbs.run_all(
            verbs.changed(
                request, variants=table, device=device, max_skipped=1.0,
                options={"heads": "2", "alleles": "recompute"},
            ),
            tmp_path / name,
        )  # fmt: skip
    assert one_run.results.counts["get-expression"].alleles_scored > 8
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    (stage,) = Run.open(tmp_path / "two").plan.stages
    assert stage.starts == (0, 8, 16)
