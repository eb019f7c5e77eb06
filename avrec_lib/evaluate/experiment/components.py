"""What each user did on each day since the assignment, and in the days before it, summed from events."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from avrec_lib.data.sessions import sessions_of
from avrec_lib.evaluate.experiment.days import DayCut
from avrec_lib.evaluate.experiment.metrics import BEFORE
from avrec_lib.schema import Event

COUNTED = {
    "impressions": Event.IMPRESSION, "clicks": Event.CLICK, "plays": Event.PLAY, "likes": Event.LIKE,
    "skips": Event.SKIP, "shares": Event.SHARE, "searches": Event.SEARCH,
}  # fmt: skip
KEYS = ("user_id", "item_id", "timestamp", "variant", "position", "propensity", "user_row", "assigned_at")


def component_sums(events: pl.LazyFrame) -> dict[str, pl.Expr]:
    """What to sum of the rows of `events`, by name: counts by kind of event and watch seconds, else every number."""
    types = events.collect_schema()
    if "event" not in types:
        return {name: pl.col(name).sum() for name, kind in types.items() if kind.is_numeric() and name not in KEYS}
    kind = pl.col("event").cast(pl.String)
    present = set(events.select(kind.unique()).collect(engine="streaming")["event"])
    sums = {name: (kind == event.value).sum() for name, event in COUNTED.items() if event.value in present}
    if "watch_seconds" in types and events.select(pl.col("watch_seconds").count()).collect(engine="streaming").item():
        sums["watch_seconds"] = pl.col("watch_seconds").sum()
    return sums


def daily_sums(events: pl.LazyFrame, sums: Mapping[str, pl.Expr], days: DayCut) -> pl.DataFrame:
    """One row a user and day with events: user_row, day, since (days since that of the assignment), the sums, sessions,
    active_days (1), later_days (1 after the day of the assignment); ordered by user and day.

    `events` are those after the assignment, with user_row and assigned_at.
    """
    day = days.day(pl.col("timestamp"))
    since = (day - days.day(pl.col("assigned_at"))).dt.total_days().cast(pl.Int32)
    rows = (
        events.with_columns(day=day, since=since)
        .group_by("user_row", "day", "since")
        .agg(**sums)
        .collect(engine="streaming")
    )
    begun = _sessions(events).group_by("user_row", day=days.day(pl.col("start"))).len("sessions")
    return (
        rows.join(begun, on=["user_row", "day"], how="left")
        .with_columns(pl.col("sessions").fill_null(0), active_days=1, later_days=(pl.col("since") > 0).cast(pl.Int32))
        .sort("user_row", "day")
    )


def sums_before(events: pl.LazyFrame, sums: Mapping[str, pl.Expr], days: DayCut) -> pl.DataFrame:
    """One row a user with events before the assignment: user_row and `before_…` of the sums, sessions, active_days."""
    active = days.day(pl.col("timestamp")).n_unique()
    rows = events.group_by("user_row").agg(**sums, active_days=active).collect(engine="streaming")
    begun = _sessions(events).group_by("user_row").len("sessions")
    joined = rows.join(begun, on="user_row", how="left").with_columns(pl.col("sessions").fill_null(0))
    return joined.rename({name: BEFORE + name for name in joined.columns if name != "user_row"})


def first_platform(events: pl.LazyFrame) -> pl.DataFrame:
    """user_id, platform: the one of each user's first event that names one, of those before the assignment.

    Whom only later events know is not there: an arm may bring users back, or to another device.
    """
    named = events.filter(pl.col("platform").is_not_null(), pl.col("timestamp") < pl.col("assigned_at"))
    first = pl.col("platform").cast(pl.String).sort_by("timestamp").first()
    return named.group_by("user_id").agg(first).collect(engine="streaming")


def _sessions(events: pl.LazyFrame) -> pl.DataFrame:
    session = pl.col("session_id") if "session_id" in events.collect_schema() else pl.lit(None, pl.String)
    asked = events.select(session_id=session.cast(pl.String), user_id="user_row", timestamp="timestamp")
    return sessions_of(asked).rename({"user_id": "user_row"})


def totals(daily: pl.DataFrame, users: int) -> pl.DataFrame:
    """The sums of each of `users`, 0 for those who did nothing: one row a user, in their order."""
    names = [name for name in daily.columns if name not in ("user_row", "day", "since")]
    everyone = pl.DataFrame({"user_row": range(users)}, schema={"user_row": pl.UInt32})
    summed = daily.group_by("user_row").agg(pl.col(names).sum())
    return everyone.join(summed, on="user_row", how="left", maintain_order="left").select(
        pl.col(names).fill_null(0).cast(pl.Float64)
    )
