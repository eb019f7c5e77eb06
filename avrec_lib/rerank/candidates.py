"""The one door: a ranked table goes in, a method picks from the first places of each list, a ranked table comes out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, Protocol, Self, get_args

import numpy as np
import polars as pl

from avrec_lib.errors import DataError, UsageError, unknown_name
from avrec_lib.evaluate.lists import Lists, check_k, row_of_each
from avrec_lib.rerank.greedy import check_share
from avrec_lib.schema import Ranked, require_columns

Relevance = Literal["score", "rank", "given"]


@dataclass(frozen=True, eq=False)
class Candidates:
    """The first places of every list, among which a method picks.

    `items` is int32 (queries, depth): item codes, best first, -1 where no item stands; `relevance` float64 of the same
    shape, 0 there; `scores` what the model said, NaN where nothing. `queries` and `item_ids` are those of `Lists`.
    """

    queries: pl.DataFrame
    item_ids: pl.Series
    items: np.ndarray
    relevance: np.ndarray
    scores: np.ndarray

    @classmethod
    def of(cls, ranked: pl.DataFrame, depth: int, relevance: Relevance = "score") -> Self:
        """The first `depth` places of `ranked` (`schema.Ranked`; scores may be missing), queries in their order there.

        `relevance` makes lists comparable with diversity: "score" scales the scores of each list's candidates to
        [0, 1], where a list with scores missing or all alike goes by "rank": 1/log2(rank + 1), the discount of DCG.
        "given" takes scores as they are, for scores that are chances already. Raises DataError for what `Lists` refuses
        and for scores that are infinite, or with "given" missing; UsageError for an unknown relevance.
        """
        if relevance not in get_args(Relevance):
            raise unknown_name("relevance", relevance, get_args(Relevance))
        require_columns(("query_id", "user_id", "item_id", "rank"), ranked.columns, Ranked, "ranked")
        queries = ranked.select("query_id", "user_id").unique("query_id", keep="first", maintain_order=True)
        lists = Lists.of(ranked, queries, depth)
        scores = _scores(ranked, lists)
        if relevance == "given":
            if (np.isnan(scores) & (lists.items >= 0)).any():
                raise DataError("Scores are to be taken as they are, but some are missing.",
                                hint="Use relevance=rank, or fill the scores.")  # fmt: skip
            worth = np.nan_to_num(scores)
        else:
            worth = _by_rank(lists.items) if relevance == "rank" else _by_score(lists.items, scores)
        return cls(lists.queries, lists.item_ids, lists.items, worth, scores)

    def block(self, rows: slice) -> Self:
        """The same for the queries of `rows` alone."""
        return replace(self, queries=self.queries[rows], items=self.items[rows], relevance=self.relevance[rows],
                       scores=self.scores[rows])  # fmt: skip

    def ranked(self, places: np.ndarray) -> pl.DataFrame:
        """`schema.Ranked` of the candidates at `places` (queries, k), -1 for none; `score` stays the model's own."""
        filled = places >= 0
        query, column = np.nonzero(filled)
        place = places[filled]
        return self.queries[query].select(
            "query_id", "user_id", item_id=self.item_ids[self.items[query, place]],
            rank=pl.Series(column + 1, dtype=pl.Int32),
            score=pl.Series(self.scores[query, place], dtype=pl.Float64, nan_to_null=True),
        )  # fmt: skip


class Reranker(Protocol):
    """A method with its options and what it knows of items."""

    def pick(self, candidates: Candidates, k: int, keep: int = 0) -> np.ndarray:
        """Places among the candidates, int64 (queries, k), first pick first; -1 behind the last candidate.

        The first `keep` candidates are picked as they stand, and the others with a view to them.
        """
        ...


def rerank(
    ranked: pl.DataFrame, k: int, method: Reranker, *, depth: int = 60, relevance: Relevance = "score", keep: int = 0
) -> pl.DataFrame:
    """`k` items a query, picked by `method` from the first `depth` places of `ranked`: `schema.Ranked`.

    `relevance` says what a place is worth (`Candidates.of`). The first `keep` places stay as they are: they are where
    most of the hits are. A list shorter than `k` stays as short. `score` is what the model gave, so it need not fall
    with the rank. Who asks for one list again and again (a slider) makes `Candidates` once and calls its `ranked` on
    what `method.pick` says: that skips all checks of the table. Raises UsageError for a `k` below 1, above `depth`, or
    a `keep` that is not within 0 and `k`.
    """
    check_k(k)
    if depth < k:
        raise UsageError("A list of {k} cannot be picked from {depth} candidates.", hint="Raise depth.", k=k,
                         depth=depth)  # fmt: skip
    check_share("keep", keep, k)
    candidates = Candidates.of(ranked, depth, relevance)
    if not candidates.queries.height:
        return Ranked.create_empty()
    return candidates.ranked(method.pick(candidates, k, keep))


def _scores(ranked: pl.DataFrame, lists: Lists) -> np.ndarray:
    scores = np.full(lists.items.shape, np.nan)
    if "score" in ranked.columns:
        top = ranked.filter(pl.col("rank") <= lists.depth)
        rows = row_of_each(top.get_column("query_id"), lists.queries.get_column("query_id"), "ranked")
        scores[rows, top.get_column("rank").to_numpy() - 1] = top.get_column("score").cast(pl.Float64).to_numpy()
    if np.isinf(scores).any():
        raise DataError("The table ranked has infinite scores.", hint="Leave out what must not be ranked.")
    return scores


def _by_rank(items: np.ndarray) -> np.ndarray:
    return np.where(items >= 0, 1 / np.log2(np.arange(2, items.shape[1] + 2)), 0.0)


def _by_score(items: np.ndarray, scores: np.ndarray) -> np.ndarray:
    filled = items >= 0
    low = np.where(filled, scores, np.inf).min(axis=1, keepdims=True, initial=np.inf)
    high = np.where(filled, scores, -np.inf).max(axis=1, keepdims=True, initial=-np.inf)
    told = high > low  # False for NaN too: a list with a score missing
    scaled = np.divide(scores - low, high - low, out=np.zeros_like(scores), where=told & filled)
    return np.where(told, scaled, _by_rank(items))
