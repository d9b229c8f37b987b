"""Insertions and deletions at four bin widths, against a scorer in plain Python.

The toy model gives every base a whole number that depends on the bases around it, and sums them
over bins, so that everything here is exact: no tolerance stands below.
"""

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from effect_toys import Variant, spliced
from engine_toys import cut, toy_card
from matching_by_hand import by_base, by_bin
from torch import nn

from tracksmith.effects.flags import FILLS_BINS, REPEAT
from tracksmith.effects.scorer import Scorer
from tracksmith.effects.scores import choose_scores
from tracksmith.effects.stretches import Alleles
from tracksmith.engine.forward import Forward, ForwardOptions
from tracksmith.engine.tiling import tile
from tracksmith.genome.alleles import normalise
from tracksmith.genome.bases import encode
from tracksmith.genome.fasta import Genome
from tracksmith.models.card import Track, VariantDefaults, WindowGeometry
from tracksmith.models.contract import Predictor
from tracksmith.runs.batch import BatchSize

MOTIFS = {"start": ("ACG", 0, 3), "end": ("GCA", 2, 5)}
"""Track: a motif, the base of it that has a value, and the value."""

WIDTHS = {
    1: WindowGeometry(400, 50, 300, 1),
    12: WindowGeometry(400, 56, 288, 12),
    32: WindowGeometry(1_000, 68, 864, 32),
    128: WindowGeometry(3_400, 164, 3_072, 128),
}
SCORES = ("diff", "log2fc", "l2", "maxabs")


class Motifs(nn.Module):
    """Bins of the sum of the values of motifs; with ``flat``, every base has the value 1."""

    def __init__(self, geometry: WindowGeometry, flat: bool = False) -> None:
        super().__init__()
        self.geometry, self.flat = geometry, flat

    def forward(self, bases):
        values = torch.zeros(len(bases), 2, bases.shape[2])
        for row, (motif, at, value) in enumerate(MOTIFS.values()):
            matches = torch.ones(len(bases), bases.shape[2] - len(motif) + 1)
            for step, letter in enumerate(motif):
                matches *= bases[:, "ACGT".index(letter), step : step + matches.shape[1]]
            values[:, row, at : at + matches.shape[1]] = value * matches
        if self.flat:
            values = bases.sum(1, keepdim=True).repeat(1, 2, 1)
        core = slice(self.geometry.core_start, self.geometry.core_start + self.geometry.core_length)
        return values[:, :, core].unflatten(2, (-1, self.geometry.bin)).sum(3)


def predict_by_hand(geometry: WindowGeometry, text: str, start: int) -> list[list[float]]:
    """The bins of both tracks of the window at ``start``."""
    window = cut(text, start, start + geometry.window)
    tracks = []
    for motif, at, value in MOTIFS.values():
        values = [0.0] * len(window)
        for place in range(len(window) - len(motif) + 1):
            if window[place : place + len(motif)] == motif:
                values[place + at] = float(value)
        core = values[geometry.core_start : geometry.core_start + geometry.core_length]
        tracks.append(
            [sum(core[at : at + geometry.bin]) for at in range(0, len(core), geometry.bin)]
        )
    return tracks


@dataclass
class World:
    """A genome of one contig and a scorer of it."""

    text: str
    scorer: Scorer
    geometry: WindowGeometry
    scored: tuple[int, int]

    def score(self, variants):
        """Score variants in their normal form, which is returned with the scores."""
        normal = [normal_form(self.text, variant) for variant in variants]
        alleles = Alleles(
            np.zeros(len(normal), np.int64),
            np.array([v.position for v in normal], np.int64),
            np.array([len(v.reference) for v in normal], np.int64),
            [encode(v.alternative).tobytes() for v in normal],
        )
        return normal, self.scorer.score(alleles)

    def ways(self, variant: Variant, track: int):
        """All ways to match one track by hand."""
        start = variant.position - self.geometry.window // 2
        changed, _ = spliced(self.text, variant)
        change = len(changed) - len(self.text)
        reference, left, right = (
            predict_by_hand(self.geometry, text, at)[track]
            for text, at in ((self.text, start), (changed, start), (changed, start + change))
        )
        first = start + self.geometry.core_start
        if not change:
            pairs = zip(reference, left, strict=True)
            pairs = list(pairs)[slice(*self.scored)]
            return [[(r, a, first) for r, a in pairs]]
        if self.geometry.bin == 1:
            return by_base(reference, left, first, self.scored, self.text, variant)
        size = self.geometry.bin
        return by_bin(reference, left, right, first, size, self.scored, self.text, variant)


def normal_form(text: str, variant: Variant) -> Variant:
    position, ref, alt = normalise(
        lambda start, end: encode(text[max(0, start) : max(0, end)]),
        variant.position, variant.reference, variant.alternative,
    )  # fmt: skip
    return Variant(variant.contig, position, ref, alt)


@pytest.fixture
def world(tmp_path):
    """Return a function that makes a world of a bin width and a sequence."""

    def make(width, text, bins=None, flat=False, limit=600) -> World:
        geometry = WIDTHS[width]
        path = tmp_path / f"genome{len(list(tmp_path.iterdir()))}.fa"
        path.write_text(f">one\n{text}\n")
        tracks = tuple(Track(name, name) for name in MOTIFS)
        defaults = VariantDefaults(SCORES, bins=bins, pseudocount=1.0, max_allele=limit)
        card = toy_card(geometry, tracks=tracks, variants=defaults)
        forward = Forward(
            card, Predictor({"": Motifs(geometry, flat)}), tile(geometry), torch.device("cpu"),
            BatchSize(16), ForwardOptions(),
        )  # fmt: skip
        scorer = Scorer(forward, Genome.open(path), choose_scores(SCORES, card, {}), [("",)])
        return World(text, scorer, geometry, bins or (0, geometry.bins))

    return make


def letters(generator, alphabet, length):
    return "".join(generator.choice(list(alphabet), length))


def random_variant(generator, text, alphabet, longest, low, high) -> Variant:
    """An insertion, deletion or both, half of them next to a repeat of a few letters."""
    position = int(generator.integers(low, high))
    old = int(generator.integers(1, longest)) if generator.random() < 0.6 else 1
    new = int(generator.integers(1, longest)) if generator.random() < 0.6 else 1
    ref = text[position : position + old]
    alt = letters(generator, alphabet, new)
    if generator.random() < 0.7:  # no change of the bases that are there
        alt = ref[0] + (alt[1:] if old == 1 else "")
    if generator.random() < 0.3:  # once more what is there already
        alt = ref[0] + text[position + 1 : position + new] if old == 1 else alt
    return Variant("one", position, ref, alt)


def changed_variants(generator, text, alphabet, longest, low, high, count):
    changed = []
    while len(changed) < count:
        variant = random_variant(generator, text, alphabet, longest, low, high)
        if variant.reference != variant.alternative:
            changed.append(variant)
    return changed


def repetitive(generator, length):
    """Bases with short tandem repeats and runs in it."""
    pieces = []
    while sum(map(len, pieces)) < length:
        unit = letters(generator, "ACGT", int(generator.integers(1, 4)))
        pieces += [
            letters(generator, "ACGT", int(generator.integers(1, 12))),
            unit * int(generator.integers(1, 9)),
        ]
    return "".join(pieces)[:length]


def expected(pairs, scored_bins):
    reference, alternative = (sum(pair[at] for pair in pairs) for at in (0, 1))
    ratio = math.log2((alternative + 1) / (reference + 1)) if alternative > -1 else math.nan
    return alternative - reference, ratio, math.sqrt(squares_of(pairs)), reference, alternative


def squares_of(pairs):
    return sum((a - r) ** 2 for r, a, _ in pairs)


ALL = [(width, bins) for width in WIDTHS for bins in ("every", "eight", "one")]


@pytest.mark.parametrize(("width", "bins"), [*ALL, (1, "before"), (1, "behind")])
def test_random_variants_score_as_by_hand(world, width, bins):
    generator = np.random.default_rng([width, len(bins)])
    geometry = WIDTHS[width]
    middle = (geometry.window // 2 - geometry.core_start) // width
    scored = {
        "every": None,
        "eight": (middle - 4, middle + 4),
        "one": (middle, middle + 1),
        "before": (middle - 5, middle + 1),  # an insertion stands at their end
        "behind": (middle + 1, middle + 7),  # and here at their start
    }[bins]
    place = world(width, repetitive(generator, geometry.window + 1_000), scored)
    longest = {1: 40, 12: 60, 32: 150, 128: 500}[width]
    longest = 12 if bins == "one" and width == 1 else longest
    # Some windows pass the ends of the contig.
    ends = (0, len(place.text) - longest)
    variants = changed_variants(generator, place.text, "ACGT", longest, *ends, 120)
    normal, by_scorer = place.score(variants)
    compared = 0
    for row, variant in enumerate(normal):
        for track in range(len(MOTIFS)):
            ways = place.ways(variant, track)
            least = min(map(squares_of, ways))
            best = [
                expected(way, scored) for way in ways
                if math.isclose(squares_of(way), least, rel_tol=1e-6, abs_tol=1e-9)
            ]  # fmt: skip
            mine = (
                *by_scorer.value[row, :3, track], by_scorer.reference[row, 0, track],
                by_scorer.alternative[row, 0, track],
            )  # fmt: skip
            assert any(np.allclose(mine, truth, rtol=1e-5, atol=1e-5) for truth in best), (
                variant, track, mine, best
            )  # fmt: skip
            compared += 1
    assert compared == 240


@pytest.mark.parametrize("bins", ["every", "eight"])
@pytest.mark.parametrize("width", WIDTHS)
def test_an_effect_is_0_where_the_sequence_that_a_signal_sees_stays_the_same(world, width, bins):
    """One motif of each kind; all else is A and T, and so is what is inserted and deleted."""
    generator = np.random.default_rng([width, len(bins), 1])
    geometry = WIDTHS[width]
    middle = (geometry.window // 2 - geometry.core_start) // width
    scored = None if bins == "every" else (middle - 4, middle + 4)
    longest = {1: 30, 12: 60, 32: 200, 128: 520}[width]
    length, checked = geometry.window + 400, 0
    while checked < 200:
        text = letters(generator, "AT", length)
        reach = 4 * width + 100
        for motif, _, _ in MOTIFS.values():
            at = length // 2 + int(generator.integers(-reach, reach))
            text = text[:at] + motif + text[at + 3 :]
        place = world(width, text, scored)
        sides = (length // 2 - 2 * width - 20, length // 2 + 2 * width + 20)
        variants = changed_variants(generator, text, "AT", longest, *sides, 30)
        variants = [v for v in variants if not {*"CG"} & {*v.reference, *v.alternative}]
        normal, by_scorer = place.score(variants)
        for row, variant in enumerate(normal):
            changed, _ = spliced(text, variant)
            for track, (motif, _, _) in enumerate(MOTIFS.values()):
                if changed.count(motif) == text.count(motif) == 1:
                    assert not by_scorer.value[row, :, track].any(), (variant, text, track)
                    checked += 1


@pytest.mark.parametrize("width", WIDTHS)
def test_over_a_flat_signal_the_total_grows_by_what_is_inserted(world, width):
    generator = np.random.default_rng([width, 2])
    geometry = WIDTHS[width]
    middle = (geometry.window // 2 - geometry.core_start) // width
    length = geometry.window + 1_000
    place = world(width, letters(generator, "ACGT", length), (middle - 3, middle + 5), flat=True)
    longest = min(500, 2 * width + 1)
    middle = length // 2
    variants = changed_variants(generator, place.text, "ACGT", longest, middle, middle + 9, 100)
    normal, scored = place.score(variants)
    change = [len(v.alternative) - len(v.reference) for v in normal]
    if width == 1:
        assert len(set(change)) == 3, "none, one more, one less"
    assert np.allclose(scored.value[:, 0, 0], change, atol=1e-3)


@pytest.mark.parametrize("width", [12, 32])
def test_changes_of_whole_bins_have_the_totals_of_bins_of_one_base(world, monkeypatch, width):
    """Then both registers lie on one grid, and no bin has to be shared."""
    generator = np.random.default_rng([width, 4])
    wide = WIDTHS[width]
    monkeypatch.setitem(WIDTHS, 1, WindowGeometry(wide.window, wide.core_start, wide.core_length))
    text = repetitive(generator, wide.window + 400)
    middle = (wide.window // 2 - wide.core_start) // width
    places = [
        world(width, text, (middle - 5, middle + 6)),
        world(1, text, ((middle - 5) * width, (middle + 6) * width)),
    ]
    at = len(text) // 2
    variants = changed_variants(generator, text, "ACGT", 3 * width, at - 50, at + 50, 4_000)
    change = [len(v.alternative) - len(v.reference) for v in variants]
    variants = [v for v, c in zip(variants, change, strict=True) if c and c % width == 0]
    assert len(variants) > 40
    values = [place.score(variants)[1].value[:, 0] for place in places]
    assert np.array_equal(*values)


@pytest.mark.parametrize("inserted", [20, 64, 128, 256])
def test_a_constant_signal_300_bp_right_of_an_insertion_stays_what_it_is(world, inserted):
    text = "AT" * 2_200
    text = text[:2_301] + "ACG" + text[2_304:]
    middle = (1_700 - 164) // 128
    place = world(128, text, (middle - 4, middle + 4))
    variant = Variant("one", 2_000, text[2_000], text[2_000] + "T" * inserted)
    _, scored = place.score([variant])
    assert scored.reference[0, 0, 0] == scored.alternative[0, 0, 0] == 3
    assert not scored.value[0, :, 0].any()


def test_one_score_whatever_the_notation(world):
    generator = np.random.default_rng(3)
    text = repetitive(generator, 1_400)
    place = world(12, text)
    seen = 0
    for variant in changed_variants(generator, text, "ACGT", 8, 600, 800, 60):
        changed, _ = spliced(text, variant)
        same = [
            Variant("one", at, text[at:end], changed[at : end + len(changed) - len(text)])
            for at in range(variant.position - 12, variant.position + 13)
            for end in range(at + 1, variant.position + 20)
            if text[:at] + changed[at : end + len(changed) - len(text)] + text[end:] == changed
            and end + len(changed) - len(text) > at
        ]
        assert variant in same
        normal, scored = place.score(same)
        assert len(set(normal)) == 1
        assert (scored.value == scored.value[0]).all()
        seen += len(same)
    assert seen > 1_000


def test_repeats_and_filled_bins_are_flagged(world):
    text = letters(np.random.default_rng(5), "ACGT", 800)
    text = text[:400] + "GAAAAC" + text[406:]
    place = world(12, text)
    rows = [
        (Variant("one", 400, "G", "GA"), REPEAT),
        (Variant("one", 400, "GAA", "G"), REPEAT),
        (Variant("one", 400, "G", "GT"), 0),
        (Variant("one", 400, "G", "GT" + "C" * 10 + "T"), FILLS_BINS),
        (Variant("one", 400, "G", "GC" * 20), FILLS_BINS),
        (Variant("one", 400, "G", "G" + "A" * 20), FILLS_BINS | REPEAT),
        (Variant("one", 400, "G", "T"), 0),
    ]
    _, scored = place.score([variant for variant, _ in rows])
    assert scored.flags.tolist() == [flags for _, flags in rows]
    fine = world(1, text)
    _, scored = fine.score([variant for variant, _ in rows])
    assert scored.flags.tolist() == [flags & REPEAT for _, flags in rows], "bins of one base"


def test_the_splice_site_beside_a_duplicated_base_is_not_lost(world):
    """A>AA at an exon's first base: an acceptor is the base behind AG, here the value of GCA."""
    text = letters(np.random.default_rng(6), "T", 800)
    text = text[:398] + "GCAAAA" + text[404:]
    for width in WIDTHS:
        padding = "T" * (WIDTHS[width].window // 2)
        place = world(width, padding + text + padding)
        at = len(padding) + 400
        destroyed = Variant("one", at - 1, "C", "T")
        doubled = Variant("one", at, "A", "AA")
        halved = Variant("one", at, "AA", "A")
        _, scored = place.score([destroyed, doubled, halved])
        assert scored.value[0, 3, 1] == -5
        assert not scored.value[1:, :, 1].any()
