"""Networks without a gradient, and requests without a meaning: a sentence that names them."""

import numpy as np
import pytest
import torch
from attribution_toys import Positive, letters, model_of
from engine_toys import Dense
from torch import nn

import tracksmith
from tracksmith.errors import PluginError, UsageError
from tracksmith.models.card import WindowGeometry

GEOMETRY = WindowGeometry(64, 16, 32, 1)
REGION = "chr1:101-131"


class Wrapped(nn.Module):
    def __init__(self):
        super().__init__()
        self.network = Positive()


class NoGrad(Wrapped):
    def forward(self, bases):
        with torch.no_grad():
            return self.network(bases)


class Inference(Wrapped):
    @torch.inference_mode()
    def forward(self, bases):
        return self.network(bases).clone()


class Numpy(Wrapped):
    def forward(self, bases):
        return torch.from_numpy(self.network(bases).detach().numpy() * np.float32(2))


class PlainNumpy(Wrapped):
    def forward(self, bases):
        return self.network(torch.from_numpy(bases.numpy()))


class Whole(Wrapped):
    """Bases as whole numbers and back."""

    def forward(self, bases):
        return self.network(bases.long().float())


class Rounded(Wrapped):
    """Gradients of rounded numbers are 0."""

    def forward(self, bases):
        return self.network(torch.round(bases))


@pytest.fixture
def genome(write_genome, random_bases):
    return write_genome(chr1=random_bases(400, 1))


def explain(genome, out, **options):
    return tracksmith.explain(
        "toy", genome, out, **{"regions": [REGION], "device": "cpu", **options}
    )


@pytest.mark.parametrize(
    ("network", "why"),
    [
        (NoGrad(), "no gradient reaches the bases"),
        (Inference(), "no gradient|[Ii]nference"),
        (Numpy(), "no gradient|numpy"),
        (PlainNumpy(), "numpy"),
        (Whole(), "no gradient reaches the bases"),
        (Rounded(), "0 everywhere"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
@pytest.mark.parametrize("method", ["gradient", "integrated"])
def test_what_cannot_be_differentiated_is_refused_by_name_and_explained_by_mutation(
    register, genome, tmp_path, network, why, method
):
    register(model_of(network))
    options = {"references": 1, "path_points": 1, "tracks": ["plus"]}
    with pytest.raises(UsageError, match=f"toy cannot be differentiated: .*({why}).*--method ism"):
        explain(genome, tmp_path / "run", method=method, **options)
    assert not (tmp_path / "run").exists()
    run = explain(genome, tmp_path / "ism", tracks=["plus"])
    assert np.isfinite(letters(run, "toy.plus.ism.bw", "chr1")[100:131]).all()


class WritesInPlace(nn.Module):
    """The same as another network, in place and into given memory, as fast ones are written."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, bases):
        x = self.network.first(bases)
        x.clamp_(min=0)
        out = x.new_empty(len(x), 3, x.shape[-1])
        weight = self.network.second
        torch.add(torch.conv1d(x, weight.weight, None, padding=3), weight.bias[:, None], out=out)
        shifted = out.as_strided(out.shape, out.stride())
        shifted.mul_(2.0).div_(2.0)
        return torch.nn.functional.softplus(shifted)[..., 16:48]


def test_a_network_that_writes_in_place_has_the_gradients_of_one_that_does_not(
    register, genome, tmp_path
):
    plain = Positive()
    found = []
    for name, network in (("plain", plain), ("in-place", WritesInPlace(plain))):
        register(model_of(network, scores=("log2fc", "l2"), tracks=_positive()))
        run = explain(genome, tmp_path / name, method="gradient")
        names = ("plus", "minus.profile", "plus+minus.profile")
        found.append([letters(run, f"toy.{n}.gradient.bw", "chr1") for n in names])
    assert np.nanmax(np.abs(found[0])) > 1e-3
    np.testing.assert_allclose(found[1], found[0], rtol=1e-3, atol=1e-6)


def _positive():
    from tracksmith.models.card import Track

    return (
        Track("plus", "plus", "+", rc_partner="minus"),
        Track("minus", "minus", "-", rc_partner="plus"),
        Track("both", "both"),
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"regions": []}, "Name what to explain"),
        ({"dtype": "bf16"}, "too coarse"),
        ({"method": "gradient", "scores": ["l2"]}, "has no gradient"),
        ({"scores": ["log2fc"]}, "tracks may be negative"),
        ({"method": "integrated", "references": 0}, "--references 0: give 1 or more"),
        ({"method": "deeplift", "baseline": "uniform"}, "--baseline uniform"),
        ({"method": "shap"}, "use one of ism, gradient, integrated, deeplift"),
        ({"saturate": "chr1:1-10"}, "--saturate has no meaning here"),
    ],
)
def test_what_has_no_meaning_is_refused_in_a_sentence(register, genome, tmp_path, options, said):
    register(model_of(Dense(GEOMETRY, 1)))
    with pytest.raises(UsageError, match=said):
        explain(genome, tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


class Silent(Wrapped):
    """Refuses gradients without a word."""

    def forward(self, bases):
        if bases.requires_grad:
            raise AssertionError
        return self.network(bases)


@pytest.mark.parametrize("method", ["gradient", "integrated", "deeplift"])
def test_an_error_that_says_nothing_is_told_by_its_kind(register, genome, tmp_path, method):
    if method == "deeplift":
        pytest.importorskip("tangermeme")
    register(model_of(Silent()))
    options = {"references": 1, "path_points": 1, "tracks": ["plus"], "baseline": "shuffled"}
    if method == "integrated":
        options["baseline"] = "uniform"
    with pytest.raises(UsageError, match=r"toy.*: AssertionError"):
        explain(genome, tmp_path / "run", method=method, **options)


class Returns(Wrapped):
    """Makes something else of what another network returns."""

    def __init__(self, change):
        super().__init__()
        self.change = change

    def forward(self, bases):
        return self.change(self.network(bases))


def _raise(values):
    raise KeyError("x")


BROKEN = {
    "dict": (lambda values: {"x": values}, "toy returned dict, not a tensor"),
    "tuple": (lambda values: (values,), "toy returned tuple, not a tensor"),
    "nan": (lambda values: values * float("nan"), "toy returned numbers that are not finite"),
    "float64": (lambda values: values.double(), "toy returned torch.float64"),
    "float16": (lambda values: values.half(), "toy returned torch.float16"),
    "raises": (_raise, "toy raised KeyError: 'x'"),
    "mixed": (lambda values: values / values.mean(0, keepdim=True), "other windows beside it"),
}


@pytest.mark.parametrize("method", ["gradient", "integrated", "deeplift"])
@pytest.mark.parametrize("case", BROKEN)
def test_a_network_that_predictions_would_refuse_is_refused_as_the_plugins_fault(
    register, genome, tmp_path, case, method
):
    if method == "deeplift":
        pytest.importorskip("tangermeme")
    change, said = BROKEN[case]
    register(model_of(Returns(change)))
    options = {"references": 1, "path_points": 1, "tracks": ["plus"]}
    if method == "integrated":
        options["baseline"] = "uniform"
    with pytest.raises(PluginError, match=said):
        explain(genome, tmp_path / "run", method=method, **options)
    assert not (tmp_path / "run").exists()
