"""What the conformance kit finds, and the page that says so."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

__all__ = ["Finding", "Report", "Status", "Verdict", "fails", "open_", "passes"]

Status = Literal["pass", "fail", "open"]
"""``open``: nothing is known to be wrong, but the check could not tell."""

_SHOWN: Mapping[str, str] = {"pass": "ok", "fail": "FAIL", "open": "open"}


class Verdict(NamedTuple):
    """What one check says."""

    status: Status
    sentence: str


def passes(sentence: str) -> Verdict:
    """Say that what was promised holds."""
    return Verdict("pass", sentence)


def fails(sentence: str) -> Verdict:
    """Say that the plugin breaks its contract, and how."""
    return Verdict("fail", sentence)


def open_(sentence: str) -> Verdict:
    """Say why a check cannot tell."""
    return Verdict("open", sentence)


@dataclass(frozen=True)
class Finding:
    """The verdict of a check by name."""

    check: str
    status: Status
    sentence: str


@dataclass(frozen=True)
class Report:
    """All findings about one model, in the order of the checks."""

    model: str
    version: str
    findings: tuple[Finding, ...]

    @property
    def failed(self) -> list[Finding]:
        """The findings of checks that failed."""
        return [finding for finding in self.findings if finding.status == "fail"]

    def __getitem__(self, check: str) -> Finding:
        return next(finding for finding in self.findings if finding.check == check)

    def text(self, width: int = 100) -> str:
        """Return the page: a line or a few per check, then the count."""
        indent = max(len(finding.check) for finding in self.findings) + 8
        lines = [f"Conformance of {self.model} {self.version}", ""]
        for finding in self.findings:
            head = f"{_SHOWN[finding.status]:<6}{finding.check}".ljust(indent)
            lines += textwrap.wrap(
                finding.sentence,
                width,
                initial_indent=head,
                subsequent_indent=" " * indent,
                break_long_words=False,
                break_on_hyphens=False,
            )
        return "\n".join([*lines, "", self.summary()])

    def summary(self) -> str:
        """Return the count of findings by status."""
        counts = dict.fromkeys(_SHOWN, 0)
        for finding in self.findings:
            counts[finding.status] += 1
        return (
            f"{len(self.findings)} checks: {counts['pass']} passed, {counts['fail']} failed, "
            f"{counts['open']} could not tell."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "model": self.model,
            "version": self.version,
            "findings": [vars(finding) for finding in self.findings],
        }
