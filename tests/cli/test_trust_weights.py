"""--trust-weights from the command line to every process that loads a model, and to run.json."""

import importlib.util
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

import tracksmith
from tests.models.pickles import save_with_code
from tracksmith.cli import main
from tracksmith.errors import TrustError
from tracksmith.files import digest_of_file
from tracksmith.models.safe_load import load_tensors
from tracksmith.runs.codec import encode
from tracksmith.runs.run import Run


def need(plugin):
    if importlib.util.find_spec(plugin) is None:
        pytest.skip(f"the plugin {plugin} is not installed")


class World:
    """A genome, variants, and a small MPRALegNet whose weights come out of code only."""

    def __init__(self, folder, shared):
        self.folder = folder
        self.mark = folder / "mark"
        random = np.random.default_rng(5)
        text, more = ("".join(random.choice(list("ACGT"), size)) for size in (3_000, 900))
        self.genome = folder / "genome.fa"
        self.genome.write_text(f">chr1\n{text}\n>chr2\n{more}\n")
        self.variants = folder / "variants.tsv"
        other = {"A": "C", "C": "G", "G": "T", "T": "A"}
        rows = [f"chr1\t{at + 1}\t{text[at]}\t{other[text[at]]}\n" for at in range(900, 1200, 50)]
        self.variants.write_text("chrom\tpos\tref\talt\n" + "".join(rows))
        parity = shared / "parity" / "mpralegnet"
        self.shared = shared
        self.plain = folder / "plain" / "K562" / "best.ckpt"
        self.coded = folder / "coded" / "K562" / "best.ckpt"
        for path in (self.plain, self.coded):
            path.parent.mkdir(parents=True)
            shutil.copy(parity / "small_config.json", path.parent / "config.json")
        shutil.copy(parity / "small.ckpt", self.plain)
        tensors = load_tensors(self.plain, legacy=True)
        self.digest = save_with_code(self.coded, tensors, self.mark)
        self.trust = ("--trust-weights", f"sha256:{self.digest}")
        self.what = ("-m", "mpralegnet", "-g", str(self.genome), "-d", "cpu")

    def out(self, name):
        return str(self.folder / name)

    def ran(self):
        """Say whether the code ran since this was last asked."""
        if not self.mark.exists():
            return False
        self.mark.unlink()
        return True

    def trusted(self, name):
        content = json.loads((self.folder / name / "run.json").read_text())
        return content["results"].get("trusted_weights", [])

    @property
    def provenance(self):
        file = {"name": "best.ckpt", "sha256": self.digest}
        return [{"model": "mpralegnet", "fold": "single", **file}]


@pytest.fixture
def world(shared, tmp_path):
    need("tracksmith_mpralegnet")
    return World(tmp_path, shared)


def run(*arguments, code=0):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result.output


def tracks(folder):
    return {path.name: digest_of_file(path) for path in sorted((folder / "tracks").iterdir())}


def test_predict_refuses_and_says_the_way_out_which_then_works(world):
    predict = ("predict", *world.what, "--weights", world.coded.parent, "-o", world.out("run"))
    text = run(*predict, code=6)
    assert " ".join(world.trust) in text
    assert "runs code from this file" in text
    assert not world.ran()
    other = ("--trust-weights", "sha256:" + "0" * 64)
    text = run(*predict, *other, code=6)
    assert f"NOTE: {' '.join(other)}: no weight file of this run" in text
    assert not world.ran()
    assert not (world.folder / "run").exists()
    run(*predict, *world.trust, *other)
    assert world.ran()
    assert world.trusted("run") == world.provenance
    plain = ("predict", *world.what, "--weights", world.plain.parent, "-o", world.out("plain-run"))
    run(*plain, *world.trust)
    assert not world.ran()
    assert world.trusted("plain-run") == []
    assert tracks(world.folder / "run") == tracks(world.folder / "plain-run")


def test_parts_are_computed_with_the_consent_of_each_command(world):
    arguments = (
        *world.what,
        "--weights",
        world.coded.parent,
        "--parts",
        "2",
        "-o",
        world.out("run"),
    )
    text = run("plan", *arguments, *world.trust)
    assert f"tracksmith work {world.out('run')} {' '.join(world.trust)}`" in text
    assert not world.ran()
    assert world.digest not in json.dumps(
        {**json.loads((world.folder / "run" / "run.json").read_text()), "plan": None}
    )
    run("work", world.out("run"), "--part", "0", code=6)
    assert not world.ran()
    run("work", world.out("run"), "--part", "0", *world.trust)
    assert world.ran()
    run("work", world.out("run"), "--part", "1", code=6)
    assert not world.ran()
    run("work", world.out("run"), "--part", "1", *world.trust)
    run("finish", world.out("run"))
    assert world.trusted("run") == world.provenance
    script = run("plan", *arguments, *world.trust, "--overwrite", "--template", "slurm")
    assert f"--device cpu {' '.join(world.trust)}\n" in script


def test_worker_processes_get_the_consent(world):
    pytest.importorskip("distributed")
    what = [word for word in world.what if word not in ("-d", "cpu")]
    predict = ("predict", *what, "--weights", world.coded.parent, "--parts", "2",
               "-d", "cpu,cpu", "-o", world.out("run"))  # fmt: skip
    assert " ".join(world.trust) in run(*predict, code=6)
    assert not world.ran()
    run(*predict, *world.trust)
    assert world.ran()
    assert world.trusted("run") == world.provenance


def test_variants_at_once_and_in_parts(world):
    arguments = ("variants", world.variants, *world.what, "--weights", world.coded.parent, "-o")
    assert " ".join(world.trust) in run(*arguments, world.out("run"), code=6)
    assert not world.ran()
    run(*arguments, world.out("run"), *world.trust)
    assert world.ran()
    assert world.trusted("run") == world.provenance
    arguments = (*arguments[:-1], "-t", "top:2", "-o")  # tracks around variants are made by finish
    text = run(*arguments, world.out("parts"), *world.trust, "--plan-only")
    assert text.count(" ".join(world.trust)) == 2
    run("work", world.out("parts"), code=6)
    assert not world.ran()
    run("work", world.out("parts"), *world.trust)
    assert world.ran()
    run("finish", world.out("parts"), code=6)
    assert not world.ran()
    run("finish", world.out("parts"), *world.trust)
    assert world.trusted("parts") == world.provenance


@pytest.fixture
def regional(world):
    """Options for a small GET whose weights come out of code, and its run's provenance."""
    need("tracksmith_get")
    folder = world.folder
    text = (world.shared / "data" / "motifs" / "jaspar_2024_consensus.meme").read_text()
    head, *motifs = text.split("MOTIF ")
    motifs += [f"again-{motif}" for motif in motifs[: 282 - len(motifs)]]
    (folder / "m.meme").write_text("MOTIF ".join([head, *motifs]))
    rows = "".join(f"{name}\t{name}\n" for name in (motif.split()[0] for motif in motifs))
    (folder / "clusters.tsv").write_text("motif\tcluster\n" + rows)
    (folder / "peaks.bed").write_text("chr1\t300\t700\nchr1\t850\t1250\nchr2\t100\t500\n")
    tensors = load_tensors(
        world.shared / "parity" / "get" / "get_finetune_small_v1.pth", legacy=True
    )
    digest = save_with_code(folder / "get.ckpt", tensors, world.mark)
    options = (
        "-m", "get-expression", "-g", world.genome, "-d", "cpu", "--peaks", folder / "peaks.bed",
        "--input", f"motifs={folder / 'm.meme'}", "--input", f"clusters={folder / 'clusters.tsv'}",
        "--option", "heads=4", "--weights", folder / "get.ckpt", "-o", world.out("regions"),
    )  # fmt: skip
    return options, digest


def test_a_model_over_regions(world, regional):
    options, digest = regional
    trust = ("--trust-weights", f"sha256:{digest}")
    provenance = [{"model": "get-expression", "fold": "", "name": "get.ckpt", "sha256": digest}]
    for more in ((), ("--dry-run",)):
        assert " ".join(trust) in run("predict", *options, *more, code=6)
        assert not world.ran()
    run("predict", *options, *trust, "--dry-run")
    assert world.ran()
    run("predict", *options, *trust)
    assert world.ran()
    assert world.trusted("regions") == provenance
    shutil.rmtree(world.folder / "regions")
    run("variants", world.variants, *options, *trust, "--plan-only")
    assert " ".join(trust) in run("work", world.out("regions"), code=6)
    assert not world.ran()
    run("work", world.out("regions"), *trust)
    run("finish", world.out("regions"))
    assert world.trusted("regions") == provenance


def bring_consent(folder, digest):
    """Write consent wherever run.json takes it, under a right id and seal; return what it says."""
    planned = Run.open(folder)
    words = {"trust_weights": [f"sha256:{digest}"], "trusted": [f"sha256:{digest}"]}
    plan = replace(planned.plan, details=words)
    files = {**planned.places.files, "trust_weights": f"sha256:{digest}"}
    Run(folder, plan, replace(planned.places, files=files), planned.limits).save()
    assert Run.open(folder).plan.details == words
    return run("work", folder, code=6)


def test_a_stored_request_over_regions_brings_no_consent(world, regional):
    options, digest = regional
    given = ("--trust-weights", f"sha256:{digest}")
    run("variants", world.variants, *options, *given, "--plan-only")
    path = world.folder / "regions" / "run.json"
    assert "trust" not in path.read_text()
    assert " ".join(given) in bring_consent(world.folder / "regions", digest)
    assert not world.ran()


def test_a_trial_run_and_a_check_of_the_plugin_need_the_consent_too(world):
    what = (*world.what, "--weights", world.coded.parent, "-o", world.out("run"), "--dry-run")
    check = ("plugin", "check", "mpralegnet", "--weights", world.coded.parent)
    variants = ("variants", world.variants, *what)
    for command, code in ((("predict", *what), 6), (variants, 6), (check, 1)):
        assert f"sha256:{world.digest}" in run(*command, code=code)
        assert not world.ran()
        run(*command, *world.trust)
        assert world.ran()


@pytest.mark.parametrize("command", ["predict", "variants", "plan", "work", "finish"])
def test_a_malformed_digest_ends_with_code_2(command, tmp_path):
    given = {"work": [tmp_path], "finish": [tmp_path]}.get(
        command, ["-m", "m", "-g", "g", "-o", tmp_path]
    )
    text = run(command, *given, "--trust-weights", "sha256:12", code=2)
    assert "64 hexadecimal digits" in text


def test_from_python(world):
    options = {"weights": world.coded.parent, "device": "cpu"}
    with pytest.raises(TrustError):
        tracksmith.predict("mpralegnet", world.genome, world.out("run"), **options)
    options["trust_weights"] = f"sha256:{world.digest}"
    done = tracksmith.predict("mpralegnet", world.genome, world.out("run"), **options)
    assert world.ran()
    assert encode(done.results.trusted_weights) == world.provenance
    with pytest.raises(TrustError):  # nothing stays behind
        tracksmith.predict(
            "mpralegnet", world.genome, world.out("again"), **options | {"trust_weights": ()}
        )
    tracksmith.score_variants(
        world.variants, "mpralegnet", world.genome, world.out("variants"), **options
    )
    assert world.trusted("variants") == world.provenance


def test_a_folder_from_somebody_else_cannot_bring_its_own_consent(world):
    """Whatever stands in run.json, code runs by the word of this command alone."""
    arguments = ("variants", world.variants, *world.what, "--weights", world.coded.parent)
    run(*arguments, "-o", world.out("run"), *world.trust, "--plan-only")
    path = world.folder / "run" / "run.json"
    plain = path.read_text()
    for section in ("places", "limits", "plan"):
        content = json.loads(plain)
        content["trusted_weights"] = world.provenance
        content[section]["trust_weights"] = content[section]["trusted"] = [f"sha256:{world.digest}"]
        path.write_text(json.dumps(content))
        run("work", world.out("run"), code=6)
        assert not world.ran()
    path.write_text(plain)
    assert " ".join(world.trust) in bring_consent(world.folder / "run", world.digest)
    assert not world.ran()
