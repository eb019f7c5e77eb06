"""Which rows and users of a log are faulty: each definition once, for the check that counts and the cleaning that acts.

Every function is lazy and knows no threshold of its own but the usual ones named here. Rows are told by their number
in the column `ROW` (`events.with_row_index(ROW)`), so the log must come in the same order each time it is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import polars as pl

from avrec_lib.schema import Event

ROW = "row"
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
SAME_PRESS = timedelta(seconds=10)
TOO_BUSY = 1_000  # events a day: one a minute for sixteen hours
REGULAR_EVENTS, REGULAR_SHARE = 30, 0.8  # so many pauses, so many of them equal: a clock, not a person
RATED_ENOUGH, SAME_RATING = 10, 0.95

IS_EARLY = pl.col("timestamp") < EARLIEST
IS_ACT = pl.col("event").cast(pl.String) != Event.IMPRESSION.value
"""What is shown to a person is not done by that person."""
IS_RATING = (pl.col("event").cast(pl.String) == Event.RATING.value) & pl.col("value").is_not_null()


def is_late(now: datetime | None = None) -> pl.Expr:
    """Whether an event lies in the future; a day is allowed for, which time zones can make."""
    return pl.col("timestamp") > (now or datetime.now(UTC)) + timedelta(days=1)


def repeated_rows(events: pl.LazyFrame, columns: Sequence[str]) -> pl.LazyFrame:
    """Column ROW: every row that equals an earlier one in all of `columns` (told by a 64-bit hash of them)."""
    hashed = events.select(ROW, same=pl.struct(columns).hash())
    return hashed.filter(~pl.col("same").is_first_distinct()).select(ROW)


def repeated_presses(events: pl.LazyFrame, within: timedelta = SAME_PRESS) -> pl.LazyFrame:
    """Column ROW: acts at most `within` after the same act (event) of the same user on the same item.

    A chain of such acts is one act: all but its first row are found. Impressions are no acts, and a time at exact
    midnight is a date that says nothing of seconds; neither counts.
    """
    act = ["user_id", "item_id", "event"]
    time = pl.col("timestamp")
    moments = events.filter(pl.col("item_id").is_not_null(), time != time.dt.truncate("1d"), IS_ACT)
    ordered = moments.select(ROW, *act, "timestamp").sort(*act, "timestamp", ROW)
    again = pl.all_horizontal(pl.col(name) == pl.col(name).shift() for name in act)
    return ordered.filter(again & (time.diff() <= within)).select(ROW)


def too_busy_users(events: pl.LazyFrame, most_a_day: int = TOO_BUSY) -> pl.LazyFrame:
    """Column user_id: who has more than `most_a_day` acts on any one day (UTC)."""
    days = events.filter(IS_ACT, pl.col("timestamp").is_not_null()).group_by(
        "user_id", pl.col("timestamp").dt.date().alias("day")
    )
    return days.len().filter(pl.col("len") > most_a_day).select("user_id").unique()


def clockwork_users(
    events: pl.LazyFrame, share: float = REGULAR_SHARE, least_pauses: int = REGULAR_EVENTS
) -> pl.LazyFrame:
    """Column user_id: whose pauses between acts are, `least_pauses` or more, for `share` of them the very same.

    A pause of whole days is none: in a log of dates everybody who comes daily has it.
    """
    ordered = events.filter(IS_ACT, pl.col("timestamp").is_not_null())
    ordered = ordered.select("user_id", "timestamp").sort("user_id", "timestamp")
    same_user = pl.col("user_id") == pl.col("user_id").shift()
    pause = pl.col("timestamp").diff()
    whole_days = pause.dt.total_microseconds() % (timedelta(days=1) // timedelta(microseconds=1)) == 0
    pauses = ordered.with_columns(pause=pause, counts=same_user & ~whole_days).filter("counts")
    habits = pauses.group_by("user_id", "pause").len().group_by("user_id")
    counted = habits.agg(pl.col("len").sum().alias("all"), pl.col("len").max().alias("most"))
    regular = (pl.col("all") >= least_pauses) & (pl.col("most") >= share * pl.col("all"))
    return counted.filter(regular).select("user_id")


def raters(events: pl.LazyFrame, share: float = SAME_RATING, least_ratings: int = RATED_ENOUGH) -> pl.LazyFrame:
    """Columns user_id, constant: who rated `least_ratings` times or more, and whether `share` of it is one value."""
    counted = (
        events.filter(IS_RATING)
        .group_by("user_id", "value")
        .len()
        .group_by("user_id")
        .agg(pl.col("len").sum().alias("all"), pl.col("len").max().alias("most"))
    )
    enough = counted.filter(pl.col("all") >= least_ratings)
    return enough.select("user_id", constant=pl.col("most") >= share * pl.col("all"))
