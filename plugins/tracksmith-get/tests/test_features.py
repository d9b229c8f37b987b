import numpy as np
import pysam
import pytest
from tracksmith_get.features import GetFeatures, open_features
from tracksmith_get.scan import motif_features

from tracksmith.errors import InputError, UsageError
from tracksmith.genome.aliases import ContigNames
from tracksmith.genome.bases import encode
from tracksmith.genome.contigs import Contigs
from tracksmith.plugin import FeatureRequest, RegionBatch

CLUSTERS = ("AP1/1", "CREB/ATF/2", "E2F")


def batch(*spans, contig="chr1"):
    starts, ends = np.array(spans, dtype=np.int64).T
    return RegionBatch(contig, starts, ends, [encode("ACGT")] * len(spans))


@pytest.fixture
def archetypes(tmp_path):
    """Records at random places, overlapping each other; a cluster list in an order of its own."""
    random = np.random.default_rng(0)
    rows = []
    for contig in ("chr1", "chr2"):
        for start in np.sort(random.integers(0, 2_000, 300)):
            width, score = random.integers(1, 30), round(float(random.uniform(5, 15)), 3)
            name = CLUSTERS[random.integers(3)]
            rows.append((contig, int(start), int(start + width), name, score, "+", "model", 1))
    plain = tmp_path / "archetypes.bed"
    plain.write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))
    (tmp_path / "list.txt").write_text("\n".join(CLUSTERS[::-1]) + "\n")
    files = {"archetypes": tmp_path / pysam.tabix_index(str(plain), preset="bed")}
    return rows, files | {"clusters": tmp_path / "list.txt"}


def test_archetype_scores_are_summed_over_records_that_share_a_base(archetypes):
    rows, files = archetypes
    source = open_features(FeatureRequest(files))
    assert source.names == (*CLUSTERS[::-1], "accessibility")
    spans = [(0, 5), (100, 500), (499, 500), (700, 1_100), (5_000, 5_001)]
    for contig in ("chr1", "chr2", "chr3"):
        expected = np.zeros((len(spans), 3))
        for name, start, end, cluster, score, *_ in rows:
            for number, (first, last) in enumerate(spans):
                if name == contig and start < last and end > first:
                    expected[number, CLUSTERS[::-1].index(cluster)] += score
        features = source.features(batch(*spans, contig=contig))
        np.testing.assert_allclose(features, expected, rtol=1e-6)


def feature_request(files, genome, contigs, notes, aliases=None):
    """What the engine asks for peaks on some contigs of a genome."""
    known = Contigs(genome, [10_000] * len(genome))
    return FeatureRequest(
        files,
        contigs=contigs,
        contig_names=lambda file: ContigNames(known, file, notes.append, aliases),
        notify=notes.append,
    )


def test_archetypes_under_other_contig_names_give_the_same_sums(archetypes):
    _, files = archetypes
    spans = [(0, 500), (500, 2_000)]
    expected = open_features(FeatureRequest(files)).features(batch(*spans))
    assert expected.min() > 0
    notes = []
    source = open_features(feature_request(files, ("1", "2"), ("1", "2"), notes))
    np.testing.assert_array_equal(source.features(batch(*spans, contig="1")), expected)
    assert len(notes) == 1
    assert "contig 'chr1' is read as the genome's '1', up to the prefix 'chr'" in notes[0]
    aliases = {"chr1": ("NC_1",)}
    source = open_features(feature_request(files, ("NC_1",), ("NC_1",), notes, aliases))
    np.testing.assert_array_equal(source.features(batch(*spans, contig="NC_1")), expected)


def test_archetypes_without_the_contigs_of_the_peaks_are_refused_or_said(archetypes):
    _, files = archetypes
    notes = []
    with pytest.raises(InputError, match=r"none of the contigs.*'chr1', 'chr2'.*'NC_1'.*--alias"):
        open_features(feature_request(files, ("NC_1", "chr1"), ("NC_1",), notes))
    assert not notes
    open_features(feature_request(files, ("chr1", "chr9"), ("chr1", "chr9"), notes))
    assert len(notes) == 1
    assert "no records on 'chr9'" in notes[0]


def test_an_archetype_of_an_unknown_cluster_is_refused(archetypes):
    _, files = archetypes
    files["clusters"].write_text("E2F\nAP1/1\n")
    source = open_features(FeatureRequest(files))
    with pytest.raises(InputError, match=r"CREB/ATF/2.*one of the 2 clusters"):
        source.features(batch((0, 2_000)))


def test_features_scan_the_regions_of_a_motif_set(shared, jaspar):
    motifs = shared / "data" / "motifs"
    files = {
        "motifs": motifs / "jaspar_2024_consensus.meme",
        "clusters": motifs / "jaspar_2024_clusters.tsv",
    }
    masks = [encode("ACGTGACTCATTTGCAT" * 10), encode("CCGCCATGTTGGATTN")]
    wanted = RegionBatch("x", np.array([0, 500]), np.array([170, 516]), masks)
    features = open_features(FeatureRequest(files)).features(wanted)
    np.testing.assert_array_equal(features, motif_features(masks, jaspar))
    assert features.max() > 5


def test_a_scan_of_the_reference_is_refused_where_alleles_are_asked_for(archetypes):
    _, files = archetypes
    assert open_features(FeatureRequest(files)).names
    with pytest.raises(UsageError, match=r"no allele changes it\..*--input motifs=FILE"):
        open_features(FeatureRequest(files, alleles=True))


@pytest.mark.parametrize("names", [(), ("motifs",), ("clusters",), ("motifs", "archetypes")])
def test_motifs_or_archetypes_are_needed_and_clusters_always(tmp_path, names):
    with pytest.raises(UsageError, match=r"motifs=FILE\.meme --input clusters"):
        open_features(FeatureRequest({name: tmp_path / name for name in names}))


def source(accessibility="binary"):
    return GetFeatures(("a", "b", "c"), lambda batch: None, accessibility)


RAW = np.array([[0, 2, 0], [4, 1, 0], [2, 8, 0]], dtype=np.float32)


def test_motif_columns_are_divided_by_their_maxima(tmp_path):
    matrix, used = source().normalise(RAW, None, None)
    assert matrix.dtype == np.float32
    np.testing.assert_array_equal(matrix, [[0, 0.25, 0, 1], [1, 0.125, 0, 1], [0.5, 1, 0, 1]])
    assert used == {"maxima": {"a": 4, "b": 8, "c": 0}}


def test_stored_maxima_clip_what_exceeds_them():
    stored = {"maxima": {"a": 2, "b": 8, "c": 0}}
    raw = RAW.copy()
    raw[0, 2] = 1
    matrix, used = source().normalise(raw, None, stored)
    np.testing.assert_array_equal(matrix, [[0, 0.25, 1, 1], [1, 0.125, 0, 1], [1, 1, 0, 1]])
    assert used == stored


def test_accessibility_is_a_logarithm_over_its_maximum():
    signal = np.array([1.0, 9.0, 90.0])
    matrix, used = source("global").normalise(RAW, signal, None)
    level = np.log10(signal / 100 * 1e5 + 1)
    np.testing.assert_allclose(matrix[:, -1], level / level.max(), rtol=1e-6)
    assert used["signal_total"] == 100
    some, again = source("window").normalise(RAW[:2], signal[:2], used)
    np.testing.assert_array_equal(some, matrix[:2])
    assert again == used
    binary, _ = source().normalise(RAW, signal, None)
    assert set(binary[:, -1]) == {1}


def test_quantitative_accessibility_needs_a_signal_and_fitting_normalisers():
    with pytest.raises(UsageError, match=r"accessibility=global needs a signal"):
        source("global").normalise(RAW, None, None)
    maxima = {"maxima": {"a": 1, "b": 1, "c": 1}}
    with pytest.raises(InputError, match="incomplete for accessibility=global"):
        source("global").normalise(RAW, np.ones(3), maxima)
    for wrong in ({}, {"maxima": {"a": 1, "b": 1}}, {"maxima": 3}):
        with pytest.raises(InputError, match="another set of motif clusters"):
            source().normalise(RAW, None, wrong)
    with pytest.raises(InputError, match="incomplete"):
        source().normalise(RAW, None, {"maxima": {"a": "1", "b": 1, "c": 1}})
