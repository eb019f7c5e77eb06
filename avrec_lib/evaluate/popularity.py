"""How widely chosen the listed items are: novelty, head and tail, what training never saw, and how old they are."""

from __future__ import annotations

import numpy as np
import polars as pl

from avrec_lib.errors import UsageError
from avrec_lib.evaluate.list_sums import first_places, list_means
from avrec_lib.evaluate.lists import Lists
from avrec_lib.evaluate.metric import Metric
from avrec_lib.schema import TIME, Events, is_choice, require_columns

BANDS = ("head", "mid", "tail")
HEAD_SHARE, MID_SHARE = 0.5, 0.9
"""The head carries the first half of the training events, head and mid together nine tenths."""

METRICS = {
    metric.name: metric
    for metric in (
        Metric("novelty", "higher", "Novelty", "bits"),
        Metric("unknown_item_share", None, "Share of items unknown to training"),
        Metric("head_share", None, "Share of head items"),
        Metric("mid_share", None, "Share of items between head and tail"),
        Metric("tail_share", None, "Share of tail items"),
        Metric("item_age", None, "Mean age of the items", "days"),
    )
}

_DAY = 86_400e6  # in microseconds


def choices(train: pl.DataFrame) -> pl.DataFrame:
    """The rows of training events that chose an item: columns user_id, item_id, timestamp (null where not known)."""
    require_columns(("user_id", "item_id"), train.columns, Events, "train")
    rows = train.filter(is_choice()) if "event" in train.columns else train.filter(pl.col("item_id").is_not_null())
    time = pl.col("timestamp") if "timestamp" in train.columns else pl.lit(None, dtype=TIME).alias("timestamp")
    return rows.select("user_id", "item_id", time)


def item_popularity(train: pl.DataFrame) -> pl.DataFrame:
    """One row an item that training knows: item_id, events (choices of it), users (how many distinct ones chose it),
    share (`users` of all users with a choice), first_seen (its earliest time, null without times). Sorted by item_id.

    A user counts once in `users`, however often he came back. An item that nobody chose has no row: its share is 0,
    and what that makes of its novelty is said there (`novelty`).
    """
    rows = choices(train)
    everybody = rows.get_column("user_id").n_unique()
    by_item = rows.group_by("item_id").agg(
        events=pl.len().cast(pl.Int64), users=pl.col("user_id").n_unique().cast(pl.Int64),
        first_seen=pl.col("timestamp").min(),
    )  # fmt: skip
    return by_item.select("item_id", "events", "users", "first_seen", share=pl.col("users") / everybody).sort("item_id")


def popularity_bands(train: pl.DataFrame, head: float = HEAD_SHARE, mid: float = MID_SHARE) -> pl.DataFrame:
    """Columns item_id, events, band (head, mid or tail) of every item that training knows, sorted by item_id.

    Walking from the most chosen item down, the head carries the first `head` share of all training events, the mid
    the part up to `mid`, the tail the rest. An item's band depends on what *more* popular items carry, so equally
    popular items share a band, and where all are equal all are head. Raises UsageError unless 0 < head <= mid <= 1.
    """
    if not 0 < head <= mid <= 1:
        raise UsageError("Expected 0 < head <= mid <= 1, but head is {head} and mid is {mid}.", head=head, mid=mid)
    known = item_popularity(train).select("item_id", "events")
    levels = known.group_by("events").agg(carried=pl.col("events").sum()).sort("events", descending=True)
    above = levels.select("events", above=(pl.col("carried").cum_sum() - pl.col("carried")) / pl.col("carried").sum())
    band = pl.when(pl.col("above") < head).then(pl.lit("head")).when(pl.col("above") < mid).then(pl.lit("mid"))
    return known.join(above, on="events", how="left", maintain_order="left").select(
        "item_id", "events", band=band.otherwise(pl.lit("tail")).cast(pl.Enum(BANDS))
    )


def novelty(lists: Lists, popularity: pl.DataFrame, k: int) -> np.ndarray:
    """Mean self-information −log2 p(i) of the first `k` items, in bits, float64 (queries,); NaN for an empty list.

    p(i) is the share of training users who chose item i (`item_popularity`). An item that nobody chose counts as
    chosen by one user: infinity would drown every list, and with one user it is as novel as training can tell.
    (Zhou et al. 2010; Vargas and Castells 2011.)
    """
    places = first_places(lists, k)
    everybody = _users(popularity)
    share = np.nan_to_num(lists.place(popularity, "users"), nan=1.0) / everybody
    return list_means(places, -np.log2(share))


def unknown_item_share(lists: Lists, popularity: pl.DataFrame, k: int) -> np.ndarray:
    """Share of the first `k` items that no training user chose, float64 (queries,); NaN for an empty list."""
    unknown = np.isnan(lists.place(popularity, "users"))
    return list_means(first_places(lists, k), unknown.astype(np.float64))


def band_share(lists: Lists, bands: pl.DataFrame, k: int, *, band: str) -> np.ndarray:
    """Share of the first `k` items that are in `band` (head, mid or tail), float64 (queries,); NaN for an empty list.

    `bands` is what `popularity_bands` says. Items it does not name are in no band, so that the shares of the three
    and `unknown_item_share` sum to 1.
    """
    members = bands.select("item_id", inside=(pl.col("band").cast(pl.String) == band).cast(pl.Float64))
    return list_means(first_places(lists, k), np.nan_to_num(lists.place(members, "inside")))


def item_age(lists: Lists, born: pl.DataFrame, cuts: pl.Series, k: int) -> np.ndarray:
    """Mean age in days of the first `k` items at the query's cut, float64 (queries,): freshness, the lower the fresher.

    `born` has item_id and `born` (a time; `birth_of_items`), `cuts` one time a query in the order of the lists.
    Items without a time are left out; NaN where none is left or the query has no cut. An item born after the cut has
    a negative age: the list holds what could not be known yet.
    """
    days = born.select("item_id", born=pl.col("born").cast(TIME).dt.epoch("us") / _DAY)
    at = (cuts.cast(TIME).dt.epoch("us") / _DAY).cast(pl.Float64).to_numpy()
    return at - list_means(first_places(lists, k), lists.place(days, "born"))


def birth_of_items(popularity: pl.DataFrame | None, items: pl.DataFrame | None) -> pl.DataFrame:
    """Columns item_id, born: `published_at` where the item table has any, else the first time in training.

    The two are never mixed: an item is published long before a log first sees it.
    """
    if items is not None and "published_at" in items.columns and items["published_at"].count():
        return items.select("item_id", born="published_at")
    if popularity is not None:
        return popularity.select("item_id", born="first_seen")
    return pl.DataFrame(schema={"item_id": pl.String, "born": TIME})


def _users(popularity: pl.DataFrame) -> float:
    """How many users training has, read off an item's users and their share."""
    return float(popularity["users"][0] / popularity["share"][0]) if popularity.height else 1.0
