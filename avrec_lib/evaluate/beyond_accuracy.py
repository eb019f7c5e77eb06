"""What a ranked table does besides hitting: how much of the catalogue it shows."""

from __future__ import annotations

import polars as pl


def catalogue_coverage(ranked: pl.DataFrame, catalogue: pl.Series, k: int) -> float | None:
    """Share of the items in `catalogue` that stand in at least one list's first `k`; None for an empty catalogue.

    It grows with the number of lists, so compare it only between models that answered the same queries.
    """
    items = catalogue.unique()
    if items.is_empty():
        return None
    shown = ranked.filter(pl.col("rank") <= k).get_column("item_id").unique()
    return int(items.is_in(shown.implode()).sum()) / items.len()


def answered_share(ranked: pl.DataFrame, queries: pl.DataFrame, k: int) -> float | None:
    """Share of queries that got a full list of `k`; None without queries."""
    if queries.is_empty():
        return None
    full = ranked.filter(pl.col("rank") == k).get_column("query_id").n_unique()
    return full / queries.height
