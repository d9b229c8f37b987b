"""Values in register: every window built by hand, for bins of 1, 12, 32 and 128 bp."""

import csv

import numpy as np
import pytest
from by_hand import haplotype, inserted, value
from engine_toys import Dense, toy_card

import tracksmith
from tracksmith.models.card import WindowGeometry
from tracksmith.models.contract import Model, Predictor
from tracksmith.tracks.reader import read_values

GEOMETRIES = [
    WindowGeometry(64, 16, 32, 1),
    WindowGeometry(60, 12, 36, 12),
    WindowGeometry(160, 32, 96, 32),
    WindowGeometry(640, 128, 384, 128),
]


def random_edits(sequence: str, seed: int, count: int) -> list[tuple[int, int, str]]:
    """Edits that neither share a base nor adjoin, and that no repeat lets move."""
    generator = np.random.default_rng(seed)
    edits = []
    at = 0
    places = np.sort(generator.choice(len(sequence) - 4, count, replace=False)) + 1
    for start in places.tolist():
        kind = generator.integers(4)
        size = int(generator.integers(1, 40))
        other = {"A": "C", "C": "G", "G": "T", "T": "A"}
        if start <= at + 1:
            continue
        if kind == 0:
            edit = (start, start + 1, other[sequence[start]])
        elif kind == 1:
            # Neither the base before nor the one behind lets it move.
            new = "".join(generator.choice(list("ACGT"), size))
            edit = (start, start, new + other[sequence[start - 1]])
        elif kind == 2:
            end = min(start + size, len(sequence) - 1)
            while sequence[end - 1] == sequence[start - 1]:
                end -= 1
            edit = (start, end, "")
            if end <= start:
                continue
        else:
            edit = (start, start + 2, other[sequence[start]] + "ACG" + other[sequence[start + 1]])
        edits.append(edit)
        at = edit[1]
    return edits


def rows_of(sequence, first, second):
    """Two haplotypes as rows of a VCF, each allele with the base before it."""
    rows = []
    for edit in sorted({*first, *second}):
        start, end, new = edit
        genotype = f"{int(edit in first)}|{int(edit in second)}"
        anchor = sequence[start - 1]
        rows.append(("chr1", start, anchor + sequence[start:end], anchor + new, [genotype]))
    return rows


def tracks(run, length, size, statistic):
    """The values of the three tracks by bin."""
    return np.array([
        read_values(run / "tracks" / f"toy.{track}{statistic}.bw", "chr1", 0, length)[::size]
        for track in ("plus", "minus", "both")
    ])  # fmt: skip


def close(found, expected):
    assert (np.isnan(found) == np.isnan(expected)).all()
    largest = np.nanmax(np.abs(expected))
    assert np.nanmax(np.abs(found - expected), initial=0) <= 1e-6 * largest


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=lambda g: f"bin-{g.bin}")
@pytest.mark.parametrize("seed", [1, 2])
def test_every_bin_is_that_of_the_window_in_which_its_first_base_is_in_register(
    geometry, seed, register, write_genome, write_people, random_sequence, tmp_path
):
    network = Dense(geometry, seed)
    register(Model(toy_card(geometry, ("1",)), lambda request: Predictor({"1": network})))
    length = 900 if geometry.bin < 32 else 2500
    sequence = random_sequence(length, seed)
    first, second = (random_edits(sequence, 10 * seed + n, 14) for n in range(2))
    second += [edit for edit in first[::3] if all(abs(edit[0] - o[0]) > 90 for o in second)]
    people = write_people(rows_of(sequence, first, second))
    tracksmith.predict("toy", write_genome(chr1=sequence), tmp_path / "run", vcf=people)
    expected = [haplotype(network, geometry, sequence, edits) for edits in ([], first, second)]
    for statistic, values in zip(("", ".ann.hap1", ".ann.hap2"), expected, strict=True):
        close(tracks(tmp_path / "run", length, geometry.bin, statistic), values)
    difference = tracks(tmp_path / "run", length, geometry.bin, ".ann.hap1-hap2")
    close(difference, expected[1] - expected[2])


@pytest.mark.parametrize(("rc", "shifts"), [(True, (0,)), (False, (-7, 0, 7)), (True, (-40, 3))])
def test_strands_and_shifts_are_averaged_in_register(
    rc, shifts, register, write_genome, write_people, random_sequence, tmp_path
):
    geometry = WindowGeometry(64, 10, 32, 1)
    network = Dense(geometry, 1)
    card = toy_card(geometry, ("1",), reverse_complement="allowed")
    register(Model(card, lambda request: Predictor({"1": network})))
    sequence = random_sequence(700, 3)
    first, second = (random_edits(sequence, 30 + n, 9) for n in range(2))
    people = write_people(rows_of(sequence, first, second))
    tracksmith.predict(
        "toy", write_genome(chr1=sequence), tmp_path / "run", vcf=people, shifts=shifts,
        reverse_complement=rc,
    )  # fmt: skip
    for statistic, edits in ((".ann.hap1", first), (".ann.hap2", second)):
        expected = haplotype(network, geometry, sequence, edits, shifts, rc=rc)
        found = tracks(tmp_path / "run", len(sequence), 1, statistic)
        inside = slice(50, -50)  # beyond a contig's end a shift leaves a gap
        close(found[:, inside], expected[:, inside])


@pytest.mark.parametrize("geometry", GEOMETRIES[:3], ids=lambda g: f"bin-{g.bin}")
def test_inserted_bases_are_summed_up_in_the_table(
    geometry, register, write_genome, write_people, random_sequence, tmp_path
):
    network = Dense(geometry, 4)
    register(Model(toy_card(geometry, ("1",)), lambda request: Predictor({"1": network})))
    sequence = random_sequence(1500, 5)
    edits = random_edits(sequence, 7, 20)
    people = write_people(rows_of(sequence, edits, edits[::2]))
    tracksmith.predict("toy", write_genome(chr1=sequence), tmp_path / "run", vcf=people)
    with (tmp_path / "run" / "edits" / "ann.edits.tsv").open() as table:
        rows = list(csv.DictReader(table, delimiter="\t"))
    told = 0
    for row in rows:
        for number, own in ((1, edits), (2, edits[::2])):
            edit = next((e for e in own if e[0] == int(row["start"])), None)
            texts = [row[f"toy.{t}.hap{number}.inserted_sum"] for t in ("plus", "minus", "both")]
            if edit is None or len(edit[2]) <= edit[1] - edit[0]:
                assert texts == ["", "", ""]
                continue
            told += 1
            expected = inserted(network, geometry, sequence, own, edit)
            scale = np.abs(expected).max()
            assert np.allclose(np.array(texts, float), expected.sum(axis=1), atol=2e-5 * scale)
            most = [row[f"toy.{t}.hap{number}.inserted_strongest"] for t in ("plus", "both")]
            strongest = expected[[0, 2], np.abs(expected[[0, 2]]).argmax(axis=1)]
            assert np.allclose(np.array(most, float), strongest, atol=2e-5 * scale)
    assert told > 5


@pytest.mark.parametrize("start", [600, 598])
def test_a_last_bin_that_passes_the_contigs_end_is_a_gap_where_its_bases_are_deleted(
    start, register, write_genome, write_people, random_sequence, tmp_path
):
    """What lies beyond the end is no base that survives."""
    geometry = GEOMETRIES[1]
    network = Dense(geometry, 1)
    register(Model(toy_card(geometry, ("1",)), lambda request: Predictor({"1": network})))
    sequence = random_sequence(609, 1)
    sequence += "A" if sequence[start - 1] != "A" else "C"  # no room to the left
    edits = [(start, 610, "")]
    people = write_people(rows_of(sequence, edits, []))
    tracksmith.predict("toy", write_genome(chr1=sequence), tmp_path / "run", vcf=people)
    found = tracks(tmp_path / "run", len(sequence), geometry.bin, ".ann.hap1")
    assert np.isnan(found[:, -1]).all()
    close(found, haplotype(network, geometry, sequence, edits))


def test_inserted_bases_that_pass_a_chunks_end_are_read_with_the_edits_behind_it(
    monkeypatch, register, write_genome, write_people, random_sequence, tmp_path
):
    monkeypatch.setattr("tracksmith.engine.tiling.SMALL_CHUNK_BASES", 64)
    geometry = GEOMETRIES[0]
    network = Dense(geometry, 1)
    register(Model(toy_card(geometry, ("1",)), lambda request: Predictor({"1": network})))
    sequence = random_sequence(500, 8)
    other = {"A": "C", "C": "G", "G": "T", "T": "A"}
    # Chunks of two cores: the windows of the chunk end at 336, those of the insertion behind.
    insertion = (319, 319, "ACGTAC" + other[sequence[318]])
    edits = [insertion, (345, 346, other[sequence[345]])]
    people = write_people(rows_of(sequence, edits, []))
    tracksmith.predict("toy", write_genome(chr1=sequence), tmp_path / "run", vcf=people)
    with (tmp_path / "run" / "edits" / "ann.edits.tsv").open() as table:
        row = next(csv.DictReader(table, delimiter="\t"))
    sums = [float(row[f"toy.{track}.hap1.inserted_sum"]) for track in ("plus", "minus", "both")]
    expected = inserted(network, geometry, sequence, edits, insertion)
    assert np.allclose(sums, expected.sum(axis=1), atol=2e-5 * np.abs(expected).max())


def test_a_bin_cut_by_a_deletion_takes_the_bin_of_the_cores_window_that_holds_most_of_its_bases(
    register, write_genome, write_people, random_sequence, tmp_path
):
    geometry = GEOMETRIES[3]
    network = Dense(geometry, 1)
    register(Model(toy_card(geometry, ("1",)), lambda request: Predictor({"1": network})))
    sequence = random_sequence(1200, 2)
    start, end = 256, 356  # behind the middle of the first core, which therefore stays in place
    sequence = sequence[:355] + ("A" if sequence[255] != "A" else "C") + sequence[356:]
    people = write_people(rows_of(sequence, [(start, end, "")], []))
    tracksmith.predict(
        "toy", write_genome(chr1=sequence), tmp_path / "run", vcf=people, register="core"
    )
    # What is left of the third bin, 28 bases, lies in the third bin of that window.
    expected = value(network, geometry, sequence[:start] + sequence[end:], 256, 2, (0, 0, False))
    found = tracks(tmp_path / "run", len(sequence), geometry.bin, ".ann.hap1")[:, 2]
    assert np.abs(found - expected).max() <= 1e-6 * np.abs(expected).max()
