"""The engine: plan, parts, windows, devices, and the loop over a genome."""
