import gzip
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tracksmith_get.motifs import (
    BACKGROUND,
    MotifSet,
    log_odds,
    read_clusters,
    read_meme,
    threshold,
)

from tracksmith.errors import InputError

MEME = """MEME version 4

ALPHABET= ACGT

MOTIF one first
letter-probability matrix: alength= 4 w= 2 nsites= 1 E= 0
 0.1 0.2 0.3 0.4
 1 0 0 0
URL BLANK

MOTIF two
letter-probability matrix: alength=4 w=1
0.25 0.25 0.25 0.25
"""


def test_thresholds_are_those_of_the_reference(shared, jaspar):
    reference = np.load(shared / "parity" / "get" / "motif_features_jaspar.npz")
    assert jaspar.names == tuple(reference["motifs"])
    assert jaspar.clusters == tuple(reference["clusters"])
    np.testing.assert_array_equal(jaspar.thresholds, reference["thresholds"])
    np.testing.assert_allclose(jaspar.thresholds, reference["thresholds_rc"], rtol=0, atol=1e-12)


def all_words(scores):
    """Score (rounded to bins of 1/200) and probability of every word, one by one."""
    binned = np.sign(scores) * np.floor(np.abs(scores) * 200 + 0.5)
    words = []
    for word in itertools.product(range(4), repeat=len(scores)):
        total = sum(binned[place, base] for place, base in enumerate(word))
        words.append((total, np.prod([BACKGROUND[base] for base in word])))
    return np.array(words)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), width=st.integers(1, 5), p=st.sampled_from([0.2, 0.02, 0.003]))
def test_a_threshold_is_the_lowest_score_whose_p_value_is_small_enough(seed, width, p):
    random = np.random.default_rng(seed)
    scores = log_odds(random.dirichlet(np.full(4, 0.5), size=width))
    words = all_words(scores)
    cut = threshold(scores, p_value=p)
    best = words[:, 0].max()
    if words[words[:, 0] == best, 1].sum() > p:
        ordered = np.sort(scores, axis=1)
        second = ordered[:, -1].sum() - (ordered[:, -1] - ordered[:, -2]).min()
        assert second <= cut <= ordered[:, -1].sum()
    else:
        at = round(cut * 200)
        assert words[words[:, 0] >= at, 1].sum() <= p * (1 + 1e-9)
        assert words[words[:, 0] >= at - 1, 1].sum() > p * (1 - 1e-9)


def test_log_odds_are_natural_logarithms_with_a_pseudocount():
    odds = log_odds(np.array([[2.0, 0, 1, 1]]))
    for base, share in enumerate((0.5, 0, 0.25, 0.25)):
        background = BACKGROUND[base]
        expected = np.log((share + 0.01 * background) / 1.01 / background)
        assert odds[0, base] == pytest.approx(expected, abs=1e-15)


def test_a_meme_file_is_read_plain_or_gzipped(tmp_path):
    path = tmp_path / "a.meme"
    path.write_bytes(b"\xef\xbb\xbf" + MEME.replace("\n", "\r\n").encode())
    zipped = tmp_path / "a.meme.gz"
    zipped.write_bytes(gzip.compress(MEME.encode()))
    for file in (path, zipped):
        motifs = read_meme(file)
        assert [name for name, _ in motifs] == ["one", "two"]
        np.testing.assert_array_equal(motifs[0][1], [[0.1, 0.2, 0.3, 0.4], [1, 0, 0, 0]])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("MEME version 4", "hello", r"a\.meme:1: a MEME file begins"),
        ("ACGT", "ACGU", r"a\.meme:3: expected the alphabet ACGT"),
        ("alength= 4", "alength= 20", r"a\.meme:6: alength 20"),
        ("w= 2", "", r"a\.meme:6: .*width"),
        ("w= 2", "w= 3", r"a\.meme:9: expected four probabilities.*URL BLANK"),
        ("0.4", "0.9", r"a\.meme:7: expected four probabilities"),
        ("0.4", "-0.4", r"a\.meme:7: "),
        ("0.4", "x", r"a\.meme:7: "),
        ("MOTIF two", "MOTIF one", "motif one is given twice"),
        ("MOTIF two", "", "without a MOTIF line"),
        ("MOTIF two", "MOTIF", "needs a name"),
        ("letter-probability matrix: alength=4", "log-odds matrix:", "motif two has no"),
        ("0.25 0.25 0.25 0.25\n", "", "expected four probabilities"),
    ],
)
def test_a_malformed_meme_file_is_refused_with_the_line(tmp_path, old, new, message):
    path = tmp_path / "a.meme"
    path.write_text(MEME.replace(old, new))
    with pytest.raises(InputError, match=message):
        read_meme(path)


def test_an_unreadable_or_empty_meme_file_is_refused(tmp_path):
    path = tmp_path / "a.meme"
    with pytest.raises(InputError, match="Cannot read"):
        read_meme(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="Cannot read"):
        read_meme(path)
    path.write_text("MEME version 5\n")
    with pytest.raises(InputError, match="holds no motif"):
        read_meme(path)


def test_clusters_are_sorted_from_a_table_and_keep_the_order_of_a_list(tmp_path):
    table = tmp_path / "c.tsv"
    table.write_text("motif\tcluster\none\tZ/1\ntwo\tAP1/1\nthree\tZ/1\n\n")
    columns, clusters = read_clusters(table)
    assert columns == ("AP1/1", "Z/1")
    assert clusters == {"one": "Z/1", "two": "AP1/1", "three": "Z/1"}
    table.write_text("Z/1\nAP1/1\n")
    assert read_clusters(table) == (("Z/1", "AP1/1"), {})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("motif\tcluster\n", "is empty"),
        ("a\tb\nc\n", r"c\.tsv:2: expected"),
        ("a\tb\tc\n", r"c\.tsv:1: expected"),
        ("a\tb\na\tc\n", r"c\.tsv:2: a is given a second time"),
        ("A\nB\nA\n", r"c\.tsv:3: A is given a second time"),
    ],
)
def test_a_malformed_cluster_table_is_refused_with_the_line(tmp_path, text, message):
    table = tmp_path / "c.tsv"
    table.write_text(text)
    with pytest.raises(InputError, match=message):
        read_clusters(table)


def test_a_motif_without_cluster_is_refused(tmp_path):
    (tmp_path / "a.meme").write_text(MEME)
    (tmp_path / "c.tsv").write_text("one\tA\n")
    with pytest.raises(InputError, match=r"no cluster for 1 of 2 motifs.*two"):
        MotifSet.read(tmp_path / "a.meme", tmp_path / "c.tsv")
    (tmp_path / "c.tsv").write_text("A\nB\n")
    with pytest.raises(InputError, match="needs two columns"):
        MotifSet.read(tmp_path / "a.meme", tmp_path / "c.tsv")
