"""An experiment as one row a user: from assignments and events, or from a table that somebody else has summed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date

import numpy as np
import polars as pl

from avrec_lib.data.facts import Fact
from avrec_lib.errors import DataError, unknown_name
from avrec_lib.evaluate.experiment.assignments import from_events, read_assignments
from avrec_lib.evaluate.experiment.border import (
    covariate_age,
    early_events,
    last_finished,
    refuse_infinite,
    undefined_values,
    unusable_events,
)
from avrec_lib.evaluate.experiment.components import (
    component_sums,
    daily_sums,
    first_platform,
    sums_before,
    totals,
)
from avrec_lib.evaluate.experiment.days import need_columns, with_utc_times
from avrec_lib.evaluate.experiment.design import ExperimentDesign
from avrec_lib.evaluate.experiment.metrics import BEFORE, UserMetric, metrics_for


@dataclass(frozen=True)
class ExperimentData:
    """What every analysis reads. Made by `read_experiment` or `read_user_table`.

    `users` has user_id, variant, assigned_at (where known), sums since the assignment, `before_…` sums, and what else
    was known of the users. `daily` has user_row (the row in `users`), day, since and the sums of that day; None where
    no events are known. `variants` has the control first. `facts` are what reading found. `has_before` says that the
    pre-period is older than the assignment, as far as can be known. `finished` is the last day that was over when the
    log ended; None where no events are known.
    """

    users: pl.DataFrame
    daily: pl.DataFrame | None
    design: ExperimentDesign
    variants: tuple[str, ...]
    metrics: Mapping[str, UserMetric]
    facts: tuple[Fact, ...] = ()
    attributes: tuple[str, ...] = ()
    has_before: bool = False
    finished: date | None = None
    arms: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        place = {variant: number for number, variant in enumerate(self.variants)}
        arms = self.users["variant"].replace_strict(place, return_dtype=pl.Int64).to_numpy()
        object.__setattr__(self, "arms", arms)

    @property
    def treatments(self) -> tuple[str, ...]:
        """The arms beside the control."""
        return self.variants[1:]

    def metric(self, name: str) -> UserMetric:
        """The metric of that name. Raises UsageError for another."""
        if name not in self.metrics:
            raise unknown_name("metric", name, self.metrics)
        return self.metrics[name]

    def treatment(self, name: str | None) -> str:
        """The arm of that name, by default the first beside the control. Raises UsageError for another."""
        if name is not None and name not in self.treatments:
            raise unknown_name("variant", name, self.treatments)
        return name or self.treatments[0]


def read_experiment(
    events: pl.DataFrame | pl.LazyFrame, assignments: pl.DataFrame | pl.LazyFrame | None = None, *,
    users: pl.DataFrame | pl.LazyFrame | None = None, design: ExperimentDesign | None = None,
    metrics: Sequence[UserMetric] = (),
) -> ExperimentData:  # fmt: skip
    """An experiment from `assignments` (user_id, variant, assigned_at) and `events` (user_id, timestamp, and kinds of
    events as in `schema.Events`, or columns of numbers to sum).

    Without assignments the column `variant` of the events says it: a user is assigned with the first event that names
    an arm, and who has none is not seen. Assigned users without events count with 0. Events before a user's assignment
    are the pre-period (`design.days_before` days of it). `users` (user_id, attributes) adds what was known of users,
    beside the platform of their first event before the assignment (null: not known before); `metrics` are asked beside
    the standard ones. Raises DataError for what `read_assignments` refuses, columns that are missing or hold no times,
    and infinite values.
    """
    design = design or ExperimentDesign()
    need_columns(events, ["user_id", "timestamp"], "events")
    log = with_utc_times(events.lazy(), ["timestamp"], "events").with_columns(pl.col("user_id").cast(pl.String))
    assigned, facts = read_assignments(from_events(log) if assignments is None else assignments, design)
    assigned = assigned.with_columns(assigned_day=design.days.day(pl.col("assigned_at")))
    who = assigned.lazy().with_row_index("user_row").select("user_row", "user_id", "assigned_at")
    facts += unusable_events(log, who)
    refuse_infinite(log, "events")
    mine = log.filter(pl.col("timestamp").is_not_null()).join(who, on="user_id", how="inner")
    if design.end is not None:
        mine = mine.filter(pl.col("timestamp") < design.end.astimezone(UTC))
    is_early = pl.col("timestamp") < pl.col("assigned_at")
    recent = pl.col("timestamp") >= pl.col("assigned_at") - pl.duration(days=design.days_before)
    sums = component_sums(log)
    daily = daily_sums(mine.filter(~is_early), sums, design.days)
    before = sums_before(mine.filter(is_early & recent), sums, design.days)
    facts += early_events(mine, design)
    table = pl.concat([assigned, totals(daily, assigned.height)], how="horizontal")
    has_before = before.height > 0
    if has_before:
        table = table.with_row_index("user_row").join(before, on="user_row", how="left", maintain_order="left")
        table = table.drop("user_row").with_columns(pl.col(f"^{BEFORE}.*$").fill_null(0).cast(pl.Float64))
    table, attributes = _with_attributes(table, users, assigned.columns)
    if "platform" in log.collect_schema() and "platform" not in table.columns:
        table = table.join(first_platform(mine), on="user_id", how="left", maintain_order="left")
        attributes += ("platform",) if table["platform"].count() else ()
    known = metrics_for(set(table.columns))
    if "event" not in log.collect_schema():
        known |= {name: UserMetric(name, name) for name in sorted(set(sums) - set(known))}
    finished = last_finished(log, design)
    return _experiment(table, daily, design, [*known.values(), *metrics], facts, attributes, has_before, finished)


def read_user_table(
    table: pl.DataFrame | pl.LazyFrame, metrics: Sequence[UserMetric | str], *,
    before: Mapping[str, str] | None = None, covariate_until: str | None = None,
    attributes: Collection[str] = (), design: ExperimentDesign | None = None,
) -> ExperimentData:  # fmt: skip
    """An experiment from one row a user: user_id, variant, columns of `metrics`, and assigned_at if known.

    A metric given by name is the mean of that column. `before` maps columns to those with the same amount before the
    assignment; `covariate_until` is the column with the last moment that went into them, which must lie before
    assigned_at. Null or NaN is undefined: that user is left out of that metric, and counted. Raises DataError for a
    missing column, a user in two rows of one arm, infinite values, and what `read_assignments` refuses.
    """
    design = design or ExperimentDesign()
    asked = [UserMetric(one, one) if isinstance(one, str) else one for one in metrics]
    amounts = {name for one in asked for name in (one.top, one.bottom) if name is not None}
    pairs = dict(before or {})
    need_columns(table, [*sorted(amounts), *pairs.values(), *attributes], "users")
    timed = "assigned_at" in table.lazy().collect_schema().names()
    rows = table.lazy().collect()
    if twice := rows.height - rows.select("user_id", "variant").n_unique():
        raise DataError("{count} rows repeat a user of the same arm: one row a user is expected.", count=twice)
    assigned, facts = read_assignments(rows, design, timed=timed)
    older = [pl.col(old).cast(pl.Float64).alias(BEFORE + new) for new, old in pairs.items()]
    users = assigned.with_columns(pl.col(sorted(amounts)).cast(pl.Float64), *older)
    measured = [*sorted(amounts), *(BEFORE + name for name in pairs)]
    refuse_infinite(users.lazy().select(measured), "users")
    facts += undefined_values(users, sorted(amounts))
    is_older = True
    if pairs:
        fact, is_older = covariate_age(users, covariate_until if timed else None)
        facts.append(fact)
    return _experiment(users, None, design, asked, facts, tuple(attributes), bool(pairs) and is_older)


def _experiment(
    users: pl.DataFrame, daily: pl.DataFrame | None, design: ExperimentDesign, metrics: Sequence[UserMetric],
    facts: Sequence[Fact], attributes: tuple[str, ...], has_before: bool, finished: date | None = None,
) -> ExperimentData:  # fmt: skip
    asked = {metric.name: metric for metric in metrics}
    for one in asked.values():
        for column in (one.top, one.bottom):
            if column is not None and column not in users.columns:
                raise unknown_name("amount to measure", column, _amounts(users))
    others = sorted(set(users["variant"].unique()) - {design.control})
    variants = (design.control, *others)
    return ExperimentData(users, daily, design, variants, asked, tuple(facts), attributes, has_before, finished)


def _amounts(users: pl.DataFrame) -> list[str]:
    """The columns that a metric can be of."""
    numeric = [name for name, kind in users.schema.items() if kind.is_numeric()]
    return [name for name in numeric if not name.startswith(BEFORE)]


def _with_attributes(
    table: pl.DataFrame, users: pl.DataFrame | pl.LazyFrame | None, own: list[str]
) -> tuple[pl.DataFrame, tuple[str, ...]]:  # fmt: skip
    """`table` with what `users` knows, and the columns that say something of a user."""
    known = ("user_id", "variant", "assigned_at", "assigned_day")
    attributes = [name for name in own if name not in known]
    if users is not None:
        need_columns(users, ["user_id"], "users")
        rows = users.lazy().with_columns(pl.col("user_id").cast(pl.String)).collect().unique("user_id", keep="first")
        added = [name for name in rows.columns if name not in table.columns]
        table = table.join(rows.select("user_id", *added), on="user_id", how="left", maintain_order="left")
        attributes += [name for name in added if rows[name].count()]
    return table, tuple(name for name in attributes if table[name].dtype in (pl.String, pl.Enum, pl.Boolean))
