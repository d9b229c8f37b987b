"""Small synthetic runs, made without the engine: genome, bigWigs, variants, run.json."""

from __future__ import annotations

import gzip
import hashlib
import struct
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.hub.chromium import start_chromium, what_chromium_lacks
from tracksmith.models.card import ModelCard, Track, WindowGeometry
from tracksmith.runs.record import (
    FileEntry,
    FileRecord,
    FoldsRecord,
    GenomeRecord,
    ModelRecord,
    Places,
    PlanRecord,
    RegionSet,
    Results,
    Stage,
    VariantCounts,
)
from tracksmith.runs.run import Run

CONTIGS = {"chrA": 3000, "chrB": 1501}

AUTOSQL = """table variantEffects
"Predicted effects of variants"
(
    string chrom; "Contig"
    uint chromStart; "Start, 0-based"
    uint chromEnd; "End"
    string name; "rsID or place, ref, alt; no spaces"
    uint score; "0 to 1000, by size"
    char[1] strand; "Always ."
    uint thickStart; "Start"
    uint thickEnd; "End"
    uint reserved; "Direction"
    lstring ref; "Reference allele (may be long)"
    lstring alt; "Alternative allele"
    float effect; "Alternative minus reference"
    float absEffect; "Its size"
    float refPred; "Prediction for the reference"
    float altPred; "Prediction for the alternative"
    string topTrack; "Strongest track"
    float percentile; "Rank"
    uint nTracks; "Tracks"
    string model; "Model"
    string flags; "Flags"
    lstring _mouseOver; "Text"
)
"""


def sequence(name: str, length: int) -> str:
    """A fixed sequence with a run of N and lower case, from a hash and no random state."""
    numbers = hashlib.shake_256(name.encode()).digest(length)
    letters = "".join("ACGT"[number & 3] for number in numbers)
    middle = letters[10:40].lower()
    return f"NNNNN{letters[5:10]}{middle}{letters[40 : length - 3]}NRN"


def write_fasta(path: Path, contigs: dict[str, int]) -> Path:
    lines, index, offset = [], [], 0
    for name, length in contigs.items():
        text = sequence(name, length)
        rows = [text[start : start + 60] for start in range(0, length, 60)]
        offset += len(name.encode()) + 2
        index.append(f"{name}\t{length}\t{offset}\t60\t61\n")
        body = "".join(row + "\n" for row in rows)
        lines.append(f">{name}\n{body}")
        offset += len(body)
    path.write_text("".join(lines), encoding="utf-8")
    Path(f"{path}.fai").write_text("".join(index), encoding="utf-8")
    return path


def write_bigwig(path: Path, contigs: dict[str, int], scale: float = 1.0) -> dict[str, Any]:
    """Write a bump per contig and return what the engine says of it in run.json."""
    import pybigtools

    path.parent.mkdir(parents=True, exist_ok=True)
    everything, rows = [], []
    for name, length in contigs.items():
        values = scale * np.exp(-(((np.arange(length) - length / 2) / 40) ** 2)) * 8
        values = values.astype(np.float32)[20 : length - 20]
        rows += [(name, 20 + at, 21 + at, value) for at, value in enumerate(values.tolist())]
        everything.append(values)
    pybigtools.open(str(path), "w").write(contigs, iter(rows))
    joined = np.concatenate(everything)
    quantiles = {f"{p:g}": float(np.quantile(joined, p)) for p in (0.001, 0.01, 0.5, 0.99, 0.999)}
    return {
        "values": len(joined),
        "min": float(joined.min()),
        "max": float(joined.max()),
        "mean": float(joined.mean()),
        "quantiles": quantiles,
    }


@dataclass
class RunBuilder:
    """Collects the files of a run; ``write`` makes run.json."""

    folder: Path
    contigs: dict[str, int] = field(default_factory=lambda: dict(CONTIGS))
    models: list[ModelRecord] = field(default_factory=list)
    files: list[dict[str, Any]] = field(default_factory=list)
    regions: list[tuple[str, int, int]] | None = None
    genome_name: str = "toy.fa"
    counts: dict[str, VariantCounts] = field(default_factory=dict)

    def model(self, name: str = "toy", tracks: tuple[Track, ...] = (), **card: Any) -> RunBuilder:
        tracks = tracks or (Track(id="signal", label="Toy signal", units="counts"),)
        fields = {
            "version": "1", "summary": f"The model {name}", "code_licence": "MIT",
            "weights_licence": "CC-BY-4.0", "citation": "Nobody 2020, doi:10.1/x",
            "geometry": WindowGeometry(window=100, core_start=20, core_length=60),
        }  # fmt: skip
        made = ModelCard(name=name, tracks=tracks, **{**fields, **card})
        self.models.append(
            ModelRecord(
                card=made,
                tracks=tuple(track.id for track in tracks),
                plugin="toys 1",
                stride=60,
                batch_size=1,
                folds=FoldsRecord("mean", ("fold0", "fold1")),
                weights={"fold0": (FileRecord("w0.pt", 10, "a" * 64),)},
                reverse_complement=True,
            )
        )
        return self

    def bigwig(self, track: str, statistic: str = "mean", scale: float = 1.0, **more: Any):
        model = self.models[-1].name
        suffix = "" if statistic == "mean" else f".{statistic}{more.get('base', '')}"
        return self.add_bigwig(f"tracks/{model}.{track}{suffix}.bw", statistic, scale,
                               track=track, **more)  # fmt: skip

    def add_bigwig(self, path: str, statistic: str, scale: float = 1.0, **more: Any) -> RunBuilder:
        fields = write_bigwig(self.folder / path, self.contigs, scale)
        model = self.models[-1].name
        self._add({"path": path, "kind": "bigwig", "model": model, "statistic": statistic,
                   **fields, **more})  # fmt: skip
        return self

    def variants(self, rows: list[tuple[str, int, str, str, str, float]]) -> RunBuilder:
        """Add bigBed, table and absmax bigWig of ``(contig, pos, id, ref, alt, effect)``."""
        model = self.models[-1].name
        base = self.folder / "variants"
        base.mkdir(parents=True, exist_ok=True)
        write_bigbed(base / f"{model}.bb", self.contigs, rows, model)
        self._add({"path": f"variants/{model}.bb", "kind": "bigbed", "model": model})
        with gzip.open(base / f"{model}.tsv.gz", "wt", encoding="utf-8") as handle:
            handle.write("contig\tpos\tid\tref\talt\ttrack\teffect\n")
            for contig, pos, name, ref, alt, effect in rows:
                handle.write(f"{contig}\t{pos}\t{name}\t{ref}\t{alt}\tsignal\t{effect}\n")
        self._add({"path": f"variants/{model}.tsv.gz", "kind": "table", "model": model})
        return self.add_bigwig(f"variants/{model}.absmax.bw", "absmax", 0.5)

    def folds(self, lines: str) -> RunBuilder:
        """Add the BED of held-out folds to the last model."""
        name = self.models[-1].name
        rule = replace(self.models[-1].folds, rule="held-out")
        self.models[-1] = replace(self.models[-1], folds=rule)
        path = f"tracks/{name}.folds.bed"
        (self.folder / path).write_text(lines)
        self._add({"path": path, "kind": "folds", "model": name})
        return self

    def _add(self, fields: dict[str, Any]) -> None:
        path = self.folder / fields["path"]
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        self.files.append({**fields, "sha256": digest, "size": path.stat().st_size})

    def write(self, finished: bool = True) -> Path:
        fasta = self.folder.parent / self.genome_name
        if not fasta.exists():
            write_fasta(fasta, self.contigs)
        regions = None
        if self.regions is not None:
            lines = "".join(f"{c}\t{s}\t{e}\n" for c, s, e in self.regions)
            (self.folder / "regions.bed").write_text(lines)
            regions = RegionSet(1, len(self.regions), "0" * 64)
        digest = hashlib.sha256(fasta.read_bytes()).hexdigest()
        contigs = tuple(self.contigs.items())
        plan = PlanRecord(
            kind="variants" if any(f["kind"] == "bigbed" for f in self.files) else "predict",
            genome=GenomeRecord(self.genome_name, fasta.stat().st_size, digest, contigs),
            models=tuple(self.models),
            stages=tuple(Stage(n, "predict", "windows", (0,), 1) for n in range(len(self.models))),
            device="cpu",
            compressor="zlib",
            versions={"tracksmith": "0.1.0", "torch": "2.13.0"},
            regions=regions,
        )
        files = tuple(FileEntry(**fields) for fields in self.files)
        results = Results(files, counts=self.counts) if finished else None
        Run(self.folder, plan, Places(str(fasta)), results=results).save()
        return self.folder


def write_bigbed(path: Path, contigs: dict[str, int], rows: list[Any], model: str) -> None:
    """Write variants by an independent library, then state the nine standard fields."""
    import pybigtools

    entries = []
    for contig, pos, name, ref, alt, effect in sorted(rows, key=lambda row: (row[0], row[1])):
        colour = "202,0,32" if effect > 0 else "5,113,176"
        rest = [name, "500", ".", str(pos - 1), str(pos), colour, ref, alt, f"{effect:g}",
                f"{abs(effect):g}", "1", "2", "signal", "0.9", "1", model, "none",
                f"{name}: {effect:+g}"]  # fmt: skip
        entries.append((contig, pos - 1, pos - 1 + len(ref), "\t".join(rest)))
    writer = pybigtools.open(str(path), "w")
    writer.write(contigs, iter(entries), autosql=AUTOSQL)
    with path.open("r+b") as handle:
        handle.seek(34)
        handle.write(struct.pack("<H", 9))


PAIR = (
    Track(id="plus", label="Initiation, plus strand", strand="+", rc_partner="minus",
          assay="PRO-cap", cell_type="K562", units="reads", color=(192, 57, 43)),
    Track(id="minus", label="Initiation, minus strand", strand="-", rc_partner="plus",
          assay="PRO-cap", cell_type="K562", units="reads", color=(36, 87, 160)),
)  # fmt: skip

VARIANTS = [
    ("chrA", 700, "rs1", "A", "C", 0.5),
    ("chrA", 1500, "rs2", "G", "T", -2.5),
    ("chrB", 400, "chrB:400:C>CTT", "C", "CTT", 1.25),
]


@pytest.fixture
def builder(tmp_path: Path):
    """A function that starts a run in a folder of the given name."""

    def start(name: str = "run", **more: Any) -> RunBuilder:
        folder = tmp_path / name
        folder.mkdir(parents=True)
        return RunBuilder(folder, **more)

    return start


@pytest.fixture
def strand_run(builder) -> Path:
    """One model, two strands."""
    return builder().model("clip", PAIR).bigwig("plus").bigwig("minus", scale=-1).write()


@pytest.fixture
def variant_run(builder) -> Path:
    """Two models: a strand pair with letters and variants, and a single track with spread."""
    made = builder("both").model("clip", PAIR).bigwig("plus").bigwig("minus", scale=-1)
    made.bigwig("plus", "letters", 0.1).variants(VARIANTS)
    made.model("toy").bigwig("signal").bigwig("signal", "sd", 0.2).variants(VARIANTS[:2])
    return made.write()


@pytest.fixture
def variants() -> list[Any]:
    """What the variant runs hold."""
    return VARIANTS


@pytest.fixture(scope="session")
def pair() -> tuple[Track, Track]:
    """Two strands of one assay."""
    return PAIR


@pytest.fixture(scope="session")
def simple_run():
    """A function that makes a run of one track in a folder's subfolder ``run``."""

    def make(parent: Path) -> Path:
        folder = parent / "run"
        folder.mkdir(parents=True)
        return RunBuilder(folder).model("toy").bigwig("signal").write()

    return make


@pytest.fixture(scope="session")
def toy_fasta():
    """A function that writes an indexed FASTA of fixed sequence."""
    return write_fasta


@pytest.fixture(scope="session")
def run_builder():
    """The class that makes runs, for fixtures that outlive a test."""
    return RunBuilder


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    """Chromium without a window, with a profile of its own."""
    pytest.importorskip("selenium.webdriver", reason="selenium drives Chromium")
    if lack := what_chromium_lacks():
        pytest.skip(lack)
    started = start_chromium(tmp_path_factory.mktemp("profile"))
    yield started
    started.quit()
