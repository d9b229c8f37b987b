"""Plugins for the conformance kit: sound toys, and wrappers that break one promise each.

Imports no torch at the top, as a plugin must not.
"""

from dataclasses import replace

from tracksmith_demo.plugin import CARD, load

from tracksmith.plugin import Model, ModelCard, Predictor, Track, WindowGeometry

CORE_PROMOTER = Model(CARD, load)

FACTS = {
    "name": "toy",
    "version": "1",
    "summary": "a toy",
    "code_licence": "MIT",
    "weights_licence": "MIT",
    "citation": "none",
}
PAIR = (
    Track("plus", "plus", "+", rc_partner="minus", signed=True),
    Track("minus", "minus", "-", rc_partner="plus", signed=True),
)


def local(bin_size: int = 1, moved: int = 0, mirrored: bool = False, coupled: float = 0) -> Model:
    """Two random convolutions that read 12 bp either side, averaged into bins.

    ``moved`` cuts the core out ``moved`` bp too far to the right; ``mirrored``
    treats both strands alike; ``coupled`` lets every output depend a little on
    every base.
    """
    geometry = WindowGeometry(window=400, core_start=100, core_length=200, bin=bin_size)
    card = ModelCard(**FACTS, geometry=geometry, tracks=PAIR)

    def load_local(request):
        import torch
        from torch import nn

        class Local(nn.Module):
            def __init__(self):
                super().__init__()
                torch.manual_seed(3)
                self.first = nn.Conv1d(4, 16, 13, padding=6)
                self.last = nn.Conv1d(16, 2, 13, padding=6)

            def plain(self, bases):
                whole = self.last(self.first(bases).relu())
                whole = whole + coupled * bases[:, :, ::3].sum(dim=(1, 2))[:, None, None].sin()
                return whole + coupled * whole.square().mean(dim=2, keepdim=True)

            def forward(self, bases):
                whole = self.plain(bases)
                if mirrored:
                    whole = whole + self.plain(bases.flip(1, 2)).flip(1, 2)
                cut = whole[:, :, 100 + moved : 300 + moved]
                return cut.unflatten(2, (-1, bin_size)).mean(dim=3)

        return Local()

    return Model(card, load_local)


def wrapped(model: Model, after=None, before=None, card=None, **methods) -> Model:
    """Return a model whose network is wrapped: ``after(values)``, ``before(bases)``.

    ``methods`` get the inner network first.
    """

    def load_wrapped(request):
        from torch import nn

        class Wrapped(nn.Module):
            def __init__(self, inner):
                super().__init__()
                self.inner = inner

            def forward(self, bases):
                values = self.inner(before(bases) if before else bases)
                return after(values) if after else values

        for name, method in methods.items():
            setattr(Wrapped, name, lambda self, *given, m=method: m(self.inner, *given))
        loaded = model.load(request)
        if not isinstance(loaded, Predictor):
            return Wrapped(loaded)
        networks = {fold: Wrapped(network) for fold, network in loaded.networks.items()}
        return replace(loaded, networks=networks)

    return replace(model, card=card or model.card, load=load_wrapped)


def drop_out(values):
    from torch.nn import functional

    return functional.dropout(values, 0.1, training=True)


def moved(bins: int):
    """Return a function that puts into bin b what belongs to bin b + ``bins``."""
    return lambda values: values.roll(-bins, dims=2)


def swapped(values):
    return values.flip(1)


def in_place(bases):
    return bases.mul_(0.5)


def by_batch(values):
    return values - values.mean(dim=0, keepdim=True)


def per_sum(values):
    return values / values.sum(dim=(1, 2), keepdim=True)


def dense() -> Model:
    """A random linear map from the whole window to every bin."""
    geometry = WindowGeometry(window=120, core_start=10, core_length=100)

    def load_dense(request):
        import torch
        from torch import nn

        torch.manual_seed(5)
        return nn.Sequential(nn.Flatten(), nn.Linear(480, 200), nn.Unflatten(1, (2, 100)))

    return Model(ModelCard(**FACTS, geometry=geometry, tracks=PAIR), load_dense)


def unstranded(pair: bool = False) -> Model:
    """Both tracks alike on either strand; with ``pair`` the card says that they swap."""
    tracks = PAIR if pair else (Track("a", "a"), Track("b", "b"))
    geometry = WindowGeometry(window=40, core_start=5, core_length=30)

    def load_unstranded(request):
        import torch
        from torch import nn

        class Unstranded(nn.Module):
            def forward(self, bases):
                strong = bases[:, 1:3].sum(1)
                smooth = torch.nn.functional.avg_pool1d(strong[:, None], 5, 1, 2)[:, 0]
                return torch.stack([strong, (smooth - 0.4).square()], 1)[:, :, 5:35]

        return Unstranded()

    return Model(ModelCard(**FACTS, geometry=geometry, tracks=tracks), load_unstranded)


def counting() -> Model:
    """A network that counts the windows it has seen."""
    model = local()

    def load_counting(request):
        import torch

        network = model.load(request)
        network.register_buffer("seen", torch.zeros(()))

        def count(net, given, outputs):
            net.seen.add_(len(outputs))

        network.register_forward_hook(count)
        return network

    return replace(model, load=load_counting)


def misordered() -> Model:
    """Computes only the tracks that were asked for, but always the first ones."""
    model = local()
    tracks = (*PAIR, Track("other", "other"))
    card = replace(model.card, tracks=tracks)

    def load_misordered(request):
        inner = wrapped(model, lambda v: v[:, [0, 1, 1]].sin()[:, : len(request.tracks)])
        return Predictor({"": inner.load(request)}, tracks=request.tracks)

    return replace(model, card=card, load=load_misordered)
