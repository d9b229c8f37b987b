"""Scores against a loop over letters: windows of full sequences, bases matched by name."""

import numpy as np
import pytest
import torch
from effect_toys import Variant, spliced, variants_of
from engine_toys import Dense, complement, cut, dense_by_hand, toy_card
from hypothesis import given, settings
from hypothesis import strategies as st
from matching_by_hand import Pair, by_base, by_bin, closest, squares
from torch import nn

from tracksmith.effects.scorer import Scorer
from tracksmith.effects.scores import choose_scores
from tracksmith.effects.stretches import Alleles
from tracksmith.engine.forward import Forward, ForwardOptions
from tracksmith.engine.tiling import tile
from tracksmith.errors import PluginError, UsageError
from tracksmith.genome.bases import encode
from tracksmith.genome.fasta import Genome
from tracksmith.models.card import Track, VariantDefaults, WindowGeometry
from tracksmith.models.contract import Predictor, TrackScore
from tracksmith.runs.batch import BatchSize

FINE = WindowGeometry(64, 13, 40, 1)
COARSE = WindowGeometry(64, 12, 40, 8)
WHOLE = WindowGeometry(50, 15, 20, 20, whole_window=True)
NAMES = ("plus", "minus", "both", "plus+minus")


@pytest.fixture(scope="module")
def genome(tmp_path_factory):
    generator = np.random.default_rng(7)
    texts = {name: "".join(generator.choice(list("ACGT"), n)) for name, n in
             (("one", 400), ("two", 30))}  # fmt: skip
    path = tmp_path_factory.mktemp("scorer") / "genome.fa"
    path.write_text("".join(f">{name}\n{text}\n" for name, text in texts.items()))
    return Genome.open(path), texts


def make_scorer(genome, geometry, scores=("diff",), folds=("a",), batch=5, own=None, nets=None,
                variants=None, **options):  # fmt: skip
    card = toy_card(geometry, folds, variants=variants or VariantDefaults(scores=scores))
    networks = nets or {name: Dense(geometry, seed) for seed, name in enumerate(folds)}
    forward = Forward(
        card, Predictor(networks), tile(geometry), torch.device("cpu"), BatchSize(batch),
        ForwardOptions(**options),
    )  # fmt: skip
    return Scorer(forward, genome, choose_scores(scores, card, own or {}), [tuple(folds)] * 2)


def alleles_of(variants, names=("one", "two")):
    return Alleles(
        np.array([names.index(v.contig) for v in variants], np.int64),
        np.array([v.position for v in variants], np.int64),
        np.array([len(v.reference) for v in variants], np.int64),
        [encode(v.alternative).tobytes() for v in variants],
    )


def by_hand(network, geometry, sequence, start, shifts, reverse):
    """The core's tracks of the window at ``start``, averaged; bins that all orientations have."""
    moved = [s if geometry.bin == 1 else round(s / geometry.bin) for s in shifts]
    if geometry.whole_window:
        moved = [0 for _ in shifts]
    low, high = max(0, *moved), geometry.bins + min(0, *moved)
    total = []
    for shift, whole in zip(shifts, moved, strict=True):
        begins = [(start + shift, False)]
        if reverse:
            right = geometry.window - geometry.core_start - geometry.core_length
            lead = 0 if geometry.whole_window else geometry.core_start - right
            begins.append((start + shift + lead, True))
        for begin, turned in begins:
            text = cut(sequence, begin, begin + geometry.window)
            values = dense_by_hand(network, complement(text) if turned else text)
            if turned:
                values = values[[1, 0, 2], ::-1]
            total.append(values[:, low - whole : high - whole])
    return np.mean(total, axis=0), low


def matched_by_hand(geometry, text, variant, networks, shifts, reverse, scored=None):
    """For every track, the pairs of numbers that are compared, with the places of their bins."""
    changed, _ = spliced(text, variant)
    start, change = variant.position - geometry.window // 2, len(changed) - len(text)
    windows = ((text, start), (changed, start), (changed, start + change))
    reference, left, right = (
        np.mean([by_hand(n, geometry, s, at, shifts, reverse)[0] for n in networks], axis=0)
        for s, at in windows
    )
    low, size = by_hand(networks[0], geometry, text, start, shifts, reverse)[1], geometry.bin
    first = start + geometry.core_start + low * size
    scored = scored or (0, reference.shape[1])
    by_network = []
    for r, a, other in zip(reference, left, right, strict=True):
        if geometry.whole_window or not change:
            numbers = range(*scored)
            by_network.append([Pair(r[at], a[at], first + at * size) for at in numbers])
        elif size == 1:
            by_network.append(closest(by_base(r, a, first, scored, text, variant)))
        else:
            by_network.append(closest(by_bin(r, a, other, first, size, scored, text, variant)))
    return by_network


def totals_by_hand(tracks):
    """Reference, alternative and squared differences of every track and the pair."""
    sums = [
        (sum(p.reference for p in pairs), sum(p.alternative for p in pairs), squares(pairs))
        for pairs in tracks
    ]
    sums.append(tuple(a + b for a, b in zip(sums[0], sums[1], strict=True)))
    return np.array(sums).T


@pytest.mark.parametrize("geometry", [FINE, COARSE, WHOLE], ids=["fine", "coarse", "whole"])
@pytest.mark.parametrize(("reverse", "shifts"), [(False, (0,)), (True, (0,)), (True, (-9, 0, 4))])
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_scores_equal_a_loop_over_letters(genome, geometry, reverse, shifts, data):
    opened, texts = genome
    variants = data.draw(st.lists(variants_of(texts), min_size=1, max_size=6))
    names = ("diff", "l2") if geometry.whole_window else ("diff", "l2", "maxabs")
    folds = data.draw(st.sampled_from([("a",), ("a", "b")]))
    scorer = make_scorer(
        opened, geometry, names, folds, reverse=reverse, shifts=shifts, spread=len(folds) > 1
    )
    scored = scorer.score(alleles_of(variants))
    nets = list(scorer.forward.networks.values())
    for row, variant in enumerate(variants):
        tracks = matched_by_hand(geometry, texts[variant.contig], variant, nets, shifts, reverse)
        r, a, square = totals_by_hand(tracks)
        scale = max(sum(abs(p.reference) + abs(p.alternative) for p in t) for t in tracks)
        tolerance = 2e-5 * scale
        assert np.allclose(scored.value[row, 0], a - r, atol=tolerance)
        assert np.allclose(scored.reference[row, 0], r, atol=tolerance)
        assert np.allclose(scored.alternative[row, 0], a, atol=tolerance)
        assert np.allclose(scored.value[row, 1], np.sqrt(square), atol=tolerance)
        if not geometry.whole_window:
            length, size = len(texts[variant.contig]), geometry.bin
            inside = [[p for p in t if -size < p.place < length] for t in tracks]
            tops = [max(abs(p.alternative - p.reference) for p in t) for t in inside]
            tops.append(max(tops[:2]))
            assert np.allclose(np.abs(scored.value[row, 2]), tops, atol=tolerance)
            for track in range(3):
                # The base named holds the change reported.
                here = [
                    p.alternative - p.reference
                    for p in inside[track]
                    if max(p.place, 0) == scored.place[row, 2, track]
                ]
                assert np.isclose(here, scored.value[row, 2, track], atol=tolerance).any()


def test_the_spread_is_the_standard_deviation_of_the_score_over_folds(genome):
    opened, texts = genome
    variants = [
        Variant("one", 200, texts["one"][200], "A"),
        Variant("one", 30, texts["one"][30], "GT"),
    ]
    scorer = make_scorer(opened, FINE, ("diff",), ("a", "b", "c"), spread=True)
    scored = scorer.score(alleles_of(variants))
    each = [
        make_scorer(opened, FINE, ("diff",), ("x",), nets={"x": net}).score(alleles_of(variants))
        for net in scorer.forward.networks.values()
    ]
    truth = np.std([x.value for x in each], axis=0, ddof=1)
    assert np.allclose(scored.spread, truth, rtol=1e-3, atol=1e-3)


def test_ratios_and_centres_of_mass_have_their_sign(genome):
    """A network whose plus track is 1 at every A of the core, and nothing else."""

    class Spikes(nn.Module):
        def forward(self, bases):
            core = bases[:, :1, 13:53]
            return torch.cat([core, torch.zeros_like(core), core], dim=1)

    opened, texts = genome
    tracks = (
        Track("plus", "p", "+", "minus"),
        Track("minus", "m", "-", "plus"),
        Track("both", "b"),
    )
    card = toy_card(
        FINE, ("a",), tracks=tracks, variants=VariantDefaults(scores=("log2fc",), pseudocount=0.5)
    )
    forward = Forward(card, Predictor({"a": Spikes()}), tile(FINE), torch.device("cpu"),
                      BatchSize(4), ForwardOptions())  # fmt: skip
    scorer = Scorer(forward, opened, choose_scores(("log2fc", "shift"), card, {}), [("a",)] * 2)
    text = texts["one"]
    site = text.index("C", 100)
    scored = scorer.score(alleles_of([Variant("one", site, "C", "A")]))
    core = text[site - 32 + 13 : site - 32 + 53]
    places = np.array([i for i, base in enumerate(core) if base == "A"])
    new = np.append(places, 19)
    assert scored.value[0, 0, 0] == pytest.approx(np.log2((len(new) + 0.5) / (len(places) + 0.5)))
    assert scored.value[0, 0, 1] == 0
    assert scored.value[0, 1, 0] == pytest.approx(new.mean() - places.mean(), abs=1e-5)
    assert np.isnan(scored.value[0, 1, 1]), "no signal has no centre"


class Shortcut(Dense):
    """Counts its calls; the shortcut does what two plain calls do."""

    calls = 0

    def predict_alleles(self, reference, alternative, first, last):
        Shortcut.calls += 1
        assert torch.equal(reference[..., :first], alternative[..., :first])
        assert torch.equal(reference[..., last:], alternative[..., last:])
        return self(reference), self(alternative)


@pytest.mark.parametrize("reverse", [False, True])
def test_a_shortcut_for_alleles_is_used_for_substitutions_and_changes_nothing(genome, reverse):
    opened, texts = genome
    text = texts["one"]
    variants = [
        Variant("one", 100, text[100], "A"),
        Variant("one", 100, text[100], "C"),
        Variant("one", 150, text[150:153], "ACG"),
        Variant("one", 150, text[150:153], "A"),
        Variant("one", 3, text[3], "G"),
    ]
    options = {"reverse": reverse, "shifts": (0, 3), "spread": True}
    plain = make_scorer(opened, FINE, ("diff", "l2"), ("a", "b"), **options)
    nets = {name: Shortcut(FINE, seed) for seed, name in enumerate("ab")}
    fast = make_scorer(opened, FINE, ("diff", "l2"), ("a", "b"), nets=nets, **options)
    Shortcut.calls = 0
    mine, truth = fast.score(alleles_of(variants)), plain.score(alleles_of(variants))
    assert Shortcut.calls > 0
    for name in ("value", "reference", "alternative", "spread"):
        assert np.allclose(
            getattr(mine, name), getattr(truth, name), rtol=1e-4, atol=2e-4, equal_nan=True
        )


def test_equal_alleles_and_sites_are_predicted_once(genome):
    opened, texts = genome
    text = texts["one"]
    rows = []

    class Counting(Dense):
        def forward(self, bases):
            rows.append(len(bases))
            return super().forward(bases)

    other = "A" if text[100] != "A" else "C"
    third = next(base for base in "GT" if base != text[100])
    variants = [Variant("one", 100, text[100], base) for base in (other, third, other)]
    scorer = make_scorer(opened, FINE, nets={"a": Counting(FINE, 0)})
    scored = scorer.score(alleles_of(variants))
    assert sum(rows) == 3, "one reference, two alternatives"
    assert np.array_equal(scored.value[0], scored.value[2])
    assert not np.array_equal(scored.value[0], scored.value[1])


def test_scores_do_not_depend_on_what_else_is_scored(genome):
    opened, texts = genome
    text = texts["one"]
    variants = [Variant("one", p, text[p : p + 1 + p % 3], "ACGT"[: 1 + p % 4]) for p in range(300)]
    together = make_scorer(opened, FINE, ("diff", "l2"), batch=7).score(alleles_of(variants))
    for row in (0, 17, 131, 299):
        alone = make_scorer(opened, FINE, ("diff", "l2")).score(alleles_of([variants[row]]))
        assert np.allclose(together.value[row], alone.value[0], rtol=1e-3, atol=1e-3)


def test_every_contig_is_predicted_by_its_own_folds(genome):
    opened, texts = genome
    variants = [
        Variant(c, 12, texts[c][12], "T" if texts[c][12] != "T" else "A") for c in texts
    ] * 2
    scorer = make_scorer(opened, FINE, folds=("a", "b"))
    scorer.folds = [("a",), ("b",)]
    scored = scorer.score(alleles_of(variants))
    for fold, row in (("a", 0), ("b", 1), ("a", 2), ("b", 3)):
        net = scorer.forward.networks[fold]
        one = make_scorer(opened, FINE, folds=("x",), nets={"x": net})
        assert np.allclose(
            scored.value[row], one.score(alleles_of([variants[row]])).value[0], atol=1e-3
        )


def test_a_plugin_may_add_a_score(genome):
    opened, texts = genome

    def biggest(reference, alternative):
        return (alternative.max(-1) - reference.max(-1)).astype(float)

    own = {"top": TrackScore(biggest, "max(a) - max(r)")}
    scorer = make_scorer(opened, FINE, ("top", "diff"), own=own)
    variant = Variant("one", 90, texts["one"][90], "A" if texts["one"][90] != "A" else "C")
    scored = scorer.score(alleles_of([variant]))
    net = scorer.forward.networks["a"]
    tracks = matched_by_hand(FINE, texts["one"], variant, [net], (0,), False)
    truth = [max(p.alternative for p in t) - max(p.reference for p in t) for t in tracks]
    assert np.allclose(scored.value[0, 0, :3], truth, atol=1e-3)
    assert np.isnan(scored.value[0, 0, 3]), "this score is of tracks"


def test_only_the_scored_bins_count(genome):
    opened, texts = genome
    text = texts["one"]
    wanted = VariantDefaults(bins=(10, 25), reduce="mean")
    scorer = make_scorer(opened, FINE, ("diff",), variants=wanted)
    net = scorer.forward.networks["a"]
    for variant in (
        Variant("one", 200, text[200], "A" if text[200] != "A" else "C"),
        Variant("one", 200, text[200:206], text[200]),
        Variant("one", 200, text[200], text[200] + "ACGTT"),
    ):
        scored = scorer.score(alleles_of([variant]))
        tracks = matched_by_hand(FINE, text, variant, [net], (0,), False, (10, 25))
        r, a, _ = totals_by_hand(tracks)
        assert np.allclose(scored.value[0, 0, :3], (a - r)[:3] / 15, atol=1e-3)


def test_what_cannot_be_scored_is_refused(genome):
    opened, _ = genome
    plain = VariantDefaults(("diff",))
    with pytest.raises(UsageError, match="may be negative"):
        make_scorer(opened, FINE, ("log2fc",), variants=plain)
    with pytest.raises(UsageError, match="one value a window"):
        make_scorer(opened, WHOLE, ("maxabs",), variants=plain)
    with pytest.raises(UsageError, match="No score is called 'difff'"):
        make_scorer(opened, FINE, ("difff",))
    with pytest.raises(UsageError, match="out of its core"):
        make_scorer(opened, COARSE, shifts=(0, 16), variants=VariantDefaults(bins=(0, 3)))


def test_a_prediction_that_is_no_number_names_the_variant(genome):
    opened, texts = genome

    class Broken(Dense):
        def forward(self, bases):
            return super().forward(bases) * float("nan")

    scorer = make_scorer(opened, FINE, nets={"a": Broken(FINE, 0)})
    with pytest.raises(PluginError, match="around the variant at two:11"):
        scorer.score(alleles_of([Variant("two", 10, texts["two"][10], "AA")]))


def test_a_plugin_that_raises_gets_a_second_try(genome):
    opened, texts = genome
    failures = [RuntimeError("cosmic ray")]

    class Moody(Dense):
        def forward(self, bases):
            if failures:
                raise failures.pop()
            return super().forward(bases)

    variant = Variant("one", 50, texts["one"][50], "AC")
    scorer = make_scorer(opened, FINE, nets={"a": Moody(FINE, 0)})
    assert np.isfinite(scorer.score(alleles_of([variant])).value).all()
    failures += [RuntimeError("again"), RuntimeError("again")]
    with pytest.raises(PluginError, match="raised RuntimeError: again"):
        scorer.score(alleles_of([variant]))
    failures += [SystemExit(0), SystemExit(0)]
    with pytest.raises(PluginError, match="raised SystemExit: 0"):
        scorer.score(alleles_of([variant]))
