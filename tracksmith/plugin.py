"""Everything that a plugin author imports, and nothing else."""

from tracksmith.errors import CardError, InputError, PluginError, TrustError, UsageError
from tracksmith.models.card import (
    Alphabet,
    Fold,
    ModelCard,
    Option,
    RegionGeometry,
    Track,
    VariantDefaults,
    WeightFile,
    WindowGeometry,
)
from tracksmith.models.contract import (
    AlleleRows,
    FeatureRequest,
    FeatureSource,
    LoadRequest,
    Model,
    Predictor,
    RegionBatch,
    RegionEffect,
    RegionScore,
    ScoreRecord,
    TrackScore,
    WeightPaths,
)
from tracksmith.models.damage import reading
from tracksmith.models.hook import hookimpl

__all__ = [
    "AlleleRows",
    "Alphabet",
    "CardError",
    "FeatureRequest",
    "FeatureSource",
    "Fold",
    "InputError",
    "LoadRequest",
    "Model",
    "ModelCard",
    "Option",
    "PluginError",
    "Predictor",
    "RegionBatch",
    "RegionEffect",
    "RegionGeometry",
    "RegionScore",
    "ScoreRecord",
    "Track",
    "TrackScore",
    "TrustError",
    "UsageError",
    "VariantDefaults",
    "WeightFile",
    "WeightPaths",
    "WindowGeometry",
    "hookimpl",
    "reading",
]
