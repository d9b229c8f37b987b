"""Progress, handed in as an argument: silent, or lines on standard error."""

from __future__ import annotations

import sys
import time
from typing import Protocol, TextIO

__all__ = ["LineProgress", "Progress", "Silent"]


class Progress(Protocol):
    """What the library tells about how far it is."""

    def start(self, what: str, total: int, unit: str, done: int = 0) -> None:
        """Begin counting ``total`` units (bases, variants), ``done`` of them from before."""

    def advance(self, count: int) -> None:
        """Count ``count`` more units."""

    def note(self, text: str) -> None:
        """Say something once."""

    def finish(self) -> None:
        """End the counting."""


class Silent:
    """Says nothing."""

    def start(self, what: str, total: int, unit: str, done: int = 0) -> None:
        """See :class:`Progress`."""

    def advance(self, count: int) -> None:
        """See :class:`Progress`."""

    def note(self, text: str) -> None:
        """See :class:`Progress`."""

    def finish(self) -> None:
        """See :class:`Progress`."""


class LineProgress:
    """Speed and time left: rewritten on a terminal, else one line a minute."""

    def __init__(self, stream: TextIO | None = None, *, quiet: bool = False) -> None:
        self.stream = stream or sys.stderr
        self.terminal = self.stream.isatty()
        self.quiet = quiet
        self._total = self._done = self._before = 0
        self._what = self._unit = ""
        self._began = self._spoke = 0.0
        self._open = False

    def start(self, what: str, total: int, unit: str, done: int = 0) -> None:
        """See :class:`Progress`."""
        self._what, self._total, self._unit = what, total, unit
        self._done = self._before = done
        self._began = self._spoke = time.monotonic()

    def advance(self, count: int) -> None:
        """See :class:`Progress`."""
        self._done += count
        now = time.monotonic()
        if now - self._spoke >= (0.2 if self.terminal else 60):
            self._spoke = now
            self._write(now)

    def note(self, text: str) -> None:
        """See :class:`Progress`."""
        if self._open:
            self.stream.write("\n")
            self._open = False
        if not self.quiet:
            self.stream.write(f"{text}\n")
            self.stream.flush()

    def finish(self) -> None:
        """See :class:`Progress`."""
        if self._total and not self.quiet:
            self._write(time.monotonic())
            if self._open:
                self.stream.write("\n")
        self._open, self._total = False, 0

    def _write(self, now: float) -> None:
        if self.quiet:
            return
        elapsed = max(now - self._began, 1e-9)
        speed = (self._done - self._before) / elapsed
        left = (self._total - self._done) / speed if speed else float("inf")
        share = 100 * self._done / self._total if self._total else 100.0
        text = (
            f"{self._what}: {share:5.1f} %  {_scaled(self._done)} of {_scaled(self._total)} "
            f"{self._unit}  {_scaled(speed)} {self._unit}/s  {_clock(left)} left"
        )
        self.stream.write(f"\r{text:<78}" if self.terminal else f"{text}\n")
        self.stream.flush()
        self._open = self.terminal


def _scaled(value: float) -> str:
    for limit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:.1f} {letter}"
    return f"{value:.0f} "


def _clock(seconds: float) -> str:
    if seconds == float("inf"):
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
