"""Xpresso for tracksmith."""
