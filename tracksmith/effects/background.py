"""Scores of random substitutions of the genome, to rank others among."""

from __future__ import annotations

import hashlib
import io
import logging
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracksmith.effects.ranks import Ranks
from tracksmith.effects.saturation import PLAIN
from tracksmith.effects.scorer import Scorer
from tracksmith.effects.stretches import Alleles
from tracksmith.effects.survey import ModelFacts
from tracksmith.errors import InputError, ResourceError
from tracksmith.files import aside, cache_root, canonical_json
from tracksmith.genome.fasta import Genome, Notify, silent
from tracksmith.runs.codec import encode

__all__ = ["background_is_kept", "background_ranks", "random_snvs"]

log = logging.getLogger(__name__)
BATCH = 4096
TRIES = 200
DIGEST = hashlib.sha256().digest_size


def random_snvs(genome: Genome, allowed: NDArray[np.bool_], count: int, seed: int) -> Alleles:
    """Draw substitutions of known bases, all places and all three changes alike.

    The bases are therefore those of the genome in their proportions. The same
    arguments always give the same variants, in the order of the genome.

    Parameters
    ----------
    allowed
        bool ``(contigs,)``: where to draw from.

    Raises
    ------
    InputError
        The genome has (nearly) no known base there.
    """
    bits = np.random.PCG64(seed)
    lengths = np.where(allowed, genome.contigs.lengths, 0)
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    places, changes = np.empty(0, np.int64), np.empty(0, np.uint8)
    for _ in range(TRIES):
        if len(places) >= count or not total:
            break
        drawn = np.minimum((_uniform(bits, count) * total).astype(np.int64), total - 1)
        turn = (_uniform(bits, count) * 3).astype(np.int64) + 1
        masks = _bases(genome, ends, lengths, drawn)
        known = np.isin(masks, PLAIN)
        own = np.searchsorted(PLAIN, masks[known])
        places = np.concatenate([places, drawn[known]])
        changes = np.concatenate([changes, PLAIN[(own + turn[known]) % 4]])
    if len(places) < count:
        raise InputError(
            f"--background {count}: only {len(places)} known bases were found to draw from in "
            f"{genome.path}. Leave the option out for this genome."
        )
    order = np.argsort(places[:count], kind="stable")
    places, changes = places[:count][order], changes[:count][order]
    contig = np.searchsorted(ends, places, side="right")
    position = places - (ends - lengths)[contig]
    ones = np.ones(count, np.int64)
    return Alleles(contig, position, ones, [bytes([mask]) for mask in changes.tolist()])


def _uniform(bits: np.random.PCG64, count: int) -> NDArray[np.float64]:
    """Return numbers in [0, 1) from raw bits, which are the same in every version of numpy."""
    raw = np.asarray(bits.random_raw(count), dtype=np.uint64)
    fractions: NDArray[np.float64] = (raw >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return fractions


def _bases(
    genome: Genome,
    ends: NDArray[np.int64],
    lengths: NDArray[np.int64],
    places: NDArray[np.int64],
) -> NDArray[np.uint8]:
    """Return the masks at places of the joined contigs, read in the order of the genome."""
    order = np.argsort(places, kind="stable")
    contig = np.searchsorted(ends, places[order], side="right")
    position = (places[order] - (ends - lengths)[contig]).tolist()
    names = genome.contigs.names
    bases = np.empty(len(places), np.uint8)
    for row, number, start in zip(order.tolist(), contig.tolist(), position, strict=True):
        bases[row] = genome.read(names[number], start, start + 1)[0]
    return bases


def background_ranks(model: ModelFacts, scorer: Scorer, notify: Notify = silent) -> Ranks:
    """Return the ranks among random variants: from the cache, or scored now and put there.

    ``notify`` is told of a file in the cache that is damaged; it is made again.
    """
    variants = model.plan.variants
    path = _cache_path(model)
    columns = len(scorer.scores) * len(scorer.units)
    try:
        return _read(path, columns)
    except FileNotFoundError:
        pass
    except (OSError, InputError) as error:
        notify(f"The background {path} is not used: {error} It is made again.")
    allowed = np.array([bool(folds) for folds in scorer.folds], np.bool_)
    alleles = random_snvs(model.plan.genome, allowed, variants.background, variants.seed)
    ranks = Ranks(columns)
    for first in range(0, len(alleles), BATCH):
        scored = scorer.score(alleles.piece(first, first + BATCH))
        kept = np.flatnonzero(scored.unknown <= variants.max_n)
        ranks.add(scored.cells()[kept])
    _keep(path, ranks)
    return ranks


def background_is_kept(model: ModelFacts) -> bool:
    """Say whether an earlier run kept the ranks that this one needs."""
    return _cache_path(model).is_file()


def _read(path: Path, columns: int) -> Ranks:
    """Read the ranks of a file: a sha256, and the arrays that it is of.

    Raises
    ------
    InputError
        The file is damaged.
    """
    content = path.read_bytes()
    digest, arrays = content[:DIGEST], content[DIGEST:]
    if hashlib.sha256(arrays).digest() != digest:
        raise InputError("it is damaged, for its contents are not those of its digest.")
    with np.load(io.BytesIO(arrays), allow_pickle=False) as stored:
        ranks = Ranks.from_arrays({name: stored[name] for name in stored.files})
    if ranks.columns != columns:
        raise InputError(f"it has {ranks.columns} columns, {columns} are due.")
    return ranks


def _cache_path(model: ModelFacts) -> Path:
    """Return where the ranks of a model, a genome and all that decides scores are kept."""
    plan, variants = model.plan.run.plan, model.plan.variants
    identity = {
        "genome": plan.genome.sha256,
        "model": encode(plan.models[model.number]),
        "background": [variants.background, variants.seed],
        "max_n": variants.max_n,
        "device": plan.device,
        "versions": dict(plan.versions),
    }
    key = hashlib.sha256(canonical_json(identity).encode()).hexdigest()
    return cache_root() / "background" / f"{key}.ranks"


def _keep(path: Path, ranks: Ranks) -> None:
    buffer = io.BytesIO()
    arrays: dict[str, Any] = ranks.to_arrays()
    np.savez(buffer, **arrays)
    content = buffer.getvalue()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with aside(path) as temporary:
            temporary.write_bytes(hashlib.sha256(content).digest() + content)
    except (OSError, ResourceError) as error:
        log.warning("the background cannot be kept in %s: %s", path, error)
