"""Fusion: several ranked tables of the same queries become one."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from avrec_lib.errors import UsageError
from avrec_lib.evaluate.lists import check_k
from avrec_lib.rerank.candidates import Candidates
from avrec_lib.schema import Ranked, check_table


def reciprocal_rank_fusion(
    tables: Sequence[pl.DataFrame], k: int, *, weights: Sequence[float] | None = None, constant: float = 60
) -> pl.DataFrame:
    """The `k` items a query with the largest Σ weight / (constant + rank) over the tables (Cormack et al. 2009).

    Returns `schema.Ranked` with that sum as score. A table that does not list an item adds nothing. Ties go to the
    item with the better rank in an earlier table, then by item_id. Raises UsageError for a constant or weights below
    0, or not one weight a table.
    """
    if constant < 0:
        raise UsageError("The constant of the fusion must be 0 or more, but is {constant}.", constant=constant)
    scored = [_checked(table).with_columns(part=1 / (constant + pl.col("rank"))) for table in tables]
    return _fused(scored, k, weights)


def score_fusion(tables: Sequence[pl.DataFrame], k: int, *, weights: Sequence[float] | None = None) -> pl.DataFrame:
    """The `k` items a query with the largest Σ weight · scaled score over the tables (CombSUM: Fox and Shaw 1994).

    The scores of each list are scaled to [0, 1], from the lowest to the highest of the whole list; a list with scores
    missing or all alike counts 1/log2(rank + 1) instead. A table that does not list an item adds nothing, as if it
    had it last. Returns `schema.Ranked`; ties and errors as in `reciprocal_rank_fusion`.
    """
    scored = []
    for table in map(_checked, tables):
        if table.is_empty():
            scored.append(table.with_columns(part=pl.lit(0.0)))
            continue
        candidates = Candidates.of(table, int(table["rank"].to_numpy().max()))
        places = pl.DataFrame({"query_id": candidates.queries["query_id"], "part": candidates.relevance})
        long = places.explode("part").with_columns(
            rank=pl.int_range(1, candidates.items.shape[1] + 1, dtype=pl.Int32).over("query_id")
        )
        scored.append(table.join(long, on=["query_id", "rank"], how="left", maintain_order="left"))
    return _fused(scored, k, weights)


def _checked(table: pl.DataFrame) -> pl.DataFrame:
    if "score" not in table.columns:
        table = table.with_columns(score=pl.lit(None, dtype=pl.Float64))
    return check_table(table, Ranked, "ranked")


def _fused(scored: Sequence[pl.DataFrame], k: int, weights: Sequence[float] | None) -> pl.DataFrame:
    check_k(k)
    shares = [1.0] * len(scored) if weights is None else list(weights)
    if len(shares) != len(scored) or not scored or min(shares) < 0:
        raise UsageError("Fusion takes one weight of 0 or more for each table, but there are {weights} for {tables}.",
                         weights=len(shares), tables=len(scored))  # fmt: skip
    parts = [
        table.select("query_id", "user_id", "item_id", "rank", part=pl.col("part") * weight, table=pl.lit(number))
        for number, (table, weight) in enumerate(zip(scored, shares, strict=True))
    ]
    rows = pl.concat(parts).sort("table", "rank", maintain_order=True)
    summed = rows.group_by("query_id", "item_id", maintain_order=True).agg(
        pl.col("user_id").first(),
        score=pl.col("part").sum(),
        table=pl.col("table").first(),
        first=pl.col("rank").first(),
    )
    queries = pl.concat(parts).select("query_id").unique(maintain_order=True).with_row_index("order")
    ordered = summed.join(queries, on="query_id").sort(
        "order", "score", "table", "first", "item_id", descending=[False, True, False, False, False]
    )
    ranks = (pl.int_range(pl.len(), dtype=pl.Int32) + 1).over("query_id")
    ranked = ordered.with_columns(rank=ranks).filter(pl.col("rank") <= k)
    return ranked.select(pl.col(name).cast(kind) for name, kind in Ranked.create_empty().schema.items())
