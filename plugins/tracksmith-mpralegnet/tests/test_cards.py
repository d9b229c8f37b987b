"""What the cards say, and that saying it needs no torch."""

import subprocess
import sys

import pytest
from tracksmith_mpralegnet.plugin import GENOMIC, INSERT, STRANDED

from tracksmith.engine.tiling import tile
from tracksmith.errors import UsageError
from tracksmith.models.registry import load_registry
from tracksmith.models.weights import select_folds

NAMES = ["mpralegnet", "mpralegnet-stranded", "mpralegnet-genomic"]


def test_listing_the_models_imports_no_torch():
    code = (
        "import sys, tracksmith_mpralegnet.plugin as p;"
        f"assert [m.card.name for m in p.tracksmith_models()] == {NAMES};"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_entry_point_registers_the_models():
    assert set(NAMES) <= set(load_registry().models)


def test_a_value_is_painted_over_the_middle_of_its_window():
    for card, window in ((INSERT, 200), (STRANDED, 200), (GENOMIC, 231)):
        geometry = card.window_geometry
        assert (geometry.window, geometry.bins, geometry.core_length) == (window, 1, 50)
        assert geometry.core_start + 25 == window // 2
        assert tile(geometry, 10).core_start + 5 == window // 2


def test_an_engine_that_turns_the_window_must_not_average_single_inserts():
    assert INSERT.reverse_complement == "wrong"
    assert STRANDED.reverse_complement == GENOMIC.reverse_complement == "allowed"
    assert STRANDED.rc_partners() == [1, 0, 3, 2, 5, 4]
    assert INSERT.rc_partners() == [0, 1, 2]


def test_log_ratios_are_signed_and_keep_their_sign_on_the_minus_strand():
    assert all(t.signed and t.stored_sign == 1 for c in (INSERT, STRANDED) for t in c.tracks)


def test_folds_of_elements_cannot_be_held_out_by_contig():
    with pytest.raises(UsageError, match="does not say which contigs"):
        select_folds(INSERT, ("single",), "held-out")
