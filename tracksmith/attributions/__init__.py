"""Runs that explain predictions: how much each base of a region adds to them."""
