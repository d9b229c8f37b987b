"""The report of an evaluation: one HTML page that needs nothing beside it, and no script."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from tracksmith.evaluate.definitions import Definition
from tracksmith.evaluate.held_out import HELD_OUT, MIXED, SEEN
from tracksmith.evaluate.results import Evaluation, NumberRow

__all__ = ["Picture", "report_page"]

MOST_CONTIGS = 30
"""Rows of single contigs that the page shows; the table has all."""

_DIGEST = re.compile(r"\b([0-9a-f]{16})[0-9a-f]{48}\b")
"""Digests are whole in the JSON; a phone has no room for them."""

STYLE = """:root{color-scheme:light dark;--line:#d5d9df;--soft:#667085;--good:#18794e;--bad:#b42318;
--card:#f6f7f9;--text:#1d1f22;--page:#fff}
@media(prefers-color-scheme:dark){:root{--line:#3a3f47;--soft:#9aa4b2;--good:#56c08d;--bad:#f2786d;
--card:#22262c;--text:#e6e8eb;--page:#17191d}}
body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;max-width:70em;padding:1em;color:var(--text);
background:var(--page)}
h1{font-size:1.4em}h2{font-size:1.15em;margin-top:2em;border-bottom:1px solid var(--line)}
h3{font-size:1em;margin-bottom:.3em}
.wide{overflow-x:auto}
table{border-collapse:collapse;margin:.5em 0;font-size:.93em}
th,td{padding:.2em .7em;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}
td.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
small,.soft{color:var(--soft)}
.held-out{color:var(--good)}.seen,.mixed{color:var(--bad)}
ul.findings li.warn{font-weight:600;color:var(--bad)}
.pictures{display:flex;flex-wrap:wrap;gap:1em}
figure{margin:0;background:var(--card);border-radius:6px;padding:.6em;max-width:100%;
box-sizing:border-box}
figure svg{max-width:100%;height:auto;display:block}
figcaption{font-size:.85em;color:var(--soft);max-width:40em}
dt{font-weight:600}dd{margin:0 0 .5em 1em}"""


@dataclass(frozen=True)
class Picture:
    """An SVG with what it shows."""

    svg: str
    caption: str


def report_page(evaluation: Evaluation, pictures: Sequence[Picture]) -> str:
    """Return the page as HTML."""
    parts = [
        f"<h1>{escape(evaluation.title)}</h1>",
        _about(evaluation.about),
        "<h2>What to know</h2>",
        _findings(evaluation.findings),
        *_models(evaluation.rows),
        "<h2>Pictures</h2>" if pictures else "",
        f'<div class="pictures">{"".join(map(_picture, pictures))}</div>',
        "<h2>What the numbers are</h2>",
        _definitions(row.definition for row in evaluation.rows),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'; img-src data:\">"
        f"<title>{escape(evaluation.title)}</title><style>{STYLE}</style></head>\n<body>"
        f"{''.join(parts)}</body></html>\n"
    )


def _about(about: Mapping[str, object]) -> str:
    rows = "".join(
        f"<tr><th scope=row>{escape(name)}</th><td>{escape(_plain(value))}</td></tr>"
        for name, value in about.items()
    )
    return f'<div class="wide"><table><tbody>{rows}</tbody></table></div>'


def _plain(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return "; ".join(map(_plain, value))
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(item)}" for key, item in value.items())
    return _DIGEST.sub(r"\1...", str(value))


def is_warning(text: str) -> bool:
    """Say whether a finding warns: such ones begin with a word in capitals."""
    return text.split(":")[0].split("?")[0].isupper()


def _findings(findings: Sequence[str]) -> str:
    in_order = sorted(findings, key=lambda text: not is_warning(text))
    items = "".join(
        f"<li{' class=warn' if is_warning(text) else ''}>{escape(text)}</li>" for text in in_order
    )
    return f'<ul class="findings">{items}</ul>'


def _models(rows: Sequence[NumberRow]) -> Iterable[str]:
    for model in dict.fromkeys(row.model for row in rows):
        mine = [row for row in rows if row.model == model]
        yield f"<h2>{escape(model)}</h2>"
        for track in dict.fromkeys(row.track for row in mine):
            yield f"<h3>{escape(track)}</h3>"
            yield _table([row for row in mine if row.track == track])


def _table(rows: Sequence[NumberRow]) -> str:
    """Return a track's numbers: a row for each group, a column for each number."""
    definitions = {row.definition.key: row.definition for row in rows}
    groups = list(dict.fromkeys(row.group for row in rows))
    contigs = [group for group in groups if group.kind == "contig"]
    hidden = set(contigs[MOST_CONTIGS:])
    head = "".join(
        f'<th scope="col"><abbr title="{escape(d.cited)}">{escape(d.name)}</abbr></th>'
        for d in definitions.values()
    )
    cells = {(row.group, row.definition.key): row for row in rows}
    lines = [
        f"<tr><th scope=row>{escape(_name(group.kind, group.name))}</th>{_training(group.held_out)}"
        + "".join(_cell(cells.get((group, key))) for key in definitions)
        + "</tr>"
        for group in groups
        if group not in hidden
    ]
    more = f"<p class=soft>{len(hidden)} more contigs are in numbers.tsv.</p>" if hidden else ""
    return (
        f'<div class="wide"><table><thead><tr><th>contigs</th><th>training</th>{head}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>{more}"
    )


def _name(kind: str, name: str) -> str:
    return name if kind in ("all", "contig") else f"{kind}: {name}"


def _training(word: str) -> str:
    known = {HELD_OUT: "held-out", SEEN: "seen", MIXED: "mixed"}.get(word, "soft")
    return f'<td class="{known}">{escape(word)}</td>'


def _cell(row: NumberRow | None) -> str:
    if row is None or math.isnan(row.estimate.value):
        left = f"<br><small>{row.left_out:,} left out</small>" if row and row.left_out else ""
        return f'<td class="n">-{left}</td>'
    evaluation = row.estimate
    text = f"{evaluation.value:.3f}"
    if not math.isnan(evaluation.low):
        text += f"<br><small>{evaluation.low:.3f} to {evaluation.high:.3f}</small>"
    left = f", {row.left_out:,} left out" if row.left_out else ""
    return f'<td class="n">{text}<br><small>n = {evaluation.count:,}{left}</small></td>'


def _picture(picture: Picture) -> str:
    return f"<figure>{picture.svg}<figcaption>{escape(picture.caption)}</figcaption></figure>"


def _definitions(definitions: Iterable[Definition]) -> str:
    unique = {definition.key: definition for definition in definitions}
    return "<dl>" + "".join(
        f"<dt>{escape(definition.name)} <small>({escape(definition.key)})</small></dt>"
        f"<dd>{escape(definition.cited)}{_interval(definition)}</dd>"
        for definition in unique.values()
    ) + "</dl>"  # fmt: skip


def _interval(definition: Definition) -> str:
    return f" The range below it: {escape(definition.interval)}." if definition.interval else ""
