"""A finished run of a toy model on two contigs, with regions, and measurements of it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from evaluate_toys import peaks_model, stored, write_measured

import tracksmith
from tracksmith.models.contract import Model
from tracksmith.models.registry import RegisteredModel, Registry

LENGTHS = {"chr1": 3_000, "chr2": 1_500}


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def pictures() -> None:
    """Draw the report's pictures, which take most of the time of an evaluation."""


@pytest.fixture(autouse=True)
def few_pictures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch):
    """Draw none where a test does not look at them."""
    if "pictures" not in request.fixturenames:
        monkeypatch.setattr("tracksmith.evaluate.track_run._pictures", lambda found: [])
        monkeypatch.setattr("tracksmith.evaluate.effect_run._pictures", lambda found, truth: [])


def random_sequence(length: int, seed: int) -> str:
    return "".join(np.random.default_rng(seed).choice(list("ACGT"), length))


@pytest.fixture(scope="session")
def predicted(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a function that predicts the toy genome with a model, once for each model."""
    folder = tmp_path_factory.mktemp("predicted")
    genome = folder / "genome.fa"
    texts = {
        name: random_sequence(length, seed) for seed, (name, length) in enumerate(LENGTHS.items())
    }
    texts["chr1"] = texts["chr1"][:1_000] + "N" * 100 + texts["chr1"][1_100:]
    genome.write_text("".join(f">{name}\n{text}\n" for name, text in texts.items()))
    made: dict[str, Path] = {}

    def predict(name: str = "plain", model: Model | None = None, **options) -> Path:
        if name not in made:
            toy = model or peaks_model()
            found = {toy.card.name: RegisteredModel(toy, "toys", "1", "toys")}
            with pytest.MonkeyPatch.context() as patch:
                registry = Registry(found, [])
                patch.setattr("tracksmith.models.registry.load_registry", lambda: registry)
                tracksmith.predict("toy", genome, folder / name, **options)
            made[name] = folder / name
        return made[name]

    return predict


@pytest.fixture(scope="session")
def scored(predicted) -> Callable[..., Path]:
    """Return a function that scores substitutions of the toy genome, once for each model."""
    genome = predicted().parent / "genome.fa"
    contigs = dict(entry.split("\n")[:2] for entry in genome.read_text().split(">")[1:])
    rows = [
        f"{name}\t{at + 1}\tv{at}\t{text[at]}\t{'ACGT'[('ACGT'.index(text[at]) + 1) % 4]}\t.\t.\t."
        for name, text in contigs.items()
        for at in range(40, len(text) - 40, 23)
        if text[at] != "N"
    ]
    vcf = genome.parent / "variants.vcf"
    head = "##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    vcf.write_text(head + "".join(f"{row}\n" for row in rows))

    def score(name: str = "effects", model: Model | None = None, **options) -> Path:
        if not (genome.parent / name).exists():
            toy = model or peaks_model()
            found = {toy.card.name: RegisteredModel(toy, "toys", "1", "toys")}
            with pytest.MonkeyPatch.context() as patch:
                registry = Registry(found, [])
                patch.setattr("tracksmith.models.registry.load_registry", lambda: registry)
                source = None if "saturate" in options else vcf
                tracksmith.score_variants(source, "toy", genome, genome.parent / name, **options)
        return genome.parent / name

    return score


@pytest.fixture
def values_of(predicted) -> Callable[..., dict[str, np.ndarray]]:
    """Return a function to the model's values of a track: contig to float64, NaN in gaps."""

    def read(track: str, name: str = "plain") -> dict[str, np.ndarray]:
        path = predicted(name) / f"tracks/toy.{track}.bw"
        return {contig: np.abs(stored(path, contig, length)) for contig, length in LENGTHS.items()}

    return read


@pytest.fixture
def regions(tmp_path: Path) -> Path:
    """Regions of several widths, among them one in a gap."""
    lines = [f"chr1\t{at}\t{at + 60}\tr{at}" for at in range(0, 900, 60)]
    lines += [f"chr2\t{at}\t{at + 75}\tq{at}" for at in range(0, 1_500, 75)]
    lines += ["chr1\t1010\t1090\tgap", "chr1\t960\t1040\thalf"]
    path = tmp_path / "regions.bed"
    path.write_text("".join(f"{line}\t0\t.\n" for line in lines))
    return path


@pytest.fixture
def measured(values_of, tmp_path) -> Callable[..., list[str]]:
    """Return a function that writes both strands, each changed by a function of its values."""

    def write(change=lambda values, dice: values, sign=1.0, swap=False, name="m") -> list[str]:
        dice = np.random.default_rng(5)
        files = []
        for strand in ("plus", "minus"):
            source = {"plus": "minus", "minus": "plus"}[strand] if swap else strand
            arrays = {c: change(v, dice) for c, v in values_of(source).items()}
            factor = sign if strand == "minus" else 1.0
            arrays = {c: factor * v for c, v in arrays.items()}
            files.append(str(write_measured(tmp_path / f"{name}.{strand}.bw", arrays)))
        return files

    return write
