"""Which columns of a table of variants hold what."""

from __future__ import annotations

__all__ = ["UNNAMED_COLUMNS", "table_columns"]

WORDS = {
    "contig": {"chrom", "chr", "contig", "chromosome"},
    "position": {"pos", "position"},
    "ref": {"ref", "reference"},
    "alt": {"alt", "alternate", "alternative"},
    "id": {"id", "name", "rsid", "variant_id"},
}
UNNAMED_COLUMNS = {"contig": 0, "position": 1, "ref": 2, "alt": 3, "id": 4}
"""Where they stand in a table without a line of names."""


def table_columns(parts: list[str]) -> tuple[dict[str, int], str]:
    """Return where the named columns stand, and the name of one that is there twice.

    Nothing, where the line does not name contig, position, ref and alt. Of
    several ids the first counts.
    """
    columns: dict[str, int] = {}
    twice = ""
    for at, text in enumerate(parts):
        for name, words in WORDS.items():
            if text.strip(" #").lower() in words:
                twice = name if name in columns and name != "id" else twice
                columns.setdefault(name, at)
    if not {"contig", "position", "ref", "alt"} <= set(columns):
        return {}, ""
    return columns, twice
