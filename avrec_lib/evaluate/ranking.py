"""Accuracy of a ranked table, one value a query and metric. Full ranking: a list is judged against all items."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
import polars as pl

from avrec_lib.errors import UsageError, unknown_name
from avrec_lib.evaluate.judged import Judged
from avrec_lib.evaluate.lists import Lists, as_values, check_k
from avrec_lib.evaluate.ranking_metrics import AT_K, METRICS, auc

__all__ = ["METRICS", "RankingMetric", "ranking_values"]

RankingMetric = Literal["ndcg", "recall", "precision", "f1", "hit_rate", "mrr", "map", "map_all_relevant", "auc"]


def ranking_values(
    ranked: pl.DataFrame | Lists,
    truth: pl.DataFrame,
    queries: pl.DataFrame,
    *,
    k: int | Sequence[int] = (10,),
    metrics: Sequence[RankingMetric] = ("ndcg", "recall", "hit_rate"),
    model: str,
    seed: int = 0,
    window: int = 0,
    candidates: int | Sequence[int] | pl.Series | None = None,
) -> pl.DataFrame:
    """`schema.Values` for every query and metric at every `k`, also for queries without a list (they score 0).

    The metrics are the functions of `ranking_metrics`, where their formulas stand. `map` divides by min(k, relevant
    items of the query), `map_all_relevant` by all of them; `precision` always divides by k. A list shorter than k
    misses in its missing places. A query without a relevant item has no value (null). `auc` belongs to no k (null);
    it needs the number of `candidates` that could be ranked (one for all, or one a query in the order of `queries`)
    and is null for a list that does not rank them all.

    `ranked` has the columns query_id, item_id, rank (from 1); or it is the `Lists` of exactly these queries, cut at
    the largest k or later (for `auc`: whole). Raises DataError for tables that cannot be judged (an item or a rank
    twice in a list, a relevance below 0, …), UsageError for an unknown metric or a k that is no whole number from
    1 to `lists.LONGEST`.
    """
    for metric in metrics:
        if metric not in METRICS:
            raise unknown_name("metric", metric, METRICS)
    cuts = _cuts(k)
    sizes = None if candidates is None or "auc" not in metrics else _sizes(candidates, queries.height)
    if isinstance(ranked, Lists):
        lists = _of_these_queries(ranked, queries, max(cuts))
    else:
        # One place more than there are candidates: a longer list shows itself.
        wanted = max(cuts) if sizes is None else max(*cuts, 1 + int(sizes.max(initial=0)))
        lists = Lists.of(ranked, queries, _depth(ranked, wanted))
    judged = Judged.of(lists, truth)
    parts = [
        as_values(lists, {name: AT_K[name](judged, cut) for name in metrics if name != "auc"},
                  k=cut, model=model, seed=seed, window=window)
        for cut in cuts
    ]  # fmt: skip
    if "auc" in metrics:
        areas = np.full(len(lists.items), np.nan) if sizes is None else auc(judged, sizes)
        parts.append(as_values(lists, {"auc": areas}, k=None, model=model, seed=seed, window=window))
    return pl.concat(parts)


def _cuts(k: int | Sequence[int]) -> list[int]:
    cuts = list(dict.fromkeys(k if isinstance(k, Iterable) else [k]))
    if not cuts or any(not isinstance(cut, int | np.integer) or cut < 1 for cut in cuts):
        raise UsageError("k is one or more whole numbers from 1, not {k}.", k=k)
    for cut in cuts:
        check_k(cut)
    return cuts


def _depth(ranked: pl.DataFrame, wanted: int) -> int:
    """`wanted`, or where the lists end before."""
    if "rank" not in ranked.columns or not ranked.schema["rank"].is_integer():
        return wanted  # `Lists` says what is wrong with it
    deepest = ranked.get_column("rank").max() or 1
    return max(1, min(wanted, int(deepest)))  # type: ignore[arg-type]


def _of_these_queries(lists: Lists, queries: pl.DataFrame, k: int) -> Lists:
    if not lists.queries.get_column("query_id").equals(queries.get_column("query_id")):
        raise UsageError("These lists answer other queries than the ones asked for.",
                         hint="Make them with Lists.of(ranked, queries, depth).")  # fmt: skip
    if lists.depth < k:
        raise UsageError("These lists were cut after rank {depth}, which is too early for k = {k}.",
                         hint="Make them with Lists.of(ranked, queries, depth).", depth=lists.depth, k=k)  # fmt: skip
    return lists


def _sizes(candidates: int | Sequence[int] | pl.Series, queries: int) -> np.ndarray:
    sizes = np.asarray(candidates)
    if sizes.ndim and len(sizes) != queries:
        raise UsageError("There are {found} numbers of candidates for {queries} queries.",
                         hint="Give one number for all, or one a query in their order.",
                         found=len(sizes), queries=queries)  # fmt: skip
    return sizes
