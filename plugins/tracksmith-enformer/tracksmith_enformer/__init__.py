"""Enformer as a tracksmith plugin; :mod:`tracksmith_enformer.plugin` holds the cards."""
