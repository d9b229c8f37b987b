"""GET region models for tracksmith."""
