"""The front of accuracy against diversity: what each step away from the model's own list costs and buys."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import polars as pl

from avrec_lib.errors import UsageError
from avrec_lib.evaluate.bootstrap import bootstrap_intervals
from avrec_lib.evaluate.diversity import intra_list_diversity
from avrec_lib.evaluate.judged import Judged
from avrec_lib.evaluate.lists import Lists, check_k
from avrec_lib.evaluate.ranking_metrics import AT_K
from avrec_lib.evaluate.ratio import ratio
from avrec_lib.rerank.candidates import Candidates, Relevance, Reranker
from avrec_lib.rerank.max_sum import MaxSumDiversity
from avrec_lib.rerank.similarity import ItemVectors

_MEANS = ("ndcg", "optimised", "reported")
MODEL = "as ranked"
"""What the front calls the lists as the model ranked them."""


def accuracy_diversity_front(
    ranked: pl.DataFrame,
    truth: pl.DataFrame,
    k: int,
    methods: Mapping[str, Callable[[float], Reranker]],
    trade_offs: Sequence[float],
    *,
    optimised: ItemVectors,
    reported: ItemVectors,
    depth: int = 60,
    relevance: Relevance = "score",
    keep: int = 0,
    resamples: int = 2000,
    seed: int = 0,
) -> pl.DataFrame:
    """One row a method and trade-off: what it costs in NDCG and what it buys in diversity, by a *second* similarity.

    `methods` maps names to functions of a trade-off, which diversify by `optimised`; diversity is judged by
    `reported`, as whoever judges by what was optimised reads only that optimising works. Columns method, trade_off,
    then ndcg, optimised and reported (intra-list diversity by either) each with _low and _high; `loss`, the share of
    the model's NDCG that is lost, and `gap_closed`: (reported − model's) / (most diverse − model's), where most diverse
    is the list that MaxSumDiversity finds by `reported` itself when nothing else counts, each with _low and _high; n.
    Means over the queries that are defined everywhere; intervals by bootstrap over users. The first row is the model's
    own list, the last the most diverse one. Raises UsageError when both similarities are the same.
    """
    check_k(k)
    if _same(optimised, reported):
        raise UsageError("The diversity that is reported must not be the one that is optimised.",
                         hint="Report by another similarity: tags for embeddings, embeddings for tags.")  # fmt: skip
    candidates = Candidates.of(ranked, max(depth, k), relevance)
    judge = _judge(candidates, truth, k, optimised, reported)
    filled = candidates.items >= 0
    own = np.argsort(~filled, axis=1, kind="stable")[:, :k]
    own = np.where(np.take_along_axis(filled, own, axis=1), own, -1)
    farthest = MaxSumDiversity(1.0, reported, distance="cosine").pick(candidates, k)
    names: list[tuple[str, float | None]] = [(MODEL, None)]
    names += [(name, float(trade_off)) for name in methods for trade_off in trade_offs]
    names.append(("most diverse", None))
    picked = [methods[name](trade_off).pick(candidates, k, keep) for name, trade_off in names[1:-1]]  # type: ignore[arg-type]
    values = np.stack([judge(places) for places in (own, *picked, farthest)], axis=2)  # (queries, measures, rows)
    defined = ~np.isnan(values).any(axis=(1, 2))
    return _table(names, values[defined], candidates.queries.filter(pl.Series(defined)), resamples, seed)


def _judge(
    candidates: Candidates, truth: pl.DataFrame, k: int, optimised: ItemVectors, reported: ItemVectors
) -> Callable[[np.ndarray], np.ndarray]:
    sides = [vectors.of_items(candidates.item_ids) for vectors in (optimised, reported)]

    def judge(places: np.ndarray) -> np.ndarray:
        items = np.where(places >= 0, np.take_along_axis(candidates.items, np.maximum(places, 0), axis=1), -1)
        lists = Lists(candidates.queries, candidates.item_ids, items.astype(np.int32))
        ndcg = AT_K["ndcg"](Judged.of(lists, truth), k)
        return np.stack([ndcg, *(intra_list_diversity(lists, unit, k) for unit in sides)], axis=1)

    return judge


def _table(
    names: Sequence[tuple[str, float | None]], values: np.ndarray, queries: pl.DataFrame, resamples: int, seed: int
) -> pl.DataFrame:
    users = queries["user_id"].rank("dense").to_numpy().astype(np.int64) - 1
    ndcg, _, reported = values.transpose(1, 0, 2)
    ones = np.ones_like(ndcg)
    # Name -> what is summed over a user's queries, and over what it is divided.
    columns = {name: (values[:, number], ones) for number, name in enumerate(_MEANS)}
    columns["loss"] = ndcg[:, :1] - ndcg, ndcg[:, :1] * ones
    columns["gap_closed"] = reported - reported[:, :1], (reported[:, -1:] - reported[:, :1]) * ones
    table = pl.DataFrame(names, schema={"method": pl.String, "trade_off": pl.Float64}, orient="row")
    for name, parts in columns.items():
        sums, counts = (_by_user(users, part) for part in parts)
        low, high = bootstrap_intervals(sums, counts, resamples=resamples, seed=seed)
        mean = ratio(sums.sum(axis=0), counts.sum(axis=0))
        table = table.with_columns(
            pl.Series(f"{name}{end}", numbers, nan_to_null=True)
            for end, numbers in (("", mean), ("_low", low), ("_high", high))
        )
    return table.with_columns(n=pl.lit(len(values), dtype=pl.Int64))


def _by_user(users: np.ndarray, values: np.ndarray) -> np.ndarray:
    summed = np.zeros((users.max(initial=-1) + 1, values.shape[1]))
    np.add.at(summed, users, values)
    return summed


def _same(one: ItemVectors, other: ItemVectors) -> bool:
    if one is other or one.unit is other.unit:
        return True
    if one.unit.shape != other.unit.shape or not one.item_ids.equals(other.item_ids):
        return False
    difference = one.unit - other.unit
    return not bool(abs(difference).max()) if difference.shape[0] and difference.shape[1] else True
