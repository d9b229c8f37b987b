"""Weight files held against what is known of them: by the card, or since they were fetched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tracksmith.files import digest_of_file
from tracksmith.models.card import ModelCard, WeightFile
from tracksmith.models.contract import WeightPaths
from tracksmith.models.fetched import RECORD, Fetched, recorded

__all__ = ["CheckedFile", "check_weights", "mismatch"]


@dataclass(frozen=True)
class CheckedFile:
    """A weight file with its digest, what the card states of it, and what was seen when it came."""

    fold: str
    path: Path
    size: int
    sha256: str
    stated: WeightFile | None
    fetched: Fetched | None = None

    @property
    def wrong(self) -> bool:
        """Whether the card states another digest or size, or it is not what once came."""
        known = [(item.sha256, item.size) for item in (self.stated, self.fetched) if item]
        return any(
            sha256 not in (None, self.sha256) or size not in (None, self.size)
            for sha256, size in known
        )

    @property
    def confirmed(self) -> bool:
        """Whether its publisher states this very content, on the card or when it was fetched."""
        by_card = self.stated is not None and self.stated.sha256 == self.sha256
        then = self.fetched is not None and bool(self.fetched.published)
        return not self.wrong and (by_card or then)


def check_weights(
    card: ModelCard, paths: WeightPaths, only_stated: bool = False
) -> Iterator[CheckedFile]:
    """Compute the sha256 of every file; ``only_stated`` skips those of which nothing is known.

    A file is known by its name on the card, or by the record beside it:
    weights of the user's own under another name are compared with nothing.

    Raises
    ------
    InputError
        A record is damaged.
    """
    known = {(file.fold, Path(file.name).name): file for file in card.weights}
    for fold, files in paths.items():
        for path in files:
            stated, fetched = known.get((fold, path.name)), recorded(path)
            silent = not stated or (not stated.sha256 and not stated.size)
            if only_stated and silent and fetched is None:
                continue
            size, digest = path.stat().st_size, digest_of_file(path)
            yield CheckedFile(fold, path, size, digest, stated, fetched)


def mismatch(card: ModelCard, file: CheckedFile) -> str:
    """Say what is wrong with a file that differs from its card, or from what once came."""
    stated, fetched = file.stated or WeightFile(file.path.name), file.fetched
    sha256, size = stated.sha256, stated.size
    what = f"the published weight file of {card.name} {card.version}"
    if fetched and not sha256:
        sha256, size = fetched.sha256, fetched.size
        what = f"what came from {fetched.source} on {fetched.when[:10]} ({RECORD} beside it says)"
    return (
        f"{file.path} is not {what}.\n"
        f"  expected sha256 {sha256 or 'unknown'}, {size or 'unknown'} bytes\n"
        f"  got      sha256 {file.sha256}, {file.size} bytes\n"
        "It was not loaded: it may be damaged, cut short or replaced. Fetch it again with "
        f"`tracksmith models fetch {card.name}`; give weights of your own another name, or a "
        "folder of their own."
    )
