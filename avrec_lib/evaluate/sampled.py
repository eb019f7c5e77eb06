"""Metrics against a few drawn items, as some papers report them: only to stand beside such papers.

**They mislead.** A place among the first 10 of 100 is easily had, so every model looks good, and the gaps between
models shrink: 2.9 times by full ranking read 1.3 times with 100 drawn items. Even the order of models can turn, because
the drawn items hardly ever hold the few that stand above a relevant one (Krichene and Rendle 2020, "On sampled metrics
for item recommendation"). Only `auc` keeps its expectation. What is measured here is named `sampled_…`, so that nobody
reads it as a metric of the full ranking or pairs it with one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from avrec_lib.errors import DataError, UsageError
from avrec_lib.evaluate import ranking_metrics
from avrec_lib.evaluate.lists import number_items, row_of_each
from avrec_lib.evaluate.metric import Metric
from avrec_lib.evaluate.ranking import RankingMetric, ranking_values
from avrec_lib.protocols import Recommender, queries_table
from avrec_lib.schema import Truth, require_columns

PREFIX = "sampled_"
METRICS: dict[str, Metric] = {
    PREFIX + name: dataclasses.replace(metric, name=PREFIX + name) for name, metric in ranking_metrics.METRICS.items()
}
_BLOCK_CELLS = 8_000_000


def sampled_values(
    scores: pl.DataFrame | Recommender,
    truth: pl.DataFrame,
    queries: pl.DataFrame,
    *,
    catalogue: pl.Series,
    seen: pl.DataFrame | None = None,
    negatives: int = 99,
    k: int | Sequence[int] = (10,),
    metrics: Sequence[RankingMetric] = ("ndcg", "recall", "hit_rate"),
    model: str,
    seed: int = 0,
    window: int = 0,
) -> pl.DataFrame:
    """`schema.Values` of metrics named `sampled_…`; they mislead, see the module, and are never the default.

    Each query's relevant items and `negatives` drawn others (`drawn_candidates`, the same for every model at one
    `seed`) are put in the order of their scores, ties in random order, and that list is judged by `ranking_values`.
    `scores` is a fitted model, or a table query_id, item_id, score with a row for everything drawn; an item whose
    score is null is left out of the list. Raises DataError for a score that is missing, NaN or given twice.
    """
    drawn = drawn_candidates(truth, queries, catalogue, seen=seen, negatives=negatives, seed=seed)
    table = scores if isinstance(scores, pl.DataFrame) else _asked_of(scores, queries, drawn)
    scored = _with_scores(drawn, table)
    shuffled = scored[np.random.default_rng([seed, 1]).permutation(scored.height)].drop_nulls("score")
    ordered = shuffled.sort("query_id", "score", descending=[False, True], maintain_order=True)
    ranked = ordered.with_columns(rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("query_id"))
    sizes = queries.select("query_id").join(drawn.group_by("query_id").len(), on="query_id", how="left",
                                            maintain_order="left")["len"].fill_null(0)  # fmt: skip
    values = ranking_values(ranked, truth, queries, k=k, metrics=metrics, model=model, seed=seed, window=window,
                            candidates=sizes)  # fmt: skip
    return values.with_columns(metric=PREFIX + pl.col("metric"))


def drawn_candidates(
    truth: pl.DataFrame,
    queries: pl.DataFrame,
    catalogue: pl.Series,
    *,
    seen: pl.DataFrame | None = None,
    negatives: int = 99,
    seed: int = 0,
) -> pl.DataFrame:
    """Columns query_id, user_id, item_id: the relevant items of each query, and `negatives` others from `catalogue`.

    The others are drawn uniformly, without repeats, from the items that are neither in the truth of the query nor in
    `seen` (user_id, item_id); where there are fewer, all of them are taken.
    """
    if negatives < 1:
        raise UsageError("negatives must be at least 1, but is {negatives}.", negatives=negatives)
    require_columns(("query_id", "item_id", "relevance"), truth.columns, Truth, "truth")
    asked = queries_table(queries).select("query_id", "user_id")
    relevant = truth.filter(pl.col("relevance") > 0).select("query_id", "item_id")
    relevant = relevant.join(asked, on="query_id", maintain_order="left").select("query_id", "user_id", "item_id")
    _, items = number_items(catalogue.unique().sort(), "catalogue")
    known = [truth.select("query_id", "item_id")]
    if seen is not None:
        known.append(seen.select("user_id", "item_id").join(asked, on="user_id").select("query_id", "item_id"))
    barred = pl.concat(known)
    rows = row_of_each(barred["query_id"], asked["query_id"], "truth")
    columns = row_of_each(barred["item_id"], items, "truth")
    met = (rows >= 0) & (columns >= 0)
    chosen = list(_draw(rows[met], columns[met], (asked.height, items.len()), negatives, seed))
    at = np.concatenate(chosen, axis=1) if chosen else np.empty((2, 0), dtype=np.int64)
    others = asked[at[0]].with_columns(items.gather(at[1]).alias("item_id"))
    return pl.concat([relevant, others])


def _draw(
    rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int], negatives: int, seed: int
) -> Iterator[np.ndarray]:
    """Blocks of (2, drawn) rows and columns: the places of the smallest of random numbers, barred ones set aside."""
    rng = np.random.default_rng(seed)
    queries, items = shape
    order = np.argsort(rows, kind="stable")
    rows, columns = rows[order], columns[order]
    size = max(1, _BLOCK_CELLS // max(items, 1))
    for start in range(0, queries, size):
        lots = rng.random((min(size, queries - start), items), dtype=np.float32)
        inside = slice(*np.searchsorted(rows, [start, start + size]))
        lots[rows[inside] - start, columns[inside]] = np.inf
        count = min(negatives, items)
        best = np.argpartition(lots, count - 1, axis=1)[:, :count] if 0 < count < items else np.argsort(lots, axis=1)
        free = np.isfinite(np.take_along_axis(lots, best, axis=1))
        yield np.stack([np.nonzero(free)[0] + start, best[free]])


def _asked_of(model: Recommender, queries: pl.DataFrame, drawn: pl.DataFrame) -> pl.DataFrame:
    """The scores of what was drawn, some queries at a time: a model scores every query on every item it is given."""
    asked = queries_table(queries)
    items = drawn["item_id"].unique().sort()
    size = max(1, _BLOCK_CELLS // max(items.len(), 1))
    parts = [
        model.score(block, items.to_list()).join(drawn, on=["query_id", "item_id"], how="semi")
        for block in asked.iter_slices(size)
    ]
    empty = pl.DataFrame(schema={"query_id": pl.String, "item_id": pl.String, "score": pl.Float64})
    return pl.concat([empty, *(part.select(empty.columns) for part in parts)])


def _with_scores(drawn: pl.DataFrame, scores: pl.DataFrame) -> pl.DataFrame:
    missing = [name for name in ("query_id", "item_id", "score") if name not in scores.columns]
    if missing:
        raise DataError("The table {name} has no column {missing}.", hint="It has {present}; expected {expected}.",
                        name="scores", missing=", ".join(missing), present=", ".join(scores.columns) or "–",
                        expected="query_id, item_id, score")  # fmt: skip
    given = scores.select("query_id", "item_id", pl.col("score").cast(pl.Float64), given=pl.lit(True))
    scored = drawn.join(given, on=["query_id", "item_id"], how="left", maintain_order="left")
    if scored.height > drawn.height:
        raise DataError("The table scores has several rows for one query and item.",
                        hint="Keep one row for each query and item.")  # fmt: skip
    lacking = scored["given"].null_count()
    if lacking:
        raise DataError(
            "The table scores has no row for {lacking} of the {drawn} pairs of query and item that were drawn.",
            hint="Score what drawn_candidates() gives for the same seed.", lacking=lacking, drawn=drawn.height,
        )  # fmt: skip
    wrong = int(scored["score"].is_nan().sum())
    if wrong:
        raise DataError("{count} scores are NaN.", hint="Use null where there is no score.", count=wrong)
    return scored.drop("given")
