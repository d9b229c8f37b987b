"""Commands that compute nothing do not load torch, which takes three seconds."""

import subprocess
import sys

import pytest
from click.testing import CliRunner

from tracksmith.cli import main

COMMAND = """
import sys
from tracksmith.cli import main
code = 0
try:
    main(sys.argv[1:])
except SystemExit as error:
    code = error.code or 0
print("torch" in sys.modules, code)
"""


def torch_after(*arguments: str) -> bool:
    """Run a command in a process of its own; say whether torch was loaded."""
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *arguments], capture_output=True, text=True, timeout=120
    )
    loaded, code = done.stdout.split()[-2:]
    assert code == "0", done.stderr
    return loaded == "True"


def run(*arguments: str) -> None:
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A small genome and one variant on it."""
    folder = tmp_path_factory.mktemp("world")
    (folder / "genome.fa").write_text(">chr1\n" + "ACGTTGCAAGGCTA" * 400 + "\n")
    (folder / "one.vcf").write_text(
        "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
        "chr1\t2801\t.\tA\tC\t.\t.\t.\n"
    )
    return folder


@pytest.mark.parametrize("kind", ["windows", "variants"])
def test_plan_status_and_finish_load_no_torch(world, kind):
    out = str(world / kind)
    given = [str(world / "one.vcf")] if kind == "variants" else []
    plan = ["plan", *given, "-m", "core-promoter", "-g", str(world / "genome.fa"), "-o", out]
    assert not torch_after(*plan)
    run("work", out)
    assert not torch_after("status", out)
    assert not torch_after("finish", out)
    assert not torch_after("status", out)
    assert not torch_after("finish", out), "a finished run is checked"
    assert not torch_after("work", out), "nothing is left to compute"


def test_doctor_loads_no_torch_where_no_gpu_can_be(world):
    from tracksmith.runs.device import has_cuda_driver

    if has_cuda_driver():
        pytest.skip("this machine has a driver: torch is asked about its devices")
    assert not torch_after("doctor")


def test_work_needs_torch(world):
    """The check above would notice it."""
    out = str(world / "needs")
    run("plan", "-m", "core-promoter", "-g", str(world / "genome.fa"), "-o", out)
    assert torch_after("work", out)
