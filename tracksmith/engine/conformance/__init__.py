"""The conformance kit: does a plugin keep what its card and the contract promise?"""

from tracksmith.engine.conformance.kit import check_model, checks_of
from tracksmith.engine.conformance.report import Finding, Report
from tracksmith.engine.conformance.subject import CheckRequest

__all__ = ["CheckRequest", "Finding", "Report", "check_model", "checks_of"]
