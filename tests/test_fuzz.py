"""Damaged files that are no sequence: weights, records, studies and tracks.

Each is read or refused by a sentence, never by a trace. As a test this takes a
few seeded mutations of each kind. Run for longer by hand:
``PYTHONPATH=tests/runs python tests/test_fuzz.py KIND CPU_SECONDS [SEED]``.
"""

import io
import json
import os
import random
import re
import resource
import sys
import tempfile
import time
import traceback
import zipfile
from collections import Counter, OrderedDict
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import pyBigWig
import pytest
from damage import damaged_bytes, damaged_json, damaged_run

import tracksmith
from tracksmith.engine.golden import read_golden
from tracksmith.errors import InputError, PluginError, TracksmithError
from tracksmith.genome.contigs import Contigs
from tracksmith.hub.added import own_files, read_added
from tracksmith.hub.igv import igv_tracks
from tracksmith.hub.layout import lay_out
from tracksmith.hub.runs import open_runs
from tracksmith.models.archive import members_of, unpack
from tracksmith.models.fetched import RECORD, recorded
from tracksmith.models.kinds import wrong_content
from tracksmith.models.safe_load import load_tensors
from tracksmith.runs.run import Run
from tracksmith.study import read_study
from tracksmith.study_of_runs import study_text
from tracksmith.tracks import BED9, AutoSql, write_bigbed
from tracksmith.tracks.head import read_local_head
from tracksmith.tracks.reader import read_contigs, read_summary, read_values

# What reads each kind.


def read_weights(path: Path) -> None:
    size = path.stat().st_size
    for legacy in (False, True):
        tensors = load_tensors(path, legacy=legacy)
        total = sum(value.numel() * value.element_size() for value in tensors.values())
        assert total <= 4 * size
    wrong_content(path.name, path)


def _usual_name(name: str) -> str | None:
    """Return where a member belongs; a plugin knows its names, and takes no other."""
    usual = re.fullmatch(r"[A-Za-z0-9_./ -]+", name) and ".." not in name
    return name if usual and name[0] not in "/." else None


def read_archive(path: Path) -> None:
    folder = path.parent / "unpacked"
    folder.mkdir(exist_ok=True)
    unpack(path, members_of(path, _usual_name), folder)
    assert not (path.parent / "outside").exists()


def read_hdf5(path: Path) -> None:
    from tracksmith_clipnet.hdf5 import read_layers

    read_layers(path)


def read_run(path: Path) -> None:
    run = Run.open(path.parent)
    tracksmith.status(path.parent, deep=True)
    study_text([run])
    shown = open_runs([path.parent])
    lay_out(shown, {str(item.path): "x" for one in shown for item in one.outputs()})
    igv_tracks(shown, lambda output: "x")


def read_own(path: Path) -> None:
    """Make a bigBed of a text and read all of it again."""
    (track,) = read_added(own_files([f"{path}=x"], None), CONTIGS)
    with pyBigWig.open(str(track.path)) as file:
        rows = sum(len(file.entries(c, 0, n) or ()) for c, n in file.chroms().items())
    track.path.unlink()
    assert rows == track.head.item_count


def read_manifest(path: Path) -> None:
    if tracksmith.status(path.parents[1], deep=True).problems:
        raise InputError("A part is damaged.")


def read_fetched(path: Path) -> None:
    recorded(path.parent / "weights.pt")


def read_golden_file(path: Path) -> None:
    try:
        read_golden(path, "core-promoter")
    except PluginError as error:  # of exit code 1: a fault of the plugin
        raise InputError(str(error)) from error


def read_track(path: Path) -> None:
    read_local_head(path)
    for contig, length in list(read_contigs(path).items())[:5]:
        end = max(1, min(length, 5_000))
        if path.suffix == ".bw":
            read_values(path, contig, 0, end)
            read_summary(path, contig, 0, end, 3)
            read_summary(path, contig, 0, end, 3, exact=True)


# What the files look like that are damaged.


def torch_files() -> dict[str, bytes]:
    import torch
    from safetensors.torch import save

    base = torch.arange(24.0).reshape(4, 6)
    content = {"state_dict": OrderedDict(w=base, b=base[0]), "epoch": 3, "optimizer": {0: [base]}}
    files = {"safetensors": save({"w": base, "b": base[0].clone()})}
    for name, zipped in (("torch", True), ("legacy", False)):
        stream = io.BytesIO()
        torch.save(content, stream, _use_new_zipfile_serialization=zipped)
        files[name] = stream.getvalue()
    return files


def zip_of(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def repickled(content: bytes, rng: random.Random) -> bytes:
    """Damage the pickle inside a file of torch and write all with sound checksums."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    name = next(name for name in files if name.endswith("data.pkl"))
    files[name] = damaged_bytes(files[name], rng)
    return zip_of(files, zipfile.ZIP_STORED)


def hdf5_file(folder: Path) -> bytes:
    h5py = pytest.importorskip("h5py")
    with h5py.File(folder / "w.h5", "w") as file:
        file.attrs["model_config"] = json.dumps({"config": {"layers": []}})
        for layer in ("conv1d", "batch_normalization"):
            group = file.create_group(f"model_weights/{layer}/{layer}")
            group.create_dataset("kernel:0", data=[[1.0] * 8] * 4, dtype="f4")
            group.create_dataset("bias:0", data=[0.5] * 64, dtype="f4", compression="gzip")
    return (folder / "w.h5").read_bytes()


def bigwig_file(folder: Path) -> bytes:
    with pyBigWig.open(str(folder / "t.bw"), "w") as file:
        file.addHeader([("chr1", 100_000), ("chr2", 900)])
        values = [float(n % 17) for n in range(3_000)]
        file.addEntries("chr1", 50, values=values, span=20, step=20)
        file.addEntries(["chr2"] * 2, [3, 90], ends=[20, 95], values=[0.25, -4.0])
    return (folder / "t.bw").read_bytes()


def bigbed_file(folder: Path) -> bytes:
    rows = [("chr1", n, n + 9, f"rs{n}", 5, "+", n, n + 9, "1,2,3") for n in range(0, 30_000, 50)]
    schema = AutoSql("fuzz", "made by hand", BED9, defined=9)
    write_bigbed(folder / "t.bb", [("chr1", 100_000)], rows, schema)
    return (folder / "t.bb").read_bytes()


def small_run(folder: Path, *, finished: bool) -> Path:
    """Return a run of one track on 600 bases."""
    (folder / "genome.fa").write_text(">chr1\n" + "ACGTTGCAAC" * 60 + "\n")
    out = folder / "run"
    tracksmith.plan("core-promoter", folder / "genome.fa", out, device="cpu")
    tracksmith.work(out)
    if finished:
        tracksmith.finish(out)
    return out


FETCHED = b"""{"weights.pt": {"size": 1, "sha256": "aa", "source": "https://x", "fetched":
"2026-01-02T03:04:05+00:00", "published": "", "stated_by": ""}}"""

STUDY = b"""models = ["core-promoter"]
genome = "genome.fa"
[predict]
out = "run"
regions = ["chr1:1-200", "x.bed"]
formats = ["bigwig"]
folds = { core-promoter = "mean:1,2" }
[[variants]]
variants = "v.vcf"
out = "effects"
around = ["top:3"]
max_n = 0.5
scores = ["diff"]
[hub]
out = "hub"
email = "you@example.org"
copy = true
name = "one"
"""

CONTIGS = Contigs(["chr1", "chr2"], [10_000, 500])
GTF = b"""#!genome
chr1\tx\tgene\t1001\t2000\t.\t+\t.\tgene_id "G1"; gene_name "ABC1";
chr1\tx\ttranscript\t1001\t2000\t.\t+\t.\tgene_id "G1"; transcript_id "T1";
chr1\tx\texon\t1001\t1200\t.\t+\t.\tgene_id "G1"; transcript_id "T1"; exon_number 1;
chr1\tx\tCDS\t1101\t1200\t.\t+\t0\tgene_id "G1"; transcript_id "T1";
2\tx\texon\t18\t200\t.\t-\t.\tgene_id "G2"; transcript_id "T2";
"""
GFF = b"""##gff-version 3
chr1\t.\tgene\t1001\t2000\t.\t-\t.\tID=g1;Name=AB%3BC
chr1\t.\tmRNA\t1001\t2000\t.\t-\t.\tID=t1;Parent=g1;Name=long
chr1\t.\texon\t1801\t2000\t.\t-\t.\tParent=t1,t2
chr1\t.\tCDS\t1801\t1850\t.\t-\t0\tID=c;Parent=t1
chr2\t.\trepeat_region\t401\t410\t.\t.\t.\tNote=twice
"""
BED = (
    b"chr1\t10\t90\tpeak\t7\t-\t20\t80\t1,2,3\t2\t10,20,\t0,60\n"
    b"2\t1\t9\tb\t0\t.\t1\t9\t0\t1\t8\t0\n"
)
NARROW = b"chr1\t5\t50\tp1\t9999\t.\t7.5\t-1\t2e-3\t20\nchr2\t5\t50\tp2\t3\t+\t7\t1\t2\t20\n"

Damage = Callable[[bytes, random.Random], bytes]


OWN = {"g.gtf": GTF, "g.gff3": GFF, "p.bed": BED, "p.narrowPeak": NARROW}
"""Texts of a user's own, by their names."""


class Fuzzer:
    """Reads mutations of one kind of file in a folder of its own."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.folder, self.outcomes = folder, Counter[str]()
        self.path, self.corpus, self.damage, self.read = self._kind(kind)

    def _kind(self, kind: str) -> tuple[Path, bytes, Damage, Callable[[Path], None]]:
        """Return where the file lies, what it holds, how it is damaged and what reads it."""
        folder = self.folder
        if kind in ("safetensors", "torch", "legacy", "pickle"):
            name = "w.safetensors" if kind == "safetensors" else "w.pt"
            content = torch_files()["torch" if kind == "pickle" else kind]
            damage = repickled if kind == "pickle" else damaged_bytes
            return folder / name, content, damage, read_weights
        if kind == "archive":
            files = {"a/w.json": b'{"x": [1, 2]}', "b.safetensors": torch_files()["safetensors"]}
            return folder / "w.zip", zip_of(files), damaged_bytes, read_archive
        if kind == "hdf5":
            return folder / "fold_1.h5", hdf5_file(folder), damaged_bytes, read_hdf5
        if kind == "bigwig":
            return folder / "x.bw", bigwig_file(folder), damaged_bytes, read_track
        if kind == "bigbed":
            return folder / "x.bb", bigbed_file(folder), damaged_bytes, read_track
        if kind in OWN:
            return folder / kind, OWN[kind], damaged_bytes, read_own
        if kind == "study":
            return folder / "study.toml", STUDY, damaged_bytes, read_study
        return self._record(kind)

    def _record(self, kind: str) -> tuple[Path, bytes, Damage, Callable[[Path], None]]:
        """Return the same for what tracksmith itself writes as JSON."""
        if kind == "golden":
            content = resources.files("tracksmith_demo").joinpath("golden.json").read_bytes()
            return self.folder / "golden.json", content, damaged_json, read_golden_file
        if kind == "fetched":
            (self.folder / "weights.pt").write_bytes(b"x")
            return self.folder / RECORD, FETCHED, damaged_json, read_fetched
        run = small_run(self.folder, finished=kind == "run")
        if kind == "run":
            path = run / "run.json"
            return path, path.read_bytes(), damaged_run, read_run
        (path,) = (run / "parts").glob("*.json")
        return path, path.read_bytes(), damaged_json, read_manifest

    def once(self, rng: random.Random) -> None:
        """Read one mutation."""
        self.path.write_bytes(self.damage(self.corpus, rng))
        try:
            self.read(self.path)
            self.outcomes["read"] += 1
        except TracksmithError as error:
            assert error.exit_code in (2, 3, 4, 5, 6), error
            assert str(error).strip().isprintable() or "\n" in str(error), error
            self.outcomes["refused"] += 1


KINDS = (
    *("safetensors", "torch", "legacy", "pickle", "archive", "hdf5"),
    *OWN,
    *("run", "manifest", "study", "golden", "fetched", "bigwig", "bigbed"),
)


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_read_or_refused(kind: str, tmp_path: Path) -> None:
    if kind == "hdf5":
        pytest.importorskip("tracksmith_clipnet")
    fuzzer, rng = Fuzzer(kind, tmp_path), random.Random(f"{kind} 1")
    for _ in range(40):
        fuzzer.once(rng)
    assert fuzzer.outcomes["refused"]
    assert fuzzer.outcomes["read"] or kind == "hdf5"  # of which only a piece is written here


def main(kind: str, seconds: str, seed: str = "2") -> None:
    """Go on for a while; leave the first input that ends in a trace in the working folder.

    The inputs are read in child processes, so that a crash of a library is seen, too.
    """
    with tempfile.TemporaryDirectory() as folder:
        fuzzer, counts, batch = Fuzzer(kind, Path(folder)), Counter[str](), 0
        while sum(os.times()[:4]) < float(seconds):
            batch += 1
            reader, writer = os.pipe()
            if not (child := os.fork()):
                _read_batch(fuzzer, random.Random(f"{kind} {seed} {batch}"), writer)
            os.close(writer)
            with os.fdopen(reader, encoding="utf-8") as pipe:
                said = pipe.read()
            status = os.waitpid(child, 0)[1]
            if status:
                kept = Path(f"fuzz-{kind}-{seed}-{batch}")
                kept.write_bytes(fuzzer.path.read_bytes())
                sys.exit(f"{kept}: status {status}: {said}")
            counts.update(json.loads(said))
        times = os.times()
        print(kind, sum(counts.values()), dict(counts), f"{sum(times[:4]):.0f} CPU seconds")


def _read_batch(fuzzer: Fuzzer, rng: random.Random, writer: int) -> None:
    """Read some mutations in this process, which then ends, and say what came of them."""
    code = 0
    with os.fdopen(writer, "w", encoding="utf-8") as pipe:
        try:
            for _ in range(200):
                start = time.process_time()
                fuzzer.once(rng)
                assert time.process_time() - start < 20, "it took too long"
            assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 4 << 20, "it grew too large"
            json.dump(fuzzer.outcomes, pipe)
        except BaseException:  # noqa: BLE001 - a fuzzer is for the unforeseen
            traceback.print_exc(file=pipe)
            code = 1
    os._exit(code)


if __name__ == "__main__":
    main(*sys.argv[1:])
