"""Predictions on the two haplotypes of people: their edits, their windows, their files."""
