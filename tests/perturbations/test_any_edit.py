"""Any edits and readouts: the values of windows that are cut from letters with their places."""

import numpy as np
import pytest
from engine_toys import Dense, complement, cut, dense_by_hand, toy_card
from perturb_toys import pairs_of, write_table

import tracksmith
from tracksmith.models.card import VariantDefaults, WindowGeometry
from tracksmith.models.contract import Model, Predictor

GEOMETRY = WindowGeometry(64, 16, 32, 4)
LENGTH = 300


def random_edits(random):
    """Rows of a table, of every operation but shuffle, anywhere on the contig, ends included."""
    rows = []
    for number in range(120):
        operation = str(
            random.choice(
                ["mask", "delete", "insert", "replace", "invert", "duplicate", "move", "keep"]
            )
        )
        start = int(random.integers(0, LENGTH - 30))
        end = start if operation == "insert" else start + int(random.integers(1, 30))
        bases = "".join(random.choice(list("ACGT"), int(random.integers(1, 25))))
        target = int(random.choice([*range(start), *range(end + 1, LENGTH + 1)]))
        rows.append(
            (
                "chr1", start, end, f"e{number}", operation,
                bases if operation in ("insert", "replace") else ".",
                target if operation == "move" else ".",
            )
        )  # fmt: skip
    return rows


def labelled(text, row):
    """The edited letters, each with its place in the reference, None where it has none."""
    _, start, end, _, operation, bases, target = row
    places = [(letter, at) for at, letter in enumerate(text)]
    piece = places[start:end]
    new = [(letter, None) for letter in bases]
    if operation in ("mask", "keep"):
        inside = operation == "mask"
        return [("N", p) if (start <= p < end) == inside else (x, p) for x, p in places]
    if operation == "invert":
        turned = complement(text[start:end])
        return places[:start] + [(x, start + n) for n, x in enumerate(turned)] + places[end:]
    if operation == "duplicate":
        return places[:end] + [(letter, None) for letter, _ in piece] + places[end:]
    if operation == "move":
        copied = [(letter, None) for letter, _ in piece]
        whole = places[:target] + copied + places[target:]
        return [one for one in whole if one[1] is None or not start <= one[1] < end]
    if operation == "replace":
        kept = [(x, start + n if n < end - start else None) for n, (x, _) in enumerate(new)]
        return places[:start] + kept + places[end:]
    return places[:start] + (new if operation == "insert" else []) + places[end:]


def expected(network, text, row, span, middle):
    """What the row says: a reason, or the mean over the readout's bins, (tracks,)."""
    start, end, operation = row[1], row[2], row[4]
    core = middle - 18  # the middle of the core's bin 4 lies 18 bp into it
    spans = {
        "keep": [(0, start), (end, LENGTH)], "duplicate": [(end, end)],
        "move": [(start, end), (row[6], row[6])],
    }.get(operation, [(start, end)])  # fmt: skip
    if not any(a < core + 48 and b > core - 16 for a, b in spans):
        return "beyond"
    if operation in ("move", "invert") and start <= middle < end:
        return f"the edit {operation}s the readout"
    places = labelled(text, row)
    index = {place: at for at, (_, place) in enumerate(places) if place is not None}
    left = [p for p in range(*span) if p in index]
    if not left:
        return "the edit deletes the readout"
    anchor = min(left, key=lambda p: (abs(p - middle), p))
    core += index[anchor] - anchor
    first, last = (index[left[0]] - core) // 4, -(-(index[left[-1]] + 1 - core) // 4)
    if first < 0 or last > 8:
        return "the edit makes the readout longer than the core"
    letters = "".join(letter for letter, _ in places)
    return dense_by_hand(network, cut(letters, core - 16, core + 48))[:, first:last].mean(axis=1)


@pytest.mark.parametrize("seed", range(4))
def test_any_edit_has_the_value_of_its_letters(
    seed, register, write_genome, random_bases, tmp_path
):
    network = Dense(GEOMETRY, 1)
    card = toy_card(
        GEOMETRY, ("1",), variants=VariantDefaults(scores=("diff",), reduce="mean")
    )  # fmt: skip
    register(Model(card, lambda request: Predictor({"1": network})))
    random = np.random.default_rng(seed)
    text = random_bases(LENGTH, seed)
    rows = random_edits(random)
    starts = [0, *random.integers(20, LENGTH - 40, 3).tolist(), LENGTH - 5]
    spans = {f"r{n}": (s, s + int(random.integers(1, 6))) for n, s in enumerate(starts)}
    (tmp_path / "read.bed").write_text(
        "".join(f"chr1\t{a}\t{b}\t{name}\n" for name, (a, b) in spans.items())
    )
    table = write_table(tmp_path / "edits.tsv", *rows)
    tracksmith.perturb(
        table, tmp_path / "read.bed", "toy", write_genome(chr1=text), tmp_path / "run",
        device="cpu", table_only=True,
    )  # fmt: skip
    table_rows = {}
    for row in pairs_of(tmp_path / "run", "toy"):
        table_rows.setdefault((row["edit"], row["readout"]), []).append(row)
    assert len(table_rows) == len(rows) * len(spans)
    scored = 0
    for row in rows:
        for name, span in spans.items():
            want = expected(network, text, row, span, (span[0] + span[1]) // 2)
            own = table_rows[row[3], name]
            if isinstance(want, str):
                assert own[0]["why"].startswith(want) and own[0]["mean"] == "", (row, name)
                continue
            scored += 1
            values = [float(one["mean"]) for one in own]
            np.testing.assert_allclose(values, want, rtol=0, atol=2e-4, err_msg=str((row, name)))
    assert scored > 100
