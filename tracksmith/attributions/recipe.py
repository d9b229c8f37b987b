"""What a run of explanations was asked, as its plan holds it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tracksmith.attributions.references import BASELINES
from tracksmith.errors import TrustError, UsageError
from tracksmith.files import digest_of_file
from tracksmith.genome.kinds import require_file
from tracksmith.runs.request import Request

__all__ = ["METHODS", "Recipe"]

METHODS = ("ism", "gradient", "integrated", "deeplift")


@dataclass(frozen=True)
class Recipe:
    """What a run was asked: stored in its plan; ``motifs`` is the sha256 of their file.

    ``flank`` is in bp, 0 of a run without alleles.
    """

    method: str
    reduce: str
    baseline: str
    references: int
    reference_seed: int
    path_points: int
    hypothetical: bool
    motifs: str = ""
    flank: int = 0

    @classmethod
    def of(cls, request: Request) -> Recipe:
        """Return what a request asks; what the method does not use has its default.

        Raises
        ------
        UsageError
            A number below 1.
        """
        numbers = {"--references": request.references, "--path-points": request.path_points}
        if request.alleles is not None:
            numbers["--flank"] = request.flank
        for flag, value in numbers.items():
            if value is None or value < 1:
                raise UsageError(f"{flag} {value}: give 1 or more.")
        recipe = cls(
            request.method, request.reduce, request.baseline, request.references or 1,
            request.reference_seed or 0, request.path_points or 1, request.hypothetical,
            _digest(request.motifs), (request.flank or 0) if request.alleles else 0,
        )  # fmt: skip
        if recipe.method == "deeplift" and recipe.baseline == "uniform":
            raise UsageError(
                "--baseline uniform: DeepLIFT is defined here over shuffled references. Leave it "
                "out, or use --method integrated."
            )
        return recipe

    @classmethod
    def read(cls, details: Any) -> Recipe:
        """Read what a plan holds.

        Raises
        ------
        TrustError
            It is none of this version's.
        """
        try:
            recipe = cls(**details)
        except TypeError as error:
            raise TrustError(
                f"run.json does not say what was asked: {error}. Start anew."
            ) from None
        if recipe.method not in METHODS or recipe.baseline not in BASELINES:
            raise TrustError("run.json names a method of another version. Start anew.")
        return recipe

    def details(self) -> dict[str, Any]:
        """Return it as a plan holds it."""
        return asdict(self)

    @property
    def needs_shuffles(self) -> bool:
        """Whether references are dinucleotide shuffles."""
        return self.method == "deeplift" or (
            self.method == "integrated" and self.baseline == "shuffled"
        )


def _digest(path: Path | None) -> str:
    """Return the sha256 of a file that was named, '' where none was."""
    if path is None:
        return ""
    require_file(path, "file of motifs")
    return digest_of_file(path)
