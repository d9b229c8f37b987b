"""Options that every command reads alike."""

from dataclasses import fields
from pathlib import Path

import click
import pytest

from tracksmith.cli.options import RequestCommand, key_values, request_from, request_options
from tracksmith.errors import UsageError
from tracksmith.runs.request import ModelRequest, Request, flag_of

MODELS = ("m", "n")


def weights(*given: str) -> dict[str, Path]:
    """What ``--weights`` says of two models, by model."""
    own = request_from({"models": MODELS, "weights": given}).own
    return {model: values["weights"] for model, values in own.items()}


def test_weights_are_read_by_model(tmp_path: Path) -> None:
    assert weights("a") == {"": Path("a")}
    assert weights("m=a", "n=b=c") == {"m": Path("a"), "n": Path("b=c")}
    odd = tmp_path / "m=a"
    odd.touch()
    assert weights(str(odd)) == {"": odd}


@pytest.mark.parametrize("values", [("a", "b"), ("m=a", "m=b")])
def test_two_weights_of_one_model_are_refused(values: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="--weights is given twice, a and b: keep one"):
        weights(*values)


@pytest.mark.parametrize("values", [("a", "m=b"), ("m=b", "a")])
def test_what_is_said_for_one_model_counts_before_what_is_said_for_all(
    values: tuple[str, ...],
) -> None:
    request = request_from({"models": MODELS, "weights": values})
    assert [request.of(model).weights for model in MODELS] == [Path("b"), Path("a")]


def test_a_key_given_twice_is_refused() -> None:
    assert key_values(("a=1", "b=2=3"), "--option") == {"a": "1", "b": "2=3"}
    with pytest.raises(UsageError, match="--option a is given twice, 1 and 2"):
        key_values(("a=1", "a=2"), "--option")


@pytest.mark.parametrize("name", ["weights", "folds", "peaks", "shifts", "normalisers"])
@pytest.mark.parametrize("given", [("other=x",), ("m=1", "other=x")])
def test_what_is_said_for_a_model_that_was_not_asked_for_is_refused(
    name: str, given: tuple[str, ...]
) -> None:
    with pytest.raises(UsageError, match=f"{flag_of(name)} names other, which was not asked for"):
        request_from({"models": MODELS, name: given})


def test_an_input_given_twice_is_refused_and_one_of_each_model_is_not() -> None:
    with pytest.raises(UsageError, match="--input motifs is given twice, a and b"):
        request_from({"models": MODELS, "inputs": ("motifs=a", "motifs=b")})
    request = request_from({"models": MODELS, "inputs": ("motifs=a", "n=motifs=b", "x=c")})
    assert request.of("m").inputs == {"motifs": Path("a"), "x": Path("c")}
    assert request.of("n").inputs == {"motifs": Path("b"), "x": Path("c")}


def parsed(*arguments: str) -> Request:
    """The request that a command line of models m and n describes."""
    requests = []

    @click.command(cls=RequestCommand)
    @request_options("predict", "variants", "haplotypes")
    def command(**options: object) -> None:
        requests.append(request_from(options))

    command.main(["-m", "m", "-m", "n", "-g", "g.fa", *arguments], standalone_mode=False)
    return requests[0]


VALUES = {
    "tracks": ("plus", ("plus",)),
    "weights": ("w.pt", Path("w.pt")),
    "options": ("heads=2", {"heads": "2"}),
    "folds": ("mean:1,2", "mean:1,2"),
    "spread": ("yes", True),
    "reverse_complement": ("no", False),
    "shifts": ("-43,0,43", (-43, 0, 43)),
    "stride": ("500", 500),
    "batch_size": ("8", 8),
    "dtype": ("bf16", "bf16"),
    "peaks": ("p.bed", Path("p.bed")),
    "inputs": ("motifs=a=b", {"motifs": Path("a=b")}),
    "accessibility": ("a.bw", Path("a.bw")),
    "counts_column": ("5", 5),
    "overlaps": ("merge", "merge"),
    "normalisers": ("n.json", Path("n.json")),
    "scores": ("l2", ("l2",)),
    "max_allele": ("30", 30),
    "register": ("core", "core"),
}


@pytest.mark.parametrize("field", [item.name for item in fields(ModelRequest)])
def test_every_option_of_a_model_may_be_said_for_one_of_them_or_for_all(field: str) -> None:
    text, value = VALUES[field]
    one, every = (parsed(flag_of(field), given) for given in (f"n={text}", text))
    read = {model: getattr(one.of(model), field) for model in MODELS}
    assert read == {"m": getattr(ModelRequest(), field), "n": value}
    assert [getattr(every.of(model), field) for model in MODELS] == [value, value]


def test_switches_need_no_value_and_may_be_said_for_one_model() -> None:
    for arguments, name, expected in (
        (("--spread",), "spread", (True, True)),
        (("--spread", "m=yes"), "spread", (True, False)),
        (("--spread", "--rc", "n=no"), "spread", (True, True)),
        (("--spread", "--rc", "n=no"), "reverse_complement", (None, False)),
        (("--no-rc",), "reverse_complement", (False, False)),
        (("--rc", "--rc", "m=no"), "reverse_complement", (False, True)),
    ):
        request = parsed(*arguments)
        assert tuple(getattr(request.of(model), name) for model in MODELS) == expected, arguments
    with pytest.raises(UsageError, match=r"--rc is given twice, yes and no"):
        parsed("--rc", "--no-rc")
