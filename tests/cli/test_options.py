"""Options that every command reads alike."""

from pathlib import Path

import pytest

from tracksmith.cli.options import key_values, weights
from tracksmith.cli.regions import region_request
from tracksmith.errors import UsageError


def test_weights_are_read_by_model(tmp_path: Path) -> None:
    assert weights(("a",)) == {"": Path("a")}
    assert weights(("m=a", "n=b=c")) == {"m": Path("a"), "n": Path("b=c")}
    odd = tmp_path / "m=a"
    odd.touch()
    assert weights((str(odd),)) == {"": odd}


@pytest.mark.parametrize("values", [("a", "b"), ("m=a", "m=b"), ("a", "m=b"), ("m=a", "b")])
def test_two_weights_of_one_model_are_refused(values: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match=f"--weights {values[1]}: the model has a already"):
        weights(values)


def test_a_key_given_twice_is_refused() -> None:
    assert key_values(("a=1", "b=2=3"), "--option") == {"a": "1", "b": "2=3"}
    with pytest.raises(UsageError, match="--option a is given twice, 1 and 2"):
        key_values(("a=1", "a=2"), "--option")


REGIONS = dict.fromkeys(
    ("accessibility", "motifs", "clusters", "archetypes", "counts_column", "normalisers")
)


@pytest.mark.parametrize("given", [("other=x",), ("get=x", "other=x")])
def test_weights_of_a_model_over_regions_are_its_own(given: tuple[str, ...]) -> None:
    asked = {"models": ("get",), "weights": given, "options": (), "batch_size": "auto"}
    with pytest.raises(UsageError, match="--weights names other"):
        region_request({**REGIONS, "peaks": Path("p.bed"), "inputs": ()}, asked)


def test_an_input_given_by_both_its_options_is_refused() -> None:
    asked = {"models": ("get",), "weights": (), "options": (), "batch_size": "auto"}
    both = {**REGIONS, "inputs": ("motifs=a",), "motifs": Path("b")}
    with pytest.raises(UsageError, match="--input motifs and --motifs"):
        region_request({**both, "peaks": Path("p.bed")}, asked)
