"""What a window does not hold has no effect and no number: a row says why."""

from perturb_toys import pairs_of, rows_of, write_table

import tracksmith

SITE = 14_376
WINDOW = (SITE - 1024, SITE + 1024)
"""The site is the middle of the core, which is the middle of the window."""
NUMBERS = ("reference", "mean", "sd", "seeds", "effect", "relative", "log2fc", "bins")


def run(demo, folder, edits, readouts, **more):
    (folder / "read.bed").write_text("".join("\t".join(map(str, row)) + "\n" for row in readouts))
    table = write_table(folder / "edits.tsv", *edits)
    tracksmith.perturb(
        table, folder / "read.bed", "core-promoter", demo.fasta, folder / "run", device="cpu",
        **{"around": 0, **more},
    )  # fmt: skip
    rows = pairs_of(folder / "run", "core-promoter")
    return {(row["edit"], row["readout"]): row for row in rows if row["track"] in ("plus", "*")}


def test_one_base_decides_whether_an_edit_is_in_reach(demo, tmp_path):
    low, high = WINDOW
    found = run(
        demo, tmp_path,
        [
            ("demo1", low - 10, low, "before", "mask"),
            ("demo1", low - 10, low + 1, "begin", "mask"),
            ("demo1", low, low + 10, "first", "delete"),
            ("demo1", low, low, "put", "insert", "ACGT"),
            ("demo1", low + 1, low + 1, "put-inside", "insert", "ACGT"),
            ("demo1", high - 1, high + 5, "end", "mask"),
            ("demo1", high, high + 5, "behind", "mask"),
            ("demo1", high + 100, high + 120, "comes", "move", ".", SITE + 200),
            ("demo1", SITE + 200, SITE + 220, "goes", "move", ".", high + 100),
        ],
        [("demo1", SITE, SITE + 1, "start")],
    )  # fmt: skip
    reach = {edit: row["inReach"] for (edit, _), row in found.items()}
    assert reach == {
        "before": "no", "begin": "partly", "first": "yes", "put": "no", "put-inside": "yes",
        "end": "partly", "behind": "no", "comes": "partly", "goes": "partly",
    }  # fmt: skip
    for (edit, _), row in found.items():
        if reach[edit] == "no":
            assert row["why"] == f"beyond the window {low}-{high}"
            assert [row[name] for name in NUMBERS] == [""] * len(NUMBERS)
            assert row["track"] == "*"
        else:
            assert row["why"] == "."
            assert float(row["reference"]) > 0


def test_a_readout_that_is_deleted_moved_or_turned_has_a_row_that_says_so(demo, tmp_path):
    found = run(
        demo, tmp_path,
        [
            ("demo1", SITE - 5, SITE + 5, "delete", "delete"),
            ("demo1", SITE - 5, SITE + 5, "shorten", "replace", "ACG"),
            ("demo1", SITE - 5, SITE + 5, "keep-first", "replace", "ACGACGACG"),
            ("demo1", SITE - 5, SITE + 5, "move", "move", ".", SITE + 300),
            ("demo1", SITE - 5, SITE + 5, "invert", "invert"),
            ("demo1", SITE - 5, SITE + 5, "duplicate", "duplicate"),
        ],
        [("demo1", SITE, SITE + 1, "start")],
    )  # fmt: skip
    assert {edit: row["why"] for (edit, _), row in found.items()} == {
        "delete": "the edit deletes the readout",
        "shorten": "the edit deletes the readout",
        "keep-first": ".",
        "move": "the edit moves the readout",
        "invert": "the edit inverts the readout",
        "duplicate": ".",
    }


def test_what_is_left_of_a_region_is_read_with_what_was_put_into_it(demo, tmp_path):
    """A region of 60 bp loses 20, another gets 12 more; a third would outgrow the core."""
    start = SITE - 30
    found = run(
        demo, tmp_path,
        [
            ("demo1", SITE - 10, SITE + 10, "middle", "delete"),
            ("demo1", start - 5, start + 5, "edge", "delete"),
            ("demo1", SITE + 5, SITE + 5, "more", "insert", "ACGTACGTACGT"),
            ("demo1", SITE + 5, SITE + 5, "much", "insert", "ACGT" * 500),
        ],
        [("demo1", start, start + 60, "region")], around=None,
    )  # fmt: skip
    bins = {edit: row["bins"] for (edit, _), row in found.items()}
    assert bins == {"middle": "40", "edge": "55", "more": "72", "much": ""}
    assert found["much", "region"]["why"] == "the edit makes the readout longer than the core"


def test_distances_are_signed_by_the_strand(demo, tmp_path):
    found = run(
        demo, tmp_path,
        [
            ("demo1", SITE - 20, SITE - 10, "left", "mask"),
            ("demo1", SITE + 11, SITE + 21, "right", "mask"),
            ("demo1", SITE - 3, SITE + 3, "over", "mask"),
            ("demo1", SITE + 11, SITE + 21, "moved", "move", ".", SITE - 100),
        ],
        [("demo1", SITE, SITE + 1, "plus", 0, "+"), ("demo1", SITE, SITE + 1, "minus", 0, "-")],
    )  # fmt: skip
    distance = {key: int(row["distance"]) for key, row in found.items()}
    assert distance == {
        ("left", "plus"): -11, ("left", "minus"): 11, ("right", "plus"): 11,
        ("right", "minus"): -11, ("over", "plus"): 0, ("over", "minus"): 0,
        ("moved", "plus"): -101, ("moved", "minus"): 101,
    }  # fmt: skip


def test_pairs_can_be_chosen_by_distance_and_by_name(demo, tmp_path):
    edits = [
        ("demo1", SITE - 20, SITE - 10, "near", "mask"),
        ("demo1", SITE - 500, SITE - 490, "far", "mask"),
        ("demo1", SITE - 30, SITE - 25, "own", "mask", ".", ".", "second"),
    ]
    readouts = [("demo1", SITE, SITE + 1, "first"), ("demo1", SITE + 7, SITE + 8, "second")]
    found = run(demo, tmp_path, edits, readouts, within=100)
    assert set(found) == {("near", "first"), ("near", "second"), ("own", "second"), ("far", ".")}
    assert found["far", "."]["why"] == "no readout to read it in"


def test_an_edit_and_a_readout_on_different_contigs_are_no_pair_but_have_rows(demo, tmp_path):
    found = run(
        demo, tmp_path, [("demo1", 50_000, 50_010, "here", "mask")],
        [("demo2", 30_000, 30_001, "there")],
    )  # fmt: skip
    assert set(found) == {("here", "."), (".", "there")}
    assert {row["inReach"] for row in found.values()} == {"no"}
    counts = rows_of(tmp_path / "run/perturb/core-promoter.counts.tsv")
    assert {row["what"]: row["number"] for row in counts}["sequences"] == "0"


def test_a_readout_of_nothing_but_n_has_no_value(demo, tmp_path):
    found = run(
        demo, tmp_path, [("demo1", 5_010, 5_020, "edit", "mask")],
        [("demo1", 4_900, 4_901, "in-n"), ("demo1", 5_050, 5_051, "known")],
    )  # fmt: skip
    assert found["edit", "in-n"]["why"] == "the readout holds no known base"
    assert found["edit", "known"]["why"] == "."


def test_a_contig_that_no_fold_may_predict_is_told(register, write_genome, random_bases, tmp_path):
    from engine_toys import Dense, toy_card

    from tracksmith.models.card import Fold, WindowGeometry
    from tracksmith.models.contract import Model, Predictor

    geometry = WindowGeometry(64, 16, 32, 4)
    folds = (Fold("a", held_out=("chr1",)), Fold("b", held_out=()))
    card = toy_card(geometry, folds=folds)
    networks = {name: Dense(geometry, 1) for name in ("a", "b")}
    register(Model(card, lambda request: Predictor(networks)))
    genome = write_genome(chr1=random_bases(300, 1), chr2=random_bases(300, 2))
    table = write_table(
        tmp_path / "edits.tsv", ("chr1", 140, 145, "one", "mask"), ("chr2", 140, 145, "two", "mask")
    )
    (tmp_path / "read.bed").write_text("chr1\t150\t151\tfirst\nchr2\t150\t151\tsecond\n")
    tracksmith.perturb(
        table, tmp_path / "read.bed", "toy", genome, tmp_path / "run", folds="held-out",
        device="cpu",
    )  # fmt: skip
    why = {row["edit"]: row["why"] for row in pairs_of(tmp_path / "run", "toy")}
    assert why == {"one": ".", "two": "no fold predicts this contig"}
