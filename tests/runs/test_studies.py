"""A study has the options of the long commands, and what it gives back is the same run."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from region_toys import registry, toy

from tracksmith.cli import main
from tracksmith.runs.fields import HAPLOTYPES
from tracksmith.runs.request import ModelRequest, Request, request_fields
from tracksmith.runs.run import Run
from tracksmith.study import KINDS, read_study

SEQUENCE = "ACGTTGCAAC" * 300


@pytest.fixture
def world(monkeypatch, tmp_path):
    """A genome, peaks, variants; a model over windows and one over regions."""
    from tracksmith.models.registry import load_registry

    models = {**load_registry().models, **registry(toy()).models}
    known = type(load_registry())(models, [])
    monkeypatch.setattr("tracksmith.models.registry.load_registry", lambda: known)
    monkeypatch.chdir(tmp_path)
    Path("genome.fa").write_text(f">chr1\n{SEQUENCE}\n>chr2\n{SEQUENCE[::-1]}\n")
    Path("alias.tsv").write_text("chr1\tNC1\nchr2\tNC2\n")
    Path("past.bed").write_text("NC1\t100\t900\nNC2\t2500\t5000\n")
    rows = [f"chr1\t{s}\t{s + 40}\tp{s}\t{s}\n" for s in range(0, 2_000, 100)]
    Path("peaks.bed").write_text("".join([*rows, "NC2\t2990\t3100\tlast\t7\n"]))
    Path("plain.bed").write_text("".join([*rows, "chr1\t20\t60\tover\t9\n"]))
    Path("extra.txt").write_text("nothing")
    Path("people.vcf").write_text(
        "##fileformat=VCFv4.2\n"
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tann\tbob\n"
        f"chr1\t201\t.\t{SEQUENCE[200]}\tG\t.\t.\t.\tGT\t0/1\t0|0\n"
    )
    return tmp_path


def write_vcf(length: int, contig: str = "chr1") -> None:
    rows = "".join(f"{contig}\t{p}\t.\t{SEQUENCE[p - 1]}\tG\t.\t.\t.\n" for p in (201, 1_009))
    Path("in.vcf").write_text(
        f"##fileformat=VCFv4.2\n##contig=<ID={contig},length={length}>\n"
        f"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n{rows}"
    )


def call(*words: str, code: int = 0) -> str:
    done = CliRunner().invoke(main, list(words))
    assert done.exit_code == code, done.output
    return done.output


WINDOWS = ["-m", "core-promoter", "-g", "genome.fa"]
REGIONS = ["-m", "toy", "-g", "genome.fa"]
ALIAS = ["--alias", "alias.tsv"]
PREDICTIONS = {
    "plain": WINDOWS,
    "clip and alias": [*WINDOWS, "-r", "past.bed", "-r", "chr1:2,000-9,000", "--clip", *ALIAS],
    "chroms": [*WINDOWS, "--chroms", "NC*", *ALIAS],
    "parts": [*WINDOWS, "--parts", "2"],
    "files": [*WINDOWS, "--format", "bedgraph", "--precision", "8bits", "--compressor", "zlib"],
    "model": [*WINDOWS, "--stride", "17", "--no-rc", "--shifts=-8,0,8", "-b", "3", "-t", "plus"],
    "dtype": [*WINDOWS, "--dtype", "bf16"],
    "people": [
        *WINDOWS, "--vcf", "people.vcf", "--sample", "ann", "--unphased", "reference",
        "--register", "core", "--max-skipped", "0.5",
    ],
    "regions": [*REGIONS, "--peaks", "peaks.bed", "--clip", *ALIAS, "--option", "mode=b"],
    "overlaps": [
        *REGIONS, "--peaks", "plain.bed", "--overlaps", "merge", "--counts-column", "5",
        "--stride", "2", "--input", "extra=extra.txt",
    ],
}  # fmt: skip
SCORED = {
    "plain": [],
    "limits": ["--strict", "--ref-mismatch", "use-alt-as-ref", "--max-n", "0.25"],
    "skipped": ["--max-skipped", "0.5", "--allow-truncated"],
    "scores": ["--score", "l2", "--max-allele", "7", "--background", "20", "--chroms", "chr1"],
    "background": ["--background", "plain.bed", "--background-size", "30"],
    "around": ["--around", "top:3", "-r", "chr1"],
    "other lengths": ["--allow-other-lengths"],
    "other names": [*ALIAS, "-r", "NC1:1-2,000"],
}

PERTURBED = {
    "edits": ["edits.bed", "--op", "shuffle", "--seeds", "3", "--tracks-for", "near", *ALIAS],
    "tiles": ["--tile", "50", "--step", "25", "--op", "mask", "-r", "NC1:1-900", *ALIAS],
    "local": ["--local", "100,300", "--around", "7", "--value", "mean", "--within", "900"],
    "files": ["edits.bed", "--op", "mask", "--sequences", "new.fa", "--table-only",
              "--feature", "transcript", "--shifts=-3,3", "-t", "plus"],
}  # fmt: skip


EXPLAINED = {
    "plain": ["--method", "ism"],
    "numbers": [
        "--method", "integrated", "--references", "2", "--reference-seed", "7",
        "--path-points", "2",
    ],
    "words": [
        "--method", "integrated", "--baseline", "uniform", "--reduce", "mean", "--hypothetical",
        "--path-points", "2", "--score", "diff",
    ],
    "alleles": [
        "--method", "ism", "--alleles", "in.vcf", "--flank", "3", "--max-allele", "9",
        "--allow-other-lengths", "--allow-truncated", *ALIAS,
    ],
}  # fmt: skip


def planned_again(folder: str) -> Run:
    """Return the run that the study of a run plans in another folder."""
    text = call("study", folder)
    Path("again.toml").write_text(text.replace(str(Path(folder).absolute()), "again"))
    call("run", "again.toml", "-q")
    return Run.open(Path("again"))


@pytest.mark.parametrize("name", PREDICTIONS)
def test_a_study_gives_the_same_run_of_predictions(world, name):
    call("plan", *PREDICTIONS[name], "-o", "first", "-d", "cpu", "-q")
    assert planned_again("first").id == Run.open(Path("first")).id


@pytest.mark.parametrize("name", SCORED)
def test_a_study_gives_the_same_run_of_variants(world, name):
    length = 99_999 if name == "other lengths" else 3_000
    write_vcf(length, "NC1" if name == "other names" else "chr1")
    call("plan", "in.vcf", *WINDOWS, *SCORED[name], "-o", "first", "-d", "cpu", "-q")
    again, first = planned_again("first"), Run.open(Path("first"))
    assert (again.id, again.limits) == (first.id, first.limits)


@pytest.mark.parametrize("name", EXPLAINED)
def test_a_study_gives_the_same_run_of_explanations(world, name):
    write_vcf(99_999, "NC1")
    words = [*WINDOWS, "-r", "chr1:200-204", "-t", "plus", *EXPLAINED[name]]
    call("plan", *words, "-o", "first", "-d", "cpu", "-q")
    assert planned_again("first").id == Run.open(Path("first")).id


@pytest.mark.parametrize("words", [[], [*ALIAS, "--max-n", "0.25"]], ids=["plain", "options"])
def test_a_study_gives_the_same_saturation(world, words):
    place = "NC1:100-140" if words else "chr1:100-140"
    call("plan", "--saturate", place, *WINDOWS, *words, "-o", "first", "-d", "cpu", "-q")
    assert planned_again("first").id == Run.open(Path("first")).id


@pytest.mark.parametrize("name", PERTURBED)
def test_a_study_gives_the_same_perturbations(world, name):
    Path("sites.bed").write_text("chr1\t500\t501\ta\nchr1\t1500\t1501\tb\n")
    Path("edits.bed").write_text("chr1\t450\t460\tnear\nchr1\t1400\t1410\tfar\n")
    Path("new.fa").write_text(">one\nACGT\n")
    common = [*WINDOWS, "--readouts", "sites.bed", "-d", "cpu", "-q"]
    call("perturb", *PERTURBED[name], *common, "--plan-only", "-o", "first")
    assert planned_again("first").id == Run.open(Path("first")).id


def test_the_runs_above_use_every_field_that_a_study_may_hold():
    """So that a new option cannot be forgotten by ``tracksmith study``."""
    from tracksmith.cli.options import request_options

    names = {}
    for option in request_options(*KINDS, HAPLOTYPES)(lambda: None).__click_params__:
        names |= dict.fromkeys((*option.opts, *option.secondary_opts), option.name)
    every = [
        *PREDICTIONS.values(), *SCORED.values(), *PERTURBED.values(), *EXPLAINED.values(),
        ["--saturate"],
    ]  # fmt: skip
    used = {names.get(word.partition("=")[0]) for words in every for word in words} | {
        "variants", "edits", "readouts", "reverse_complement", "device",
    }  # fmt: skip
    elsewhere = {"trust_weights", "dask", "weights", "folds", "spread", "samples"}
    elsewhere |= {"accessibility", "normalisers", "motifs"}
    assert {item.name for item in request_fields()} - elsewhere <= used
    assert isinstance(Request().own, dict) and ModelRequest().folds == "mean"


def test_regions_from_a_pipe_are_found_in_the_run(world):
    import os
    import threading

    os.mkfifo("pipe")
    writer = threading.Thread(target=lambda: Path("pipe").write_text("chr1\t100\t900\n"))
    writer.start()
    call("plan", *WINDOWS, "-r", "pipe", "-o", "first", "-d", "cpu", "-q")
    writer.join()
    text = call("study", "first").replace(f'out = "{Path("first").absolute()}"', 'out = "again"')
    assert f'regions = ["{Path("first/regions.bed").absolute()}"]' in text
    Path("again.toml").write_text(text)
    call("run", "again.toml", "-q")
    assert Run.open(Path("again")).id == Run.open(Path("first")).id


def test_weights_in_folders_of_their_own_are_named_by_the_folder_that_holds_all(world):
    from tracksmith.study_of_runs import study_text

    call("plan", *WINDOWS, "-o", "first", "-d", "cpu", "-q")
    run = Run.open(Path("first"))
    placed = {"1": ("/w/a/net.pt",), "2": ("/w/b/net.pt",), "3": ("/w/c/net.pt",)}
    object.__setattr__(run.places, "weights", {"core-promoter": placed})
    assert '"core-promoter" = "/w"' in study_text([run])


STUDY = (
    'models = ["core-promoter"]\ngenome = "genome.fa"\ndevice = "cpu"\nclip = false\n'
    'scores = ["l2"]\nformats = ["bigwig"]\n'
    '[predict]\nout = "tracks"\nregions = ["chr1:1-{}"]\n'
    '[variants]\nout = "effects"\nvariants = "in.vcf"\n'
    '[hub]\nout = "hub"\nemail = "me@example.org"\ncopy = true\n'
)


HUB = '[predict]\nout = "o"\n[hub]\nout = "{}"\nemail = "{}"\n'


def test_a_dry_run_of_a_study_says_what_every_run_costs_and_writes_nothing(world):
    write_vcf(3_000)
    Path("study.toml").write_text(STUDY.format("2,000"))
    before = sorted(path.name for path in Path().iterdir())
    said = call("run", "study.toml", "--dry-run")
    assert sorted(path.name for path in Path().iterdir()) == before
    assert "[predict] tracks\ncore-promoter: " in said and "[variants] effects\n" in said
    assert said.count("Disk: at most") == 2


def test_a_study_replaces_other_runs_only_if_told_to(world):
    write_vcf(3_000)
    Path("study.toml").write_text(STUDY.format("2,000"))
    call("run", "study.toml", "-q", "--keep-parts")
    assert Path("tracks/parts").is_dir() and Path("hub/hub.txt").is_file()
    first = Run.open(Path("tracks")).id
    Path("study.toml").write_text(STUDY.format("1,000"))
    assert "--overwrite" in call("run", "study.toml", "-q", code=2)
    assert Run.open(Path("tracks")).id == first
    call("run", "study.toml", "-q", "--overwrite")
    assert Run.open(Path("tracks")).id != first and not Path("tracks/parts").exists()


def test_a_study_that_the_disk_cannot_hold_is_refused_unless_forced(world, monkeypatch):
    write_vcf(3_000)
    Path("study.toml").write_text(STUDY.format("2,000"))
    monkeypatch.setattr(
        "shutil.disk_usage", lambda folder: type("Usage", (), {"free": 1})(), raising=True
    )
    assert "--force" in call("run", "study.toml", "-q", code=5)
    assert not Path("tracks").exists()
    call("run", "study.toml", "-q", "--force")
    assert Run.open(Path("tracks")).finished


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[predict]\nout = "o"\nscores = ["l2"]\n', "--score has no meaning here"),
        ('[predict]\nout = "o"\nvariants = "in.vcf"\n', "belongs to [variants] or [perturb]"),
        ('[predict]\nout = "o"\n[[hub]]\n[[hub]]\n', "there is one [hub] of all runs"),
        ('[predict]\nout = "o"\n[hub]\nout = "h"\nemail = "e"\ncopy = 3\n', "copy 3: give yes"),
        ('[predict]\nout = ""\n', "[predict] needs a folder"),
        ('[predict]\nout = "o"\nregions = 3\n[[hub]]\n', "[hub] needs out and email"),
        ('[predict]\nout = "o"\nshifts = true\n', "--shifts True: give whole numbers"),
        ('[predict]\nout = "o"\nbatch_size = true\n', "--batch-size True: give a whole number"),
        ('[predict]\nout = "o"\nfolds = ["1"]\n', "--folds ['1']: give a text"),
        ('[predict]\nout = "o"\nchroms = {a = 1}\n', "--chroms {'a': 1}: give a list"),
        ('[[predict]]\nout = "o"\n[[predict]]\nout = "o"\n', "o is the folder of two runs"),
        (HUB.format("h", "me"), "--email 'me' must be an e-mail address"),
        (HUB.format("h", "me@x.org") + 'name = "a b"\n', "--name 'a b' must be one word"),
        (HUB.format("h", "me@x.org") + 'base_url = "x"\n', "--base-url 'x' must be the http(s)"),
        (HUB.format("h", "me@x.org") + 'nam = "a"\n', "there is no 'nam'. Did you mean 'name'?"),
        (HUB.format("h", "me@x.org") + 'colour = "a"\n', "'colour'. Known are out, email, name"),
        (HUB.format("h", "me@x.org") + 'title = ["a"]\n', "[hub]: title ['a']: give a text"),
        (HUB.format("h", "me@x.org") + "genome = 1979-05-27\n", "genome 1979-05-27: give a text"),
        ("[predikt]\nout = 'o'\n", "no table [predikt]. Did you mean 'predict'?"),
        ("[[variant]]\nout = 'o'\n", "no table [variant]. Did you mean 'variants'?"),
        ("[xyz]\na = 1\n", "no table [xyz]. There are [predict], [variants], [perturb]"),
        ("[fold]\ncore-promoter = '1'\n", "no table [fold]. Did you mean 'folds'?"),
        (HUB.format("o", "me@x.org"), "o is the folder of a run and of the hub"),
    ],
)
def test_what_a_table_cannot_hold_is_refused_by_name(world, text, message):
    Path("bad.toml").write_text('models = ["core-promoter"]\ngenome = "genome.fa"\n' + text)
    assert message in call("run", "bad.toml", code=2)
    assert not Path("o").exists()


def test_a_scheduler_s_file_is_taken_from_the_study_s_folder(world):
    Path("there").mkdir()
    text = 'models = ["core-promoter"]\ngenome = "g.fa"\ndask = "{}"\n[predict]\nout = "o"\n'
    for said, meant in [
        ("scheduler.json", "there/scheduler.json"), ("../x/s.json", "there/../x/s.json"),
        ("/shared/s.json", "/shared/s.json"), ("tcp://host:1", "tcp://host:1"),
        ("host:8786", "host:8786"),
    ]:  # fmt: skip
        Path("there/study.toml").write_text(text.format(said))
        (step,) = read_study(Path("there/study.toml")).steps
        assert step.request.dask == meant


def test_a_region_longer_than_a_name_of_a_file_is_no_fault_of_tracksmith(world):
    Path("long.toml").write_text(STUDY.format("2" * 300))
    assert "chr1:1-222" in call("run", "long.toml", "-q", code=4)


def test_a_file_of_brackets_is_no_study(world):
    Path("deep.toml").write_text("a = " + "[" * 50_000)
    assert "deep.toml is no study" in call("run", "deep.toml", code=4)


def test_a_study_that_is_not_there_is_said_to_be_missing(world):
    assert "No study at nope.toml" in call("run", "nope.toml", code=4)
    assert "is a folder. Name the study in it" in call("run", ".", code=4)
    call("plan", *WINDOWS, "-o", "first", "-d", "cpu", "-q")
    assert "first is the folder of two runs" in call("study", "first", "first", code=2)
