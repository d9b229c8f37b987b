"""What a command takes and keeps: nothing when it fails, and what can be read once only."""

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner
from engine_toys import Dense, toy_card

import tracksmith
from tracksmith.cli import main
from tracksmith.errors import InputError, PluginError, ResourceError, TrustError
from tracksmith.files import machine
from tracksmith.models.card import WindowGeometry
from tracksmith.models.contract import Model, Predictor
from tracksmith.models.registry import RegisteredModel, Registry
from tracksmith.progress import Silent
from tracksmith.runs.run import Run

GEOMETRY = WindowGeometry(64, 16, 32, 1)


def load(request):
    if request.weights["1"][0].read_text() != "good":
        raise ValueError("the tensors do not fit")
    return Predictor({"1": Dense(GEOMETRY, 0)})


@pytest.fixture
def world(monkeypatch, tmp_path):
    model = Model(toy_card(GEOMETRY, ("1",)), load, lambda path: {"1": (path,)})
    registry = Registry({"toy": RegisteredModel(model, "toys", "1", "toys")}, [])
    monkeypatch.setattr("tracksmith.models.registry.load_registry", lambda: registry)
    monkeypatch.chdir(tmp_path)
    Path("genome.fa").write_text(">chr1\n" + "ACGTTGCAAC" * 40 + "\n")
    Path("good").write_text("good")
    Path("bad").write_text("bad")
    return tmp_path


def predict(weights: str, out: str = "run", **options):
    return tracksmith.predict("toy", "genome.fa", out, weights=weights, device="cpu", **options)


def test_weights_that_fail_to_load_claim_no_folder(world):
    with pytest.raises(PluginError, match="failed to load: ValueError"):
        predict("bad")
    assert not Path("run").exists()
    assert predict("good").finished


def test_weights_that_fail_to_load_leave_the_run_that_was_there(world):
    before = predict("good").files
    with pytest.raises(PluginError):
        predict("bad", overwrite=True)
    assert Run.open(Path("run")).files == before
    assert all((Path("run") / file.path).is_file() for file in before)


def vcf(position: int = 201) -> str:
    base = ("ACGTTGCAAC" * 40)[position - 1]
    other = "G" if base == "T" else "T"
    head = "##fileformat=VCFv4.2\n##contig=<ID=chr1,length=400>\n"
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    return f"{head}{columns}chr1\t{position}\tv\t{base}\t{other}\t.\t.\t.\n"


def through_pipe(text: str) -> str:
    """A path that gives the text once, as a shell's <(...) does."""
    reading, writing = os.pipe()

    def feed() -> None:
        with os.fdopen(writing, "w") as handle:
            handle.write(text)

    threading.Thread(target=feed, daemon=True).start()
    return f"/dev/fd/{reading}"


def test_variants_from_a_pipe_are_read_once_and_kept(world):
    options = {"weights": "good", "device": "cpu", "scores": "diff"}
    Path("in.vcf").write_text(vcf())
    tracksmith.score_variants("in.vcf", "toy", "genome.fa", "file", **options)
    tracksmith.score_variants(through_pipe(vcf()), "toy", "genome.fa", "pipe", **options)
    for name in ("toy.tsv.gz", "toy.bb", "toy.absmax.bw", "skipped.tsv", "annotated.vcf.gz"):
        one, two = (Path(out) / "variants" / name for out in ("file", "pipe"))
        assert one.read_bytes() == two.read_bytes(), name
    assert not (Path("pipe") / ".inputs").exists()


def test_a_planned_run_keeps_what_came_through_a_pipe_until_it_is_finished(world):
    tracksmith.plan(
        "toy",
        "genome.fa",
        "run",
        variants=through_pipe(vcf()),
        weights="good",
        device="cpu",
        scores="diff",
    )
    assert Path("run/.inputs/input").read_text() == vcf()
    tracksmith.work("run")
    assert tracksmith.finish("run").finished
    assert not Path("run/.inputs").exists()


def test_a_file_of_the_user_in_the_run_folder_is_never_removed(world):
    Path("run").mkdir()
    Path("run/input").write_text(vcf())
    tracksmith.score_variants("run/input", "toy", "genome.fa", "run", weights="good", scores="diff")
    assert Path("run/input").read_text() == vcf()


def test_standard_input_by_its_path(world):
    done = CliRunner().invoke(
        main,
        [
            "variants",
            "-",
            "-m",
            "toy",
            "-g",
            "genome.fa",
            "-o",
            "run",
            "--weights",
            "good",
            "--score",
            "diff",
        ],
        input=vcf(),
    )
    assert done.exit_code == 0, done.output
    assert "1 records = 1 scored" in done.output


def test_a_refused_request_from_a_pipe_leaves_nothing(world):
    with pytest.raises(InputError):
        tracksmith.score_variants(
            through_pipe("no vcf\n"), "toy", "genome.fa", "run", weights="good", scores="diff"
        )
    assert not Path("run").exists()


def test_variants_of_another_naming_are_refused_before_scoring(world):
    text = vcf().replace("chr1\t", "NC_1\t").replace("##contig=<ID=chr1,length=400>\n", "")
    Path("in.vcf").write_text(text)
    with pytest.raises(InputError, match=r"'NC_1', the genome 'chr1'(.|\n)*--alias"):
        tracksmith.score_variants(
            "in.vcf", "toy", "genome.fa", "run", weights="good", scores="diff"
        )
    assert not Path("run").exists()


@pytest.mark.parametrize("text", ["x", "{}", '{"pid": "a"}'])
def test_a_lock_that_nobody_can_read_says_what_to_do(world, text):
    run = predict("good", keep_parts=True)
    (run.folder / ".lock").write_text(text)
    with pytest.raises(TrustError, match=r"no lock of tracksmith.*delete it"), run.lock():
        pass


def test_a_lock_with_a_process_id_beyond_all_is_taken_over(world):
    run = predict("good")
    holder = {"host": "here", "machine": machine(), "pid": 10**30, "born": "", "since": 0}
    (run.folder / ".lock").write_text(json.dumps(holder))
    with run.lock():
        taken = json.loads((run.folder / ".lock").read_text().partition("\n")[0])
        assert taken["pid"] == os.getpid()


class Remover(Silent):
    """Removes a folder when the first part is done."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def advance(self, count: int) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.mark.parametrize("what", ["predict", "variants"])
def test_a_folder_that_is_removed_under_a_run_at_work_ends_in_a_sentence(world, what):
    bases = "ACGTTGCAAC" * 840
    Path("long.fa").write_text(f">chr1\n{bases}\n>chr2\n{bases}\n")
    more = {"weights": "good", "device": "cpu", "progress": Remover(Path("run"))}
    with pytest.raises(ResourceError, match=r"run was removed while|Cannot write .*run/parts"):
        if what == "predict":
            tracksmith.predict("toy", "long.fa", "run", parts=2, **more)
        else:
            rows = (f"chr1\t{n}\tv{n}\t{base}\t{'G' if base == 'T' else 'T'}\t.\t.\t.\n"
                    for n, base in enumerate(bases, 1))  # fmt: skip
            head = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
            Path("v.vcf").write_text(head + "".join(rows))
            tracksmith.score_variants("v.vcf", "toy", "long.fa", "run", **more)
    assert not Path("run").exists()


def test_two_processes_of_one_number_never_share_a_temporary_file(tmp_path):
    code = (
        "import os; os.getpid = lambda: 1\n"
        "from pathlib import Path\nfrom tracksmith.files import aside\n"
        "with aside(Path('x')) as path: print(path.name); path.write_text('')\n"
    )
    names = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path
        ).stdout
        for _ in range(2)
    }
    assert len(names) == 2
