"""Folds held out by contig, in genomes that call their contigs otherwise than the card does."""

from pathlib import Path

import numpy as np
import pyBigWig
import pytest
from engine_toys import Dense, toy_card

import tracksmith
from tests.engine.test_runs import Notes
from tracksmith.errors import InputError, UsageError
from tracksmith.genome.assemblies import ASSEMBLIES
from tracksmith.models.card import Fold, VariantDefaults, WindowGeometry
from tracksmith.models.contract import Model, Predictor

GEOMETRY = WindowGeometry(64, 16, 32, 1)
FOLDS = (Fold("1", ("chr1", "chr3")), Fold("2", ("chr1",)), Fold("3", ("chr2",)))
NETWORKS = {name: Dense(GEOMETRY, seed) for seed, name in enumerate("123")}
LENGTHS = {"chr1": 700, "chr2": 500, "chr3": 400}
NAMES = {
    "prefix": {"chr1": "chr1", "chr2": "chr2", "chr3": "chr3"},
    "bare": {"chr1": "1", "chr2": "2", "chr3": "3"},
    "capital": {"chr1": "Chr1", "chr2": "Chr2", "chr3": "Chr3"},
    "accessions": {"chr1": "NC_000001.11", "chr2": "NC_000002.12", "chr3": "CM000665.2"},
    "mixed": {"chr1": "NC_000001.11", "chr2": "2", "chr3": "chr3"},
    "turned": {"chr1": "chr2", "chr2": "chr3", "chr3": "chr1"},
}


def held_out_model(**changes):
    card = toy_card(
        GEOMETRY, folds=FOLDS, variants=VariantDefaults(scores=("diff",), max_allele=20), **changes
    )
    return Model(card, lambda request: Predictor({n: NETWORKS[n] for n in "123"}))


@pytest.fixture
def texts(random_bases):
    return {name: random_bases(length, n) for n, (name, length) in enumerate(LENGTHS.items())}


def aliases(names, folder: Path) -> Path:
    path = folder / "alias.tsv"
    lines = [f"{own}\t{name}" for name, own in names.items() if own != name]
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def values(run, contig: str, length: int) -> np.ndarray:
    with pyBigWig.open(str(run.folder / "tracks/toy.plus.bw")) as file:
        return file.values(contig, 0, length, numpy=True)


def predict(genome, out, **more):
    return tracksmith.predict("toy", genome, out, folds="held-out", device="cpu", **more)


@pytest.mark.parametrize("kind", NAMES)
def test_a_contig_is_predicted_by_the_folds_that_its_own_name_tells(
    register, write_genome, tmp_path, texts, kind
):
    """Against a genome with the card's names; only ``turned`` needs no alias to be found."""
    register(held_out_model())
    names = NAMES[kind]
    genome = write_genome(**{names[name]: text for name, text in texts.items()})
    own = {name: name for name in names} if kind == "turned" else names
    more = {"alias": aliases(own, tmp_path)} if kind in ("accessions", "mixed") else {}
    run = predict(genome, tmp_path / "run", **more)
    table = (run.folder / "tracks/toy.folds.bed").read_text().splitlines()
    folds = {line.split("\t")[0]: line.split("\t")[3] for line in table}
    expected = {"chr1": "1,2", "chr2": "3", "chr3": "1"}
    if kind == "turned":  # exactly such a name is the card's, whatever it was before
        assert folds == expected
        return
    assert folds == {names[name]: due_folds for name, due_folds in expected.items()}
    plain = write_genome(**texts)
    reference = predict(plain, tmp_path / "plain")
    for name, text in texts.items():
        numbers, due = (values(r, c, len(text)) for r, c in ((run, names[name]), (reference, name)))
        assert np.array_equal(numbers, due, equal_nan=True) and np.isfinite(numbers).any()


def test_variants_are_scored_by_the_same_folds(register, write_genome, tmp_path, texts):
    register(held_out_model())
    scores = {}
    for kind in ("prefix", "accessions"):
        names, folder = NAMES[kind], tmp_path / kind
        folder.mkdir()
        genome = write_genome(**{names[name]: text for name, text in texts.items()})
        rows = []
        for name, text in texts.items():
            other = "A" if text[200] != "A" else "C"
            rows.append(f"{name}\t201\t{text[200]}\t{other}\n")
        (folder / "in.tsv").write_text("".join(rows))
        more = {"alias": aliases(names, folder)} if kind == "accessions" else {}
        out = tracksmith.score_variants(
            folder / "in.tsv", "toy", genome, folder / "run", folds="held-out", device="cpu", **more
        )
        scores[kind] = np.concatenate([piece["value"] for piece in out.pieces()])
    assert len(scores["prefix"]) == 12
    assert np.array_equal(scores["prefix"], scores["accessions"])


def test_a_contig_that_is_known_under_no_name_stays_a_gap(register, write_genome, tmp_path, texts):
    register(held_out_model())
    notes = Notes()
    genome = write_genome(**{NAMES["mixed"][name]: text for name, text in texts.items()})
    run = predict(genome, tmp_path / "run", progress=notes)
    assert np.isnan(values(run, "NC_000001.11", 700)).all()
    assert np.isfinite(values(run, "2", 500)).any()
    (said,) = [text for text in notes.said if "stay gaps" in text]
    assert "NC_000001.11" in said and "--alias FILE" in said


def test_of_two_contigs_that_a_name_could_mean_the_exact_one_is_meant(
    register, write_genome, tmp_path, texts
):
    """Two genomes in one file: 1 may be the other species' chromosome."""
    register(held_out_model())
    run = predict(write_genome(**texts, **{"1": texts["chr1"]}), tmp_path / "run")
    assert np.isfinite(values(run, "chr1", 700)).any()
    assert np.isnan(values(run, "1", 700)).all()


def test_a_name_of_the_card_that_the_alias_file_gives_to_two_contigs_is_refused(
    register, write_genome, tmp_path, texts
):
    register(held_out_model())
    genome = write_genome(a=texts["chr1"], b=texts["chr2"], c=texts["chr3"])
    (tmp_path / "alias.tsv").write_text("a\tchr1\nb\tchr1\nc\tchr3\n")
    with pytest.raises(InputError, match=r"--folds held-out: the alias file gives contig 'chr1'"):
        predict(genome, tmp_path / "run", alias=tmp_path / "alias.tsv")


def test_aliases_do_not_hide_that_a_genome_is_of_another_species(
    register, write_genome, tmp_path, monkeypatch, texts
):
    monkeypatch.setitem(ASSEMBLIES, "mm10", {"chr1": 700})
    register(held_out_model(assemblies=("hg38",)))
    names = NAMES["accessions"]
    genome = write_genome(**{names[name]: text for name, text in texts.items()})
    with pytest.raises(UsageError, match=r"by its lengths this genome is mm10"):
        predict(genome, tmp_path / "run", alias=aliases(names, tmp_path))
