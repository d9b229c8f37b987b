"""The user's consent to unpickle certain files: by sha256, for as long as a block runs.

Consent comes from a command line or a request. It is never read from a run's
folder, so that a folder from somebody else cannot make anything run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from tracksmith.errors import UsageError

__all__ = ["Consent", "consent", "option_for", "trusting"]

OPTION = "--trust-weights"
_DIGEST = re.compile(r"sha256:([0-9a-fA-F]{64})")


@dataclass(frozen=True)
class Consent:
    """Which files may be unpickled, by sha256, and which were (``used``)."""

    digests: frozenset[str] = frozenset()
    used: list[str] = field(default_factory=list)

    @property
    def options(self) -> str:
        """The consent as options of a command, each after a blank; ``""`` for none."""
        return "".join(f" {option_for(digest)}" for digest in sorted(self.digests))


# decision: trust-in-the-command (a folder from somebody else brings no consent)
_consent: ContextVar[Consent | None] = ContextVar("tracksmith_trusted_weights", default=None)


def consent() -> Consent:
    """Return the consent that holds here, in this thread."""
    return _consent.get() or Consent()


def option_for(digest: str) -> str:
    """Return the option that trusts the file with this sha256."""
    return f"{OPTION} sha256:{digest}"


@contextmanager
def trusting(digests: Iterable[str] = ()) -> Iterator[Consent]:
    """Let files with these digests be unpickled without restriction inside a block.

    What was trusted around the block stays trusted; ``used`` tells what was
    unpickled inside it. Other threads are not concerned.

    Parameters
    ----------
    digests
        ``sha256:`` and 64 hexadecimal digits each.

    Raises
    ------
    UsageError
        One is not of that form.
    """
    given = [digests] if isinstance(digests, str) else list(digests)
    wider = Consent(consent().digests | {_digest(text) for text in given})
    token = _consent.set(wider)
    try:
        yield wider
    finally:
        _consent.reset(token)


def _digest(text: str) -> str:
    match = _DIGEST.fullmatch(text)
    if match is None:
        raise UsageError(
            f"{OPTION} {text}: give sha256: and 64 hexadecimal digits of one file, as in the "
            "message that refused it."
        )
    return match[1].lower()
