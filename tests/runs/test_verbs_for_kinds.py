"""Every verb exists for every kind of run, on the command line and from Python."""

import gzip
import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from region_toys import BaseCounts, registry, toy

import tracksmith
import tracksmith.errors
import tracksmith.runs.run
from tracksmith.cli import COMMANDS, main
from tracksmith.files import digest_of_file
from tracksmith.kinds import KINDS as EVERY_KIND
from tracksmith.runs.request import request_fields

KINDS = ("windows", "regions", "both", "variants", "variants over regions")
VERBS = ("predict", "plan", "work", "finish", "status", "estimate")


@pytest.fixture
def world(monkeypatch, tmp_path):
    """A genome, peaks, variants; a model over windows and one over regions."""
    from tracksmith.models.registry import load_registry

    models = {**load_registry().models, **registry(toy()).models}
    known = type(load_registry())(models, [])
    monkeypatch.setattr("tracksmith.models.registry.load_registry", lambda: known)
    monkeypatch.setattr("tracksmith.regions.work.PART_WINDOWS", 2)
    monkeypatch.chdir(tmp_path)
    sequence = "ACGTTGCAAC" * 300
    Path("genome.fa").write_text(f">chr1\n{sequence}\n")
    Path("peaks.bed").write_text("".join(f"chr1\t{s}\t{s + 40}\n" for s in range(0, 2_000, 100)))
    head = "##fileformat=VCFv4.2\n##contig=<ID=chr1,length=3000>\n"
    rows = "".join(f"chr1\t{p}\t.\t{sequence[p - 1]}\tG\t.\t.\t.\n" for p in (201, 1_009))
    Path("in.vcf").write_text(f"{head}#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n{rows}")
    return tmp_path


def models_of(kind: str) -> list[str]:
    return {
        "windows": ["core-promoter"],
        "regions": ["toy"],
        "both": ["core-promoter", "toy"],
        "variants": ["core-promoter"],
        "variants over regions": ["toy"],
    }[kind]


def python_options(kind: str) -> dict[str, object]:
    options: dict[str, object] = {"peaks": "peaks.bed"} if "toy" in models_of(kind) else {}
    if kind.startswith("variants"):
        options["variants"] = "in.vcf"
    return options


def words_of(kind: str) -> list[str]:
    words = [word for model in models_of(kind) for word in ("-m", model)]
    words += ["-g", "genome.fa", "-d", "cpu"]
    return words + (["--peaks", "peaks.bed"] if "toy" in models_of(kind) else [])


def call(*words: str) -> str:
    done = CliRunner().invoke(main, list(words))
    assert done.exit_code == 0, done.output
    return done.output


def on_command_line(kind: str, verb: str, out: str) -> object:
    source = ["in.vcf"] if kind.startswith("variants") else []
    go = "variants" if source else "predict"
    if verb == "predict":
        return call(go, *source, *words_of(kind), "-o", out)
    if verb == "estimate":
        return call(go, *source, *words_of(kind), "-o", out, "--dry-run")
    if verb == "plan":
        return call("plan", *source, *words_of(kind), "-o", out)
    return call(verb, out)


def from_python(kind: str, verb: str, out: str) -> object:
    options = {**python_options(kind), "device": "cpu"}
    models = models_of(kind)
    if verb == "predict" and kind.startswith("variants"):
        source = options.pop("variants")
        return tracksmith.score_variants(source, models, "genome.fa", out, **options)
    if verb == "estimate":
        return tracksmith.estimate(models, "genome.fa", **options)
    if verb in ("predict", "plan"):
        return getattr(tracksmith, verb)(models, "genome.fa", out, **options)
    return getattr(tracksmith, verb)(out)


def files(out: str) -> dict[str, str]:
    paths = [p for p in Path(out).rglob("*") if p.is_file() and p.name != "run.json"]
    return {str(path.relative_to(out)): digest_of_file(path) for path in paths}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", [on_command_line, from_python])
def test_every_verb_serves_every_kind(world, kind, way):
    """One go, the steps, and the command line write the same files; an estimate none."""
    way(kind, "estimate", "none")
    assert not Path("none").exists()
    way(kind, "predict", "whole")
    for verb in ("plan", "work", "status", "finish", "status"):
        way(kind, verb, "steps")
    assert files("whole") == files("steps")
    assert tracksmith.status("steps").finished
    listed = tracksmith.estimate(
        models_of(kind), "genome.fa", device="cpu", **python_options(kind)
    ).files
    assert set(listed) == {
        name for name in files("whole") if not name.startswith((".lock", "regions.bed"))
    }


def test_the_verbs_can_be_seen_from_python():
    names = {"predict", "score_variants", "plan", "work", "finish", "status", "estimate"}
    assert names <= set(dir(tracksmith)) & set(tracksmith.__all__)
    assert all(callable(getattr(tracksmith, name)) for name in names)


def test_commands_have_the_fields_of_a_request_as_options():
    names = [name for name in (*EVERY_KIND, "plan") if name in COMMANDS]  # some kinds are predict's
    assert {"predict", "variants", "perturb"} < set(names)
    commands = {name: main.get_command(None, name) for name in names}
    options = {name: {param.name for param in command.params} for name, command in commands.items()}
    for item in request_fields():
        if item.name in ("variants", "edits", "trust_weights"):
            continue
        commands_of = {{"haplotypes": "predict"}.get(kind, kind) for kind in item.metadata["kinds"]}
        for command in commands_of & {*options}:
            assert item.name in options[command], f"{command} lacks {item.name}"
        assert item.name in options["plan"], f"plan lacks {item.name}"
        assert item.metadata["about"][-1] in ".}", item.name


def test_an_unknown_keyword_is_refused_with_the_nearest_one(world):
    with pytest.raises(tracksmith.errors.UsageError, match=r"no option 'fold'.*'folds'"):
        tracksmith.predict("core-promoter", "genome.fa", "out", fold="mean")
    assert not Path("out").exists()


def test_run_json_is_the_projection_of_typed_records(world):
    run = tracksmith.predict("core-promoter", "genome.fa", "out", device="cpu")
    content = json.loads(Path("out/run.json").read_text())
    assert content["format"] == 3
    assert content["id"] == run.plan.id == tracksmith.runs.run.Run.open(Path("out")).plan.id


def kinds_and_ways(kind: str) -> list[str]:
    source = ["in.vcf"] if kind.startswith("variants") else []
    return ["variants" if source else "predict", *source, *words_of(kind), "-o", "out", "--dry-run"]


@pytest.mark.parametrize("kind", [*KINDS, "saturation"])
def test_a_dry_run_says_the_same_of_every_kind(world, kind):
    """Models, windows, passes, time, tracks and folds; files; disk."""
    words = kinds_and_ways(kind) if kind != "saturation" else [
        "variants", "--saturate", "chr1:1001-1040", *words_of("windows"), "-o", "out", "--dry-run",
    ]  # fmt: skip
    *models, files, disk = call(*words).splitlines()
    named = models_of(kind) if kind != "saturation" else ["core-promoter"]
    line = (
        r"{}: [0-9,]+ \S.*, [0-9,]+ windows and [0-9,]+ forward passes, about [0-9.]+ \S+ on cpu; "
        r"[0-9]+ tracks; .*folds: \S+ \(mean\)"
    )
    assert len(models) >= len(named)
    for name in named:
        assert any(re.fullmatch(line.format(name), text) for text in models), models
    assert re.fullmatch(r"[0-9]+ files: \S.*", files)
    assert re.fullmatch(r"Disk: at most \S+ \S+ for the files, \S+ \S+ for the parts.*\.", disk)


def test_a_dry_run_of_variants_makes_the_features_of_a_few_regions_only(world, monkeypatch):
    seen = []
    Path("peaks.bed").write_text("".join(f"chr1\t{s}\t{s + 40}\n" for s in range(0, 2_800, 40)))
    monkeypatch.setattr("tracksmith.regions.worker.TRIAL_BASES", 200)
    made = BaseCounts.features
    monkeypatch.setattr(
        BaseCounts, "features",
        lambda self, batch: seen.append(len(batch.bases)) or made(self, batch),
    )  # fmt: skip
    call(*kinds_and_ways("variants over regions"))
    assert 0 < max(seen) <= 6
    seen.clear()
    on_command_line("variants over regions", "predict", "out")
    assert max(seen) == 70


def test_the_time_of_a_dry_run_counts_every_region_and_every_allele(world, monkeypatch):
    """Of features that take a second a region and windows that take ten."""
    clock = [0.0]

    def features(self, batch):
        clock[0] += len(batch.bases)
        return np.ones((len(batch.bases), 2), np.float32)

    monkeypatch.setattr(BaseCounts, "features", features)
    monkeypatch.setattr("tracksmith.effects.costs.window_seconds", lambda work: 10.0)
    monkeypatch.setattr("tracksmith.effects.costs.time.perf_counter", lambda: clock[0])
    (cost,) = tracksmith.estimate(
        "toy", "genome.fa", device="cpu", **python_options("variants over regions")
    ).models
    # 20 regions, 2 alleles, each in a region of its own: 4 windows, 22 times features.
    assert (cost.windows, cost.seconds) == (4, pytest.approx(4 * 10 + 22))


def test_a_dry_run_counts_random_variants_and_those_that_get_tracks(world):
    given = {"variants": "in.vcf", "device": "cpu"}
    plain, more = (
        tracksmith.estimate("core-promoter", "genome.fa", **given, **options).models[0]
        for options in ({}, {"background": 30, "around": ["top:1"]})
    )
    ways = plain.windows // 4
    assert more.windows == plain.windows + 2 * 31 * ways
    assert "30 random SNVs, 1 for the tracks around them" in more.work
    tracksmith.score_variants("in.vcf", "core-promoter", "genome.fa", "out",
                              background=30, device="cpu")  # fmt: skip
    kept = tracksmith.estimate("core-promoter", "genome.fa", **given, background=30).models[0]
    assert kept.windows == plain.windows


def test_a_dry_run_knows_the_time_where_the_first_variants_are_none_to_score(world):
    options = {"variants": "in.vcf", "device": "cpu", "regions": "chr1:2,000-2,100"}
    (cost,) = tracksmith.estimate("core-promoter", "genome.fa", **options).models
    assert cost.seconds is not None and cost.seconds > 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_column_has_one_name_in_the_tables_of_every_kind(world, kind):
    """The first line holds the names, without a mark before them; the contig is ``chrom``."""
    from_python(kind, "predict", "out")
    tables = [path for path in Path("out").rglob("*") if re.search(r"\.tsv(\.gz)?$", path.name)]
    assert bool(tables) == (kind != "windows")
    for path in tables:
        text = (gzip.decompress if path.suffix == ".gz" else bytes)(path.read_bytes()).decode()
        names, *rows = (line.split("\t") for line in text.splitlines())
        assert "chrom" in names and len(set(names)) == len(names)
        assert all(re.fullmatch("[A-Za-z]+", name) for name in names), (path, names)
        assert {row[names.index("chrom")] for row in rows} <= {"chr1"}
        assert all(len(row) == len(names) for row in rows)
