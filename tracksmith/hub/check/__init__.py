"""``hub check``: everything about a hub that would show wrong or not at all."""

from tracksmith.hub.check.hub import check_hub
from tracksmith.hub.check.parse import Finding

__all__ = ["Finding", "check_hub"]
