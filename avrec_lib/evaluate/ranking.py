"""Accuracy of a ranked table, one value a query and metric. Full ranking: a list is judged against all items."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import polars as pl

from avrec_lib.errors import UsageError
from avrec_lib.protocols import queries_table
from avrec_lib.schema import Ranked, Truth, Values, check_table

RankingMetric = Literal["ndcg", "recall", "hit_rate"]


def ranking_values(
    ranked: pl.DataFrame,
    truth: pl.DataFrame,
    queries: pl.DataFrame,
    *,
    k: Sequence[int] = (10,),
    metrics: Sequence[RankingMetric] = get_args(RankingMetric),
    model: str,
    seed: int = 0,
    window: int = 0,
) -> pl.DataFrame:
    """`schema.Values` for every query, also for those the model did not answer (they score 0).

    With g the relevance of the item at rank r and R the relevant items of the query:
    `ndcg` = Σ_{r≤k} g/log2(r+1) over the same sum for the best possible list (cut at min(k, |R|));
    `recall` = |R among the first k| / |R|; `hit_rate` = 1 when any of R is among the first k.
    A query without truth has no value (null). Raises DataError for a table that breaks its schema (an item or a rank
    twice in a list, say) or queries that are not unique; UsageError for unknown metrics.
    """
    unknown = set(metrics) - set(get_args(RankingMetric))
    if unknown or not k or min(k) < 1:
        raise UsageError("Metrics are {known} at k of 1 or more; got {metrics} at {k}.",
                         known=", ".join(get_args(RankingMetric)), metrics=", ".join(metrics), k=list(k))  # fmt: skip
    ranked, truth = check_table(ranked, Ranked, "ranked"), check_table(truth, Truth, "truth")
    asked = queries_table(queries).select("query_id", "user_id").with_row_index("row")
    depth = max(k)
    found = ranked.filter(pl.col("rank") <= depth).join(truth, on=["query_id", "item_id"]).select(
        "query_id", "rank", "relevance"
    )  # fmt: skip
    best = truth.select(
        "query_id", "relevance", rank=pl.col("relevance").rank("ordinal", descending=True).over("query_id")
    )
    gains = _grid(found, asked, depth)
    ideal = _grid(best.filter(pl.col("rank") <= depth), asked, depth)
    counts = truth.filter(pl.col("relevance") > 0).group_by("query_id").len("relevant")
    # A query without truth has a null here, which becomes NaN and stays undefined.
    relevant = (
        asked.join(counts, on="query_id", how="left", maintain_order="left")["relevant"].cast(pl.Float64).to_numpy()
    )

    discount = 1 / np.log2(np.arange(2, depth + 2))
    discounted, best_discounted = (np.cumsum(grid * discount, axis=1) for grid in (gains, ideal))
    hits = np.cumsum(gains > 0, axis=1)
    parts = []
    for cut in k:
        at = cut - 1
        computed = {
            "ndcg": _ratio(discounted[:, at], best_discounted[:, at]),
            "recall": _ratio(hits[:, at], relevant),
            "hit_rate": np.where(relevant > 0, hits[:, at] > 0, np.nan),
        }
        parts += [
            asked.select(
                model=pl.lit(model), seed=pl.lit(seed, dtype=pl.Int64), window=pl.lit(window, dtype=pl.Int32),
                query_id="query_id", user_id="user_id", metric=pl.lit(metric), k=pl.lit(cut, dtype=pl.Int32),
                value=pl.Series(computed[metric]).fill_nan(None),
            )
            for metric in metrics
        ]  # fmt: skip
    return pl.concat(parts).select(Values.column_names())


def _grid(rows: pl.DataFrame, asked: pl.DataFrame, depth: int) -> np.ndarray:
    """Relevance by query (row) and rank (column), 0 where there is none."""
    placed = rows.join(asked.select("query_id", "row"), on="query_id")
    grid = np.zeros((asked.height, depth))
    grid[placed.get_column("row").to_numpy(), placed.get_column("rank").to_numpy() - 1] = placed.get_column("relevance")
    return grid


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole, NaN where the whole is 0 or unknown."""
    return np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)
