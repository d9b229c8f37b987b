"""A network that shares work between sequences gives the values of plain windows."""

from typing import ClassVar

import numpy as np
import pytest
import torch
from engine_toys import Dense, toy_card
from perturb_toys import pairs_of, rows_of, write_table

import tracksmith
from tracksmith.models.card import WindowGeometry
from tracksmith.models.contract import Model, Predictor

GEOMETRY = WindowGeometry(256, 64, 128, 4)


class Sharing(Dense):
    """Holds its callers to the promise that nothing differs outside the columns they name."""

    one_reference = False
    calls: ClassVar[list] = []
    """Of all copies: each thread has its own network."""

    def predict_alleles(self, reference, alternative, first, last):
        assert 0 <= first < last <= GEOMETRY.window
        assert len(reference) in ((1, len(alternative)) if self.one_reference else
                                  (len(alternative),))  # fmt: skip
        outside = torch.ones(GEOMETRY.window, dtype=torch.bool)
        outside[first:last] = False
        shared = reference.expand(len(alternative), -1, -1)
        assert torch.equal(shared[..., outside], alternative[..., outside])
        self.calls.append((len(reference), len(alternative), last - first))
        return self(reference), self(alternative)


class SharingOne(Sharing):
    one_reference = True


@pytest.mark.parametrize("shifts", [(0,), (-40, 0, 8)])
@pytest.mark.parametrize("kind", [Sharing, SharingOne])
def test_every_edit_has_the_values_of_plain_windows(
    kind, shifts, register, write_genome, random_bases, tmp_path
):
    fasta = write_genome(chr1=random_bases(1200, 4))
    rows = [("chr1", 500 + 8 * n, 504 + 8 * n, f"m{n}", "mask") for n in range(24)]
    rows += [
        ("chr1", 560, 570, "cut", "delete"), ("chr1", 640, 640, "put", "insert", "ACGTAC"),
        ("chr1", 470, 480, "turn", "invert"), ("chr1", 480, 490, "go", "move", ".", 650),
        ("chr1", 655, 665, "twice", "duplicate"), ("chr1", 590, 610, "only", "keep"),
        ("chr1", 650, 700, "mix", "shuffle"), ("chr1", 440, 445, "edge", "mask"),
    ]  # fmt: skip
    table = write_table(tmp_path / "edits.tsv", *rows)
    (tmp_path / "read.bed").write_text("chr1\t596\t603\tone\nchr1\t680\t690\ttwo\n")
    found = {}
    kind.calls.clear()
    for name, network in (("plain", Dense(GEOMETRY, 3)), ("shared", kind(GEOMETRY, 3))):
        card = toy_card(GEOMETRY, ("1",), reverse_complement="default")
        register(Model(card, lambda request, network=network: Predictor({"1": network})))
        tracksmith.perturb(
            table, tmp_path / "read.bed", "toy", fasta, tmp_path / name, shifts=shifts, seeds=2,
            device="cpu", table_only=True,
        )  # fmt: skip
        found[name] = pairs_of(tmp_path / name, "toy")
    assert len(found["plain"]) == len(found["shared"])
    for row, other in zip(found["plain"], found["shared"], strict=True):
        assert [row[n] for n in ("edit", "readout", "inReach", "why")] == [
            other[n] for n in ("edit", "readout", "inReach", "why")
        ]
        if row["mean"]:
            values = [[float(one[n]) for n in ("reference", "mean")] for one in (row, other)]
            np.testing.assert_allclose(values[0], values[1], rtol=1e-4, atol=2e-3)
    assert max(alternatives for _, alternatives, _ in kind.calls) > 4
    counts = {row["what"]: int(row["number"]) for row in
              rows_of(tmp_path / "shared/perturb/toy.counts.tsv")}  # fmt: skip
    assert counts["windows predicted in part"] > 30
    ways = 2 * len(shifts)
    assert counts["windows predicted in part"] % ways == 0
    assert counts["bases of these"] == counts["windows predicted in part"] * GEOMETRY.window
