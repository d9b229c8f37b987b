"""Plugins for the conformance kit: sound toys, and wrappers that break one promise each.

Imports no torch at the top, as a plugin must not.
"""

from dataclasses import replace

from tracksmith.models.core_promoter import CARD, load
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
