"""A recommender as a policy: its scores on one scale, then chance by softmax, some exploration, or the best first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import polars as pl

from avrec_lib.errors import DataError, unknown_name
from avrec_lib.policies.by_scores import Greedy, SoftmaxScores
from avrec_lib.policies.plain import EpsilonMix
from avrec_lib.policies.slate_policy import SlatePolicy
from avrec_lib.protocols import Query, Recommender, Requests, queries_table
from avrec_lib.schema import Ranked, require_columns

Choice = Literal["softmax", "best"]
ROWS_AT_ONCE = 2_000_000  # of a table of scores


@dataclass(eq=False)
class ScoreTable:
    """Scores (queries, items) as a policy reads them: the user row of a request is the row of its query."""

    scores: np.ndarray

    def __call__(self, requests: Requests, candidates: np.ndarray) -> np.ndarray:
        """Scores (n, a) of `candidates`, (a,) or (n, a) item rows. Raises DataError for users without a query."""
        users = np.asarray(requests.users)
        if users.size and not (users.min() >= 0 and users.max() < len(self.scores)):
            raise DataError("A request is made by user {user}, but the scores are those of {queries} queries.",
                            user=int(users.max() if users.min() >= 0 else users.min()),
                            queries=len(self.scores))  # fmt: skip
        return self.scores[users[:, None], candidates]


def recommender_policy(
    recommender: Recommender,
    queries: pl.DataFrame | Iterable[Query | str],
    item_ids: Sequence[str],
    *,
    temperature: float = 0.5,
    epsilon: float = 0.0,
    choose: Choice = "softmax",
    name: str = "",
) -> SlatePolicy:
    """The policy that a fitted `recommender` makes for `queries` among `item_ids`, mixed with `epsilon` of chance.

    A request's user row is the row of its query, an item row that of `item_ids`. Scores are brought to one scale for
    each query (`standard_scores`), so a temperature means the same for every model: at 1 an item one standard deviation
    above another is e times as likely. "best" takes the highest scores in order. Raises UsageError for an unknown
    choice, a temperature or an epsilon that is none.
    """
    if choose not in get_args(Choice):
        raise unknown_name("choice", choose, get_args(Choice))
    table = ScoreTable(standard_scores(score_matrix(recommender, queries, item_ids)))
    called = name or recommender.name
    policy: SlatePolicy = SoftmaxScores(table, temperature, called) if choose == "softmax" else Greedy(table, called)
    return EpsilonMix(policy, epsilon, name) if epsilon else policy


def score_matrix(
    recommender: Recommender, queries: pl.DataFrame | Iterable[Query | str], item_ids: Sequence[str]
) -> np.ndarray:  # fmt: skip
    """What `recommender` scores: float64 (queries, items), NaN where it cannot say."""
    asked = queries_table(queries)
    size = max(1, ROWS_AT_ONCE // max(1, len(item_ids)))
    blocks = [
        _placed(recommender.score(block, item_ids), block.get_column("query_id"), item_ids, "scores")
        for block in asked.iter_slices(size)
    ]
    return np.concatenate([np.empty((0, len(item_ids))), *blocks])


def matrix_of_ranked(ranked: pl.DataFrame, query_ids: pl.Series, item_ids: Sequence[str]) -> np.ndarray:
    """Scores of a ranked table (`schema.Ranked`), a stranger's too: float64 (queries, items), NaN for what is unlisted.

    Where a score is missing, all go by rank: -log2(rank + 1). Raises DataError for a table without its columns.
    """
    require_columns(("query_id", "item_id", "rank"), ranked.columns, Ranked, "ranked")
    if "score" not in ranked.columns or ranked.get_column("score").null_count():
        ranked = ranked.with_columns(score=-(pl.col("rank") + 1).log(2))
    return _placed(ranked, query_ids, item_ids, "ranked")


def standard_scores(scores: np.ndarray) -> np.ndarray:
    """Each row with mean 0 and standard deviation 1 over what is scored; what is not stands 1 below the lowest.

    A row whose scores are all alike becomes 0, and so does one without any.
    """
    known = np.isfinite(scores)
    count = known.sum(axis=1, keepdims=True)
    filled = np.where(known, scores, 0.0)
    mean = np.divide(filled.sum(axis=1, keepdims=True), count, out=np.zeros(count.shape), where=count > 0)
    centred = np.where(known, filled - mean, 0.0)
    square = np.divide((centred**2).sum(axis=1, keepdims=True), count, out=np.zeros(count.shape), where=count > 0)
    spread = np.sqrt(square)
    # Rounding alone is no spread.
    told = spread > 1e-12 * np.abs(filled).max(axis=1, keepdims=True, initial=0.0)
    standard = np.divide(centred, spread, out=np.zeros_like(centred), where=told)
    lowest = np.where(known, standard, np.inf).min(axis=1, keepdims=True, initial=np.inf)
    return np.where(known, standard, np.where(count > 0, lowest - 1, 0.0))


def _placed(table: pl.DataFrame, query_ids: pl.Series, item_ids: Sequence[str], name: str) -> np.ndarray:
    """The column score of `table` at (query, item); NaN where there is no row."""
    rows = pl.DataFrame({"query_id": query_ids}).with_row_index("query_row")
    columns = pl.DataFrame({"item_id": list(item_ids)}, schema={"item_id": pl.String}).with_row_index("item_row")
    found = table.select("query_id", "item_id", pl.col("score").cast(pl.Float64))
    found = found.join(rows, on="query_id").join(columns, on="item_id")
    if found.select("query_row", "item_row").is_duplicated().any():
        raise DataError("The table {name} has a pair of query and item twice.", name=name)
    matrix = np.full((len(query_ids), len(item_ids)), np.nan)
    matrix[found["query_row"].to_numpy(), found["item_row"].to_numpy()] = found["score"].to_numpy()
    return np.where(np.isfinite(matrix), matrix, np.nan)
