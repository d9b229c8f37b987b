"""Which measured file goes with which predicted track, and which pairs of strands are one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tracksmith.errors import UsageError
from tracksmith.evaluate.measured import Lookup, Signal, open_measured, settle_sign
from tracksmith.hub.runs import Output, ShownModel, ShownRun
from tracksmith.models.geometry import WindowGeometry
from tracksmith.tracks.reader import OpenTrack

__all__ = ["ModelPairs", "Pair", "Unit", "match_files", "open_pairs"]

Notify = Callable[[str], None]
_MINUS = re.compile(r"(?<![a-z])(minus|neg|negative|rev|reverse|mn|rv)(?![a-z])", re.IGNORECASE)
_PLUS = re.compile(r"(?<![a-z])(plus|pos|positive|fwd|forward|pl|fw)(?![a-z])", re.IGNORECASE)


@dataclass
class Pair:
    """A predicted track beside what was measured, both in the sign of the model's values."""

    output: Output
    predicted: Signal
    measured: Signal

    @property
    def bin(self) -> int:
        """Width of the prediction's bins in bp."""
        record = self.output.model.record
        geometry = record.card.geometry
        if not isinstance(geometry, WindowGeometry):
            return 1
        return geometry.at_stride(record.stride).bin if record.stride else geometry.bin


@dataclass(frozen=True)
class Unit:
    """What one number is made of: a track, or both strands of a pair together."""

    name: str
    pairs: tuple[Pair, ...]

    @property
    def bin(self) -> int:
        """Width of the prediction's bins in bp."""
        return self.pairs[0].bin


@dataclass(frozen=True)
class ModelPairs:
    """The pairs of one model of a run."""

    model: ShownModel
    pairs: tuple[Pair, ...]

    @property
    def strands(self) -> list[tuple[Pair, Pair]]:
        """The pairs of strands, the plus strand first."""
        by_id = {pair.output.track_id: pair for pair in self.pairs}
        partners = [(pair, by_id.get(pair.output.track.rc_partner or "")) for pair in self.pairs]
        return [(a, b) for a, b in partners if b is not None and a.output.track.strand == "+"]

    @property
    def units(self) -> list[Unit]:
        """The tracks, and every pair of strands as one."""
        alone = [Unit(pair.output.track_id, (pair,)) for pair in self.pairs]
        both = [
            Unit(f"{a.output.track_id}+{b.output.track_id}", (a, b))
            for a, b in self.strands
            if a.bin == b.bin
        ]
        return alone + both


def match_files(run: ShownRun, texts: Sequence[str]) -> list[tuple[Output, Path]]:
    """Return which predicted track each measured file goes with.

    ``TRACK=FILE`` (or ``MODEL.TRACK=FILE``) says it by name; plain files go by order, one for each
    track of every model.

    Raises
    ------
    UsageError
        No such track, a track named twice, or another number of files than tracks.
    """
    outputs = [
        output for output in run.outputs()
        if output.kind == "bigwig" and output.statistic == "mean" and output.track_id
    ]  # fmt: skip
    if not outputs:
        raise UsageError(
            f"{run.folder} holds no predicted bigWig with a value: evaluate a run that "
            "`tracksmith predict` made."
        )
    if not texts:
        raise UsageError("Give at least one measured bigWig: --measured FILE or TRACK=FILE.")
    named = [text.partition("=") for text in texts if "=" in text and not Path(text).exists()]
    plain = [Path(text) for text in texts if "=" not in text or Path(text).exists()]
    if named and plain:
        raise UsageError("Give --measured TRACK=FILE for all of the files, or for none of them.")
    if named:
        return [pair for name, _, path in named for pair in _by_name(outputs, name, Path(path))]
    return _by_order(outputs, plain)


def _by_name(outputs: Sequence[Output], name: str, path: Path) -> list[tuple[Output, Path]]:
    meant = [o for o in outputs if name in (o.track_id, f"{o.model.name}.{o.track_id}")]
    if not meant:
        known = ", ".join(f"{o.model.name}.{o.track_id}" for o in outputs[:10])
        raise UsageError(
            f"--measured {name}={path}: the run has no track {name!r}; it has {known}."
        )
    return [(output, path) for output in meant]


def _by_order(outputs: Sequence[Output], files: Sequence[Path]) -> list[tuple[Output, Path]]:
    matches = []
    for model in dict.fromkeys(output.model.name for output in outputs):
        mine = [output for output in outputs if output.model.name == model]
        if len(mine) != len(files):
            names = [output.track_id for output in mine]
            listed = ", ".join(names[:10]) + (" ..." if len(names) > 10 else "")
            raise UsageError(
                f"{model} has {len(mine)} tracks ({listed}) and --measured names {len(files)} "
                f"files: give one for each in this order, or say --measured {names[0]}=FILE."
            )
        matches += list(zip(mine, files, strict=True))
    return matches


@contextmanager
def open_pairs(
    run: ShownRun, texts: Sequence[str], lookup: Lookup, notify: Notify
) -> Iterator[list[ModelPairs]]:
    """Open predicted and measured tracks, model by model; say how they were put together."""
    matched = match_files(run, texts)
    chosen = [(output.model.name, output.track_id) for output, _ in matched]
    if twice := [name for name in chosen if chosen.count(name) > 1]:
        raise UsageError(f"--measured names two files for the track {twice[0][1]}: keep one.")
    with ExitStack() as stack:
        opened: dict[Path, Signal] = {}
        pairs: dict[str, list[Pair]] = {}
        for output, path in matched:
            if path not in opened:
                opened[path] = open_measured(path, lookup, notify)
                stack.callback(opened[path].track.close)
            own = opened[path]
            measured = Signal(own.track, own.names, fill=own.fill)
            track = output.track
            said = settle_sign(measured, signed=track.signed, strand=track.strand)
            notify(f"{path} is compared with {output.model.name}, track {output.track_id}.")
            for text in (said, _other_strand(path, track.strand)):
                if text:
                    notify(text)
            pairs.setdefault(output.model.name, []).append(
                Pair(output, _predicted(output, stack), measured)
            )
        yield [ModelPairs(m, tuple(pairs[m.name])) for m in run.models if m.name in pairs]


def _predicted(output: Output, stack: ExitStack) -> Signal:
    track = OpenTrack(output.path)
    stack.callback(track.close)
    return Signal(track, {name: name for name in track.contigs}, float(output.stored_sign))


def _other_strand(path: Path, strand: str) -> str:
    """Say so where a file's name speaks of the other strand."""
    plus, minus = _PLUS.search(path.name), _MINUS.search(path.name)
    if strand == "+" and minus and not plus:
        return f"{path} goes with a plus strand, though its name says {minus[0]!r}."
    if strand == "-" and plus and not minus:
        return f"{path} goes with a minus strand, though its name says {plus[0]!r}."
    return ""
