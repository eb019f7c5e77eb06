"""Facts about the times of a log: ties, strange clocks, gaps, and users who are no people."""

from __future__ import annotations

import polars as pl

from avrec_lib.data.facts import Fact, level_of, share_of
from avrec_lib.data.faults import IS_EARLY, TOO_BUSY, clockwork_users, is_late, too_busy_users


def check_times(timed: pl.LazyFrame, total: int) -> list[Fact]:
    """All facts about events that have a time; `total` counts them."""
    return [*_ties(timed, total), *_strange_times(timed, total), *_gaps(timed), *_not_people(timed, total)]


def _ties(timed: pl.LazyFrame, total: int) -> list[Fact]:
    """Events that share a time with another of the same user; users whose last event does."""
    moments = timed.group_by("user_id", "timestamp").len()
    users = moments.group_by("user_id").agg(
        pl.col("len").filter(pl.col("len") > 1).sum().alias("tied"),
        (pl.col("len").get(pl.col("timestamp").arg_max()) > 1).alias("last_tied"),
    )
    seen = users.select(pl.len(), pl.col("tied").sum(), pl.col("last_tied").sum()).collect(engine="streaming")
    people, tied, last = seen.row(0)
    tied_share, last_share = share_of(tied, total), share_of(last, people)
    return [
        Fact(
            "tied_events", tied, tied_share, level_of(tied_share, 0.05, 0.5),
            "{share} of the events share their time with another of the same user: which came first is not known, "
            "so whatever learns from order depends on how ties are broken.",
        ),
        Fact(
            "users_with_tied_last_event", last, last_share, level_of(last_share, 0.01, 0.2),
            "For {share} of the users the last event is tied: leave-last-out tests them on an event picked by the "
            "order of rows.",
        ),
    ]  # fmt: skip


def _strange_times(timed: pl.LazyFrame, total: int) -> list[Fact]:
    time = pl.col("timestamp")
    late, early, midnight = (
        timed.select(
            is_late().sum(),
            IS_EARLY.sum().alias("early"),
            (time == time.dt.truncate("1d")).sum().alias("midnight"),
        )
        .collect(engine="streaming")
        .row(0)
    )
    shares = [share_of(count, total) for count in (late, early, midnight)]
    return [
        Fact(
            "times_in_the_future", late, shares[0], level_of(shares[0], 1e-12, 0.001),
            "Events in the future: {value}. A clock or a unit is wrong, and a split by time ends there.",
        ),
        Fact(
            "times_before_1990", early, shares[1], level_of(shares[1], 1e-12, 0.01),
            "Events before 1990, where unset clocks point: {value}. They stretch the span and begin every history.",
        ),
        Fact(
            "times_at_midnight", midnight, shares[2], level_of(shares[2], 0.05, 0.9),
            "{share} of the times are exactly midnight: these are dates, and the order within a day is not known.",
        ),
    ]  # fmt: skip


def _gaps(timed: pl.LazyFrame) -> list[Fact]:
    """Days without any event between the first and the last plausible one."""
    time = pl.col("timestamp")
    plausible = timed.filter(~IS_EARLY & ~is_late())
    days = plausible.group_by(time.dt.date().alias("day")).len().sort("day").collect(engine="streaming")
    if days.is_empty():
        return []
    pauses = days.select((pl.col("day").diff().dt.total_days() - 1).fill_null(0).alias("pause"), "day")
    longest = pauses.row(int(pauses["pause"].arg_max() or 0), named=True)
    empty = int(pauses["pause"].sum())
    share = share_of(empty, empty + days.height)
    median = days["len"].median()
    # A small log has quiet days of itself; in a large one they are outages.
    large = isinstance(median, (int, float)) and median >= 20
    return [
        Fact(
            "days_without_events", empty, share, level_of(share, 0.01 if large else 0.5),
            "{share} of the days between the first and the last event have none; the longest pause is {days} days, up "
            "to {until}. Trends and windows across a pause compare different times.",
            {"days": int(longest["pause"]), "until": longest["day"]},
        )
    ]  # fmt: skip


def _not_people(timed: pl.LazyFrame, total: int) -> list[Fact]:
    """Users too busy or too regular to be one person."""
    templates = {
        "too_busy_users": (
            "Users with over {limit} events on one day: {value}, with {share} of all events. Bots, shared accounts or "
            "imports weigh on popularity and on every mean over events."
        ),
        "clockwork_users": (
            "Users who act at equal intervals, as programs do: {value}, with {share} of all events. They make any "
            "recommender look good."
        ),
    }
    facts = []
    for (name, template), users in zip(templates.items(), (too_busy_users(timed), clockwork_users(timed)), strict=True):
        of_them = timed.join(users, on="user_id", how="semi")
        count, rows = of_them.select(pl.col("user_id").n_unique(), pl.len()).collect(engine="streaming").row(0)
        share = share_of(rows, total)
        facts.append(Fact(name, count, share, level_of(share, 1e-12, 0.05), template, {"limit": f"{TOO_BUSY:,}"}))
    return facts
