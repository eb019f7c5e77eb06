"""How many users has a test seen by its n-th day? Users come back, so days do not simply add up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl

from avrec_lib.errors import DataError, UsageError
from avrec_lib.evaluate.experiment.days import DayCut, need_columns, with_utc_times

LATEST_DAYS = 7
"""Days whose newcomers are taken for all later ones: a week has all weekdays once."""


@dataclass(frozen=True)
class Traffic:
    """Users seen by the end of each day, cumulative."""

    users: np.ndarray

    @property
    def newcomers(self) -> float:
        """Users a day that were not seen before, in the last LATEST_DAYS days (fewer where fewer are known)."""
        span = min(LATEST_DAYS, len(self.users) - 1)
        return float((self.users[-1] - self.users[-1 - span]) / span) if span else float(self.users[-1])

    def days_for(self, needed: int) -> tuple[int | None, bool]:
        """The first day by whose end `needed` users were seen, and whether it lies beyond the days known.

        Later days are taken to bring `newcomers` each; None where that is nobody.
        """
        enough = np.flatnonzero(self.users >= needed)
        if enough.size:
            return int(enough[0]) + 1, False
        if self.newcomers <= 0:
            return None, True
        return len(self.users) + math.ceil((needed - self.users[-1]) / self.newcomers), True


def cumulative_users(traffic: Sequence[float] | pl.DataFrame) -> Traffic:
    """`traffic` from the table of `traffic_by_day` or from numbers. Raises UsageError for numbers that ever fall."""
    users = np.asarray(traffic["cumulative"] if isinstance(traffic, pl.DataFrame) else traffic, dtype=np.float64)
    if not users.size or (np.diff(users) < 0).any() or users[0] < 0:
        raise UsageError("Traffic is the number of users seen by the end of each day, so it never falls.")
    return Traffic(users)


def traffic_by_day(
    events: pl.DataFrame | pl.LazyFrame, days: int = 28, *, cut: DayCut | None = None, share: float = 1.0
) -> pl.DataFrame:  # fmt: skip
    """A test that began `days` full days before the end of a log: day (from 1), date, users, new, cumulative.

    `users` are active on that day, `new` are those not seen on an earlier day of the test, and `share` of them take
    part. The last day of the log is left out: it may be cut off. Raises DataError for a log without times or of one
    day only.
    """
    cut = cut or DayCut()
    need_columns(events, ["user_id", "timestamp"], "events")
    log = with_utc_times(events.lazy(), ["timestamp"], "events").filter(pl.col("timestamp").is_not_null())
    active = log.select("user_id", date=cut.day(pl.col("timestamp"))).unique().collect(engine="streaming")
    last = active["date"].max()
    full = active.filter(pl.col("date") < last, pl.col("date") >= pl.lit(last) - timedelta(days=days))
    if full.is_empty():
        raise DataError("The log has no full day before its last one: nothing can be said of users by day.")
    first = full.group_by("user_id").agg(date=pl.col("date").min()).group_by("date").len("new")
    table = full.group_by("date").len("users").join(first, on="date", how="left").sort("date")
    table = table.upsample("date", every="1d").with_columns(pl.col("users", "new").fill_null(0) * share)
    return table.with_row_index("day", offset=1).with_columns(cumulative=pl.col("new").cum_sum())
