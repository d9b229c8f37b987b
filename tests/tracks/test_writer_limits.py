"""Full disks and flat memory, each in a process of its own."""

import json
import subprocess
import sys

import pytest

FULL_DISK = """
import json, resource, sys
from pathlib import Path
import numpy as np
from tracksmith.errors import ResourceError
from tracksmith.tracks import TrackOptions, encode_values, write_bigwig

folder, options, n = Path(sys.argv[1]), TrackOptions(), 1_500_000
values = np.random.default_rng(0).random(n).astype(np.float32)
pieces = [(0, encode_values(values, 0, 1, n, options, contig=0))]
target = folder / "a.bw"
target.write_bytes(b"old")
write = lambda: write_bigwig(target, [("c", n)], lambda: pieces, 1, options)
outcomes = []
for size in json.loads(sys.argv[2]):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    try:
        write()
        outcomes.append("written")
    except ResourceError as error:
        outcomes.append(str(error))
    assert sorted(p.name for p in folder.iterdir()) == ["a.bw"], list(folder.iterdir())
    assert target.read_bytes() == b"old" or outcomes[-1] == "written"
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
write()
print(json.dumps([outcomes, target.stat().st_size]))
"""

MEMORY = """
import resource, sys
from pathlib import Path
import numpy as np
from tracksmith.tracks import TrackOptions, encode_values, write_bigwig

options, bases, step = TrackOptions("isal"), int(sys.argv[2]), 1 << 20
noise = np.random.default_rng(0).random(step).astype(np.float32)

def pieces():
    for start in range(0, bases, step):
        part = noise[: min(step, bases - start)]
        yield 0, encode_values(part, start, 1, bases, options, contig=0)

summary = write_bigwig(Path(sys.argv[1]), [("c", bases)], pieces, 1, options)
assert summary.bases == bases
# Not ru_maxrss: a child's begins at its parent's size.
status = Path("/proc/self/status").read_text()
print(int(status.split("VmHWM:")[1].split()[0]) / 1024)
"""


BED = """
import json, resource, sys
from pathlib import Path
from tracksmith.errors import ResourceError
from tracksmith.tracks import Column, bed9_schema, external_sort, write_bigbed
external_sort.DiskSorter.__init__.__defaults__ = (1 << 20,)
schema = bed9_schema("t", "t", [Column("lstring", "tip", "")])
def rows(n):
    for i in range(n):
        at = i * 7919 % 1_000_003
        yield ("c", at, at + 1, f"rs{i}", 0, "+", at, at + 1, "0,0,0", f"{at:060}")
def write(n): return write_bigbed(Path(sys.argv[1]), [("c", 2_000_000)], rows(n), schema)
"""
BED_FULL_DISK = """
outcomes = []
for size in [10, 1_000, 100_000, 1_000_000]:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    try:
        write(30_000)
        outcomes.append("written")
    except ResourceError as error:
        outcomes.append(str(error))
    assert not list(Path(sys.argv[1]).parent.iterdir())
print(json.dumps(outcomes))
"""
BED_MEMORY = """
write(int(sys.argv[2]))
# Not ru_maxrss: a child's begins at its parent's size.
status = Path("/proc/self/status").read_text()
print(int(status.split("VmHWM:")[1].split()[0]) / 1024)
"""


def run(code, *arguments, seconds=60):
    finished = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True, text=True, timeout=seconds, check=False,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout)


def test_a_full_disk_is_a_clear_error_and_leaves_the_old_file(tmp_path):
    sizes = [10, 100, 5_000, 100_000, 1_100_000, 3_000_000, 5_400_000, 5_960_000]
    outcomes, size = run(FULL_DISK, tmp_path, json.dumps(sizes))
    assert max(sizes) < size
    for outcome in outcomes:
        assert outcome.startswith(f"Cannot write {tmp_path}/a.bw: File too large.")
        assert "Free some space" in outcome


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_ten_times_the_values_need_no_more_memory(tmp_path):
    small, large = (run(MEMORY, tmp_path / "a.bw", n) for n in (3_000_000, 30_000_000))
    assert large < 150
    assert large < 1.15 * small


def test_a_full_disk_leaves_nothing_of_a_bigbed(tmp_path):
    for outcome in run(BED + BED_FULL_DISK, tmp_path / "a.bb"):
        assert outcome.startswith(f"Cannot write {tmp_path}/a.bb: File too large.")


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_four_times_the_rows_need_no_more_memory(tmp_path):
    small, large = (run(BED + BED_MEMORY, tmp_path / "a.bb", n) for n in (30_000, 120_000))
    assert large < 150
    assert large < 1.15 * small
