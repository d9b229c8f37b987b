"""The user's consent to unpickle certain files: by sha256, for as long as a block runs.

Consent comes from a command line or a request. It is never read from a run's
folder, so that a folder from somebody else cannot make anything run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from tracksmith.errors import UsageError

__all__ = ["Consent", "consent", "note_unused", "option_for", "trusted_files", "trusting"]

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
    held = Consent(consent().digests | {_digest(text) for text in given})
    token = _consent.set(held)
    try:
        yield held
    finally:
        _consent.reset(token)


def trusted_files(
    models: Iterable[Mapping[str, Any]], digests: Collection[str]
) -> list[dict[str, str]]:
    """Return the weight files with these digests among the models of a run's request.

    Returns
    -------
    list of dict
        Model, fold, name and sha256 of each, for the run's provenance.
    """
    return [
        {
            "model": entry["card"]["name"],
            "fold": fold,
            "name": file["name"],
            "sha256": file["sha256"],
        }
        for entry in models
        for fold, files in entry["weights"].items()
        for file in files
        if file["sha256"] in digests
    ]


def note_unused(models: Iterable[Mapping[str, Any]], notify: Callable[[str], None]) -> None:
    """Tell of every trusted digest that no weight file of a run's request has."""
    held = consent().digests
    known = {file["sha256"] for file in trusted_files(models, held)}
    for digest in sorted(held - known):
        notify(f"NOTE: {option_for(digest)}: no weight file of this run has that sha256.")


def _digest(text: str) -> str:
    match = _DIGEST.fullmatch(text)
    if match is None:
        raise UsageError(
            f"{OPTION} {text}: give sha256: and 64 hexadecimal digits of one file, as in the "
            "message that refused it."
        )
    return match[1].lower()
