"""What a card says of variants: scores that its own tracks can have, windows of their own."""

import importlib.util

import pytest
from click.testing import CliRunner

from tracksmith.cli import main
from tracksmith.errors import CardError
from tracksmith.models.card import (
    ModelCard,
    RegionGeometry,
    Track,
    VariantDefaults,
    WindowGeometry,
)
from tracksmith.models.registry import load_registry

FINE = WindowGeometry(100, 20, 60)
WHOLE = WindowGeometry(100, 40, 20, 20, whole_window=True)
REGIONS = RegionGeometry(200, 100, ("peaks",))
SIGNED, PLAIN = Track("signed", "s", signed=True), Track("plain", "p")


def card(*tracks, geometry=FINE, **variants) -> ModelCard:
    return ModelCard(
        "toy", "1", "a toy", "MIT", "MIT", "none", geometry, tracks or (PLAIN,),
        variants=VariantDefaults(**variants),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("tracks", "geometry", "scores"),
    [
        ((PLAIN,), FINE, ("log2fc",)),
        ((SIGNED,), FINE, ("diff",)),
        ((PLAIN, SIGNED), FINE, ("diff",)),
        ((PLAIN,), WHOLE, ("log2fc",)),
        ((SIGNED,), WHOLE, ("diff",)),
        ((PLAIN,), REGIONS, ("diff", "strongest")),
        ((SIGNED,), REGIONS, ("diff", "strongest")),
    ],
)
def test_a_card_that_names_no_scores_has_those_that_fit_its_tracks(tracks, geometry, scores):
    made = card(*tracks, geometry=geometry)
    assert made.default_scores == scores
    assert made.to_dict()["variants"]["scores"] == [*scores]


@pytest.mark.parametrize(
    ("tracks", "geometry", "scores", "message"),
    [
        ((SIGNED,), FINE, ("log2fc",), "'log2fc' .* may be negative"),
        ((PLAIN, SIGNED), FINE, ("diff", "shift"), r"'shift' .* may be negative \(signed\)"),
        ((PLAIN,), WHOLE, ("maxabs",), "'maxabs' .* one value a window"),
        ((PLAIN,), WHOLE, ("diff", "shift"), "'shift' .* one value a window"),
        ((PLAIN,), REGIONS, ("l2",), "no score of a model over regions is called 'l2'"),
    ],
)
def test_a_card_refuses_scores_that_its_own_tracks_cannot_have(tracks, geometry, scores, message):
    with pytest.raises(CardError, match=message):
        card(*tracks, geometry=geometry, scores=scores)


def with_window(geometry, **variants) -> ModelCard:
    return ModelCard(
        "toy", "1", "a toy", "MIT", "MIT", "none", WindowGeometry(1_000, 100, 800), (PLAIN,),
        variants=VariantDefaults(geometry=geometry, **variants),
    )  # fmt: skip


def test_variants_may_have_a_window_of_their_own():
    short = WindowGeometry(40, 10, 20)
    made = with_window(short, position=39, bins=(0, 20))
    assert made.variant_geometry == short
    assert made.to_dict()["variants"]["geometry"]["window"] == 40
    assert card().variant_geometry == FINE


@pytest.mark.parametrize(
    ("geometry", "variants", "message"),
    [
        (WindowGeometry(40, 30, 20), {}, "variants: the core .* passes the window of 40 bp"),
        (WindowGeometry(40, 10, 20), {"position": 40}, "position 40 lies outside"),
        (WindowGeometry(40, 10, 20, 10), {"bins": (0, 3)}, "outside the 2 bins"),
    ],
)
def test_a_window_of_variants_that_contradicts_itself_is_refused(geometry, variants, message):
    with pytest.raises(CardError, match=message):
        with_window(geometry, **variants)


def test_every_installed_model_names_scores_that_it_can_have():
    for item in load_registry().models.values():
        assert item.card.default_scores
        assert not any(
            item.card.unfit(score.score_facts(name)) for name, score in item.model.scores.items()
        )


def test_show_names_the_scores_of_a_model_over_regions():
    if importlib.util.find_spec("tracksmith_get") is None:
        pytest.skip("the plugin tracksmith_get is not installed")
    shown = CliRunner().invoke(main, ["models", "show", "get-expression"]).output
    (line,) = (line for line in shown.splitlines() if line.startswith("Variant scores"))
    assert line.split(maxsplit=2)[2] == "diff, strongest"
