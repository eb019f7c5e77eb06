"""Facts about rows that an experiment cannot use, and refusals of those that would ruin it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, timedelta

import numpy as np
import polars as pl

from avrec_lib.data.facts import Fact, level_of, share_of
from avrec_lib.errors import DataError
from avrec_lib.evaluate.experiment.days import need_columns, with_utc_times
from avrec_lib.evaluate.experiment.design import ExperimentDesign

BROKEN = 0.001
"""A p-value below which chance is no explanation: one false alarm in a thousand experiments."""
WEEK = 7


def refuse_infinite(table: pl.LazyFrame, name: str) -> None:
    """Raise DataError for the first column of numbers with a value that is infinite, or NaN in events."""
    types = table.collect_schema()
    floats = [column for column, kind in types.items() if kind.is_float()]
    if not floats:
        return
    bad = pl.col(floats).is_infinite() | pl.col(floats).is_nan() if name == "events" else pl.col(floats).is_infinite()
    counts = table.select(bad.sum()).collect(engine="streaming").row(0, named=True)
    for column, count in counts.items():
        if count:
            raise DataError(
                "{count} values of the column {column} of the table {name} are not finite.",
                hint="One of them makes every mean infinite: find where they come from, and leave those rows out.",
                count=count, column=repr(column), name=name,
            )  # fmt: skip


def unusable_events(log: pl.LazyFrame, who: pl.LazyFrame) -> list[Fact]:
    """Events without a time, and of users who were never assigned (or flipped)."""
    known = log.join(who.select("user_id", "user_row"), on="user_id", how="left")
    total, timeless, strange = (
        known.select(pl.len(), pl.col("timestamp").is_null().sum(), pl.col("user_row").is_null().sum().alias("strange"))
        .collect(engine="streaming")
        .row(0)
    )
    timeless_share, strange_share = share_of(timeless, total), share_of(strange, total)
    return [
        Fact("events_without_time", timeless, timeless_share, level_of(timeless_share, 1e-12, 0.05),
             "{value} events ({share}) have no time and are left out: nobody can say whether they came before or "
             "after the assignment." if timeless else "Every event has a time."),
        Fact("events_of_others", strange, strange_share, "info",
             "{value} events ({share}) are of users outside the experiment and are left out."),
    ]  # fmt: skip


def early_events(mine: pl.LazyFrame, design: ExperimentDesign) -> list[Fact]:
    """Events before the assignment: they never count as an effect, and serve as pre-period."""
    early = pl.col("timestamp") < pl.col("assigned_at")
    recent = pl.col("timestamp") >= pl.col("assigned_at") - pl.duration(days=design.days_before)
    total, before, used = (
        mine.select(pl.len(), early.sum().alias("early"), (early & recent).sum().alias("used"))
        .collect(engine="streaming")
        .row(0)
    )
    share = share_of(before, total)
    days = str(design.days_before)
    facts = [
        Fact("events_before_assignment", before, share, "info",
             "{value} events ({share}) are older than their user's assignment: they count for no arm; those of the "
             "{days} days before it ({used}) are the pre-period.", {"days": days, "used": f"{used:,}"})
    ]  # fmt: skip
    if not used:
        facts.append(
            Fact("no_pre_period", 0, None, "amber",
                 "Nothing is known of the users before their assignment: neither can the arms be compared there, nor "
                 "can CUPED narrow an interval. Bring events of some weeks before the experiment.")
        )  # fmt: skip
    return [*facts, _day_cut(mine, design)]


def _day_cut(mine: pl.LazyFrame, design: ExperimentDesign) -> Fact:
    """How many events lie within half an hour of the moment at which a day ends and the next begins."""
    minute = design.days.local(pl.col("timestamp"))
    minute = minute.dt.hour().cast(pl.Int32) * 60 + minute.dt.minute()
    total, near = mine.select(pl.len(), ((minute < 30) | (minute >= 1410)).sum().alias("near")).collect().row(0)
    share = share_of(near, total)
    quiet = share is None or share <= 1 / 24
    return Fact(
        "cut_of_the_day", near, share, "info" if quiet else "amber",
        "{share} of the events lie within half an hour of the cut of the day ({start}:00, {zone})."
        if quiet else
        "{share} of the events lie within half an hour of the cut of the day ({start}:00, {zone}), more than in an "
        "average hour: evenings are torn into two days. Give the users' own time zone, or let the day start later.",
        {"start": f"{design.days.day_starts:02d}", "zone": design.days.time_zone},
    )  # fmt: skip


def last_finished(log: pl.LazyFrame, design: ExperimentDesign) -> date | None:
    """The last day of `log` that was over when it ended; None without events.

    A log that goes on after `design.end` has seen the day of that end as far as it counts. Else its own last day is
    over if it is silent for no more than half an hour before the day ends, or twice the longest such silence of the
    WEEK days before.
    """
    moment = pl.col("timestamp")
    known = log.filter(moment.is_not_null())
    by_day = known.group_by(day=design.days.day(moment)).agg(
        design.days.local(moment).max().alias("local"), moment.max()
    )
    ends = by_day.collect(engine="streaming").sort("day")
    if ends.is_empty():
        return None
    if design.end is not None and ends["timestamp"][-1] >= design.end:
        last = pl.DataFrame({"end": [design.end.astimezone(UTC) - timedelta(microseconds=1)]})
        return last.select(design.days.day(pl.col("end"))).item()
    silent = ends.select(pl.col("day").cast(pl.Datetime("us")) + timedelta(days=1) - pl.col("local")).to_series()
    hours = silent.dt.total_microseconds().to_numpy() / 3_600_000_000
    unfinished = hours[-1] > max(2 * hours[-1 - WEEK : -1].max(initial=0.0), 0.5)
    return ends["day"][-1] - timedelta(days=int(unfinished))


def undefined_values(users: pl.DataFrame, columns: Sequence[str]) -> list[Fact]:
    """For each column with undefined values: how many, and whether one arm has more of them than another."""
    from scipy.stats import chi2_contingency

    facts = []
    for column in columns:
        gap = users[column].is_null() | users[column].is_nan()
        count = int(gap.sum())
        if not count:
            continue
        by_arm = users.group_by("variant").agg(missing=gap_of(column).sum(), there=(~gap_of(column)).sum())
        table = by_arm.select("missing", "there").to_numpy()
        p_value = chi2_contingency(table).pvalue if table.sum(axis=0).all() else 1.0
        broken = p_value < BROKEN
        facts.append(
            Fact("undefined_values", count, share_of(count, users.height), "red" if broken else "amber",
                 "{column} is undefined for {value} users ({share}), and not equally often in every arm (p = {p}): who "
                 "is left depends on the arm, so the arms are not comparable."
                 if broken else
                 "{column} is undefined for {value} users ({share}), who are left out of it.",
                 {"column": column, "p": f"{p_value:.2g}"})
        )  # fmt: skip
    return facts


def gap_of(column: str) -> pl.Expr:
    """Whether a value is null or NaN."""
    return pl.col(column).is_null() | pl.col(column).is_nan()


def covariate_age(users: pl.DataFrame, until: str | None) -> tuple[Fact, bool]:
    """Whether the pre-period columns are older than the assignment, where the table can say; False refuses CUPED."""
    if until is None:
        return Fact(
            "age_of_the_covariate", 0, None, "amber",
            "The table does not say up to when the pre-period was measured: that it is older than the assignment is "
            "your word. A column with its last moment (covariate_until) and one with assigned_at would show it.",
        ), True  # fmt: skip
    need_columns(users, [until], "users")
    timed = with_utc_times(users.lazy(), [until], "users").collect()
    late = int(np.count_nonzero((timed[until] >= timed["assigned_at"]).fill_null(False).to_numpy()))
    share = share_of(late, users.height)
    unknown = timed[until].null_count()
    if unknown and not late:
        return Fact(
            "age_of_the_covariate", unknown, share_of(unknown, users.height),
            "red" if unknown == users.height else "amber",
            "The column {column} says of no user up to when the pre-period was measured, so it is not used."
            if unknown == users.height else
            "For {value} users ({share}) the column {column} does not say up to when the pre-period was measured: that "
            "it is older than the assignment is your word.",
            {"column": until},
        ), unknown < users.height  # fmt: skip
    if late:
        template = (
            "For {value} users ({share}) the pre-period reaches into the experiment: it holds what the arm has caused, "
            "and CUPED would take the effect away. It is not used."
        )
    else:
        template = "The pre-period of every user ended before the assignment."
    return Fact("age_of_the_covariate", late, share, "red" if late else "info", template), not late
