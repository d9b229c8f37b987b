"""A contig with edits, held against strings that were spliced by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracksmith.genome.bases import Masks, decode, encode
from tracksmith.genome.edited import Edit, EditedContig, normalised

BASES = st.text("ACGTN", min_size=1, max_size=40)


@st.composite
def edited(draw: st.DrawFn) -> tuple[str, list[tuple[int, int, str]]]:
    """Return a sequence and edits of it, (start, end, new bases), in order and apart."""
    text = draw(BASES)
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=8)))
    edits = []
    for start, end in zip(cuts[::2], cuts[1::2], strict=False):
        end = draw(st.sampled_from([start, end]))
        new = draw(st.text("ACGT", max_size=4 if end > start else 5, min_size=end == start))
        edits.append((start, end, new))
    return text, edits


def spliced(text: str, edits: list[tuple[int, int, str]]) -> tuple[str, list[int | None]]:
    """Return the edited sequence, and for each of its bases the reference base in its place."""
    bases: list[str] = []
    origins: list[int | None] = []
    at = 0
    for start, end, new in [*edits, (len(text), len(text), "")]:
        bases += text[at:start]
        origins += range(at, start)
        bases += new
        origins += [start + i if start + i < end else None for i in range(len(new))]
        at = end
    return "".join(bases), origins


def reader(text: str):
    masks = encode(text)

    def read(start: int, end: int) -> Masks:
        out = np.zeros(end - start, np.uint8)
        low, high = min(max(start, 0), len(text)), min(max(end, 0), len(text))
        if high > low:
            out[low - start : high - start] = masks[low:high]
        return out

    return read


def contig(text: str, edits: list[tuple[int, int, str]]) -> EditedContig:
    return EditedContig(
        len(text), [Edit(start, end, encode(new).tobytes()) for start, end, new in edits]
    )


@given(edited(), st.integers(-6, 50), st.integers(0, 60))
def test_the_bases_of_any_interval_are_those_of_the_spliced_string(case, start, size) -> None:
    text, edits = case
    expected, _ = spliced(text, edits)
    mine = contig(text, edits)
    assert mine.edited_length == len(expected)
    padded = dict(enumerate(expected))
    shown = "".join(padded.get(i, "-") for i in range(start, start + size))
    assert decode(mine.read(reader(text), start, start + size)) == shown


@given(edited())
def test_positions_lead_there_and_back(case) -> None:
    text, edits = case
    expected, origins = spliced(text, edits)
    mine = contig(text, edits)
    places = {origin: at for at, origin in enumerate(origins) if origin is not None}
    positions, survives = mine.to_edited(np.arange(len(text)))
    assert survives.tolist() == [i in places for i in range(len(text))]
    assert positions[survives].tolist() == [places[i] for i in sorted(places)]
    reference, placed = mine.to_reference(np.arange(len(expected)))
    assert placed.tolist() == [origin is not None for origin in origins]
    assert reference[placed].tolist() == [origin for origin in origins if origin is not None]
    offsets, kept = mine.offsets(0, len(text))
    assert (kept == survives).all()
    assert (offsets[kept] == (positions - np.arange(len(text)))[kept]).all()


@given(edited())
def test_a_deleted_base_maps_behind_the_deletion_and_an_inserted_one_before_its_neighbour(
    case,
) -> None:
    text, edits = case
    _, origins = spliced(text, edits)
    mine = contig(text, edits)
    positions, survives = mine.to_edited(np.arange(len(text)))
    for start, end, _ in edits:
        for base in range(start, end):
            if not survives[base]:
                behind = sum(o is not None and o < start for o in origins)
                behind += sum(len(n) for s, _, n in edits if s <= start)
                behind -= sum(min(e - s, len(n)) for s, e, n in edits if s < start)
                assert positions[base] == behind
    reference, placed = mine.to_reference(np.arange(len(origins)))
    ends = {end for start, end, new in edits if len(new) > end - start}
    assert set(reference[~placed].tolist()) <= ends


@given(edited())
def test_positions_outside_the_contig_move_with_its_ends(case) -> None:
    text, edits = case
    mine = contig(text, edits)
    (before, behind), survive = mine.to_edited([-3, len(text) + 2])
    assert survive.all()
    assert (before, behind) == (-3, mine.edited_length + 2)
    (start, end), placed = mine.to_reference([-3, mine.edited_length + 2])
    assert placed.all()
    assert (start, end) == (-3, len(text) + 2)


@given(st.text("AC", min_size=1, max_size=16), st.data())
def test_equal_changes_have_one_normalised_form_as_far_left_as_it_goes(text, data) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 4)))
    new = data.draw(st.text("AC", max_size=4))
    result, _ = spliced(text, [(start, end, new)])
    mine = normalised(Edit(start, end, encode(new).tobytes()), reader(text))
    own = (mine.start, mine.end, decode(np.frombuffer(mine.bases, np.uint8)))
    assert spliced(text, [own])[0] == result
    if result == text:
        assert mine.start == mine.end
        assert mine.bases == b""
        return
    if own[2] and own[0] < own[1]:
        assert text[own[0]] != own[2][0]
        assert text[own[1] - 1] != own[2][-1]
        return
    size = own[1] - own[0] or len(own[2])
    for left in range(own[0]):
        piece = text[left : left + size] if own[1] > own[0] else result[left : left + size]
        other = (left, left + size, "") if own[1] > own[0] else (left, left, piece)
        assert spliced(text, [other])[0] != result, "it could lie further left"


def test_a_repeat_longer_than_one_reading_is_followed_to_its_begin() -> None:
    text = "G" + "CA" * 500 + "T"
    edit = normalised(Edit(995, 997, b""), reader(text))
    assert (edit.start, edit.end) == (1, 3)
    inserted = normalised(Edit(900, 900, encode("AC").tobytes()), reader(text))
    assert inserted.start == 1
    assert decode(np.frombuffer(inserted.bases, np.uint8)) == "CA"


@given(edited(), st.integers(0, 40), st.integers(0, 40))
def test_near_finds_what_overlaps_or_adjoins(case, start, size) -> None:
    text, edits = case
    mine = contig(text, edits)
    end = min(start + size, len(text))
    start = min(start, end)
    expected = [(s, e) for s, e, _ in edits if s <= end and e >= start]
    assert [(edit.start, edit.end) for edit in mine.near(start, end)] == expected


def test_a_long_deletion_is_not_read() -> None:
    asked: list[tuple[int, int]] = []
    size = 10_000_000

    def read(start: int, end: int) -> Masks:
        asked.append((start, end))
        return np.ones(end - start, np.uint8)

    mine = EditedContig(size, [Edit(1_000, size - 1_000, b"")])
    assert mine.read(read, 900, 1_100).tolist() == [1] * 200
    assert sum(end - start for start, end in asked) == 200


@pytest.mark.parametrize(
    ("edits", "said"),
    [
        ([Edit(3, 6, b""), Edit(5, 7, b"")], "overlap"),
        ([Edit(3, 3, b"\1"), Edit(3, 3, b"\2")], "overlap"),
        ([Edit(2, 5, b""), Edit(3, 3, b"\1")], "overlap"),
        ([Edit(8, 11, b"")], "outside 10 bases"),
        ([Edit(-1, 2, b"")], "outside"),
        ([Edit(4, 2, b"")], "outside"),
    ],
)
def test_edits_that_overlap_or_lie_outside_are_refused(edits, said) -> None:
    with pytest.raises(ValueError, match=said):
        EditedContig(10, edits)
