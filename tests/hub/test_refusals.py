"""What no hub is built of, or where: it is refused, and nothing is written."""

from pathlib import Path

import pytest

from tracksmith.errors import IncompleteError, InputError, UsageError
from tracksmith.hub.build import build_hub

WHO = {"email": "hub@example.org", "name": "toyhub", "title": "A toy hub"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"email": "nobody"}, "e-mail"),
        ({"name": "two words"}, "one word"),
        ({"base_url": "ftp://x.org"}, "http"),
        ({"base_url": "https://x.org/?a=b"}, "http"),
        ({"genome": "hg 38"}, "one word"),
        ({"genome": "hg38"}, "not named as in hg38"),
    ],
)
def test_a_request_that_cannot_work_is_refused(strand_run, changes, message):
    with pytest.raises(UsageError, match=message):
        build_hub([strand_run], strand_run / "hub", **{**WHO, **changes})
    assert not (strand_run / "hub").exists()


def test_a_folder_with_other_things_is_never_replaced(strand_run, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="neither empty nor a hub"):
        build_hub([strand_run], mine, **WHO)
    with pytest.raises(UsageError, match="holds the run"):
        build_hub([strand_run], tmp_path, **WHO)
    with pytest.raises(UsageError, match="holds the run"):
        build_hub([strand_run], strand_run, **WHO)
    assert (mine / "thesis.txt").exists()


def test_runs_that_do_not_belong_together_are_refused(builder, tmp_path):
    one = builder("one").model("toy").bigwig("signal").write()
    other = builder("two", contigs={"chrZ": 500}, genome_name="other.fa").model("toy")
    two = other.bigwig("signal").write()
    with pytest.raises(UsageError, match="contigs differ"):
        build_hub([one, two], tmp_path / "hub", **WHO)
    with pytest.raises(UsageError, match="twice"):
        build_hub([one, one], tmp_path / "hub", **WHO)


def test_unfinished_and_damaged_runs_are_refused(builder, tmp_path):
    half = builder("half").model("toy").bigwig("signal").write(finished=False)
    with pytest.raises(IncompleteError, match="not finished"):
        build_hub([half], tmp_path / "hub", **WHO)
    lost = builder("lost").model("toy").bigwig("signal").write()
    (lost / "tracks" / "toy.signal.bw").unlink()
    with pytest.raises(IncompleteError, match="missing"):
        build_hub([lost], tmp_path / "hub", **WHO)
    with pytest.raises(InputError, match="no run"):
        build_hub([tmp_path / "nothing"], tmp_path / "hub", **WHO)


def test_a_genome_that_is_gone_or_changed_is_said(builder):
    run = builder().model("toy").bigwig("signal").write()
    fasta = run.parent / "toy.fa"
    text = fasta.read_text()
    fasta.write_text(text.replace(">chrB", ">chrC"))
    Path(f"{fasta}.fai").unlink()
    with pytest.raises(InputError, match="it changed"):
        build_hub([run], run / "hub", **WHO)
    fasta.unlink()
    with pytest.raises(InputError, match="not at its place"):
        build_hub([run], run / "hub", **WHO)


def test_a_model_used_outside_its_assemblies_is_noted(builder):
    run = builder().model("toy", assemblies=("GRCh38",)).bigwig("signal").write()
    report = build_hub([run], run / "hub", **WHO, genome="sacCer2")
    assert any("meant for hg38" in note for note in report.notes)
