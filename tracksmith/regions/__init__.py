"""Models over a list of regions, such as accessible peaks, instead of windows along a genome."""
