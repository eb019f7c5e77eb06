"""What one would have seen each day: the fixed interval, which may be read once, beside the confidence sequence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from avrec_lib.errors import DataError
from avrec_lib.evaluate.experiment.data import ExperimentData
from avrec_lib.evaluate.experiment.days import need_columns
from avrec_lib.evaluate.experiment.effects import need_before
from avrec_lib.evaluate.experiment.estimates import Estimate, estimate
from avrec_lib.evaluate.experiment.metrics import UserMetric, user_values
from avrec_lib.evaluate.experiment.moments import Moments, from_sums, products_of
from avrec_lib.evaluate.experiment.sequential import (
    FIRST_LOOK,
    as_correlation,
    habits_clock,
    mixture,
    planned_end,
    sequence,
    users_clock,
)
from avrec_lib.evaluate.power import ALPHA
from avrec_lib.evaluate.ratio import ratio

USERS_AT_ONCE = 2**16


def daily_looks(
    data: ExperimentData, metric: str, planned_users: int, *, variant: str | None = None, cuped: bool = False,
    alpha: float = ALPHA, first_look: float = FIRST_LOOK, planned_days: int | None = None,
) -> pl.DataFrame:  # fmt: skip
    """One row a day: day, users (of both arms), information, planned_end, difference, fixed_low, fixed_high, low, high.

    Each day takes all that its users did so far. `low` and `high` are the confidence sequence at 1 − alpha: it holds
    at all days together, and is null until the share `first_look` of `planned_users` (those of both arms together) and
    of `planned_days` is reached, and for arms of under 30 users. It is narrow on the day that is the `planned_end`, the
    first that is over by which both are fulfilled, and only then. The fixed interval is for one day that was chosen
    before. `information` is the clock of the sequence: the smaller of both shares at its first day, from then on
    `sequential.habits_clock`. Ceilings are those of the whole time, over all arms. Raises DataError without events by
    day, UsageError for an unknown metric or variant.
    """
    path = look_path(data, metric, planned_users, variant, cuped, alpha, first_look, planned_days)
    low, high = sequence(path.found, path.reach)
    fixed_low, fixed_high = path.found.interval(alpha)
    table = pl.DataFrame({
        "day": path.days, "users": path.users, "information": path.information, "planned_end": path.at_end,
        "difference": path.found.difference, "fixed_low": fixed_low, "fixed_high": fixed_high, "low": low,
        "high": high,
    })  # fmt: skip
    ends = pl.col("low", "high")
    return table.with_columns(pl.when(ends.is_finite()).then(ends)).with_columns(pl.selectors.float().fill_nan(None))


@dataclass(frozen=True)
class LookPath:
    """The looks of a test, arrays over days: `users` of both arms, `found`, `information`, whether a look is the
    planned end (`at_end`), and the `reach` of the confidence sequence in standard errors.
    """

    days: pl.Series
    users: np.ndarray
    found: Estimate
    information: np.ndarray
    at_end: np.ndarray
    reach: np.ndarray


def look_path(
    data: ExperimentData, metric: str, planned_users: float, variant: str | None, cuped: bool, alpha: float,
    first_look: float, planned_days: int | None,
) -> LookPath:  # fmt: skip
    """The looks of `daily_looks` as arrays."""
    one = data.metric(metric)
    arm = data.variants.index(data.treatment(variant))
    if cuped:
        need_before(data)
    steps = daily_steps(data, one, cuped=cuped)
    moments = steps.moments(len(data.variants))
    control, treatment = moments.arm(0), moments.arm(arm)
    found = estimate(control, treatment, cuped=cuped)
    planned = data.design.share_of(data.variants)
    clock = users_clock(control, treatment, planned_users, (planned[0], planned[arm]))
    users = control.count + treatment.count
    # The plan is over for all arms together.
    progress = moments.count.sum(axis=-1) * (planned[0] + planned[arm]) / planned_users
    # A day that the log has seen in part is one look of many, but not the end of a plan.
    over = np.ones(len(steps.days)) if data.finished is None else (steps.days <= data.finished).to_numpy() * 1.0
    passed = (steps.days - steps.days[0]).dt.total_days().to_numpy() + over
    # Without a plan of days the test ends with the last whole day that was seen, not when its users had arrived.
    share = passed / max(planned_days or passed.max(where=over > 0, initial=0), 1)
    clock, progress = np.minimum(clock, share), np.minimum(progress, share)
    likeness = _likeness(steps, (control, treatment), found, (0, arm))
    at_end = planned_end(progress * over)
    clock = habits_clock(np.where((clock >= first_look) | at_end, clock, 0.0), likeness)
    reach = mixture(alpha, first_look).reach(clock, at_end)
    return LookPath(steps.days, users.astype(np.int64), found, clock, at_end, reach)


@dataclass(frozen=True)
class Steps:
    """What the sums of users were from each day on which they changed: rows ordered by user and day.

    `user`, `day` (the place in `days`) and `arm` of each row; `state` (rows, columns) by its end and `previous` before
    it, 0 at a user's `first`.
    """

    days: pl.Series
    user: np.ndarray
    day: np.ndarray
    arm: np.ndarray
    first: np.ndarray
    state: np.ndarray
    previous: np.ndarray

    def moments(self, arms: int) -> Moments:
        """Moments (days, arms) of all that users had done by the end of each day.

        A user's v vᵀ grows by v vᵀ − (v vᵀ before), so days add up and none looks at all users again.
        """
        shape = len(self.days), arms
        # Around the common mean squares have digits to spare, also for amounts that are large and alike.
        centre = self.state.mean(axis=0)
        state, previous = self.state - centre, np.where(self.first[:, None], 0.0, self.previous - centre)
        cell, added = self.day * arms + self.arm, state - previous
        count = np.bincount(cell[self.first], minlength=shape[0] * shape[1])
        sums = np.stack([np.bincount(cell, column, len(count)) for column in added.T], axis=-1)
        products = products_of(state, cell, len(count)) - products_of(previous, cell, len(count))
        by_day = (part.reshape(*shape, *part.shape[1:]).cumsum(axis=0) for part in (count, sums, products))
        shifted = from_sums(*by_day)
        return Moments(shifted.count, shifted.mean + centre, shifted.covariance)


def daily_steps(data: ExperimentData, metric: UserMetric, *, cuped: bool) -> Steps:
    """The steps of `metric` over the days of the experiment. Raises DataError where days are not known."""
    daily = by_day_or_refuse(data, metric)
    values = user_values(data.users, metric, with_before=cuped)
    names = {"top": metric.top} if metric.bottom is None else {"top": metric.top, "bottom": metric.bottom}
    entered = data.users.select(day="assigned_day").with_row_index("user_row")
    acted = daily.select("user_row", "day", **{name: pl.col(column).cast(pl.Float64) for name, column in names.items()})
    rows = pl.concat([entered.with_columns(pl.lit(0.0).alias(name) for name in names), acted], how="diagonal")
    rows = rows.group_by("user_row", "day").agg(pl.col(*names).sum()).sort("user_row", "day")
    rows = rows.with_columns(pl.col(*names).cum_sum().over("user_row"))
    user = rows["user_row"].to_numpy().astype(np.int64)
    first = np.diff(user, prepend=-1) != 0
    state = np.ones((len(user), values.columns.shape[1]))
    state[:, 0] = np.minimum(rows["top"].to_numpy(), metric.ceiling(data.users[metric.top].to_numpy()))
    if metric.bottom is not None:
        state[:, 1] = rows["bottom"].to_numpy()
    if values.before is not None:
        state[:, 2], state[:, 3] = (side[user] for side in values.before)
    previous = np.where(first[:, None], 0.0, np.roll(state, 1, axis=0))
    days = rows.select(pl.col("day").unique().sort())["day"]
    day = days.search_sorted(rows["day"]).to_numpy().astype(np.int64)
    return Steps(days, user, day, data.arms[user], first, state, previous)


def _likeness(
    steps: Steps, sides: tuple[Moments, Moments], found: Estimate, arms: tuple[int, int]
) -> np.ndarray:  # fmt: skip
    """Correlations (days, days) of the estimates of a difference, from each user's share in it on each day."""
    length = len(steps.days)
    total = np.zeros((length, length))
    starts = np.flatnonzero(steps.first)
    for side, slope, arm in zip(sides, found.slopes, arms, strict=True):
        # What a user brings to the mean of an arm: slope · (v − mean) / n, from the day of the assignment on.
        slope = np.nan_to_num(slope * ratio(np.ones(length), side.count)[:, None])
        centre = np.nan_to_num(np.einsum("dc,dc->d", slope, np.nan_to_num(side.mean)))
        for block in np.array_split(starts, -(-len(starts) // USERS_AT_ONCE)):
            rows = _rows_from(steps, block)
            rows = rows[steps.arm[rows] == arm]
            users, place = np.unique(steps.user[rows], return_inverse=True)
            cell = place * length + steps.day[rows]
            shape = len(users), length
            share = np.zeros(shape)
            for column, added in enumerate((steps.state - steps.previous)[rows].T):
                share += np.bincount(cell, added, shape[0] * length).reshape(shape).cumsum(axis=1) * slope[:, column]
            here = np.bincount(cell[steps.first[rows]], minlength=shape[0] * length).reshape(shape).cumsum(axis=1)
            share -= here * centre
            total += share.T @ share
    return as_correlation(total)


def _rows_from(steps: Steps, starts: np.ndarray) -> np.ndarray:
    """The rows of the users that begin at `starts`, which stand together."""
    if not starts.size:
        return np.array([], dtype=np.int64)
    after = np.flatnonzero(steps.first[starts[-1] + 1 :])
    end = len(steps.first) if not after.size else starts[-1] + 1 + after[0]
    return np.arange(starts[0], end)


def by_day_or_refuse(data: ExperimentData, metric: UserMetric) -> pl.DataFrame:
    """The sums of each user and day. Raises DataError where days, or the columns of `metric` by day, are not known."""
    if data.daily is None or data.daily.is_empty():
        raise DataError(
            "The experiment is one row a user, so nothing is known day by day.",
            hint="Bring assignments and events (read_experiment) to look at days.",
        )
    need_columns(data.daily, [name for name in (metric.top, metric.bottom) if name], "daily")
    return data.daily
