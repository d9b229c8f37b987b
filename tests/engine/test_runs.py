"""Whole runs of toy models: files, folds, regions, gaps, messages."""

import json

import numpy as np
import pyBigWig
import pytest
import verbs
from engine_toys import Dense, cut, dense_by_hand, toy_card

import tracksmith
from tracksmith.errors import ResourceError, UsageError
from tracksmith.models.card import Fold, Track, WindowGeometry
from tracksmith.models.contract import Model, Predictor
from tracksmith.runs.record import BaseCounts
from tracksmith.runs.run import Run

GEOMETRY = WindowGeometry(64, 16, 32, 1)


def toy(names=("1",), geometry=GEOMETRY, **changes) -> Model:
    card = toy_card(geometry, names, **changes)
    networks = {name: Dense(geometry, seed) for seed, name in enumerate(names)}
    return Model(card, lambda request: Predictor(networks))


def values(run, name, contig):
    with pyBigWig.open(str(run.folder / "tracks" / name)) as file:
        return file.values(contig, 0, file.chroms(contig), numpy=True)


class Notes:
    """A progress that remembers what it was told."""

    def __init__(self):
        self.said = []

    def start(self, *arguments):
        pass

    def advance(self, count):
        pass

    def note(self, text):
        self.said.append(text)

    def finish(self):
        pass


def test_the_files_hold_the_values_of_a_loop_over_windows(
    register, write_genome, random_bases, tmp_path
):
    register(toy())
    sequences = {"chr1": random_bases(30_011, 1), "chr2": random_bases(47, 2), "chr3": ""}
    run = tracksmith.predict("toy", write_genome(**sequences), tmp_path / "run")
    network = Dense(GEOMETRY, 0)
    for contig in ("chr1", "chr2"):
        sequence = sequences[contig]
        truth = np.concatenate(
            [
                dense_by_hand(network, cut(sequence, start - 16, start + 48))
                for start in range(0, len(sequence), 32)
            ],
            axis=1,
        )[:, : len(sequence)]
        for row, track in enumerate(("plus", "minus", "both")):
            mine = values(run, f"toy.{track}.bw", contig)
            assert np.abs(mine - truth[row]).max() < 1e-5 * np.abs(truth).max()


def test_the_minus_strand_of_a_signal_that_cannot_be_negative_is_stored_negative(
    register, write_genome, random_bases, tmp_path
):
    tracks = (
        Track("plus", "plus", "+", rc_partner="minus"),
        Track("minus", "minus", "-", rc_partner="plus"),
        Track("both", "both"),
    )
    register(toy(tracks=tracks))
    genome = write_genome(chr1=random_bases(500, 1))
    run = tracksmith.predict("toy", genome, tmp_path / "run")
    truth = dense_by_hand(
        Dense(GEOMETRY, 0), cut(genome.read_text()[6:].replace("\n", ""), -16, 48)
    )
    assert np.allclose(values(run, "toy.minus.bw", "chr1")[:32], -truth[1], rtol=1e-4, atol=1e-3)
    assert np.allclose(values(run, "toy.plus.bw", "chr1")[:32], truth[0], rtol=1e-4, atol=1e-3)


def test_regions_have_the_values_of_the_whole_genome_and_gaps_elsewhere(
    register, write_genome, random_bases, tmp_path
):
    register(toy())
    genome = write_genome(chr1=random_bases(30_000, 1), chr2=random_bases(20_000, 2))
    whole = tracksmith.predict("toy", genome, tmp_path / "whole")
    bed = tmp_path / "regions.bed"
    bed.write_text("chr1\t100\t150\nchr1\t120\t9000\nchr2\t19990\t20000\nchr1\t29000\t29001\n")
    part = tracksmith.predict("toy", genome, tmp_path / "part", regions=[str(bed)])
    for contig, inside in (("chr1", [*range(100, 9000), 29_000]), ("chr2", range(19_990, 20_000))):
        wanted = np.zeros(30_000 if contig == "chr1" else 20_000, dtype=bool)
        wanted[list(inside)] = True
        mine, all_of_it = (values(run, "toy.plus.bw", contig) for run in (part, whole))
        assert (~np.isnan(mine) == wanted).all()
        assert np.allclose(mine[wanted], all_of_it[wanted], rtol=1e-5, atol=1e-4)


def test_a_contig_is_predicted_by_the_folds_that_never_saw_it(
    register, write_genome, random_bases, tmp_path
):
    folds = (Fold("1", ("chr1",)), Fold("2", ("chr2",)))
    register(toy(("1", "2"), folds=folds, unseen=("chr3",)))
    sequences = {
        name: random_bases(64, n) for n, name in enumerate(("chr1", "chr2", "chr3", "chrU"))
    }
    notes = Notes()
    run = tracksmith.predict(
        "toy", write_genome(**sequences), tmp_path / "run", folds="held-out", progress=notes
    )
    one, two = Dense(GEOMETRY, 0), Dense(GEOMETRY, 1)
    for contig, networks in (("chr1", [one]), ("chr2", [two]), ("chr3", [one, two])):
        text = cut(sequences[contig], -16, 48)
        truth = np.mean([dense_by_hand(network, text)[0] for network in networks], axis=0)
        assert np.allclose(values(run, "toy.plus.bw", contig)[:32], truth, rtol=1e-4, atol=1e-3)
    assert np.isnan(values(run, "toy.plus.bw", "chrU")).all()
    bed = (run.folder / "tracks" / "toy.folds.bed").read_text()
    assert bed == "chr1\t0\t64\t1\nchr2\t0\t64\t2\nchr3\t0\t64\t1,2\n"
    assert any("chrU" in said for said in notes.said)


def test_the_spread_is_a_file_of_its_own(register, write_genome, random_bases, tmp_path):
    register(toy(("1", "2", "3")))
    run = tracksmith.predict(
        "toy", write_genome(chr1=random_bases(64, 1)), tmp_path / "run", spread=True, tracks="minus"
    )
    assert [file.path for file in run.files] == [
        "tracks/toy.minus.bw",
        "tracks/toy.minus.sd.bw",
    ]
    text = cut(random_bases(64, 1), -16, 48)
    truth = np.std([dense_by_hand(Dense(GEOMETRY, n), text)[1] for n in range(3)], axis=0, ddof=1)
    assert np.allclose(values(run, "toy.minus.sd.bw", "chr1")[:32], truth, rtol=1e-3, atol=1e-3)


def test_several_models_of_different_geometry_share_a_run(
    register, write_genome, random_bases, tmp_path
):
    coarse = toy(geometry=WindowGeometry(64, 0, 64, 16), name="coarse")
    register(toy(), coarse)
    run = tracksmith.predict(
        ["toy", "coarse"], write_genome(chr1=random_bases(1000, 1)), tmp_path / "run", tracks="both"
    )
    assert [item.path for item in run.files] == ["tracks/toy.both.bw", "tracks/coarse.both.bw"]
    with pyBigWig.open(str(run.folder / "tracks" / "coarse.both.bw")) as file:
        intervals = file.intervals("chr1")
    assert [end - start for start, end, _ in intervals] == [16] * 62 + [8]


def test_lower_case_and_crlf_change_nothing(register, write_genome, random_bases, tmp_path):
    register(toy())
    genome = write_genome(chr1=random_bases(900, 1))
    first = tracksmith.predict("toy", genome, tmp_path / "upper")
    text = genome.read_text().replace("\n", "\r\n").replace("ACG", "acg")
    genome.write_bytes(text.encode())
    second = tracksmith.predict("toy", genome, tmp_path / "lower")
    assert [e.sha256 for e in first.files] == [e.sha256 for e in second.files]


def test_a_genome_of_n_gives_valid_empty_tracks_and_says_so(register, write_genome, tmp_path):
    register(toy())
    notes = Notes()
    run = tracksmith.predict("toy", write_genome(chr1="N" * 500), tmp_path / "run", progress=notes)
    assert np.isnan(values(run, "toy.plus.bw", "chr1")).all()
    assert [file.values for file in run.files] == [0, 0, 0]
    assert any("holds no value" in said for said in notes.said)


def test_run_json_holds_card_digests_and_quantiles(register, write_genome, random_bases, tmp_path):
    register(toy())
    tracksmith.predict("toy", write_genome(chr1=random_bases(2000, 1)), tmp_path / "run")
    content = json.loads((tmp_path / "run" / "run.json").read_text())
    assert content["results"] is not None
    assert content["plan"]["models"][0]["card"]["citation"] == "none"
    file = content["results"]["files"][0]
    mine = values(Run.open(tmp_path / "run"), "toy.plus.bw", "chr1")
    for probability in ("0.01", "0.5", "0.99"):
        truth = np.quantile(mine, float(probability))
        assert abs(file["quantiles"][probability] - truth) < 0.03 * np.abs(mine).max()
    assert file["min"] == pytest.approx(mine.min())
    assert file["values"] == 2000


def test_a_finished_run_is_not_computed_again(register, write_genome, random_bases, tmp_path):
    calls = []
    plain = toy()
    register(Model(plain.card, lambda request: calls.append(1) or plain.load(request)))
    genome = write_genome(chr1=random_bases(500, 1))
    for _ in range(2):
        tracksmith.predict("toy", genome, tmp_path / "run")
    assert len(calls) == 1


def test_another_request_into_the_same_folder_is_refused_with_the_difference(
    register, write_genome, random_bases, tmp_path
):
    register(toy())
    genome = write_genome(chr1=random_bases(500, 1))
    tracksmith.predict("toy", genome, tmp_path / "run")
    with pytest.raises(UsageError, match=r"shifts.*\[0\], \[0, 5\]"):
        tracksmith.predict("toy", genome, tmp_path / "run", shifts=(0, 5))
    run = tracksmith.predict("toy", genome, tmp_path / "run", shifts=(0, 5), overwrite=True)
    assert run.plan.models[0].shifts == (0, 5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"folds": "7"}, "--folds 7"),
        ({"spread": True}, "at least two folds"),
        ({"stride": 33}, "stride of 33 bp does not fit"),
        ({"dtype": "float64"}, "--dtype float64"),
        ({"shifts": (1, 1)}, "different numbers"),
        ({"batch_size": 0}, "--batch-size 0"),
        ({"tracks": "plux"}, "plus"),
        ({"options": {"speed": "high"}}, "toy has no options"),
        ({"device": "gpu"}, "Unknown device 'gpu'"),
        ({"device": "cpu,cuda"}, "one kind"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(
    register, write_genome, random_bases, tmp_path, options, message
):
    register(toy())
    with pytest.raises(UsageError, match=message):
        tracksmith.predict("toy", write_genome(chr1="ACGT" * 50), tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


def test_a_missing_gpu_is_never_replaced_by_the_cpu(register, write_genome, tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    register(toy())
    with pytest.raises(ResourceError, match="finds no CUDA device"):
        tracksmith.predict("toy", write_genome(chr1="ACGT" * 50), tmp_path / "run", device="cuda")


def test_a_genome_of_100_000_scaffolds_becomes_few_parts(register, tmp_path):
    path = tmp_path / "scaffolds.fa"
    path.write_text("".join(f">s{number}\nACGTTGCA\n" for number in range(100_000)))
    register(toy())
    run = verbs.plan(verbs.request(("toy",), path), tmp_path / "run")
    assert run.parts == 1
    assert run.plan.stages[0].items == 100_000


def test_n_and_ambiguous_codes_are_counted(register, write_genome, random_bases, tmp_path):
    register(toy())
    sequence = random_bases(9_000, 1)
    sequence = sequence[:100] + "N" * 50 + sequence[150:8_200] + "RYKn" + sequence[8_204:]
    run = tracksmith.predict("toy", write_genome(chr1=sequence), tmp_path / "run", parts=2)
    assert run.results.bases_read == {"toy": BaseCounts(9_000, 51, 3)}
