"""CLIPNET as a tracksmith plugin; :mod:`tracksmith_clipnet.plugin` holds the cards."""
