"""Other programs on the networks of the published models: tangermeme, captum, differences.

The networks are those of the plugins with the random weights of the fixtures; the other programs
read windows that are cut and encoded here. ``pytest -rP`` shows the largest differences.
"""

import importlib

import numpy as np
import pytest
import torch
from attribution_toys import ONE_TRACK, letters
from engine_toys import cut, toy_card
from torch import nn

import tracksmith
from tracksmith.errors import UsageError
from tracksmith.models.card import Alphabet, Track, VariantDefaults, WindowGeometry
from tracksmith.models.contract import Model, Predictor

MIDDLE = 9_000


def one_hot(text, order="ACGT"):
    bases = np.array([[letter == base for letter in text] for base in order], np.float32)
    return torch.from_numpy(bases)[None]


def close(what, values, due, rtol):
    """Compare on the scale of the largest value, and say by how much the two differ."""
    scale = np.abs(due).max()
    difference = np.abs(np.asarray(values) - due).max()
    print(f"{what}: largest difference {difference:.2e} of {scale:.3g}")
    assert scale > 0
    assert difference <= rtol * scale


class Case:
    """A network as a model with one target, the sum of a track; and the text of its genome."""

    def __init__(self, network, geometry, alphabet, to_tracks=None, tracks=ONE_TRACK):
        self.network, self.window, self.alphabet = network.eval(), geometry.window, alphabet
        self.to_tracks = to_tracks or (lambda raw: raw.reshape(len(raw), len(tracks), -1))
        variants = VariantDefaults(scores=("diff",))
        card = toy_card(geometry, tracks=tracks, variants=variants, alphabet=alphabet)
        self.model = Model(card, lambda request: Predictor({"": network}, to_tracks=self.to_tracks))
        self.text = "".join(np.random.default_rng(8).choice(list("ACGT"), 2 * MIDDLE))

    def bases(self, middle=MIDDLE):
        """The window around a base, one-hot in the model's order of channels."""
        start = middle - self.window // 2
        return one_hot(cut(self.text, start, start + self.window), self.alphabet.order)

    def inside(self, values, first, last):
        """The part of a window's values that belongs to bases of the contig."""
        start = MIDDLE - self.window // 2
        return np.asarray(values)[first - start : last - start]


class Scaled(nn.Module):
    """From one-hot bases to the sum of the first track."""

    def __init__(self, case):
        super().__init__()
        self.network, self.case = case.network, case

    def forward(self, bases):
        raw = self.network(bases * self.case.alphabet.known)
        return self.case.to_tracks(raw)[:, :1].sum(-1)


def clipnet(shared):
    load = importlib.import_module("tracksmith_clipnet.plugin").load
    from tracksmith.plugin import LoadRequest

    file = shared / "parity/clipnet/folds/fold_1.h5"
    network = load(LoadRequest(weights={"1": (file,)}, options={})).networks["1"]
    geometry = WindowGeometry(1000, 0, 1000, 1000, whole_window=True)
    return Case(network, geometry, Alphabet(known=2.0), lambda raw: raw[:, -1:, None])


def mpralegnet(shared):
    read = importlib.import_module("tracksmith_mpralegnet.checkpoint").read_checkpoint
    folder = shared / "parity/mpralegnet"
    network = read(folder / "small.ckpt", folder / "small_config.json", both_strands=True)
    geometry = WindowGeometry(230, 0, 230, 230, whole_window=True)
    return Case(network, geometry, Alphabet("AGCT", unknown=0.25), lambda raw: raw[:, None, None])


def enformer(shared):
    weights = importlib.import_module("tracksmith_enformer.weights")
    network = importlib.import_module("tracksmith_enformer.network").Enformer
    files = weights.find_files(
        shared / "parity/enformer/enformer_formula/model.safetensors", "targets_human.txt"
    )
    config = weights.config_beside(files)
    tensors, sizes = weights.read_weights(files[0], config)
    bins, window = config["target_length"], 128 * sizes.bin
    tracks = (Track("value", "value"), Track("other", "other"))
    geometry = WindowGeometry(window, (window - bins * sizes.bin) // 2, bins * sizes.bin, sizes.bin)
    net = network(tensors, sizes, window, bins, "human", (0, 3))
    return Case(net, geometry, Alphabet(), lambda raw: raw, tracks)


CASES = {"clipnet": clipnet, "mpralegnet": mpralegnet, "enformer": enformer}


@pytest.fixture
def case(request, shared, register, tmp_path):
    name = request.param
    if importlib.util.find_spec(f"tracksmith_{name}") is None:
        pytest.skip(f"the plugin tracksmith_{name} is not installed")
    made = CASES[name](shared)
    register(made.model)
    made.genome = tmp_path / "genome.fa"
    made.genome.write_text(f">chr1\n{made.text}\n")
    made.folder = tmp_path
    return made


def explain(case, first, last, **options):
    run = tracksmith.explain(
        "toy", case.genome, case.folder / "run", regions=[f"chr1:{first + 1}-{last}"],
        device="cpu", tracks=["value"], **options,
    )  # fmt: skip
    return letters(run, f"toy.value.{options['method']}.bw", "chr1")[first:last]


@pytest.mark.parametrize("case", CASES, indirect=True)
def test_letters_by_mutation_are_those_of_tangermeme(case):
    tangermeme = pytest.importorskip("tangermeme.saturation_mutagenesis")
    first, last = MIDDLE - 2, MIDDLE + 2
    found = explain(case, first, last, method="ism")
    due = []
    for place in range(first, last):
        bases = case.bases(place)
        half = case.window // 2
        with torch.no_grad():
            result = tangermeme.saturation_mutagenesis(
                Scaled(case), bases, start=half, end=half + 1, raw_outputs=True, device="cpu",
                batch_size=4,
            )  # fmt: skip
        reference, changed = (np.asarray(value, np.float64) for value in result[:2])
        effects = changed.reshape(4) - reference.reshape(())
        due.append(-effects[bases[0, :, half].numpy() == 0].mean())
    # Measured: 3.4e-3 with the small Enformer, in float32; 5e-6 with the two others.
    close("ism", found, np.array(due), 1e-2 if case.window > 10_000 else 5e-5)


@pytest.mark.parametrize("case", ["enformer"], indirect=True)
def test_gradients_of_a_network_that_writes_in_place_are_those_of_differences(case):
    """In double precision; such a network has no gradient for torch alone."""
    from torch.func import functionalize, vjp

    from tracksmith.attributions.differentiable import _CopiesOfViews

    network = case.network.double()
    case.network = network
    bases = case.bases().double()
    with torch.no_grad():
        Scaled(case)(bases)

    def function(read):
        with _CopiesOfViews():
            return Scaled(case)(read)

    _, pull = vjp(functionalize(function), bases)
    (gradient,) = pull(torch.ones(1, 1, dtype=torch.float64))
    random = np.random.default_rng(1)
    for _ in range(3):
        move, step = torch.from_numpy(random.standard_normal(bases.shape)), 1e-6
        with torch.no_grad():
            up, down = (Scaled(case)(bases + sign * step * move).item() for sign in (1, -1))
        due = (up - down) / (2 * step)
        close("gradient", [(gradient * move).sum().item()], np.array([due]), 1e-6)


@pytest.mark.parametrize("case", ["clipnet", "mpralegnet"], indirect=True)
def test_integrated_gradients_are_those_of_captum(case):
    captum = pytest.importorskip("captum.attr", reason="captum is no dependency of the project")
    first, last = MIDDLE - 20, MIDDLE + 20
    found = explain(case, first, last, method="integrated", baseline="uniform", path_points=16)
    bases = case.bases()
    plain = Scaled(case) if "LegNet" in type(case.network).__name__ else PlainClipnet(case.network)
    due = captum.IntegratedGradients(plain).attribute(
        bases, torch.full_like(bases, 0.25), target=0, n_steps=16, method="gausslegendre"
    )
    close("integrated", found, case.inside(due[0].sum(0).detach().numpy(), first, last), 2e-6)


@pytest.mark.parametrize("case", ["clipnet", "mpralegnet"], indirect=True)
def test_gradients_times_input_are_those_of_captum_once_centred(case):
    captum = pytest.importorskip("captum.attr", reason="captum is no dependency of the project")
    first, last = MIDDLE - 20, MIDDLE + 20
    found = explain(case, first, last, method="gradient")
    bases = case.bases().requires_grad_()
    plain = Scaled(case) if "LegNet" in type(case.network).__name__ else PlainClipnet(case.network)
    gradient = captum.Saliency(plain).attribute(bases, target=0, abs=False)[0]
    due = ((gradient - gradient.mean(0)) * bases[0]).sum(0).detach().numpy()
    close("gradient", found, case.inside(due, first, last), 1e-6)


class PlainClipnet(nn.Module):
    """CLIPNET's quantity of one-hot bases, of modules that other programs know."""

    def __init__(self, network):
        super().__init__()
        self.network = network
        self.elu, self.pool = nn.ELU(), nn.MaxPool2d((1, 2))
        self.stem, self.end = nn.ReLU(), nn.ReLU()
        self.inner = nn.ModuleList(nn.ReLU() for _ in network.blocks)
        self.outer = nn.ModuleList(nn.ReLU() for _ in network.blocks)
        self.pool_2, self.pool_3 = nn.MaxPool2d((1, 2)), nn.MaxPool2d((1, 2))

    def forward(self, bases):
        net = self.network
        image = self.elu(self.pool(net.stem_1((2 * bases).unsqueeze(2))))
        image = net.stem_3(self.stem(self.pool_2(net.stem_2(image))))
        for block, inner, outer in zip(net.blocks, self.inner, self.outer, strict=True):
            added = inner(block.convolution(image)) + image
            image = outer(added * block.scale + block.shift)
        mean = self.pool_3(image)[:, :, 0].mean(-1)
        return self.end(mean @ net.quantity.kernel + net.quantity.bias)


@pytest.mark.parametrize("case", ["clipnet"], indirect=True)
def test_deeplift_of_functions_is_that_of_tangermeme_of_modules(case):
    """The plugin calls functions and writes in place; tangermeme gets modules.

    captum is no judge here: by its own deltas its rule for poolings does not add up.
    """
    tangermeme = pytest.importorskip("tangermeme.deep_lift_shap")
    from tracksmith.attributions.references import References

    first, last = MIDDLE - 20, MIDDLE + 20
    found = explain(case, first, last, method="deeplift", references=3)
    text = cut(case.text, MIDDLE - 500, MIDDLE + 500)
    masks = np.array([1 << "ACGT".index(base) for base in text], np.uint8)
    away = References("shuffled", 3, 1).shuffles(masks, 0)
    away = torch.cat([one_hot(["ACGT"[int(m).bit_length() - 1] for m in row]) for row in away])
    plain, bases = PlainClipnet(case.network), case.bases()
    with torch.no_grad():
        close("network", Scaled(case)(bases).numpy(), plain(bases).numpy(), 1e-4)
    due = tangermeme.deep_lift_shap(
        plain, bases, references=away[None], device="cpu", warning_threshold=10.0
    )[0].sum(0)
    close("deeplift, tangermeme", found, case.inside(due.numpy(), first, last), 2e-5)


@pytest.mark.parametrize("case", ["mpralegnet"], indirect=True)
def test_deeplift_of_gates_adds_up(case):
    explain(case, MIDDLE - 20, MIDDLE + 20, method="deeplift", references=3)
    table = (case.folder / "run/explain/toy.deeplift.completeness.tsv").read_text().splitlines()
    row = dict(zip(*(line.split("\t") for line in table), strict=True))
    difference = float(row["prediction"]) - float(row["reference"])
    close("completeness", [float(row["sum_of_letters"])], np.array([difference]), 2e-5)


@pytest.mark.parametrize("case", ["enformer"], indirect=True)
def test_deeplift_refuses_attention_written_in_place(case):
    with pytest.raises(UsageError, match=r"DeepLIFT cannot explain toy: the network calls torch\."):
        explain(case, MIDDLE - 20, MIDDLE + 20, method="deeplift", references=2)
