import importlib.util

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tracksmith_get import scan
from tracksmith_get.motifs import MotifSet
from tracksmith_get.scan import Stream, find_hits, motif_features

from tracksmith.genome.bases import encode, reverse_complement

SCANNERS = ["convolution"]
if importlib.util.find_spec("lightmotif"):
    SCANNERS.append("lightmotif")


def few_motifs(seed=0, widths=(2, 3, 3, 5)):
    random = np.random.default_rng(seed)
    matrices = tuple(random.dirichlet(np.full(4, 0.3), size=width) for width in widths)
    clusters = np.arange(len(widths)) % 2
    return MotifSet(tuple("abcd"), matrices, ("even", "odd"), clusters)


def lower(motifs):
    """The same motifs with thresholds at 0, so that short random sequences have hits."""
    motifs.__dict__["thresholds"] = np.zeros(len(motifs.names))
    return motifs


def plain_features(texts, motifs):
    """Every place, motif and strand one after the other."""
    complement = str.maketrans("ACGT", "TGCA")
    features = np.zeros((len(texts), len(motifs.clusters)))
    for row, text in enumerate(texts):
        best = {}
        for number, scores in enumerate(motifs.scores):
            width = len(scores)
            for start in range(len(text) - width + 1):
                word = text[start : start + width]
                if set(word) - set("ACGT"):
                    continue
                for strand in (word, word.translate(complement)[::-1]):
                    score = sum(scores[i, "ACGT".index(base)] for i, base in enumerate(strand))
                    if score >= motifs.thresholds[number]:
                        key = start, motifs.cluster_of[number]
                        best[key] = max(best.get(key, 0), score)
        for (_, cluster), score in best.items():
            features[row, cluster] += score
    return features


def reference_features(shared):
    stored = np.load(shared / "parity" / "get" / "motif_features_jaspar.npz")
    return [encode(text) for text in stored["seqs"]], stored["features"]


@pytest.mark.parametrize("scanner", SCANNERS)
def test_features_are_those_of_the_reference_scanner(shared, jaspar, scanner):
    masks, expected = reference_features(shared)
    features = motif_features(masks, jaspar, scanner, ends="moods")
    assert np.count_nonzero(np.abs(features - expected) > 1e-4) == 0


def test_by_default_hits_at_a_region_s_very_end_are_found_too(shared, jaspar):
    masks, expected = reference_features(shared)
    features = motif_features(masks, jaspar, ends="all")
    more = features - expected > 1e-4
    assert np.all(features >= expected - 1e-4)
    assert np.count_nonzero(more) == 11
    hits = find_hits(Stream.of(masks), jaspar, ends="all")
    widths = np.array([len(scores) for scores in jaspar.scores])[hits.motif]
    stream = Stream.of(masks)
    at_end = (widths < 7) & (stream.codes[hits.position + widths] == scan.NO_BASE)
    regions = np.searchsorted(stream.starts, hits.position[at_end], side="right") - 1
    clusters = jaspar.cluster_of[hits.motif[at_end]]
    assert set(zip(*np.nonzero(more), strict=True)) == set(zip(regions, clusters, strict=True))


@pytest.mark.parametrize("scanner", SCANNERS)
@settings(max_examples=30, deadline=None)
@given(texts=st.lists(st.text("ACGTNacgtR", max_size=25), min_size=1, max_size=4))
def test_features_equal_a_plain_search(scanner, texts):
    motifs = lower(few_motifs())
    features = motif_features([encode(text) for text in texts], motifs, scanner, ends="all")
    expected = plain_features([text.upper() for text in texts], motifs)
    np.testing.assert_allclose(features, expected, rtol=0, atol=1e-5)


@settings(max_examples=20, deadline=None)
@given(texts=st.lists(st.text("ACGTN", max_size=40), min_size=2, max_size=5))
def test_a_region_s_features_depend_on_that_region_alone(texts):
    motifs = lower(few_motifs(1))
    masks = [encode(text) for text in texts]
    together = motif_features(masks, motifs, "convolution")
    alone = [motif_features([mask], motifs, "convolution")[0] for mask in masks]
    np.testing.assert_array_equal(together, alone)


def test_both_strands_of_a_region_have_the_same_features(shared, jaspar):
    """Per motif: per cluster, the best at a start position may differ between the strands."""
    masks = [encode(text) for text in _sequences(shared)[:40]]
    single = MotifSet(
        jaspar.names, jaspar.probabilities, jaspar.names, np.arange(len(jaspar.names))
    )
    forward = motif_features(masks, single, "convolution", ends="all")
    reverse = motif_features(
        [reverse_complement(mask) for mask in masks], single, "convolution", ends="all"
    )
    np.testing.assert_allclose(forward, reverse, rtol=0, atol=1e-4)


def _sequences(shared):
    return list(np.load(shared / "parity" / "get" / "motif_features_jaspar.npz")["seqs"])


@pytest.mark.skipif("lightmotif" not in SCANNERS, reason="lightmotif is not installed")
def test_both_scanners_find_the_same_hits_bit_for_bit(shared, jaspar):
    stream = Stream.of([encode(text) for text in _sequences(shared)])
    first, second = (find_hits(stream, jaspar, scanner) for scanner in SCANNERS)
    assert len(first.score) > 10_000
    for name in ("position", "motif", "score"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_a_score_at_its_threshold_is_a_hit():
    motifs = few_motifs()
    word = "".join("ACGT"[base] for base in motifs.scores[3].argmax(axis=1))
    best = sum(motifs.scores[3].max(axis=1))
    for cut, hits in ((best, 1), (np.nextafter(best, 99), 0)):
        motifs.__dict__["thresholds"] = np.array([99, 99, 99, cut])
        hit_list = find_hits(Stream.of([encode(word)]), motifs, "convolution", ends="all")
        assert np.count_nonzero(hit_list.score == best) == hits


def test_chunks_do_not_change_the_hits(monkeypatch, jaspar, shared):
    stream = Stream.of([encode(text) for text in _sequences(shared)[:10]])
    whole = find_hits(stream, jaspar, "convolution")
    monkeypatch.setitem(scan.CONVOLUTION_VALUES, "cpu", 5_000)
    pieces = find_hits(stream, jaspar, "convolution")
    np.testing.assert_array_equal(whole.position, pieces.position)
    np.testing.assert_array_equal(whole.score, pieces.score)


@pytest.mark.parametrize("scanner", SCANNERS)
def test_regions_without_bases_or_shorter_than_motifs_have_no_hits(scanner):
    motifs = few_motifs()
    masks = [encode(text) for text in ("", "A", "NNNNNNNNNN")]
    np.testing.assert_array_equal(motif_features(masks, motifs, scanner), np.zeros((3, 2)))
    assert motif_features([], motifs, scanner).shape == (0, 2)


def test_the_scan_leaves_cudnn_on_without_tf32(monkeypatch, jaspar):
    seen = set()
    plain = torch.conv1d

    def watched(*arguments):
        flags = torch.backends.cudnn
        seen.add((flags.enabled, flags.allow_tf32, flags.deterministic, flags.benchmark))
        return plain(*arguments)

    monkeypatch.setattr("torch.conv1d", watched)
    find_hits(Stream.of([encode("ACGT" * 20)]), jaspar, "convolution")
    assert seen == {(True, False, True, False)}
