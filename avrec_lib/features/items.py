"""Items as known at a moment: how widely chosen, how lately, how old, how valued."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import polars as pl

from avrec_lib.errors import DataError, UsageError, unknown_name
from avrec_lib.features.histories import DAY, chosen, typed_log
from avrec_lib.features.interests import KINDS, labels_of
from avrec_lib.schema import TIME, Items, require_columns


def item_features(
    events: pl.DataFrame | pl.LazyFrame,
    items: pl.DataFrame | pl.LazyFrame | None = None,
    cut: datetime | None = None,
    *,
    recent_days: float = 7.0,
    min_value: float | None = None,
) -> pl.DataFrame:
    """One row an item of `items` or of the events strictly before `cut`, sorted by item_id; null where undefined.

    - events, users: its choices (`schema.is_choice` with `min_value`) and how many distinct users they are of;
      recent_events: those within `recent_days` before the cut;
    - popularity_percentile: (rank − ½) / items by events, tied items sharing their mean rank: 0 the least, 1 the most;
    - days_since_first, days_since_last: from its first and last choice to the cut;
    - age_days: from its publication to the cut, below 0 for what is not out yet;
    - mean_value: of all its events with a value.

    Without a `cut` all events count and days run to the last of them. Raises DataError for a cut where the events have
    no times, UsageError unless recent_days is above 0.
    """
    if not recent_days > 0:
        raise UsageError("{name} must be above 0, but is {value}.", name="recent_days", value=recent_days)
    log = typed_log(events).filter(pl.col("item_id").is_not_null())
    rows, times, end = (
        log.select(pl.len(), times=pl.col("timestamp").count(), end=pl.col("timestamp").max()).collect().row(0)
    )
    if cut is not None:
        if rows and not times:
            raise DataError("There is a cut, but the events have no times to cut.")
        log = log.filter(pl.col("timestamp") < pl.lit(cut, dtype=TIME))
    now = pl.lit(end if cut is None else cut, dtype=TIME)
    is_choice, time = chosen(min_value), pl.col("timestamp")
    recent = time >= now - timedelta(days=recent_days)
    first, last = time.filter(is_choice).min(), time.filter(is_choice).max()
    counted = (
        log.group_by("item_id")
        .agg(
            events=is_choice.sum().cast(pl.Int64),
            users=pl.col("user_id").filter(is_choice).n_unique().cast(pl.Int64),
            recent_events=(is_choice & recent).sum().cast(pl.Int64),
            days_since_first=_days(now - first),
            days_since_last=_days(now - last),
            mean_value=pl.col("value").mean(),
        )
        .collect()
    )
    counts = ["events", "users", "recent_events"]
    table = _catalogue(counted, items).join(counted, on="item_id", how="left").with_columns(pl.col(counts).fill_null(0))
    rank = pl.col("events").rank("average")
    return table.select(
        "item_id", "events", "users",
        recent_events=pl.when(pl.lit(times > 0)).then("recent_events"),
        popularity_percentile=(rank - 0.5) / pl.len(),
        days_since_first="days_since_first", days_since_last="days_since_last",
        age_days=_days(now - pl.col("published_at")), mean_value="mean_value",
    ).sort("item_id")  # fmt: skip


def one_hot(items: pl.DataFrame, kind: str = "tag", labels: Sequence[str] | None = None) -> pl.DataFrame:
    """item_id and a float32 column of 0 and 1 for each of `labels` (default: all, sorted), of `items` in their order.

    `kind` is tag, category or creator. An item without any label of the kind is null everywhere. Raises DataError when
    the table lacks the column, UsageError for another kind.
    """
    if kind not in KINDS:
        raise unknown_name("kind of interest", kind, KINDS)
    require_columns(("item_id", KINDS[kind]), items.columns, Items, "items")
    found = labels_of(items).filter(pl.col("kind") == kind)
    names = found["label"].unique().sort().to_list() if labels is None else list(dict.fromkeys(labels))
    by_item = found.group_by("item_id").agg(
        (pl.col("label") == name).any().cast(pl.Float32).alias(name) for name in names
    )
    return items.select("item_id").join(by_item, on="item_id", how="left", maintain_order="left")


def _catalogue(counted: pl.DataFrame, items: pl.DataFrame | pl.LazyFrame | None) -> pl.DataFrame:
    """Columns item_id, published_at: every item of either table, once."""
    schema = {"item_id": pl.String, "published_at": TIME}
    tables = [counted.select("item_id", published_at=pl.lit(None, dtype=TIME))]
    if items is not None:
        known = items.lazy().collect()
        when = pl.col("published_at") if "published_at" in known.columns else pl.lit(None, dtype=TIME)
        tables.insert(0, known.select("item_id", published_at=when).cast(schema))  # type: ignore[arg-type]
    return pl.concat(tables).unique("item_id", keep="first")


def _days(span: pl.Expr) -> pl.Expr:
    return span.dt.total_microseconds() / DAY
