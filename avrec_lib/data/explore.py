"""What does this log look like? Each function turns events of any size into a table small enough to draw."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
from scipy import sparse
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from avrec_lib.data.durations import item_durations

_PERIODS = (("1h", timedelta(days=4)), ("1d", timedelta(days=200)), ("1w", timedelta(days=1500)), ("1mo", None))


def period_of(events: pl.LazyFrame) -> str:
    """The calendar step (a polars duration: 1h, 1d, 1w or 1mo) that cuts the log's span into a readable number."""
    span = events.select(pl.col("timestamp").max() - pl.col("timestamp").min()).collect(engine="streaming").item()
    return next(step for step, longest in _PERIODS if longest is None or span is None or span <= longest)


def events_over_time(events: pl.LazyFrame, period: str) -> pl.DataFrame:
    """Columns period, events, users, items: counts by calendar step, steps without events included as 0."""
    counted = (
        events.filter(pl.col("timestamp").is_not_null())
        .group_by(period=pl.col("timestamp").dt.truncate(period))
        .agg(events=pl.len(), users=pl.col("user_id").n_unique(), items=pl.col("item_id").n_unique())
        .sort("period")
        .collect(engine="streaming")
    )
    return counted.upsample("period", every=period).with_columns(pl.col("events", "users", "items").fill_null(0))


def week_pattern(events: pl.LazyFrame) -> pl.DataFrame:
    """Columns weekday (1 Monday … 7 Sunday), hour (0 … 23, UTC), events: all 168 hours of the week."""
    counted = (
        events.filter(pl.col("timestamp").is_not_null())
        .group_by(weekday=pl.col("timestamp").dt.weekday(), hour=pl.col("timestamp").dt.hour())
        .agg(events=pl.len())
        .collect(engine="streaming")
    )
    hours = pl.DataFrame({"weekday": np.repeat(np.arange(1, 8, dtype=np.int8), 24), "hour": np.tile(np.arange(24), 7)})
    hours = hours.cast({"hour": pl.Int8})
    return hours.join(counted, on=["weekday", "hour"], how="left", maintain_order="left").with_columns(
        pl.col("events").fill_null(0)
    )


def counts_by(events: pl.LazyFrame, column: str) -> pl.DataFrame:
    """Columns `column`, events: how often each user (or item) occurs, most first, ties by id."""
    counted = events.filter(pl.col(column).is_not_null()).group_by(column).agg(events=pl.len())
    return counted.sort(["events", column], descending=[True, False]).collect(engine="streaming")


def gini(counts: pl.Series) -> float | None:
    """Gini coefficient of `counts`: 0 all equal, towards 1 all with one. None without events.

    G = Σ (2i − n − 1)·x_i / (n·Σ x) with x ascending and i from 1 (Sen 1973).
    """
    ascending = np.sort(counts.to_numpy().astype(float))
    n, total = len(ascending), ascending.sum()
    if n == 0 or total == 0:
        return None
    return float(((2 * np.arange(1, n + 1) - n - 1) * ascending).sum() / (n * total))


def top_share(counts: pl.Series, share: float) -> float | None:
    """The share of all events that falls on the `share` most frequent members (at least one of them)."""
    if counts.is_empty():
        return None
    members = max(1, round(counts.len() * share))
    return float(counts.sort(descending=True).head(members).sum()) / float(counts.sum())


def gaps(events: pl.LazyFrame) -> pl.DataFrame:
    """Columns user_id, timestamp, gap_seconds: time since the same user's event before (null for the first)."""
    timed = events.filter(pl.col("timestamp").is_not_null()).select("user_id", "timestamp")
    before = pl.col("timestamp").shift(1).over("user_id")
    return (
        timed.sort("user_id", "timestamp")
        .with_columns(gap_seconds=(pl.col("timestamp") - before).dt.total_seconds())
        .collect(engine="streaming")
    )


def watch_ratio(events: pl.LazyFrame, items: pl.LazyFrame) -> pl.Series:
    """Watched seconds over the item's duration, for every event that has both."""
    watched = events.filter(pl.col("watch_seconds").is_not_null()).join(item_durations(items), on="item_id")
    ratio = watched.select(watch_ratio=pl.col("watch_seconds") / pl.col("duration_seconds"))
    return ratio.collect(engine="streaming").get_column("watch_ratio")


def newcomers_over_time(events: pl.LazyFrame, period: str) -> pl.DataFrame:
    """Columns period, events, of_new_users, of_new_items: shares of events whose user or item is new."""
    first_seen = pl.col("timestamp").min()
    return (
        events.filter(pl.col("timestamp").is_not_null(), pl.col("item_id").is_not_null())
        .select("user_id", "item_id", "timestamp")
        .with_columns(user_start=first_seen.over("user_id"), item_start=first_seen.over("item_id"))
        .with_columns(pl.col("timestamp", "user_start", "item_start").dt.truncate(period))
        .group_by(period="timestamp")
        .agg(
            events=pl.len(),
            of_new_users=(pl.col("user_start") == pl.col("timestamp")).mean(),
            of_new_items=(pl.col("item_start") == pl.col("timestamp")).mean(),
        )
        .sort("period")
        .collect(engine="streaming")
    )


def co_watch(events: pl.LazyFrame, top: int = 30) -> pl.DataFrame:
    """Columns item_a, item_b, users, cosine, lift: who chose both, for all pairs of the `top` most chosen items.

    cosine = n_ab / sqrt(n_a·n_b); lift = n_ab·N / (n_a·n_b) with N users: 1 means "as often as by chance". Items stand
    in the leaf order of an average-linkage tree on 1 − cosine, so that a heat map shows groups as blocks.
    """
    pairs = events.filter(pl.col("item_id").is_not_null()).select("user_id", "item_id").unique()
    popular = pairs.group_by("item_id").len().sort(["len", "item_id"], descending=[True, False]).head(top)
    ids = popular.collect(engine="streaming").get_column("item_id").to_list()
    all_users = pairs.select(pl.col("user_id").n_unique()).collect(engine="streaming").item()
    kept = pairs.filter(pl.col("item_id").is_in(ids)).collect(engine="streaming")
    if len(ids) < 2:
        types = {"item_a": pl.String, "item_b": pl.String, "users": pl.Int64, "cosine": pl.Float64, "lift": pl.Float64}
        return pl.DataFrame(schema=types)
    users = kept.get_column("user_id").rank("dense").to_numpy() - 1
    items = kept.get_column("item_id").replace_strict(ids, list(range(len(ids)))).to_numpy()
    matrix = sparse.csr_matrix((np.ones(len(users)), (users, items)), shape=(users.max() + 1, len(ids)))
    together = (matrix.T @ matrix).toarray()
    alone = np.diag(together)
    chance = alone[:, None] * alone[None, :]
    cosine = together / np.sqrt(chance)
    distance = np.clip(1 - cosine, 0, None)
    np.fill_diagonal(distance, 0)
    order = leaves_list(linkage(squareform(distance, checks=False), "average"))
    a, b = (grid.ravel() for grid in np.meshgrid(order, order, indexing="ij"))
    names = np.array(ids, dtype=object)
    return pl.DataFrame(
        {
            "item_a": names[a].tolist(), "item_b": names[b].tolist(), "users": together[a, b].astype(np.int64),
            "cosine": cosine[a, b], "lift": together[a, b] * all_users / chance[a, b],
        }
    ).filter(pl.col("item_a") != pl.col("item_b"))  # fmt: skip
