"""Xpresso: how strongly a promoter here would be expressed, on either strand."""

from tracksmith.plugin import Model, ModelCard, Track, WeightFile, WindowGeometry, hookimpl

FACTS = {"assay": "RNA-seq", "units": "z-score of log10 expression", "signed": True}
CARD = ModelCard(
    name="xpresso",
    version="1",
    summary="Median mRNA expression from 10,500 bp around a start site, human",
    authors="Vikram Agarwal, Jay Shendure",
    code_licence="MIT",
    weights_licence="MIT",
    citation="Agarwal and Shendure 2020, doi:10.1016/j.celrep.2020.107663",
    geometry=WindowGeometry(14_000, core_start=6_950, core_length=100, bin=100, whole_window=True),
    tracks=(
        Track("plus", "Xpresso, plus strand", "+", rc_partner="minus", **FACTS),
        Track("minus", "Xpresso, minus strand", "-", rc_partner="plus", **FACTS),
    ),
    assemblies=("hg19", "hg38"),
    weights=(WeightFile("human_trainepoch.11-0.426.h5"),),
)


def load(request):
    """Return the network."""
    from tracksmith_xpresso.network import Xpresso

    return Xpresso(request.weights[""][0])


@hookimpl
def tracksmith_models():
    """Return the one model."""
    return [Model(CARD, load)]
