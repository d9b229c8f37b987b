"""The cards, the names of the tracks, and loading as the engine does it."""

import csv
import gzip
import re
import subprocess
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
import torch
from tracksmith_enformer.network import Enformer
from tracksmith_enformer.plugin import tracksmith_models

from tracksmith.plugin import InputError, LoadRequest, PluginError, UsageError

HUMAN, MOUSE = tracksmith_models()
COUNTS = {"enformer-human": 5313, "enformer-mouse": 1643}
K562 = (33, 34, 35, 121, 122, 123, 625, 4828, 5111)


def authors_table(shared, species):
    path = shared / "data" / "enformer_targets" / f"targets_{species}.txt.gz"
    with gzip.open(path, "rt") as handle:
        return path, list(csv.DictReader(handle, delimiter="\t"))


@pytest.fixture
def folder(make, tmp_path):
    """Narrow weights of the published geometry with four tracks, and a table that names them."""
    make.table(tmp_path / "targets_human.txt", 4)
    return make.folder(tmp_path, make.deep)


def load(place, *tracks, model=HUMAN):
    return model.load(LoadRequest(weights=model.find_weights(place), tracks=tracks))


def test_the_plugin_is_registered_by_its_distribution():
    import tomllib

    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["tracksmith"] == {"enformer": "tracksmith_enformer.plugin"}
    assert import_module("tracksmith_enformer.plugin").tracksmith_models is tracksmith_models
    assert not any("enformer" in need for need in project["dependencies"])


def test_listing_the_models_does_not_import_torch():
    code = (
        "import sys; from tracksmith_enformer.plugin import tracksmith_models; "
        "tracksmith_models(); sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("model", [HUMAN, MOUSE], ids=lambda model: model.card.name)
def test_the_card_states_the_published_geometry(model):
    card, geometry = model.card, model.card.window_geometry
    assert (geometry.window, geometry.bin, geometry.bins) == (196_608, 128, 896)
    assert geometry.core_start * 2 + geometry.core_length == geometry.window
    assert len(card.tracks) == COUNTS[card.name]
    assert card.rc_partners() == list(range(len(card.tracks)))
    assert {track.strand for track in card.tracks} == {"."}
    assert card.alphabet.order == "ACGT" and card.alphabet.unknown == 0
    assert card.weights_licence == "CC-BY-4.0"


def test_the_variant_lies_between_the_scored_bins():
    card = HUMAN.card
    first, last = card.variants.bins
    start = card.window_geometry.core_start + 128 * first
    end = card.window_geometry.core_start + 128 * last
    assert start < card.variants.position < end
    assert (card.variants.position + 1) - start == end - (card.variants.position + 1)


@pytest.mark.parametrize("model", [HUMAN, MOUSE], ids=lambda model: model.card.name)
def test_ids_are_safe_and_unique_whatever_the_case(model):
    ids = [track.id for track in model.card.tracks]
    assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]{0,63}", name) for name in ids)
    assert len({name.lower() for name in ids}) == len(ids)


@pytest.mark.parametrize(("model", "species"), [(HUMAN, "human"), (MOUSE, "mouse")])
def test_unnamed_tracks_agree_with_the_authors_table(shared, model, species):
    _, lines = authors_table(shared, species)
    for row, (track, line) in enumerate(zip(model.card.tracks, lines, strict=True)):
        assay = line["description"].partition(":")[0]
        assert track.assay == assay
        named = species == "human" and row in K562
        assert track.id == (line["identifier"] if named else f"{assay}.{row}")
        assert track.label == (line["description"] if named else f"{assay}:track {row}")


def test_named_without_a_table_are_all_k562_tracks_but_chip(shared):
    _, lines = authors_table(shared, "human")
    k562 = [
        row
        for row, line in enumerate(lines)
        if "K562" in line["description"] and not line["description"].startswith("CHIP")
    ]
    assert tuple(k562) == K562
    assert all("K562" in HUMAN.card.tracks[row].cell_type for row in K562)


@pytest.mark.parametrize(("model", "species"), [(HUMAN, "human"), (MOUSE, "mouse")])
def test_the_authors_table_names_every_track(shared, model, species):
    path, lines = authors_table(shared, species)
    card = model.describe({"": (Path("pytorch_model.bin"), path)})
    assert [track.id for track in card.tracks] == [line["identifier"] for line in lines]
    assert [track.label for track in card.tracks] == [line["description"] for line in lines]
    assert replace(card, tracks=model.card.tracks) == model.card


def test_a_description_is_split_into_assay_and_sample(shared):
    path, _ = authors_table(shared, "human")
    tracks = HUMAN.describe({"": (path,)}).tracks
    parts = {t.id: (t.assay, t.cell_type) for t in tracks}
    assert parts["ENCFF868NHV"] == ("DNASE", "K562")
    assert parts["CNhs11250"] == ("CAGE", "chronic myelogenous leukemia cell line:K562")
    assert parts["ENCFF776DPQ"] == ("CHIP", "GM12878")


def test_a_plain_table_reads_as_a_packed_one(shared, tmp_path):
    path, _ = authors_table(shared, "mouse")
    plain = tmp_path / "basenji-0.5.targets_mouse.txt"
    plain.write_bytes(gzip.decompress(path.read_bytes()))
    assert MOUSE.describe({"": (plain,)}) == MOUSE.describe({"": (path,)})


def test_the_card_knows_the_authors_tables_by_digest(shared):
    import hashlib

    for model, species in ((HUMAN, "human"), (MOUSE, "mouse")):
        path, _ = authors_table(shared, species)
        text = gzip.decompress(path.read_bytes())
        (stated,) = (file for file in model.card.weights if file.name.endswith(".txt"))
        assert (stated.size, stated.sha256) == (len(text), hashlib.sha256(text).hexdigest())


def test_without_a_table_the_card_stays_as_it_is():
    assert HUMAN.describe({"": (Path("model.safetensors"),)}) is HUMAN.card


HEADER = "index\tidentifier\tdescription\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "missing: index, identifier, description"),
        (HEADER, "missing: index, identifier, description"),
        ("index\tidentifier\n0\tA\n", "missing: description"),
        (HEADER + "0\tA\tDNASE:a\n2\tB\tDNASE:b\n", "line 3: index '2' should be 1"),
        (HEADER + "x\tA\tDNASE:a\n", "line 2: index 'x' should be a number"),
        (HEADER + "0\t\tDNASE:a\n", "line 2: the identifier or the description is empty"),
        (HEADER + "0\tA\t\n", "line 2: the identifier or the description is empty"),
        (HEADER + "0\tA\ta\n1\tB\n", "line 3: the identifier or the description is empty"),
        (HEADER + "0\tA b/../c\tDNASE:a\n", "(?s)cannot name the tracks.*'A b/../c'"),
        (HEADER + "0\tA\tx\n1\ta\ty\n", "(?s)cannot name the tracks.*twice"),
    ],
)
def test_a_table_that_cannot_name_the_tracks_is_refused(tmp_path, text, message):
    path = tmp_path / "targets_human.txt"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as refused:
        HUMAN.describe({"": (path,)})
    assert str(path) in str(refused.value)


@pytest.mark.parametrize("content", [b"\x1f\x8b\x08\x00cut", b"plain", b""])
def test_a_damaged_packed_table_is_refused(tmp_path, content):
    path = tmp_path / "targets_human.txt.gz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"targets_human\.txt\.gz"):
        HUMAN.describe({"": (path,)})


def test_loading_computes_the_asked_tracks_in_the_asked_order(make, folder):
    predictor = load(folder, "ID3", "ID1")
    assert predictor.tracks == ("ID3", "ID1")
    (network,) = predictor.networks.values()
    bases = make.bases(196_608)
    every = Enformer(make.tensors(make.deep), make.deep, 196_608, 896, "human")(bases)
    torch.testing.assert_close(network(bases), every[:, [3, 1]], rtol=1e-5, atol=1e-6)


def test_loading_without_tracks_returns_all_of_them(make, folder):
    predictor = load(folder)
    assert predictor.tracks is None
    assert predictor.networks[""](make.bases(196_608)).shape == (1, 4, 896)


def test_tracks_have_two_names_where_the_table_is_the_published_one(make, tmp_path, shared):
    path, lines = authors_table(shared, "mouse")
    (tmp_path / path.name).write_bytes(path.read_bytes())
    make.folder(tmp_path, make.deep._replace(outputs=(("mouse", 1643),)))
    heads = [
        load(tmp_path, name, model=MOUSE).networks[""].end.head
        for name in (lines[101]["identifier"], "ATAC.101")
    ]
    assert torch.equal(*heads)


def test_an_unknown_track_is_refused(folder):
    with pytest.raises(UsageError, match="no track ENCFF000XXX"):
        load(folder, "ID0", "ENCFF000XXX")


def test_without_weights_nothing_is_loaded():
    with pytest.raises(PluginError, match="needs its weight file"):
        HUMAN.load(LoadRequest())


def test_a_head_of_another_size_is_refused(make, folder, tmp_path):
    (folder / "targets_human.txt").unlink()
    with pytest.raises(InputError, match="human head has 4 tracks, not 5313, as the card says"):
        load(folder)
    make.table(folder / "targets_human.txt", 3)
    with pytest.raises(InputError, match=r"4 tracks, not 3, as the table targets_human\.txt says"):
        load(folder)


def test_a_head_of_the_other_species_is_refused(make, folder):
    with pytest.raises(InputError, match="mouse head has 0 tracks"):
        load(folder, model=MOUSE)


def test_weights_of_another_geometry_are_refused(make, tmp_path):
    make.table(tmp_path / "targets_human.txt", 5)
    make.folder(tmp_path, make.tiny)
    with pytest.raises(InputError, match="896 bins of 8 bp, not 896 of 128"):
        load(tmp_path)


def test_weights_for_another_number_of_bins_are_refused(make, folder):
    make.folder(folder, make.deep, target_length=448)
    with pytest.raises(InputError, match="448 bins of 128 bp, not 896 of 128"):
        load(folder)
