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
    """Blocks of (2, drawn) rows and columns, of which no pair is among the barred `rows` and `columns`.

    Where most items are free, pairs are drawn and those that are barred or come again are drawn anew, so that memory
    is that of what is drawn. A query that wants most of its items, or may not have most of them, draws lots for each.
    """
    rng = np.random.default_rng(seed)
    queries, items = shape
    barred = np.unique(rows.astype(np.int64) * items + columns)
    free = items - np.bincount(barred // max(items, 1), minlength=queries)
    wanted = np.minimum(negatives, free)
    is_easy = (free >= 2 * wanted) & (2 * free >= items)
    for asked, width, draw in (
        (np.flatnonzero(is_easy & (wanted > 0)), negatives, _drawn_anew),
        (np.flatnonzero(~is_easy & (wanted > 0)), items, _by_lots),
    ):
        size = max(1, _BLOCK_CELLS // max(width, 1))
        for start in range(0, len(asked), size):
            block = asked[start : start + size]
            inside = slice(*np.searchsorted(barred, [block[0] * items, (block[-1] + 1) * items]))
            yield np.stack(np.divmod(draw(rng, block, barred[inside], items, wanted[block]), items))


def _drawn_anew(
    rng: np.random.Generator, asked: np.ndarray, barred: np.ndarray, items: int, wanted: np.ndarray
) -> np.ndarray:
    """The first `wanted` different free items of an endless uniform draw for each query, as query * items + item.

    `asked` are numbers of queries, rising; `barred` are such pairs, rising. At least a quarter of the draws must hit.
    """
    kept = []
    while len(asked):
        most = int(wanted.max())
        pairs = rng.integers(items, size=(len(asked), most + most // 8 + 4))
        pairs += asked[:, None] * items
        pairs = pairs.ravel()
        _, first = np.unique(pairs, return_index=True)
        new = pairs[np.sort(first)]  # still query by query, in the order of the draw
        new = new[~_is_in(new, barred)]
        place = np.searchsorted(asked, new // items)
        counts = np.bincount(place, minlength=len(asked))
        order = np.arange(len(new)) - np.repeat(np.cumsum(counts) - counts, counts)
        taken = new[order < wanted[place]]
        kept.append(taken)
        is_short = counts < wanted
        asked, wanted = asked[is_short], (wanted - counts)[is_short]
        barred = np.union1d(barred, taken[_is_in(taken // items, asked)])
    return np.concatenate(kept)


def _by_lots(
    rng: np.random.Generator, asked: np.ndarray, barred: np.ndarray, items: int, wanted: np.ndarray
) -> np.ndarray:
    """The `wanted` free items with the lowest of random numbers, as query * items + item; arguments as above."""
    lots = rng.random((len(asked), items))
    own = barred[_is_in(barred // items, asked)]
    lots[np.searchsorted(asked, own // items), own % items] = np.inf
    best = np.argsort(lots, axis=1)[:, : wanted.max()]
    row, place = np.nonzero(np.arange(best.shape[1]) < wanted[:, None])
    return asked[row] * items + best[row, place]


def _is_in(values: np.ndarray, rising: np.ndarray) -> np.ndarray:
    """Which of `values` are in `rising`, which is sorted."""
    if not len(rising):
        return np.zeros(len(values), dtype=bool)
    return rising[np.minimum(np.searchsorted(rising, values), len(rising) - 1)] == values


def _asked_of(model: Recommender, queries: pl.DataFrame, drawn: pl.DataFrame) -> pl.DataFrame:
    """The scores of what was drawn, some queries at a time: a model scores every query on every item it is given."""
    asked = queries_table(queries)
    size = max(1, _BLOCK_CELLS // max(drawn["item_id"].n_unique(), 1))
    parts = []
    for block in asked.iter_slices(size):
        own = drawn.join(block, on="query_id", how="semi")
        scores = model.score(block, own["item_id"].unique().sort().to_list())
        parts.append(scores.join(own, on=["query_id", "item_id"], how="semi"))
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
