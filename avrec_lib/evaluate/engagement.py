"""Engagement, defined once: the same functions count it on a real log and on a simulated one.

Each function takes events (`schema.Events`) of a period and gives one row a user. What decides whether a change was
good is mostly one of these, in an experiment; offline they describe the old system.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

import polars as pl

from avrec_lib.data.sessions import PAUSE_MINUTES, sessions_of
from avrec_lib.errors import DataError, unknown_name
from avrec_lib.evaluate.metric import Metric
from avrec_lib.schema import Event, Values

POSITIVE = (Event.LIKE, Event.FAVOURITE, Event.SHARE, Event.FOLLOW)
NEGATIVE = (Event.DISLIKE, Event.SKIP)
PASSIVE = (Event.IMPRESSION, Event.SKIP)
"""Events that are no interaction: shown, or passed over."""

METRICS = {
    metric.name: metric
    for metric in (
        Metric("stay_time", "higher", "Seconds spent in the period, watching where the log says so", "s"),
        Metric("interactions", "higher", "Things done in the period: all events but impressions and skips"),
        Metric("sessions", "higher", "Sessions in the period"),
        Metric("retention", "higher", "Whether the user came back in the days after the first visit"),
        Metric("satisfaction", "higher", "Share of the opinions given that are positive: likes, shares against skips"),
    )
}


def engagement_values(
    events: pl.DataFrame, *, metrics: Collection[str] = tuple(METRICS), return_days: tuple[int, int] = (1, 7),
    until: datetime | None = None, pause_minutes: float = PAUSE_MINUTES, model: str, seed: int = 0, window: int = 0,
) -> pl.DataFrame:  # fmt: skip
    """`schema.Values` with one row a user and metric; `query_id` is the user and k is null.

    `stay_time` = Σ watch_seconds; in a log without any, Σ over sessions of the time from the first to the last event
    (which a session of one event makes 0). `interactions` = events but impressions and skips. `sessions` = those of
    `data.sessions`. `retention` = 1 when the user has an event `return_days[0]` to
    `return_days[1]` days (of 24 hours) after their first, null when the log ends (`until`, default its last event)
    before that could be seen. `satisfaction` = positive / (positive + negative) over likes, favourites, shares and
    follows against dislikes and skips, null without any. Needs times for all but interactions and satisfaction, which
    DataError says.
    """
    for metric in metrics:
        if metric not in METRICS:
            raise unknown_name("metric", metric, METRICS)
    if {"stay_time", "sessions", "retention"} & set(metrics) and events["timestamp"].null_count():
        raise DataError(
            "{count} of {total} events have no time, so sessions and returns cannot be told.",
            hint="Ask for metrics=interactions,satisfaction only, or leave these events out.",
            count=events["timestamp"].null_count(), total=events.height,
        )  # fmt: skip
    kind = pl.col("event").cast(pl.String)
    positive, negative = (kind.is_in([str(event) for event in events]).sum() for events in (POSITIVE, NEGATIVE))
    users = events.lazy().group_by("user_id", maintain_order=True).agg(
        interactions=(~kind.is_in([str(event) for event in PASSIVE])).sum().cast(pl.Float64),
        satisfaction=pl.when(positive + negative > 0).then(positive / (positive + negative)),
        watched=pl.col("watch_seconds").sum(),
        retention=_came_back(return_days, until or events["timestamp"].max()),
    )  # fmt: skip
    sessions = sessions_of(events, pause_minutes).lazy().group_by("user_id").agg(
        sessions=pl.len().cast(pl.Float64), stayed=pl.col("seconds").sum()
    )  # fmt: skip
    stay_time = pl.col("watched") if events["watch_seconds"].count() else pl.col("stayed")
    wide = users.join(sessions, on="user_id", how="left", maintain_order="left").with_columns(stay_time=stay_time)
    long = wide.select("user_id", *metrics).unpivot(index="user_id", variable_name="metric", value_name="value")
    return long.select(
        model=pl.lit(model), seed=pl.lit(seed, dtype=pl.Int64), window=pl.lit(window, dtype=pl.Int32),
        query_id="user_id", user_id="user_id", metric="metric", k=pl.lit(None, dtype=pl.Int32), value="value",
    ).select(Values.column_names()).collect()  # fmt: skip


def _came_back(days: tuple[int, int], until: object) -> pl.Expr:
    """1 or 0; null when `until` is too early to tell."""
    time, first = pl.col("timestamp"), pl.col("timestamp").min()
    start, end = (first + timedelta(days=number) for number in (days[0], days[1] + 1))
    returned = ((time >= start) & (time < end)).any()
    return pl.when(returned).then(1.0).when(pl.lit(until) >= end).then(0.0)
