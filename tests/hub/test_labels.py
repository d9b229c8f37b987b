"""Short labels: within the limit, unlike their neighbours, the cell line first."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hub.unwritten import unwritten_run
from tracksmith.hub.labels import ShortLabels


def outputs_of(cards, statistics=("mean",)):
    """Return the outputs of a run of one model with these tracks."""
    tracks = [{"id": f"ENC{number:04}", **card} for number, card in enumerate(cards)]
    files = [
        {"track": track["id"], "statistic": statistic, "path": f"{track['id']}.{statistic}.bw"}
        for track in tracks for statistic in statistics
    ]  # fmt: skip
    return list(unwritten_run(tracks, files).outputs())


def labels_of(outputs, limit=17):
    labels = ShortLabels(limit)
    return [labels.of(output) for output in outputs]


@pytest.mark.parametrize(
    ("label", "cell", "assay", "short"),
    [
        ("DNASE:K562", "K562", "DNASE", "DNASE:K562"),
        ("DNase hypersensitivity, K562", "K562", "DNASE", "K562 DNASE"),
        ("CHIP:H3K27ac:thyroid gland male adult (54 years)", "thyroid gland male adult (54 years)",
         "CHIP", "thyroid H3K27ac"),
        ("CHIP:.:batch1_chrom1_LoVo_EHF", "batch1_chrom1_LoVo_EHF", "CHIP", "batch1_chr.. CHIP"),
        ("DNASE:kidney male embryo (87 days)", "kidney male embryo (87 days)", "DNASE",
         "kidney male DNASE"),
        ("CAGE:optic nerve, donor 7", "optic nerve, donor 7", "CAGE", "optic nerve CAGE"),
        ("CHIP:eGFP-ZNF670:HEK293", "HEK293", "CHIP", "HEK293 eGFP-ZNF.."),
        ("CHIP:POLR2AphosphoS5:suprapubic skin", "suprapubic skin", "CHIP", "suprapubic POLR.."),
        ("CHIP:H3K4me2:cardiomyocyte", "cardiomyocyte", "CHIP", "cardiom.. H3K4me2"),
        ("Open chromatin in the heart", "heart", "", "heart"),
        ("Accessibility of stretch 17", "", "ATAC", "Accessib..etch 17"),
    ],
)  # fmt: skip
def test_a_long_label_becomes_the_cell_line_and_what_was_assayed(label, cell, assay, short):
    (output,) = outputs_of([{"label": label, "cell_type": cell, "assay": assay}])
    assert labels_of([output]) == [short]
    assert len(short) <= 17


def test_strands_and_statistics_end_a_label_by_their_signs():
    plus = {"label": "Initiation of transcription, plus strand", "strand": "+"}
    outputs = outputs_of([plus | {"cell_type": "K562", "assay": "PRO-cap"}], ("mean", "sd"))
    assert labels_of(outputs) == ["K562 PRO-cap +", "K562 PRO-cap + sd"]
    assert labels_of(outputs_of([plus]), 25) == ["Initiation ..nscription +"]
    assert labels_of(outputs_of([{"label": "Core promoter, minus strand", "strand": "-"}])) == [
        "Core promoter -"
    ]


def test_five_hundred_tracks_of_long_labels_are_told_apart_and_none_by_its_bare_id():
    cells = ("K562", "HepG2", "GM12878", "thyroid gland female adult (51 years)", "H9")
    cards = [
        {"label": f"CHIP:FACTOR{number % 90}:{cells[number % 5]} sample", "assay": "CHIP",
         "cell_type": f"{cells[number % 5]} sample"}
        for number in range(500)
    ]  # fmt: skip
    labels = labels_of(outputs_of(cards))
    assert len(set(labels)) == 500
    assert max(map(len, labels)) <= 17
    assert not [short for short in labels if short.startswith("ENC")]
    starts = ("K562", "HepG2", "GM1", "thyr", "H9")
    for number, short in enumerate(labels):
        assert short.startswith((starts[number % 5], "CHIP:")), short


def test_equal_labels_are_numbered():
    outputs = outputs_of([{"label": "CAGE", "assay": "CAGE"}] * 3)
    assert labels_of(outputs) == ["CAGE", "CAGE 2", "CAGE 3"]


def test_an_output_has_one_label_however_often_it_is_asked_for():
    (output,) = outputs_of([{"label": "CAGE"}])
    labels = ShortLabels(17)
    assert labels.of(output) == labels.of(output) == "CAGE"


words = st.text(st.sampled_from("ab ,:()-"), max_size=40)
cards = st.fixed_dictionaries(
    {"label": words.map("x".__add__), "cell_type": words, "assay": words,
     "strand": st.sampled_from("+-.")}
)  # fmt: skip


@given(st.lists(cards, min_size=1, max_size=12), st.sampled_from((17, 25)))
def test_labels_of_any_tracks_fit_and_differ(tracks, limit):
    labels = labels_of(outputs_of(tracks, ("mean", "sd", "letters")), limit)
    assert len(set(labels)) == len(labels)
    assert all(0 < len(short) <= limit for short in labels)
