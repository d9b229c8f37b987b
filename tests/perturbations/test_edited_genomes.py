"""A perturbation is a run over a genome that was edited by hand."""

from pathlib import Path

import numpy as np
import pyBigWig
import pytest
from engine_toys import Dense, complement, cut, dense_by_hand, toy_card
from perturb_toys import by_hand, pairs_of, rows_of, write_table

import tracksmith
from tracksmith.errors import UsageError
from tracksmith.genome.bases import decode, encode
from tracksmith.models.card import VariantDefaults, WindowGeometry
from tracksmith.models.contract import Model, Predictor
from tracksmith.perturbations.shuffle import Dice, shuffled

SITE = 14_376
AROUND = 40
NEW = "TATAAAAGGCCAATCGGGGGCGGAGC"


def contigs_of(fasta: Path) -> dict[str, str]:
    blocks = fasta.read_text().split(">")[1:]
    pairs = (block.partition("\n") for block in blocks)
    return {name.strip(): text.replace("\n", "").upper() for name, _, text in pairs}


EDITS = {
    "mask": (SITE - 40, SITE - 20),
    "keep": (SITE - 25, SITE + 50),
    "delete": (SITE - 120, SITE - 60),
    "insert": (SITE - 20, SITE - 20, NEW),
    "replace": (SITE - 40, SITE - 20, NEW),
    "invert": (SITE - 38, SITE - 18),
    "duplicate": (SITE - 35, SITE - 20),
    "move": (SITE - 35, SITE - 20, "", SITE + 500),
}


@pytest.fixture(scope="module")
def plain(demo, tmp_path_factory):
    """A function from a contig's text to the sums over a stretch of it, by a plain run."""
    folder = tmp_path_factory.mktemp("plain")

    def run(text: str, start: int, end: int, name: str) -> dict[str, float]:
        fasta = folder / f"{name}.fa"
        fasta.write_text(f">demo1\n{text}\n")
        out = folder / name
        tracksmith.predict(
            "core-promoter", fasta, out, regions=f"demo1:{start + 1}-{end}", device="cpu"
        )
        found = {}
        for track, sign in (("plus", 1), ("minus", -1)):
            with pyBigWig.open(str(out / "tracks" / f"core-promoter.{track}.bw")) as file:
                values = np.array(file.values("demo1", start, end))
            found[track] = float(np.nansum(values)) * sign
        return found

    return run


@pytest.fixture(scope="module")
def perturbed(demo, tmp_path_factory):
    """The table of every edit, read around one start site."""
    folder = tmp_path_factory.mktemp("perturbed")
    rows = [
        ("demo1", edit[0], edit[1], name, name, *(tuple(edit[2:]) or ("",)))
        for name, edit in EDITS.items()
    ]
    table = write_table(folder / "edits.tsv", *rows)
    (folder / "site.bed").write_text(f"demo1\t{SITE}\t{SITE + 1}\tstart\t0\t+\n")
    tracksmith.perturb(
        table, folder / "site.bed", "core-promoter", demo.fasta, folder / "run", around=AROUND,
        device="cpu",
    )  # fmt: skip
    return pairs_of(folder / "run", "core-promoter")


@pytest.mark.parametrize("operation", EDITS)
def test_each_edit_gives_the_values_of_a_fasta_edited_by_hand_to_the_bit(
    operation, demo, plain, perturbed
):
    text = contigs_of(demo.fasta)["demo1"]
    start, end, *more = EDITS[operation]
    changed = by_hand(text, operation, start, end, *more)
    assert changed != text
    # Where the site lies now, found by what is left of it and not by any map of ours.
    around = text[SITE - 15 : SITE + 30] if operation != "keep" else text[SITE : SITE + 30]
    assert changed.count(around) == 1
    site = changed.index(around) + (15 if operation != "keep" else 0)
    span = site - AROUND, site + AROUND + 1
    expected = plain(changed, *span, operation)
    reference = plain(text, SITE - AROUND, SITE + AROUND + 1, "reference")
    rows = {row["track"]: row for row in perturbed if row["edit"] == operation}
    assert set(rows) == {"plus", "minus"}
    differs = False
    for track, row in rows.items():
        assert float(row["reference"]) == np.float64(f"{reference[track]:.9g}")
        assert float(row["mean"]) == np.float64(f"{expected[track]:.9g}")
        assert float(row["effect"]) == float(row["mean"]) - float(row["reference"])
        differs = differs or expected[track] != reference[track]
    assert differs
    assert (rows["plus"]["inReach"], rows["plus"]["why"]) == ("partly" if operation == "keep" else
                                                              "yes", ".")  # fmt: skip


def test_an_inversion_of_everything_around_the_site_exchanges_the_strands(demo, tmp_path):
    """The readout lies in the middle of what is inverted, so that it cannot be followed ..."""
    table = write_table(
        tmp_path / "edits.tsv",
        ("demo1", SITE - 1000, SITE + 1001, "around", "invert"),
        ("demo1", SITE + 50, SITE + 1001, "beside", "invert"),
    )
    (tmp_path / "site.bed").write_text(f"demo1\t{SITE}\t{SITE + 1}\tstart\n")
    tracksmith.perturb(
        table, tmp_path / "site.bed", "core-promoter", demo.fasta, tmp_path / "run", around=0,
        device="cpu",
    )  # fmt: skip
    rows = {(row["edit"], row["track"]): row for row in pairs_of(tmp_path / "run", "core-promoter")}
    assert rows["around", "*"]["why"] == "the edit inverts the readout"
    assert rows["around", "*"]["effect"] == ""
    assert float(rows["beside", "plus"]["reference"]) > 0


@pytest.mark.parametrize("strand", ["plus", "minus"])
def test_both_strands_of_an_inverted_element_are_those_of_the_inverted_text(
    strand, demo, plain, tmp_path
):
    """A promoter inverted beside the readout fires on the other strand, within the readout."""
    text = contigs_of(demo.fasta)["demo1"]
    start, end = SITE - 60, SITE + 41
    (tmp_path / "read.bed").write_text(f"demo1\t{start - 30}\t{end + 300}\tregion\n")
    table = write_table(tmp_path / "edits.tsv", ("demo1", start, end, "flip", "invert"))
    tracksmith.perturb(
        table, tmp_path / "read.bed", "core-promoter", demo.fasta, tmp_path / "run", device="cpu"
    )
    row = next(row for row in pairs_of(tmp_path / "run", "core-promoter") if row["track"] == strand)
    changed = by_hand(text, "invert", start, end)
    expected = plain(changed, start - 30, end + 300, f"flipped-{strand}")[strand]
    assert float(row["mean"]) == np.float64(f"{expected:.9g}")
    assert float(row["effect"]) != 0


def test_a_shuffle_is_the_mean_over_its_seeds_and_their_spread(demo, plain, tmp_path):
    text = contigs_of(demo.fasta)["demo1"]
    start, end = SITE - 45, SITE - 25
    table = write_table(tmp_path / "edits.tsv", ("demo1", start, end, "box", "shuffle"))
    (tmp_path / "site.bed").write_text(f"demo1\t{SITE}\t{SITE + 1}\tstart\n")
    tracksmith.perturb(
        table, tmp_path / "site.bed", "core-promoter", demo.fasta, tmp_path / "run", around=AROUND,
        seeds=4, device="cpu",
    )  # fmt: skip
    found = []
    for seed in range(1, 5):
        piece = decode(shuffled(encode(text[start:end]), Dice(f"{seed} 0:{start}-{end}")))
        changed = text[:start] + piece + text[end:]
        found.append(plain(changed, SITE - AROUND, SITE + AROUND + 1, f"seed{seed}")["plus"])
    row = next(row for row in pairs_of(tmp_path / "run", "core-promoter") if row["track"] == "plus")
    assert row["seeds"] == "4"
    assert float(row["mean"]) == pytest.approx(np.mean(found), rel=1e-8)
    assert float(row["sd"]) == pytest.approx(np.std(found, ddof=1), rel=1e-8)
    assert np.std(found) > 0


def test_seeds_are_fixed_and_in_the_identity(demo, tmp_path):
    table = write_table(tmp_path / "edits.tsv", ("demo1", SITE - 45, SITE - 25, "box", "shuffle"))
    renamed = write_table(tmp_path / "more.tsv", ("demo1", SITE - 400, SITE - 390, "a", "mask"),
                          ("demo1", SITE - 45, SITE - 25, "other", "shuffle"))  # fmt: skip
    (tmp_path / "site.bed").write_text(f"demo1\t{SITE}\t{SITE + 1}\tstart\n")

    def run(edits, seeds, name):
        return tracksmith.perturb(
            edits, tmp_path / "site.bed", "core-promoter", demo.fasta, tmp_path / name, around=40,
            seeds=seeds, device="cpu",
        )  # fmt: skip

    first, more, fewer = run(table, 3, "a"), run(renamed, 3, "b"), run(table, 2, "c")
    assert len({first.id, more.id, fewer.id}) == 3
    value = [
        row["mean"]
        for run in (first, more, fewer)
        for row in pairs_of(run.folder, "core-promoter")
        if row["track"] == "plus" and row["op"] == "shuffle"
    ]
    assert value[0] == value[1] != value[2]
    with pytest.raises(UsageError, match=r"details\.seeds: 3, 2"):
        run(table, 2, "a")


GEOMETRY = WindowGeometry(64, 16, 32, 4)


@pytest.fixture
def toy():
    card = toy_card(
        GEOMETRY, ("1", "2"), reverse_complement="default",
        variants=VariantDefaults(scores=("diff",), reduce="mean"),
    )  # fmt: skip
    networks = {name: Dense(GEOMETRY, seed) for seed, name in enumerate(("1", "2"))}
    return Model(card, lambda request: Predictor(networks)), list(networks.values())


def window_by_hand(networks, text, start, shifts):
    """Mean over folds, strands and shifts of the tracks of a window of letters."""
    total = []
    for shift in shifts:
        window = cut(text, start + shift, start + shift + 64)
        forward = np.mean([dense_by_hand(net, window) for net in networks], axis=0)
        other = np.mean([dense_by_hand(net, complement(window)) for net in networks], axis=0)
        for values in (forward, other[[1, 0, 2]][:, ::-1]):
            moved = round(shift / 4)
            wide = np.full((3, 24), np.nan)
            wide[:, 8 + moved : 16 + moved] = values
            total.append(wide)
    return np.mean(total, axis=0)[:, 8:16]


@pytest.mark.parametrize("shifts", [(0,), (-4, 0, 4)])
def test_a_model_that_sees_phases_equals_windows_cut_by_hand(
    shifts, toy, register, write_genome, random_bases, tmp_path
):
    model, networks = toy
    register(model)
    text = random_bases(600, 1)
    fasta = write_genome(chr1=text)
    cases = {
        "mask": (290, 300), "delete": (280, 287), "insert": (291, 291, "ACGTTGA"),
        "replace": (310, 314, "ACGTTGATT"), "invert": (270, 295), "duplicate": (275, 290),
        "move": (270, 280, "", 320), "keep": (280, 312), "far": (285, 289),
    }  # fmt: skip
    rows = [
        ("chr1", case[0], case[1], name, "mask" if name == "far" else name, *case[2:])
        for name, case in cases.items()
    ]
    table = write_table(tmp_path / "edits.tsv", *rows)
    (tmp_path / "read.bed").write_text("chr1\t301\t306\tregion\n")
    tracksmith.perturb(
        table, tmp_path / "read.bed", "toy", fasta, tmp_path / "run", shifts=shifts, device="cpu"
    )
    # The middle base, 303, lies in the middle of the core's bin 4: 2 bp into it.
    core = 303 - (4 * 4 + 2)
    bins = slice((301 - core) // 4, -(-(306 - core) // 4))
    reference = window_by_hand(networks, text, core - 16, shifts)[:, bins].mean(axis=1)
    found = {}
    for row in pairs_of(tmp_path / "run", "toy"):
        found.setdefault(row["edit"], []).append(row)
    scale = np.abs(reference).max()
    for name, case in cases.items():
        operation = "mask" if name == "far" else name
        changed = by_hand(text, operation, *case)
        left = sum(len(part) for part in ([case[2]] if name in ("insert",) else [])) - (
            case[1] - case[0] if name in ("delete", "move") else 0
        )
        offset = left + (case[1] - case[0] if name == "duplicate" else 0)
        offset = 0 if name in ("replace",) else offset
        expected = window_by_hand(networks, changed, core - 16 + offset, shifts)[:, bins]
        values = [float(row["mean"]) for row in found[name]]
        np.testing.assert_allclose(values, expected.mean(axis=1), rtol=0, atol=2e-6 * scale)
        own = [float(row["reference"]) for row in found[name]]
        np.testing.assert_allclose(own, reference, rtol=0, atol=2e-6 * scale)
        assert np.abs(np.array(values) - own).max() > 1e-3 * scale


def test_a_mask_of_what_is_n_changes_nothing_to_the_bit(
    toy, register, write_genome, random_bases, tmp_path
):
    register(toy[0])
    text = random_bases(600, 1)
    text = text[:280] + "N" * 10 + text[290:]
    table = write_table(tmp_path / "edits.tsv", ("chr1", 282, 288, "nothing", "mask"))
    (tmp_path / "read.bed").write_text("chr1\t301\t306\tregion\n")
    fasta = write_genome(chr1=text)
    tracksmith.perturb(table, tmp_path / "read.bed", "toy", fasta, tmp_path / "run", device="cpu")
    for row in pairs_of(tmp_path / "run", "toy"):
        assert row["inReach"] == "yes"
        assert row["mean"] == row["reference"]
        assert row["effect"] == "0"
    counts = {row["what"]: int(row["number"]) for row in
              rows_of(tmp_path / "run/perturb/toy.counts.tsv")}  # fmt: skip
    assert counts["equal sequences, predicted once"] == 1
    assert counts["windows predicted in full"] == 2  # both strands of the reference
    assert counts["windows if each edit were predicted alone"] == 4


def test_parts_and_batches_decide_no_byte(demo, tmp_path, monkeypatch):
    """Equal but for the counts of windows: a part cuts the reference of its readout anew."""
    (tmp_path / "site.bed").write_text(f"demo1\t{SITE}\t{SITE + 1}\tstart\n")

    def run(name, **more):
        return tracksmith.perturb(
            None, tmp_path / "site.bed", "core-promoter", demo.fasta, tmp_path / name,
            tile=10, op="shuffle", seeds=3, regions=f"demo1:{SITE - 300}-{SITE + 200}", around=40,
            device="cpu", **more,
        ).folder / "perturb"  # fmt: skip

    whole = run("whole")
    from dataclasses import replace

    from tracksmith.perturbations import forecast, kind

    def small(model):
        stage = forecast.stage_of(model)
        return replace(stage, starts=tuple(range(0, stage.items, 7)))

    monkeypatch.setattr(kind, "stage_of", small)
    cut_up = run("cut", batch_size=3)
    for path in sorted(whole.iterdir()):
        if path.name.endswith("counts.tsv"):
            continue
        assert path.read_bytes() == (cut_up / path.name).read_bytes(), path.name
