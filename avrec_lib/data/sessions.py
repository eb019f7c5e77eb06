"""When does a visit begin and end? Defined once, for looking into a log and for counting engagement."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

PAUSE_MINUTES = 30.0
"""A longer silence begins a new session, where the log names none."""


def sessions_of(events: pl.LazyFrame | pl.DataFrame, pause_minutes: float = PAUSE_MINUTES) -> pl.DataFrame:
    """Columns user_id, session, start, seconds (from the first event to the last), events: one row a session.

    A session is a session_id; events without one belong together until the user is silent for over `pause_minutes`.
    Events without a time are left out.
    """
    timed = events.lazy().filter(pl.col("timestamp").is_not_null()).select("user_id", "session_id", "timestamp")
    named = timed.filter(pl.col("session_id").is_not_null()).rename({"session_id": "session"})
    silence = pl.col("timestamp").diff().over("user_id") > timedelta(minutes=pause_minutes)
    unnamed = (
        timed.filter(pl.col("session_id").is_null())
        .sort("user_id", "timestamp", maintain_order=True)
        .with_columns(session=pl.format("pause {}", silence.fill_null(False).cum_sum().over("user_id")))
    )
    length = pl.col("timestamp").max() - pl.col("timestamp").min()
    return (
        pl.concat([side.select("user_id", "session", "timestamp") for side in (named, unnamed)])
        .group_by("user_id", "session")
        .agg(start=pl.col("timestamp").min(), seconds=length.dt.total_milliseconds() / 1000, events=pl.len())
        .sort("user_id", "start")
        .collect()
    )
