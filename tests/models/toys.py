"""Small models for tests of the registry, weights and selection."""

from tracksmith.models.card import Fold, ModelCard, Track, WeightFile, WindowGeometry
from tracksmith.models.contract import Model


def make_card(**changes):
    fields = {
        "name": "toy",
        "version": "2",
        "summary": "a toy",
        "code_licence": "MIT",
        "weights_licence": "CC BY 4.0",
        "citation": "nobody",
        "geometry": WindowGeometry(8, 2, 4),
        "tracks": (Track("t", "T"),),
    }
    return ModelCard(**(fields | changes))


def make_model(find_weights=None, **changes):
    return Model(make_card(**changes), load=lambda request: None, find_weights=find_weights)


FOLDS = (
    Fold("a", ("chr1", "chr2")),
    Fold("b", ("chr3",)),
)
FILES = (WeightFile("a.pt", "a"), WeightFile("b1.pt", "b"), WeightFile("b2.pt", "b"))
