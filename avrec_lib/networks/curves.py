"""One table for every curve of every training: what was measured, when, and after how many targets."""

from __future__ import annotations

import polars as pl

CURVES = {
    "epoch": pl.Int32, "curve": pl.String, "value": pl.Float64, "seconds": pl.Float64, "targets": pl.Int64,
}  # fmt: skip
"""epoch from 1; curve is train loss, validation … or gradient norm; seconds (by the clock on the wall) and
targets (real ones that were predicted) since training began, also across a resume."""


def curves(rows: list[tuple[int, str, float, float, int]]) -> pl.DataFrame:
    """`rows` in the order of CURVES as a table; a value that is not finite is null."""
    table = pl.DataFrame(rows, schema=CURVES, orient="row")
    return table.with_columns(pl.when(pl.col("value").is_finite()).then("value"))
