"""Figures: the style of all of them, a locus for a paper."""
