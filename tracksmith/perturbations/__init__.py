"""Runs of perturbations: the genome is edited here, a model is read there."""
