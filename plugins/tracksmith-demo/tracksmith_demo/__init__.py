"""The demonstration of tracksmith; :mod:`tracksmith_demo.plugin` holds the model's card."""
