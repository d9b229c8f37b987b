"""DeepLIFT against tangermeme run directly, and what no rule is known for."""

import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from attribution_toys import GEOMETRY, LINEAR, ONE_TRACK, Positive, letters, linear_model, model_of
from engine_toys import cut
from numpy.testing import assert_allclose
from torch import nn

import tracksmith
from tracksmith.errors import UsageError

pytest.importorskip("tangermeme", reason="the extra explain is not installed")
REGION = "chr1:101-131"


class InPlace(nn.Module):
    """A network of one value of functions alone, some of them in place."""

    def __init__(self, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.first, self.second = nn.Conv1d(4, 8, 7), nn.Conv1d(8, 8, 5, dilation=2)
        self.end, self.gate = nn.Linear(8, 1), nn.Linear(8, 8)

    def forward(self, bases):
        x = F.relu(self.first(bases), inplace=True)
        even = x.shape[-1] // 2 * 2
        x = torch.maximum(x[..., 0:even:2], x[..., 1:even:2])
        x = F.silu(self.second(x), inplace=True)
        mean = x.mean(-1)
        gated = mean * self.gate(mean).sigmoid()
        total = gated.exp().sum(1, keepdim=True)
        return (self.end(gated) / (1 + total))[:, :, None]


def one_value(network):
    """A model of one value a window."""
    return model_of(network, LINEAR, tracks=ONE_TRACK)


def explain(genome, out, **options):
    asked = {"method": "deeplift", "regions": [REGION], "device": "cpu", "references": 4}
    return tracksmith.explain("toy", genome, out, **{**asked, **options})


def table(run, method="deeplift"):
    text = (run.folder / f"explain/toy.{method}.completeness.tsv").read_text()
    titles, *rows = [line.split("\t") for line in text.splitlines()]
    return [dict(zip(titles, row, strict=True)) for row in rows]


def test_letters_are_those_of_tangermeme_called_directly(
    register, write_genome, random_bases, tmp_path
):
    """On a network of modules, for the sum of a track over the scored bins."""
    from tangermeme.deep_lift_shap import deep_lift_shap

    from tracksmith.attributions.references import References

    network, text = Positive(), random_bases(400, 1)
    register(model_of(network))
    run = explain(write_genome(chr1=text), tmp_path / "run")
    masks = np.array([1 << "ACGT".index(base) for base in cut(text, 115 - 32, 115 + 32)], np.uint8)
    one_hot = [
        torch.from_numpy((rows[..., None, :] == [[1], [2], [4], [8]]).astype(np.float32))
        for rows in (masks[None], References("shuffled", 4, 1).shuffles(masks, 0)[None])
    ]

    class Sum(nn.Module):
        def __init__(self):
            super().__init__()
            self.network = network

        def forward(self, bases):
            return self.network(bases).sum(-1)

    for number, track in enumerate(("plus", "minus", "both")):
        due = deep_lift_shap(
            Sum(), one_hot[0], references=one_hot[1], target=number, device="cpu",
            warning_threshold=1.0,
        )[0].sum(0)  # fmt: skip
        found = letters(run, f"toy.{track}.deeplift.bw", "chr1")[100:131]
        assert_allclose(found, due[100 - 83 : 131 - 83], rtol=1e-3, atol=1e-5)


def test_letters_are_those_of_captum(register, write_genome, random_bases, tmp_path):
    captum = pytest.importorskip("captum.attr", reason="captum is no dependency of the project")
    from tracksmith.attributions.references import References

    network, text = Positive(), random_bases(400, 1)
    register(model_of(network))
    run = explain(write_genome(chr1=text), tmp_path / "run")
    masks = np.array([1 << "ACGT".index(base) for base in cut(text, 115 - 32, 115 + 32)], np.uint8)
    bases, away = (
        torch.from_numpy((rows[..., None, :] == [[1], [2], [4], [8]]).astype(np.float32))
        for rows in (masks[None], References("shuffled", 4, 1).shuffles(masks, 0))
    )

    class Sum(nn.Module):
        def __init__(self):
            super().__init__()
            self.network = network

        def forward(self, read):
            return self.network(read).sum(-1)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it tells of its hooks
        due = captum.DeepLiftShap(Sum()).attribute(bases, away, target=1)[0].sum(0)
    found = letters(run, "toy.minus.deeplift.bw", "chr1")[100:131]
    assert_allclose(found, due.detach()[100 - 83 : 131 - 83], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("network", [InPlace(), Positive()], ids=["functions", "modules"])
def test_letters_add_up_to_the_difference_of_predictions(
    register, write_genome, random_bases, tmp_path, network
):
    positive = isinstance(network, Positive)
    register(model_of(network) if positive else one_value(network))
    run = explain(write_genome(chr1=random_bases(400, 1)), tmp_path / "run")
    rows = table(run)
    assert len(rows) == (4 if positive else 1)
    for row in rows:
        difference = float(row["prediction"]) - float(row["reference"])
        assert abs(difference) > 1e-3
        error = abs(float(row["sum_of_letters"]) - difference)
        assert error <= max(1e-3 * abs(difference), 1e-5 * abs(float(row["prediction"])))


def test_the_letters_of_a_linear_model_are_its_weights_over_the_mean_of_its_shuffles(
    register, write_genome, random_bases, tmp_path
):
    """A shuffle has other bases at a place: what these weigh is taken off."""
    from tracksmith.attributions.references import References

    weight, text = np.random.default_rng(2).standard_normal((4, 40)), random_bases(400, 1)
    register(linear_model(weight))
    run = explain(write_genome(chr1=text), tmp_path / "run")
    masks = np.array([1 << "ACGT".index(base) for base in cut(text, 95, 135)], np.uint8)
    away = References("shuffled", 4, 1).shuffles(masks, 0)
    found = letters(run, "toy.value.deeplift.bw", "chr1")
    for place in range(100, 131):
        column = weight[:, place - 95]
        others = [column[int(mask).bit_length() - 1] for mask in away[:, place - 95]]
        due = column["ACGT".index(text[place])] - np.mean(others)
        assert_allclose(found[place], due, rtol=1e-4, atol=1e-5)


class Sorted(nn.Module):
    """A network that sorts: no rule is known for that."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv1d(4, 8, 7)

    def forward(self, bases):
        return self.first(bases).sort(-1).values[:, :1, :1]


class Written(Sorted):
    """A network that writes into a tensor."""

    def forward(self, bases):
        values = self.first(bases)
        values[..., 0] = values[..., 1]
        return values[:, :1].sum(-1, keepdim=True)


@pytest.mark.parametrize(
    ("network", "named"), [(Sorted(), r"torch\.Tensor\.sort"), (Written(), "__setitem__")]
)
def test_an_operation_without_a_rule_is_refused_by_its_name(
    register, write_genome, random_bases, tmp_path, network, named
):
    register(one_value(network))
    genome = write_genome(chr1=random_bases(400, 1))
    with pytest.raises(UsageError, match=rf"DeepLIFT cannot explain toy.*{named}.*--method"):
        explain(genome, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    assert explain(genome, tmp_path / "ism", method="ism").finished


def test_without_tangermeme_it_is_said_what_to_install(
    register, write_genome, random_bases, tmp_path, monkeypatch
):
    register(model_of(Positive(), GEOMETRY))
    genome = write_genome(chr1=random_bases(400, 1))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'tracksmith\[explain\]'"):
        explain(genome, tmp_path / "run")
    run = explain(genome, tmp_path / "u", method="integrated", baseline="uniform", path_points=2)
    assert run.finished
