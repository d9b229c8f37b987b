"""How a run is planned, computed, finished and looked at, whatever it computes."""
