"""Variant effects: allele windows, scores, tables."""
