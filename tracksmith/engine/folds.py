"""Which folds of an ensemble a run uses: as asked, and never fewer in silence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from tracksmith.errors import ResourceError, UsageError
from tracksmith.genome.aliases import ContigNames
from tracksmith.genome.assemblies import assembly_of, canonical, species_of
from tracksmith.models.card import ModelCard
from tracksmith.models.weights import bare, select_folds

__all__ = [
    "FoldsRequest",
    "check_card_assembly",
    "check_mean_only",
    "choose_folds",
    "names_on_card",
    "parse_folds",
    "refuse_partial",
]

RULES = ("mean", "held-out")


def parse_folds(text: str) -> tuple[str, tuple[str, ...]]:
    """Read ``--folds``: a rule or a fold's name, and the folds named behind ``mean:``.

    Returns
    -------
    rule, names
        ``names`` is empty unless the text is ``mean:A,B`` or ``held-out:A,B``.
    """
    rule, colon, names = text.partition(":")
    if rule not in RULES or not colon:
        return text, ()
    named = tuple(names.split(","))
    if not all(named) or len(set(named)) < len(named):
        raise UsageError(f"--folds {text}: name different folds with commas, e.g. {rule}:1,2,3.")
    return rule, named


class FoldsRequest(NamedTuple):
    """What was asked of the folds: ``--folds``, ``--spread``, and whether one file was named."""

    text: str
    spread: bool = False
    explicit: bool = False


def names_on_card(card: ModelCard, names: ContigNames) -> dict[str, str]:
    """Return what the card calls contigs that the genome calls otherwise, by the genome's name.

    ``""`` is a contig whose name looks like one of the card's, which another contig has.

    Raises
    ------
    InputError
        The alias file gives a name of the card to several contigs.
    """
    of_card = dict.fromkeys([*card.unseen, *(c for fold in card.folds for c in fold.held_out)])
    by_contig: dict[str, str] = {}
    alike: dict[str, list[str]] = {}
    for contig in names.contigs.names:
        alike.setdefault(bare(contig), []).append(contig)
    for name in of_card:
        number = names.find(name)
        if number is None:
            continue
        contig = names.contigs.names[number]
        if bare(contig) != bare(name):
            by_contig[contig] = name
        by_contig |= {other: "" for other in alike.get(bare(name), []) if other != contig}
    return by_contig


def choose_folds(
    card: ModelCard,
    available: tuple[str, ...],
    request: FoldsRequest,
    contigs: Sequence[str],
    notify: Callable[[str], None],
    names: Mapping[str, str] = MappingProxyType({}),
) -> tuple[str, tuple[str, ...]]:
    """Return the rule and the names of the folds that a run needs, in the card's order.

    ``available`` are the folds that have weights, ``("",)`` for a model without folds.
    Folds of the card without weights are refused where they would count, unless the user
    named folds, or the file of one (``explicit``). ``notify`` is told of ``contigs`` that
    stay gaps; ``names`` are those of :func:`names_on_card`.

    Raises
    ------
    UsageError
        No such fold, or too few for ``spread``.
    ResourceError
        Weights of some folds are missing.
    """
    rule, named = parse_folds(request.text)
    available = _named_folds(card, available, rule, named, request)
    explicit = request.explicit or bool(named) or rule not in RULES
    if rule == "mean" and not explicit:
        refuse_partial(card, available, f"--folds mean:{','.join(available)}")
    choose = select_folds(card, available, rule, names)
    if rule == "held-out":
        whole = select_folds(card, tuple(fold.name for fold in card.folds), rule, names)
        _refuse_missing(card, available, contigs, choose, choose if explicit else whole)
        _note_gaps(card, [contig for contig in contigs if not whole(contig)], notify)
        if request.spread:
            _check_spread(card, contigs, choose, notify)
    return rule, available


def _named_folds(
    card: ModelCard,
    available: tuple[str, ...],
    rule: str,
    named: tuple[str, ...],
    request: FoldsRequest,
) -> tuple[str, ...]:
    """Return the folds that the user named among those that have weights, or all of these."""
    for name in (rule,) if rule not in RULES else named:
        if name not in available:
            raise UsageError(
                f"--folds {request.text}: the weights of {card.name} have the folds "
                f"{', '.join(name for name in available if name) or 'none'}. "
                "Use mean, held-out, one of these, or several: mean:A,B."
            )
    if rule not in RULES:
        available = (rule,)
    elif named:
        available = tuple(name for name in available if name in named)
    if request.spread and len(available) < 2:
        raise UsageError(
            f"--spread needs at least two folds; {card.name} has {len(available)} here."
        )
    return available


def refuse_partial(card: ModelCard, available: Sequence[str], remedy: str) -> None:
    """Raise ResourceError where folds of the card have no weights; ``remedy`` accepts that."""
    missing = [fold.name for fold in card.folds if fold.name not in available]
    if missing:
        raise ResourceError(
            f"{_count(card, missing)}, so this would not be the ensemble that the model is. "
            f"Complete them (`tracksmith models fetch {card.name}`), or use {remedy} on purpose."
        )


def _count(card: ModelCard, missing: Sequence[str]) -> str:
    shown = ", ".join(missing[:9]) + (" ..." if len(missing) > 9 else "")
    return (
        f"{card.name} has {len(card.folds)} folds, and the weights of {len(missing)} are missing: "
        f"{shown}"
    )


def _refuse_missing(
    card: ModelCard,
    available: tuple[str, ...],
    contigs: Sequence[str],
    choose: Callable[[str], tuple[str, ...]],
    whole: Callable[[str], tuple[str, ...]],
) -> None:
    """Refuse contigs that no fold at hand may predict, or that lack one of the ``whole`` folds."""
    for contig in contigs:
        choose(contig)
        complete = whole(contig)
        missing = [name for name in complete if name not in available]
        if missing:
            raise ResourceError(
                f"{contig} is predicted by {len(complete)} folds of {card.name} that never saw "
                f"it, and the weights of {len(missing)} are missing: {', '.join(missing)}. "
                f"Complete them (`tracksmith models fetch {card.name}`), or use "
                f"--folds held-out:{','.join(available)} on purpose."
            )


def _note_gaps(card: ModelCard, gaps: Sequence[str], notify: Callable[[str], None]) -> None:
    if gaps:
        notify(
            f"{card.name}: {len(gaps)} contigs have no fold that is known not to have seen "
            f"them and stay gaps: {', '.join(gaps[:5])}{' ...' if len(gaps) > 5 else ''}. "
            "If the card knows them under other names, give --alias FILE."
        )


def _check_spread(
    card: ModelCard,
    contigs: Sequence[str],
    choose: Callable[[str], tuple[str, ...]],
    notify: Callable[[str], None],
) -> None:
    """Refuse a spread that no contig could have; name those that have none.

    Raises
    ------
    UsageError
        No contig is predicted by two folds.
    """
    alone = [contig for contig in contigs if len(choose(contig)) == 1]
    if not any(len(choose(contig)) > 1 for contig in contigs):
        raise UsageError(
            f"--spread with --folds held-out: no contig asked for is predicted by two folds of "
            f"{card.name}, so there is nothing to spread. Leave out --spread, or use --folds mean."
        )
    if alone:
        notify(
            f"{card.name}: {len(alone)} contigs are predicted by a single fold, so their spread "
            f"is a gap: {', '.join(alone[:5])}{' ...' if len(alone) > 5 else ''}"
        )


def check_card_assembly(
    card: ModelCard,
    contigs: Iterable[tuple[str, int]],
    rule: str,
    notify: Callable[[str], None],
    names: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Hold a genome, ``(contig, bp)``, against the assemblies of a card; say where it is another.

    ``names`` are those of :func:`names_on_card`.

    Raises
    ------
    UsageError
        ``held-out`` in another species, whose chromosomes are others under the same names.
    """
    known = [(names.get(name, name), bp) for name, bp in contigs]
    pairs = [(name if name.startswith("chr") else f"chr{name}", bp) for name, bp in known]
    assembly = assembly_of(pairs)
    if assembly is None or not card.assemblies or assembly in map(canonical, card.assemblies):
        return
    made_for = ", ".join(card.assemblies)
    # decision: other-assembly-noted (folds name chromosomes of the species)
    if rule == "held-out" and species_of(assembly) not in map(species_of, card.assemblies):
        raise UsageError(
            f"--folds held-out: the folds of {card.name} left out chromosomes of {made_for}, and "
            f"by its lengths this genome is {assembly}, where the same names are other "
            "chromosomes. No fold saw this genome: use --folds mean."
        )
    notify(
        f"{card.name} was made for {made_for}; by its lengths this genome is {assembly}. "
        "What the model is worth there is for you to find out."
    )


def check_mean_only(
    card: ModelCard, options: Mapping[str, str], rule: str, names: Sequence[str], *, spread: bool
) -> None:
    """Refuse values of options that hold for the mean of all folds alone.

    Raises
    ------
    UsageError
        Such a value with another rule, with fewer folds, or with ``spread``.
    """
    whole = rule == "mean" and not spread and len(names) == (len(card.folds) or 1)
    for option in card.options:
        value = options.get(option.name, option.default)
        if value in option.mean_only and not whole:
            chosen = "--spread" if spread else f"--folds {rule} ({', '.join(names)})"
            raise UsageError(
                f"--option {option.name}={value} holds for the mean of all {len(card.folds)} folds "
                f"of {card.name}, not for {chosen}, where single folds are made into tracks. "
                "Leave one of the two out."
            )
