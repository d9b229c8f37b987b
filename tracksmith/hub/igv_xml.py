"""A session file for IGV desktop, of the rows that a session of igv.js has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tracksmith.hub.genomes import holds_letters
from tracksmith.hub.igv import SHOWN, Config, Row, UrlOf, rows_of
from tracksmith.hub.labels import ShortLabels
from tracksmith.hub.loci import regions_of_all
from tracksmith.hub.runs import ShownRun
from tracksmith.hub.templates import Templates
from tracksmith.hub.values import label

__all__ = ["session_xml"]

DESKTOP_NAME = 25
"""Characters of a row's name that IGV desktop shows in its panel of names."""


def session_xml(
    templates: Templates,
    runs: Sequence[ShownRun],
    url_of: UrlOf,
    genome: str,
    locus: str,
    added: Sequence[Config] = (),
) -> str:
    """Return a session of the same rows for IGV desktop.

    ``genome`` is a genome that IGV hosts, or a file of one. It and the results
    of ``url_of`` are complete addresses, or paths as they are on disk: IGV does
    not decode the percent signs of a path.
    """
    labels = ShortLabels(DESKTOP_NAME)
    rows = [_xml_values(config, label(config["name"], DESKTOP_NAME)) for config in added]
    rows += [_xml_row(row, labels) for row in rows_of(runs, url_of)[:SHOWN]]
    resources = [part for row in rows for part in (row["members"] or [row])]
    return templates.fill(
        "session.xml",
        genome=genome,
        letters=holds_letters(genome),
        locus=locus,
        rows=rows,
        resources=resources,
        regions=regions_of_all(runs),
    )


def _xml_row(row: Row, labels: ShortLabels) -> dict[str, Any]:
    members = [_xml_row(member, labels) for member in row.members]
    return _xml_values(row.config, row.label(labels)) | {"members": members}


def _xml_values(config: Config, name: str) -> dict[str, Any]:
    colour = str(config.get("color", "rgb(0,0,0)")).removeprefix("rgb(").removesuffix(")")
    return {
        "name": name,
        "url": config.get("url", config["name"]),
        "kind": config.get("format", "bigwig"),
        "colour": colour,
        "height": config["height"],
        "alpha": config.get("alpha"),
        "low": config.get("min"),
        "high": config.get("max"),
        "group": config.get("autoscaleGroup"),
        "renderer": "DYNSEQ" if config.get("graphType") == "dynseq" else "BAR_CHART",
        "window": config.get("windowFunction", "mean"),
        "mode": config.get("displayMode", "EXPANDED"),
        "members": [],
    }
