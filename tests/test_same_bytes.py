"""The comparison of two checkouts' files; ``python -m tests.same_bytes`` runs them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.same_bytes import compare
from tests.same_bytes.__main__ import judge
from tests.same_bytes.checkout import Answer
from tests.same_bytes.compare import Comparison, FileDifference, compare_folders, first_difference

WELL = (Answer(1.0), Answer(1.0))


@pytest.fixture
def folders(tmp_path):
    """Write two folders: ``folders({name: bytes}, {name: bytes})``."""

    def write(*contents):
        for side, files in zip(("old", "new"), contents, strict=True):
            for name, data in files.items():
                path = tmp_path / side / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
        return tmp_path / "old", tmp_path / "new"

    return write


def test_equal_files_are_counted_and_nothing_differs(folders):
    files = {"tracks/a.bw": b"0123", "tracks/b.bw": b"", "regions.bed": b"chr1\t0\t9\n"}
    assert compare_folders(*folders(files, files)) == Comparison(3, 13, ())


def test_a_file_that_differs_is_named_with_sizes_and_the_first_differing_byte(folders):
    compared = compare_folders(
        *folders({"a.bw": b"same", "deep/b.bw": b"0123"}, {"a.bw": b"same", "deep/b.bw": b"01x"})
    )
    assert compared == Comparison(2, 8, (FileDifference("deep/b.bw", 4, 3, 2),))
    assert str(compared.differences[0]) == (
        "deep/b.bw: 4 bytes in the old, 3 in the new; the first that differs is byte 2 (from 0)"
    )


def test_a_file_that_only_one_side_has_differs(folders):
    compared = compare_folders(*folders({"a": b"xy", "both": b""}, {"both": b"", "b": b"xyz"}))
    assert compared.differences == (
        FileDifference("a", 2, None, None),
        FileDifference("b", None, 3, None),
    )
    assert [str(difference) for difference in compared.differences] == [
        "a: only in the old, 2 bytes",
        "b: only in the new, 3 bytes",
    ]


def test_only_the_records_of_the_runs_are_left_aside(folders):
    old = {"run.json": b"1", "first/run.json": b"1", "my.run.json": b"1"}
    compared = compare_folders(*folders(old, dict.fromkeys(old, b"2")))
    assert [difference.path for difference in compared.differences] == ["my.run.json"]


def test_an_absent_folder_has_no_files(tmp_path):
    assert compare_folders(tmp_path / "old", tmp_path / "new") == Comparison(0, 0, ())


@given(st.binary(max_size=40), st.binary(max_size=40), st.binary(max_size=40), st.integers(1, 9))
def test_the_offset_is_where_the_common_beginning_ends(tmp_path_factory, head, left, right, block):
    folder = tmp_path_factory.mktemp("pair")
    old, new = head + left, head + right
    (folder / "old").write_bytes(old)
    (folder / "new").write_bytes(new)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(compare, "BLOCK", block)
        offset = first_difference(folder / "old", folder / "new")
    if old == new:
        assert offset is None
    else:
        assert old[:offset] == new[:offset]
        assert old[offset : offset + 1] != new[offset : offset + 1]


@pytest.mark.parametrize(
    ("compared", "answers", "verdict", "said"),
    [
        (Comparison(2, 9, ()), WELL, "same", []),
        (
            Comparison(2, 9, (FileDifference("a", 2, None, None),)),
            WELL,
            "DIFFERS",
            ["a: only in the old, 2 bytes"],
        ),
        (Comparison(0, 0, ()), WELL, "FAILED", ["neither wrote a file"]),
        (Comparison(2, 9, ()), (Answer(1.0), Answer(1.0, "bad")), "FAILED", ["new: bad"]),
        (
            Comparison(0, 0, ()),
            (Answer(1.0, "bad"), Answer(1.0, "bad")),
            "FAILED",
            ["old: bad", "new: bad"],
        ),
    ],
)
def test_two_that_failed_or_wrote_nothing_are_not_the_same(compared, answers, verdict, said):
    assert judge(compared, answers) == (verdict, said)
