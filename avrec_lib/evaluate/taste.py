"""Lists held against what their user chose before: more popular, differently mixed, or a happy surprise."""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy import sparse

from avrec_lib.errors import DataError, UsageError
from avrec_lib.evaluate.diversity import label_matrix
from avrec_lib.evaluate.judged import Judged
from avrec_lib.evaluate.list_sums import blocks_of_sums, first_places, list_means
from avrec_lib.evaluate.lists import Lists, row_of_each
from avrec_lib.evaluate.metric import Metric
from avrec_lib.evaluate.popularity import choices
from avrec_lib.evaluate.ratio import ratio
from avrec_lib.protocols import queries_table

METRICS = {
    metric.name: metric
    for metric in (
        Metric("popularity_lift", None, "Popularity against the user's own taste"),
        Metric("miscalibration_tags", "lower", "Miscalibration by tags", "nats"),
        Metric("miscalibration_category", "lower", "Miscalibration by category", "nats"),
        Metric("serendipity", "higher", "Serendipity"),
    )
}


def histories_of(queries: pl.DataFrame, train: pl.DataFrame) -> pl.DataFrame:
    """Columns query_id, item_id: the distinct items that each query may know, none for a user without a past.

    What its user chose in `train` strictly before its cut (all of it without a cut), or its own `history` where it
    has one: what the models of the house know too. Raises DataError for a cut where the training rows have no times.
    """
    asked, chosen = queries_table(queries), choices(train)
    if chosen.height and asked["cut"].count() and not chosen["timestamp"].count():
        raise DataError("A query has a cut, but the training rows have no times to cut.")
    before = pl.col("cut").is_null() | (pl.col("timestamp") < pl.col("cut"))
    logged = asked.filter(pl.col("history").is_null()).join(chosen, on="user_id").filter(before)
    told = asked.filter(pl.col("history").list.len() > 0).select("query_id", item_id="history").explode("item_id")
    return pl.concat([logged.select("query_id", "item_id"), told]).unique(maintain_order=True)


def popularity_lift(lists: Lists, histories: pl.DataFrame, popularity: pl.DataFrame, k: int) -> np.ndarray:
    """Mean popularity of the first `k` items over that of the query's history, − 1: float64 (queries,).

    Popularity is the number of training users (`item_popularity`), 0 for an item nobody chose. 0: as mainstream as
    the user; 1: twice as popular. Abdollahpouri et al. (2020) take the ratio of means over a group of users; here it
    is one user's, so that it can be averaged with an interval. NaN for an empty list, and for a history that is empty
    or of items that training does not know.
    """
    users = np.nan_to_num(lists.place(popularity, "users"))
    known = popularity.select("item_id", "users")
    past = histories.join(known, on="item_id", how="left").with_columns(pl.col("users").fill_null(0))
    means = past.group_by("query_id").agg(pl.col("users").mean())
    own = (
        lists.queries.join(means, on="query_id", how="left", maintain_order="left")["users"].cast(pl.Float64).to_numpy()
    )
    return ratio(list_means(first_places(lists, k), users), own) - 1


def miscalibration(
    lists: Lists,
    histories: pl.DataFrame,
    labels: pl.DataFrame,
    k: int,
    *,
    alpha: float = 0.01,
    discounted: bool = False,
) -> np.ndarray:
    """Kullback–Leibler divergence of the labels in the history from those in the list, in nats, float64 (queries,).

    Steck 2018: Σ_g p(g) ln(p(g) / ((1 − α) q(g) + α p(g))), where p is the mean over the history, and q over the
    first `k` items, of an item's labels, each counting 1/(labels of the item); `labels` as `item_labels` makes them.
    `alpha` keeps it finite, at most −ln α, when a taste is missing from the list. With `discounted` the item at rank r
    counts 1/log2(r + 1) in q. 0: the list is mixed as the history is. Items without a label are left out; NaN where
    the history or the list has none with one. Raises UsageError unless 0 < alpha < 1.
    """
    if not 0 < alpha < 1:
        raise UsageError("alpha must lie between 0 and 1, but is {alpha}.", alpha=alpha)
    places = first_places(lists, k)
    others = histories.select(pl.col("item_id").unique()).filter(~pl.col("item_id").is_in(lists.item_ids.implode()))
    item_ids = pl.concat([lists.item_ids.cast(pl.String), others["item_id"]])
    mix = _rows_to_one(label_matrix(labels, item_ids))
    past = _incidence(histories, lists.queries, item_ids)
    weights = 1 / np.log2(np.arange(2, k + 2)) if discounted else None
    divergence = np.empty(len(places))
    for rows, block in blocks_of_sums(places, mix, weights):
        divergence[rows] = _divergence(_rows_to_one(past[rows] @ mix), _rows_to_one(block), alpha)
    return divergence


def serendipity(judged: Judged, popularity: pl.DataFrame, seen: pl.DataFrame | None, k: int) -> np.ndarray:
    """Share of the first `k` places with an item that is relevant and that popularity alone would not have listed.

    Ge et al. 2010, with the most popular items as primitive model: |L_k ∩ R \\ P_k| / k, float64 (queries,). R is what
    is relevant, and an item is in P_k when fewer than `k` items are chosen by more users, leaving out those of `seen`
    (query_id, item_id: `histories_of`; None where lists may repeat). Never above precision. A place left empty is no
    surprise and counts in `k`. NaN for a query without a relevant item.
    """
    places = first_places(judged.lists, k)
    kept = judged.hit_rank <= k
    row, rank = judged.hit_row[kept], judged.hit_rank[kept]
    above = popularity.select("item_id", above=pl.col("users").rank("min", descending=True).cast(pl.Int64) - 1)
    of_item = np.nan_to_num(judged.lists.place(above, "above"), nan=popularity.height).astype(np.int64)
    more_popular = of_item[places[row, rank - 1]]
    if seen is not None:
        more_popular = more_popular - _seen_above(row, more_popular, judged.lists.queries, seen, above)
    surprises = np.bincount(row[more_popular >= k], minlength=len(places))
    return np.where(judged.relevant > 0, surprises / k, np.nan)


def _seen_above(
    row: np.ndarray, above: np.ndarray, queries: pl.DataFrame, seen: pl.DataFrame, ranks: pl.DataFrame
) -> np.ndarray:
    """How many of the items that the query in `row` has seen have fewer than `above` items above them."""
    past = seen.join(ranks, on="item_id", maintain_order="left")
    past_row = row_of_each(past.get_column("query_id"), queries.get_column("query_id"), "seen")
    # One sorted number a seen item: its query first, then how many items are more popular.
    stride = ranks.height + 1
    keys = np.sort(past_row * stride + past.get_column("above").to_numpy())
    return np.searchsorted(keys, row * stride + above) - np.searchsorted(keys, row * stride)


def _incidence(pairs: pl.DataFrame, queries: pl.DataFrame, item_ids: pl.Series) -> sparse.csr_matrix:
    """Queries × items, 1 where the pair is there; pairs of other queries are left out."""
    rows = row_of_each(pairs.get_column("query_id"), queries.get_column("query_id"), "histories")
    codes = row_of_each(pairs.get_column("item_id"), item_ids, "histories")
    kept = rows >= 0
    return sparse.csr_matrix((np.ones(kept.sum()), (rows[kept], codes[kept])), shape=(queries.height, len(item_ids)))


def _rows_to_one(counts: sparse.csr_matrix) -> sparse.csr_matrix:
    """`counts` with every row that has anything scaled to a sum of 1."""
    totals = counts.sum(axis=1).A1
    return sparse.diags(np.divide(1, totals, out=np.zeros_like(totals), where=totals > 0)).dot(counts).tocsr()


def _divergence(past: sparse.csr_matrix, shown: sparse.csr_matrix, alpha: float) -> np.ndarray:
    """KL of each row of `past` from the smoothed row of `shown`; NaN where either row is empty."""
    taste = past.tocoo()
    rows, columns, p = taste.row, taste.col, taste.data
    q = np.asarray(shown[rows, columns]).ravel() if len(rows) else p
    total = np.bincount(rows, p * np.log(p / ((1 - alpha) * q + alpha * p)), minlength=past.shape[0])
    defined = (past.getnnz(axis=1) > 0) & (shown.getnnz(axis=1) > 0)
    return np.where(defined, np.maximum(total, 0.0), np.nan)
