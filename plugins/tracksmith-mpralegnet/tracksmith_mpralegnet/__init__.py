"""MPRALegNet as a tracksmith plugin; :mod:`tracksmith_mpralegnet.plugin` holds the cards."""
