"""Small ranked tables, truths and queries, written as dictionaries."""

from __future__ import annotations

import polars as pl


def ranked_table(lists: dict[str, list[str]]) -> pl.DataFrame:
    rows = [(q, q, item, rank, None) for q, items in lists.items() for rank, item in enumerate(items, start=1)]
    types = {"query_id": pl.String, "user_id": pl.String, "item_id": pl.String, "rank": pl.Int32, "score": pl.Float64}
    return pl.DataFrame(rows, schema=types, orient="row")


def truth_table(relevant: dict[str, dict[str, float]]) -> pl.DataFrame:
    rows = [(q, q, item, gain) for q, items in relevant.items() for item, gain in items.items()]
    types = {"query_id": pl.String, "user_id": pl.String, "item_id": pl.String, "relevance": pl.Float64}
    return pl.DataFrame(rows, schema=types, orient="row")


def queries_of(names: list[str]) -> pl.DataFrame:
    return pl.DataFrame({"query_id": names, "user_id": names}, schema={"query_id": pl.String, "user_id": pl.String})


def value_of(values: pl.DataFrame, query: str, metric: str, k: int) -> float | None:
    return values.filter(query_id=query, metric=metric, k=k)["value"].item()
