"""Finished runs held against measurements: numbers, tables, a report."""
