"""The command: what it prints, its exit codes, and the switch between tracks and variants."""

import pytest
from click.testing import CliRunner

from tracksmith.cli import main
from tracksmith.cli.variants import _AROUND


def run(*arguments, code=0, **options):
    done = CliRunner().invoke(main, ["variants", *map(str, arguments)], **options)
    assert done.exit_code == code, f"{done.output}\n{done.stderr}\n{done.exception!r}"
    return done


def test_counts_are_printed_and_add_up(demo, tmp_path):
    done = run(demo.variants_vcf, "-m", "core-promoter", "-g", demo.fasta, "-o", tmp_path / "run")
    count = len(demo.variants)
    assert f"core-promoter: {count} records = {count} scored + 0 skipped" in done.stdout
    assert str(tmp_path / "run/variants/core-promoter.bb") in done.stdout
    again = run(demo.variants_vcf, "-m", "core-promoter", "-g", demo.fasta, "-o", tmp_path / "run")
    assert "is finished already" in again.stderr


def test_work_and_finish_go_on_with_a_run_that_was_planned(demo, tmp_path):
    out = tmp_path / "run"
    done = run(demo.variants_vcf, "-m", "core-promoter", "-g", demo.fasta, "-o", out, "--plan-only")
    assert f"tracksmith work {out}" in done.stdout
    for command in (["work", "--part", "0/2"], ["work"], ["finish"], ["status"]):
        done = CliRunner().invoke(main, [command[0], str(out), *command[1:]])
        assert done.exit_code == 0, done.output
    assert "is finished" in done.stdout
    done = CliRunner().invoke(main, ["work", str(out), "--part", "0"])
    assert done.exit_code == 0 and "is finished already" in done.stderr
    done = CliRunner().invoke(main, ["work", str(out), "--part", "99"])
    assert done.exit_code == 2 and "--part 99: this run has part" in done.stderr


@pytest.mark.parametrize(
    ("text", "around"),
    [
        ("top:20", True),
        ("chr21:5,000,000-5,100,000", True),
        ("HLA-A*01:1-9", False),
        ("chr1:77", True),
        ("DNASE:K562*", False),
        ("plus", False),
        ("cell=K562", False),
        ("12", False),
    ],
)
def test_tracks_of_the_model_are_told_from_variants(text, around):
    assert bool(_AROUND.fullmatch(text)) == around


BROKEN = {
    "empty.vcf": (b"", 4, "is empty"),
    "blanks.vcf": (
        b"##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
        b"demo1 100 . A C . . .\n",
        4,
        "blanks.vcf:3",
    ),
    "short.vcf": (
        b"##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\ndemo1\t5\t.\tA\n",
        4,
        "short.vcf:3",
    ),
    "huge.vcf": (
        b"##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
        b"demo1\t3000000000\t.\tA\tC\t.\t.\t.\n",
        4,
        "POS 3000000000",
    ),
    "decoys.vcf": (
        b"##fileformat=VCFv4.3\n##contig=<ID=MT,length=9>\n"
        b"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\nMT\t5\t.\tA\tC\t.\t.\t.\n",
        4,
        "no contig 'MT'",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_end_in_a_message_with_the_line_and_leave_nothing(demo, tmp_path, name):
    content, code, message = BROKEN[name]
    path = tmp_path / name
    path.write_bytes(content)
    done = run(path, "-m", "core-promoter", "-g", demo.fasta, "-o", tmp_path / "run", code=code)
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()
