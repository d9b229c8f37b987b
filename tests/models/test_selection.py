"""Tracks are chosen by what a user knows of them, and never by guessing."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.models.toys import make_card
from tracksmith.errors import UsageError
from tracksmith.models.card import Track
from tracksmith.models.selection import grep_tracks, select_tracks

CARD = make_card(
    tracks=(
        Track("plus", "K562 PRO-cap, plus", "+", "minus", "PRO-cap", "K562", "EFO:0002067"),
        Track("minus", "K562 PRO-cap, minus", "-", "plus", "PRO-cap", "K562"),
        Track("D1", "DNASE:K562", assay="DNASE", cell_type="K562"),
        Track("D2", "DNASE:K562", assay="DNASE", cell_type="K562"),
        Track("D3", "DNASE:liver, adult [x=1]", assay="DNASE", cell_type="liver, adult [x=1]"),
        Track("C1", "CAGE:liver", assay="CAGE", cell_type="liver"),
    )
)


@pytest.mark.parametrize(
    ("patterns", "ids"),
    [
        ([], "plus minus D1 D2 D3 C1"),
        (["plus"], "plus"),
        (["C1", "plus"], "plus C1"),
        (["D*"], "D1 D2 D3"),
        (["DNASE:K562*"], "D1 D2"),
        (["dnase:k562*"], "D1 D2"),
        (["PRO-cap:K562*"], "plus minus"),
        (["CAGE:liver"], "C1"),
        (["DNASE:liver, adult [x=1]"], "D3"),
        (["assay=DNASE"], "D1 D2 D3"),
        (["cell=k562"], "plus minus D1 D2"),
        (["cell=liver*"], "D3 C1"),
        (["assay=DNASE,cell=K562"], "D1 D2"),
        (["cell=liver, adult *"], "D3"),
        (["strand=-"], "minus"),
        (["strand=plus"], "plus"),
        (["0"], "plus"),
        (["5", "2"], "D1 C1"),
        (["*"], "plus minus D1 D2 D3 C1"),
    ],
)
def test_patterns_choose_tracks_in_the_cards_order(patterns, ids):
    assert select_tracks(CARD, patterns) == ids.split()


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("DNASE:K562", "2 tracks of toy are called so: D1, D2"),
        ("plsu", "are nearest: plus"),
        ("liver", "contain it: D3, C1"),
        ("assay=DNAS", "Nearest: DNASE"),
        ("cell=K56", "Nearest: K562"),
        ("tissue=liver", "use assay=, cell= or strand="),
        ("6", "numbered 0 to 5"),
        ("assay=CAGE,cell=K562", "no such track"),
        ("", "no such track"),
        ("zzzzzz*", "--grep TEXT"),
    ],
)
def test_a_pattern_that_names_no_track_or_several_is_explained(pattern, message):
    with pytest.raises(UsageError, match="--tracks") as caught:
        select_tracks(CARD, [pattern])
    assert message in str(caught.value)
    assert caught.value.exit_code == 2


@given(st.lists(st.sampled_from([track.id for track in CARD.tracks]), min_size=1))
def test_ids_give_themselves_once_in_order(ids):
    order = [track.id for track in CARD.tracks]
    assert select_tracks(CARD, ids) == sorted(set(ids), key=order.index)


@settings(max_examples=50)
@given(st.text(max_size=12))
def test_any_text_gives_tracks_or_a_usage_error(text):
    with suppress(UsageError):
        assert select_tracks(CARD, [text])


def test_grep_finds_text_in_every_fact():
    assert [track.id for track in grep_tracks(CARD, "LIVER")] == ["D3", "C1"]
    assert [track.id for track in grep_tracks(CARD, "0002067")] == ["plus"]
    assert grep_tracks(CARD, "nothing of the kind") == []
