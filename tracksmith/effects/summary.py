"""A short page on a run of variants: counts, reasons, distribution of effects, the strongest."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from tracksmith.effects.survey import ModelResults, headlines
from tracksmith.genome.allele_kinds import Reason
from tracksmith.tracks.histogram import quantiles

__all__ = ["LISTED", "TOP_COLUMNS", "TopRow", "summary_page", "top_rows", "top_table"]

LISTED = 200
"""Strongest variants that the small table lists."""

SHOWN = 50
PROBABILITIES = (0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999)
TOP_COLUMNS = (
    "chrom", "pos", "id", "ref", "alt", "score", "effect", "track", "percentile", "reference",
    "alternative",
)  # fmt: skip

STYLE = """body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:64em;padding:0 1em}
table{border-collapse:collapse;margin:1em 0}
th,td{padding:.15em .7em;border-bottom:1px solid #ddd;text-align:left}
td.n{text-align:right;font-variant-numeric:tabular-nums}
.up{color:#ca0020}.down{color:#0571b0}"""


@dataclass(frozen=True)
class TopRow:
    """One of the strongest variants: its place under the genome's names, and its effect."""

    contig: str
    position: int
    id: str
    ref: str
    alt: str
    score: str
    effect: float
    track: str
    percentile: float
    reference: float
    alternative: float

    def cells(self) -> list[str]:
        """Return the columns of the table of strongest variants."""
        return [
            self.contig, str(self.position + 1), self.id, self.ref, self.alt, self.score,
            f"{self.effect:.6g}", self.track, f"{self.percentile:.4g}",
            _known(self.reference), _known(self.alternative),
        ]  # fmt: skip


def _known(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.6g}"


def top_rows(model: ModelResults) -> list[TopRow]:
    """Return the strongest variants of a model, strongest first."""
    listed = enumerate(model.survey.top[:LISTED])
    wanted = {(record, allele): at for at, (_, record, allele) in listed}
    by_place: dict[int, TopRow] = {}
    units, names = model.units, model.plan.contigs.names
    for result in model.parts():
        rows = result.rows
        keys = zip(rows["record"].tolist(), rows["allele"].tolist(), strict=True)
        chosen = [(row, wanted[key]) for row, key in enumerate(keys) if key in wanted]
        if not chosen:
            continue
        heads, ranks = headlines(result, model), model.percentiles(result)
        cell = heads.cell(len(units))
        for row, at in chosen:
            score, unit = int(heads.score[row]), int(heads.unit[row])
            _, _, name, ref, alt, _ = result.texts[row].split("\t")
            by_place[at] = TopRow(
                names[int(rows["contig"][row])],
                int(rows["position"][row]),
                name,
                ref,
                alt,
                model.scores[score].name,
                float(heads.effect[row]),
                units.names[int(heads.track[row])],
                float(ranks[row, cell[row]]),
                float(result.scored.reference[row, score, unit]),
                float(result.scored.alternative[row, score, unit]),
            )
    return [by_place[at] for at in sorted(by_place)]


def top_table(rows: Iterable[TopRow]) -> bytes:
    """Return the strongest variants as tab-separated text."""
    lines = ["\t".join(TOP_COLUMNS), *("\t".join(row.cells()) for row in rows)]
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace")


def summary_page(results: Sequence[ModelResults], tops: Sequence[list[TopRow]]) -> str:
    """Return the page as HTML."""
    plan = results[0].plan
    source = plan.variants.name
    sha256 = plan.variants.file.sha256 if plan.variants.file else ""
    body = "".join(_model(model, rows) for model, rows in zip(results, tops, strict=True))
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>Variant effects of {escape(source)}</title><style>{STYLE}</style></head>\n"
        f"<body><h1>Variant effects of {escape(source)}</h1>\n"
        f"<p>{plan.records:,} records, sha256 <code>{sha256}</code>; genome "
        f"{escape(plan.run.plan.genome.name)}. Effects are alternative minus reference."
        f"</p>\n{body}</body></html>\n"
    )


def _model(model: ModelResults, rows: list[TopRow]) -> str:
    scores = [model.scores[number] for number in model.headline]
    formulas = "; ".join(f"{score.name} = {score.formula} ({score.unit})" for score in scores)
    which = (
        "of the track or strand pair where it is strongest; of a pair, reference and alternative "
        "are of both strands, and track names the one that changes most"
    )
    if len(scores) > 1:
        which = "whichever of them is the strongest"
    return (
        f"<h2>{escape(model.name)}</h2>\n{_counts(model)}"
        f"<h3>Effects</h3>\n<p>{escape(formulas)}, {which}.</p>\n"
        f"{_distribution(model)}<h3>The strongest</h3>\n<p>{_shown_of(model, rows)} "
        f"{_ranked_by(model)}</p>\n{_top(rows)}"
    )


def _counts(model: ModelResults) -> str:
    counts = model.survey.counts
    texts = {reason.value: reason.text for reason in Reason}
    rows = [
        ("Records scored", counts.records_scored, ""),
        ("Records skipped altogether", counts.records_skipped, ""),
        ("Records outside the regions asked for", counts.outside, ""),
        ("Alleles scored", counts.alleles_scored, ""),
        *((f"Skipped: {code}", n, texts.get(code, "")) for code, n in counts.reasons.most_common()),
    ]
    return _table(
        ("", "", ""), [(escape(name), f"{n:,}", escape(text)) for name, n, text in rows], {1}
    )


def _distribution(model: ModelResults) -> str:
    values = quantiles(model.survey.effects, PROBABILITIES)
    cells = [f"{value:.4g}" if np.isfinite(value) else "." for value in values]
    return _table([f"{100 * p:g} %" for p in PROBABILITIES], [cells], set(range(len(cells))))


def _shown_of(model: ModelResults, rows: list[TopRow]) -> str:
    shown, scored = min(SHOWN, len(rows)), model.survey.counts.alleles_scored
    # The page is written before anybody makes a page of tracks, so it has nothing to link to.
    return f"{shown:,} of {scored:,} alleles; tracksmith view shows them among the tracks."


def _ranked_by(model: ModelResults) -> str:
    text = f"Percentile: {model.percentile_text}."
    if model.has_background:
        return f"{text} (--background)"
    return (
        f"{text} They say nothing about how rare such effects are in the genome: "
        "--background 10000 compares with random variants."
    )


def _top(rows: list[TopRow]) -> str:
    lines = []
    for row in rows[:SHOWN]:
        cells = [escape(cell.encode("utf-8", "replace").decode()) for cell in row.cells()]
        cells[3], cells[4] = (f"{cell[:40]}..." if len(cell) > 40 else cell for cell in cells[3:5])
        kind = "up" if row.effect > 0 else "down"
        cells[6] = f'<span class="{kind}">{cells[6]}</span>'
        lines.append(cells)
    return _table(TOP_COLUMNS, lines, {1, 6, 8, 9, 10})


def _table(heading: Sequence[str], rows: Sequence[Sequence[str]], numbers: set[int]) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in heading)
    body = "".join(
        "<tr>"
        + "".join(
            f"<td{' class=n' if at in numbers else ''}>{cell}</td>" for at, cell in enumerate(row)
        )
        + "</tr>\n"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>\n"
