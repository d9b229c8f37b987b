"""A model of a run of explanations, loaded on a device and found fit for its method."""

from __future__ import annotations

import copy

import numpy as np
import torch

from tracksmith.attributions.deeplift import DeepLift
from tracksmith.attributions.differentiable import Differentiable
from tracksmith.attributions.methods import Gradient, Integrated, Method
from tracksmith.attributions.mutate import Mutations
from tracksmith.attributions.passes import PLAIN, ByGradients, ByMutations, Explainer
from tracksmith.attributions.plan import ExplainedModel
from tracksmith.attributions.references import References, require_extra
from tracksmith.effects.saturation import SaturationSource
from tracksmith.effects.scorer import Scorer
from tracksmith.engine.guard import guard_windows
from tracksmith.engine.loading import load_forward, load_predictor
from tracksmith.genome.readable import Readable

__all__ = ["load_explainer"]


def load_explainer(
    model: ExplainedModel, genome: Readable, device: torch.device
) -> tuple[Explainer, list[str]]:
    """Load a model; also return the sha256 of the weight files that were unpickled.

    Raises
    ------
    UsageError
        It cannot be explained by the method of the run.
    """
    load = _mutations if model.recipe.method == "ism" else _gradients
    return load(model, genome, device)


def _mutations(
    model: ExplainedModel, genome: Readable, device: torch.device
) -> tuple[Explainer, list[str]]:
    bases = int(model.steps.first[-1])
    forward, trusted = load_forward(model.plan, device, 4 * bases)
    scorer = Scorer(
        forward, genome, model.targets.scores(), model.folds, model.record.tracks,
        max_allele=1, keep_folds=model.record.folds.spread,
    )  # fmt: skip
    source = SaturationSource(genome, model.steps)
    return ByMutations(Mutations(scorer, source), model.steps), trusted


def _gradients(
    model: ExplainedModel, genome: Readable, device: torch.device
) -> tuple[Explainer, list[str]]:
    recipe = model.recipe
    if recipe.needs_shuffles:
        require_extra(f"--method {recipe.method}")
    predictor, trusted = load_predictor(model.plan)
    if device.type != "cpu":  # what networks keep of calls without gradients has none
        windows = len(model.steps) * model.windows_of_a_step
        guard_windows(model.plan, copy.deepcopy(predictor), device, windows)
    network = Differentiable(model.record, predictor, model.targets, model.windows, device)
    method = _method(model, network)
    spread = model.record.folds.spread
    return ByGradients(network, method, genome, model.steps, model.folds, spread), trusted


def _method(model: ExplainedModel, network: Differentiable) -> Method:
    """Return the method of the run, tried on random bases: those of a region may be N."""
    recipe, length = model.recipe, model.windows.placement.length
    stretch = np.random.default_rng(1).choice(PLAIN, length)
    references = References(recipe.baseline, recipe.references, recipe.reference_seed)
    network.call_plainly(stretch, list(network.networks))
    if recipe.method == "deeplift":
        ruled = DeepLift(network, references)
        ruled.probe(stretch)
        return ruled
    network.probe(stretch, list(network.networks))
    if recipe.method == "gradient":
        return Gradient(network)
    return Integrated(network, references, recipe.path_points)
