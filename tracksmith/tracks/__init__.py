"""The tracks: bigWig and bigBed files, written in blocks and read back to verify.

Values are encoded piece by piece (:func:`encode_values`), pieces kept as bytes
(:meth:`EncodedPiece.to_bytes`), and joined into a file (:func:`write_bigwig`).
Rows of a table go into :func:`write_bigbed`.
"""

from tracksmith.tracks.autosql import BED9, AutoSql, Column, bed9_schema
from tracksmith.tracks.bigbed import BedSummary, write_bigbed
from tracksmith.tracks.bigwig import TrackSummary, write_bigwig
from tracksmith.tracks.encoding import LARGEST_VALUE, encode_values
from tracksmith.tracks.histogram import Histogram, quantiles
from tracksmith.tracks.options import (
    Compressor,
    Precision,
    TrackOptions,
    default_compressor,
    forecast_bytes,
    parse_precision,
)
from tracksmith.tracks.piece import EncodedPiece, Summary
from tracksmith.tracks.reader import read_contigs, read_summary, read_values

__all__ = [
    "BED9",
    "LARGEST_VALUE",
    "AutoSql",
    "BedSummary",
    "Column",
    "Compressor",
    "EncodedPiece",
    "Histogram",
    "Precision",
    "Summary",
    "TrackOptions",
    "TrackSummary",
    "bed9_schema",
    "default_compressor",
    "encode_values",
    "forecast_bytes",
    "parse_precision",
    "quantiles",
    "read_contigs",
    "read_summary",
    "read_values",
    "write_bigbed",
    "write_bigwig",
]
