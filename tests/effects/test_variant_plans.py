"""What a run of variants would cost, what it refuses, and its options on runs that are there."""

import io
import shutil
import sys
from pathlib import Path

import pytest
import verbs
from click.testing import CliRunner

import tracksmith
from tests.engine.test_runs import Notes
from tracksmith.cli import main
from tracksmith.errors import InputError, PluginError, ResourceError, TrustError, UsageError
from tracksmith.models.card import WindowGeometry
from tracksmith.models.contract import Model
from tracksmith.runs.run import Run


def other(base):
    return "ACGT"[("ACGT".index(base) + 1) % 4]


@pytest.fixture
def source(register, toy, small, write_vcf):
    """A sorted file of 300 SNVs, one of which does not fit the genome; toy models."""
    register(toy(), toy(name="coarse", geometry=WindowGeometry(64, 0, 64, 8)))
    _, texts = small
    t = texts["chr1"]
    rows = [("chr1", p + 1, f"v{p}", t[p], other(t[p])) for p in range(100, 699, 2)]
    rows[40] = ("chr1", 181, "wrong", other(t[180]), t[180])
    return write_vcf(rows)


def shuffled(source: Path) -> Path:
    lines = source.read_text().splitlines(keepends=True)
    head = [line for line in lines if line.startswith("#")]
    path = source.with_name("shuffled.vcf")
    path.write_text("".join([*head, *reversed(lines[len(head) :])]))
    return path


def table(source: Path) -> Path:
    rows = [line.split("\t") for line in source.read_text().splitlines() if line[0] != "#"]
    path = source.with_name("variants.tsv")
    path.write_text("".join("\t".join((r[0], r[1], r[3], r[4])) + "\n" for r in rows))
    return path


CASES = {
    "plain": {},
    "unsorted": {"source": shuffled},
    "table": {"source": table},
    "shown": {"around": ("top:3", "chr1:101-300")},
    "two models": {"models": ("toy", "coarse"), "scores": ("diff", "l2", "maxabs")},
    "one track": {"tracks": ("plus",)},
    "saturated": {"saturate": "chr1:101-250"},
}


@pytest.mark.parametrize("case", CASES)
def test_the_estimate_names_the_files_and_covers_the_bytes(source, small, tmp_path, case):
    changes = dict(CASES[case])
    make = changes.pop("source", lambda path: path)
    models = changes.pop("models", ("toy",))
    where = None if "saturate" in changes else make(source)
    request = verbs.request(models, small[0], variants=where, **changes)
    estimate = verbs.estimate(request)
    assert not (tmp_path / "run").exists()
    run = verbs.run_all(request, tmp_path / "run", keep_parts=True)
    assert sorted(estimate.files) == sorted(file.path for file in run.files)
    parts = sum(path.stat().st_size for path in run.parts_folder.glob("*.bin"))
    assert parts <= estimate.disk.parts <= 3 * parts
    files = sum(file.size for file in run.files)
    assert files <= estimate.disk.files <= 8 * files + (1 << 20) * len(models)
    assert (estimate.disk.sorting > 200_000) == (case == "unsorted")
    records, alleles = (150, 450) if case == "saturated" else (300, 300)
    assert [cost.model.name for cost in estimate.models] == list(models)
    for cost in estimate.models:
        again = 3 if case == "shown" else 0
        more = ", 3 for the tracks around them" if again else ""
        assert cost.work == f"{alleles} alleles of {records} records{more}"
        assert cost.windows == cost.passes == records + alleles + 2 * again
        assert cost.seconds > 0


def test_strands_shifts_and_folds_are_counted(register, toy, source, small):
    register(toy(names=("1", "2", "3")))
    request = verbs.request(
        ("toy",), small[0], variants=source, reverse_complement=True, shifts=(-2, 0)
    )
    (cost,) = verbs.estimate(request).models
    assert cost.windows == 4 * 600
    assert cost.passes == 3 * cost.windows


def run(*arguments, code=0):
    done = CliRunner().invoke(main, ["variants", *map(str, arguments)])
    assert done.exit_code == code, f"{done.output}\n{done.stderr}\n{done.exception!r}"
    return done


def test_the_command_prints_the_estimate_and_writes_nothing(demo, tmp_path):
    out = tmp_path / "run"
    command = (demo.variants_vcf, "-m", "core-promoter", "-g", demo.fasta, "-o", out)
    said = run(*command, "--dry-run", "-d", "cpu").stdout
    count = len(demo.variants)
    assert f"core-promoter: {count} alleles of {count} records, {2 * count} windows" in said
    assert "2 tracks; scores diff, log2fc; folds: none (mean)" in said
    assert "variants/core-promoter.tsv.gz.tbi" in said
    assert "Disk: at most" in said
    assert not out.exists()
    run(*command)
    before = sorted((path.name, path.stat().st_mtime_ns) for path in out.rglob("*"))
    run(*command, "--dry-run", "--background", 9)
    after = sorted((path.name, path.stat().st_mtime_ns) for path in out.rglob("*"))
    assert after == before


def test_a_model_over_regions_is_estimated(small_get, tmp_path):
    request, texts, _ = small_get
    table = tmp_path / "v.tsv"
    table.write_text(f"chr1\t641\t{texts['chr1'][640]}\t{other(texts['chr1'][640])}\n")
    own = request.of("get-expression")
    command = [
        table, "-m", "get-expression", "-g", request.genome, "-o", tmp_path / "run", "--peaks",
        own.peaks, "--input", f"motifs={own.inputs['motifs']}", "--input",
        f"clusters={own.inputs['clusters']}", "--weights", own.weights, "--option", "heads=2",
        "--dry-run",
    ]  # fmt: skip
    said = run(*command).stdout
    assert "1 alleles of 1 records and 30 regions of 8,500 bp in all with 40 features" in said
    assert "2 windows and 2 forward passes, about" in said
    assert "2 tracks; scores diff, strongest" in said
    assert not (tmp_path / "run").exists()
    refused = run(*command, "--max-n", 0.1, code=2).stderr
    assert "--max-n has no meaning for get-expression, which reads a list of regions" in refused


def test_a_run_that_the_disk_cannot_hold_is_refused_with_the_sizes(
    source, small, tmp_path, monkeypatch
):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage._replace(free=1_000_000))
    out = tmp_path / "run"
    with pytest.raises(ResourceError, match=r"needs about .* where 1 MB are free.*--force"):
        tracksmith.score_variants(source, "toy", small[0], out)
    assert not out.exists()
    assert tracksmith.score_variants(source, "toy", small[0], out, force=True).run.finished


def test_the_command_refuses_a_small_disk_and_force_goes_on(demo, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage._replace(free=1_000_000))
    command = (demo.variants_vcf, "-m", "core-promoter", "-g", demo.fasta, "-o", tmp_path / "run")
    for more in ((), ("--plan-only",)):
        assert "--force" in run(*command, *more, code=5).stderr
        assert not (tmp_path / "run").exists()
    run(*command, "--plan-only", "--force")
    run(*command)
    assert "needs about" in run(*command, "--overwrite", code=5).stderr
    assert Run.open(tmp_path / "run").finished, "refused before anything was removed"


def test_limits_are_kept_with_the_run_and_hold_for_a_finished_one(source, small, tmp_path):
    out = tmp_path / "run"
    request = verbs.request(("toy",), small[0], variants=source)
    strict = verbs.changed(request, strict=True)
    verbs.plan(strict, out)
    verbs.work(out)
    with pytest.raises(InputError, match="1 of 300 alleles cannot be scored"):
        verbs.finish(out)
    verbs.plan(request, out)
    assert verbs.finish(out).finished
    assert verbs.run_all(request, out).finished
    with pytest.raises(InputError, match=r"1 of 300 alleles .*without --strict"):
        verbs.run_all(strict, out)
    with pytest.raises(InputError, match="--max-skipped 1 goes on"):
        verbs.run_all(verbs.changed(request, max_skipped=0.001), out)


def test_parts_that_a_kill_left_behind_go_when_the_command_is_repeated(source, small, tmp_path):
    request = verbs.request(("toy",), small[0], variants=source)
    for again in (lambda out: verbs.run_all(request, out), verbs.finish):
        out = tmp_path / again.__name__
        done = verbs.run_all(request, out, keep_parts=True)
        assert list(done.parts_folder.iterdir())
        verbs.run_all(request, out, keep_parts=True)
        assert list(done.parts_folder.iterdir()), "they are kept where that is asked for"
        again(out)
        assert not done.parts_folder.exists()
        shutil.rmtree(out)


def test_replacing_a_run_that_was_stopped_while_finishing_leaves_none_of_its_files(
    source, small, tmp_path, monkeypatch
):
    out = tmp_path / "run"
    with monkeypatch.context() as patched:
        stop = "tracksmith.effects.shared_files.summary_page"
        patched.setattr(stop, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            tracksmith.score_variants(source, "toy", small[0], out)
    assert (out / "variants/annotated.vcf.gz").exists()
    (out / "variants/mine.txt").write_text("not a file of the run")
    with pytest.raises(UsageError, match="holds another run"):
        tracksmith.score_variants(source, "coarse", small[0], out)
    tracksmith.score_variants(table(source), "coarse", small[0], out, overwrite=True)
    names = sorted(path.name for path in (out / "variants").iterdir())
    assert "mine.txt" in names
    assert not [name for name in names if name.startswith(("toy.", "annotated"))]


def test_a_second_driver_is_refused_and_takes_nothing_away(source, small, tmp_path):
    out = tmp_path / "run"
    run = verbs.plan(verbs.request(("toy",), small[0], variants=source), out)
    with run.lock():
        for overwrite in (False, True):
            with pytest.raises(TrustError, match="is in use by process"):
                tracksmith.score_variants(source, "toy", small[0], out, overwrite=overwrite)
        assert Run.open(out).id == run.id


def from_stdin(monkeypatch, content: bytes):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    return "-"


def test_other_variants_from_standard_input_leave_a_waiting_run_alone(
    source, small, tmp_path, monkeypatch
):
    out = tmp_path / "run"
    content = source.read_bytes()
    from_stdin(monkeypatch, content)
    kept = out / ".inputs/input"
    run = verbs.plan(verbs.request(("toy",), small[0], variants="-"), out)
    assert Run.open(out).places.files == run.places.files == {"variants": str(kept)}
    fewer = content[: content.rindex(b"\n", 0, -1) + 1]
    with pytest.raises(UsageError, match=r"holds another run(.|\n)*records: 300, 299"):
        tracksmith.score_variants(from_stdin(monkeypatch, fewer), "toy", small[0], out)
    assert kept.read_bytes() == content
    assert verbs.work(out) == [0]
    assert verbs.finish(out).finished
    assert not kept.parent.exists()
    assert not list(out.rglob(".tmp-*"))


def test_a_broken_standard_input_is_named_and_leaves_nothing(source, small, tmp_path, monkeypatch):
    lines = source.read_bytes().replace(b"\tv104\t", b" v104 ")
    with pytest.raises(InputError, match=r"^standard input:5"):
        tracksmith.score_variants(from_stdin(monkeypatch, lines), "toy", small[0], tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"background": 10}, "--background"),
        ({"regions": ["chr1:1-50"]}, "-r"),
        ({"chroms": ["chr1"]}, "--chroms"),
        ({"ref_mismatch": "error"}, "--ref-mismatch"),
        ({"allow_truncated": True}, "--allow-truncated"),
        ({"allow_other_lengths": True}, "--allow-other-lengths"),
        ({"scores": ["diff", "l2"]}, "a second --score"),
        ({"strict": True}, "--strict and --max-skipped"),
        ({"max_skipped": 0.5}, "--strict and --max-skipped"),
    ],
)
def test_saturation_refuses_what_would_have_no_effect(
    register, toy, small, tmp_path, options, named
):
    register(toy(names=("1", "2")))
    with pytest.raises(UsageError, match=named):
        tracksmith.score_variants(
            None, "toy", small[0], tmp_path / "run", saturate="chr1:101-120", **options
        )
    assert not (tmp_path / "run").exists()


CHANGES = {
    "tracks": {"tracks": ("plus",)},
    "folds.rule": {"folds": "1"},
    "folds.spread": {"spread": True},
    "reverse_complement": {"reverse_complement": True},
    "shifts": {"shifts": (0, 3)},
    "batch_size": {"batch_size": 3},
    "dtype": {"dtype": "bf16"},
    "regions": {"regions": ("chr1:1-900",)},
    "compressor": {"compressor": "zlib"},
    "scores": {"scores": ("l2",)},
    "background": {"background": 9},
    "around": {"around": ("top:3",)},
    "ref_mismatch": {"ref_mismatch": "error"},
    "max_n": {"max_n": 0.1},
    "allow_truncated": {"allow_truncated": True},
    "variants.source": {"variants": None, "saturate": "chr1:101-120"},
}


@pytest.mark.parametrize("field", CHANGES)
def test_every_option_that_decides_bytes_makes_another_run(
    register, toy, source, small, tmp_path, field
):
    register(toy(names=("1", "2")))
    request = verbs.request(("toy",), small[0], variants=source, compressor="deflate")
    run = verbs.plan(request, tmp_path / "run")
    changed = verbs.changed(request, **CHANGES[field])
    with pytest.raises(UsageError, match=rf"holds another run(.|\n)*\b{field}\b"):
        verbs.plan(changed, tmp_path / "run")
    assert verbs.plan(changed, tmp_path / "run", overwrite=True).id != run.id


def test_options_that_decide_no_byte_keep_the_run(source, small, tmp_path):
    request = verbs.request(("toy",), small[0], variants=source, device="cpu")
    run = verbs.plan(request, tmp_path / "run")
    for options in ({"device": "cpu,cpu"}, {"allow_other_lengths": True}, {"strict": True}):
        assert verbs.plan(verbs.changed(request, **options), tmp_path / "run").id == run.id


def test_options_of_the_command_that_do_not_go_together(demo, tmp_path):
    command = (demo.variants_vcf, "-m", "core-promoter", "-g", demo.fasta, "-o", tmp_path / "run")
    for more, message in (
        (("--plan-only", "--keep-parts"), "--plan-only makes no parts"),
        (("--option", "alleles=recompute"), "core-promoter has no options"),
        (("--input", "archetypes=a.bed.gz"), "--input has no meaning for core-promoter"),
        (("-d", "cpu,cuda"), "of one kind"),
        (("--max-skipped", "2"), "--max-skipped 2:"),
    ):
        assert message in run(*command, *more, code=2).stderr
    assert not (tmp_path / "run").exists()


def load_error(request):
    raise KeyError("conv1")


def test_overwrite_keeps_the_old_run_when_the_new_one_cannot_start(
    register, toy, source, small, tmp_path
):
    out = tmp_path / "run"
    tracksmith.score_variants(source, "toy", small[0], out)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    with pytest.raises(ResourceError):
        tracksmith.score_variants(source, "toy", small[0], out, overwrite=True, device="cuda:77")
    register(Model(toy().card, load_error))
    with pytest.raises(PluginError, match="failed to load"):
        tracksmith.score_variants(source, "toy", small[0], out, overwrite=True)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_a_finished_run_is_left_alone_also_where_nobody_can_write(
    source, small, tmp_path, monkeypatch
):
    request = verbs.request(("toy",), small[0], variants=source)
    verbs.run_all(request, tmp_path / "run")
    before = sorted((tmp_path / "run").rglob("*"))

    def refuse(run):
        raise ResourceError("read-only")

    monkeypatch.setattr(Run, "lock", refuse)
    assert verbs.work(tmp_path / "run") == []
    assert verbs.finish(tmp_path / "run").finished
    assert verbs.run_all(request, tmp_path / "run").finished
    assert sorted((tmp_path / "run").rglob("*")) == before


def test_an_automatic_batch_size_is_that_of_the_run(register, toy, source, small, tmp_path):
    register(toy())
    request = verbs.request(("toy",), small[0], variants=source)
    run = verbs.plan(request, tmp_path / "run")
    with pytest.MonkeyPatch.context() as patched:
        # As on a GPU with less memory.
        patched.setattr("tracksmith.engine.record.default_batch_size", lambda kind, window: 2)
        assert verbs.plan(request, tmp_path / "run").id == run.id
    with pytest.raises(UsageError, match="batch_chosen"):
        verbs.plan(verbs.changed(request, batch_size=2), tmp_path / "run")


def test_without_pyarrow_the_missing_table_is_said_aloud(source, small, tmp_path, monkeypatch):
    monkeypatch.setattr("tracksmith.effects.finish.has_parquet", lambda: False)
    monkeypatch.setattr("tracksmith.effects.table_files.has_parquet", lambda: False)
    notes = Notes()
    run = verbs.run_all(verbs.request(("toy",), small[0], variants=source), tmp_path / "run", notes)
    assert sum("pip install pyarrow" in text for text in notes.said) == 1
    assert not any(file.path.endswith(".parquet") for file in run.files)
