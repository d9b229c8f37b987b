"""Every verb exists for every kind of run, on the command line and from Python."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from region_toys import registry, toy

import tracksmith
import tracksmith.errors
import tracksmith.runs.run
from tracksmith.cli import main
from tracksmith.files import digest_of_file
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
    commands = {name: main.get_command(None, name) for name in ("predict", "variants", "plan")}
    options = {name: {param.name for param in command.params} for name, command in commands.items()}
    for item in request_fields():
        if item.name in ("variants", "trust_weights"):
            continue
        for kind in item.metadata["kinds"]:
            assert item.name in options[kind], f"{kind} lacks {item.name}"
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
