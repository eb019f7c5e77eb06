"""Does the effect last? By day since the assignment, with a test whether it grows or fades."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

from avrec_lib.errors import DataError
from avrec_lib.evaluate.experiment.data import ExperimentData
from avrec_lib.evaluate.experiment.estimates import estimate
from avrec_lib.evaluate.experiment.looks import by_day_or_refuse
from avrec_lib.evaluate.experiment.metrics import UserMetric, numbers
from avrec_lib.evaluate.experiment.moments import moments_by_arm, moments_by_cell
from avrec_lib.evaluate.power import ALPHA
from avrec_lib.evaluate.ratio import ratio


class Novelty(NamedTuple):
    """`days`: since (days since that of the assignment), users (observed for so long), control, treatment, difference,
    low, high. `slope` [`low`, `high`]: by how much the effect changes a day over the first `horizon` days, of the
    `users` who were observed so long; p of no change. Nulls where fewer than three days or two users an arm are known.
    """

    days: pl.DataFrame
    slope: float | None
    low: float | None
    high: float | None
    p_value: float | None
    horizon: int
    users: int


def novelty(
    data: ExperimentData, metric: str, *, variant: str | None = None, alpha: float = ALPHA, observed: float = 0.5
) -> Novelty:  # fmt: skip
    """The effect on what users do in a day, by day since their assignment.

    Day 0 begins with the assignment and is shorter than the others; a user counts on each day that was over for them
    before the last day of the log began. The slope is over days 1 to `horizon`, the last day that a share `observed` of
    the users reached: of each user Σ c_d y_d with c_d = (d − d̄) / Σ (d − d̄)², compared by Welch's test, so that a
    user's days stay together. Ceilings are those of the whole time and not used by day. Raises DataError without
    events by day.
    """
    one = data.metric(metric)
    place = data.variants.index(data.treatment(variant))
    daily = by_day_or_refuse(data, one)
    last_day = daily["day"].max()
    reached = data.users.select((pl.lit(last_day) - pl.col("assigned_day")).dt.total_days() - 1)
    reached = np.maximum(reached.to_series().fill_null(-1).to_numpy(), -1)
    mine = np.isin(data.arms, (0, place))
    arm = (data.arms > 0).astype(np.int64)
    length = int(reached[mine].max(initial=-1)) + 1
    if length < 1:
        raise DataError("No day of the experiment is over yet: there is nothing to see by day since the assignment.")
    top, bottom = _by_day(daily, one, data.users.height, length)
    since = np.arange(length)
    seen = mine[:, None] & (since <= reached[:, None])
    row, day = np.nonzero(seen)
    columns = np.column_stack([top[row, day], bottom[row, day]])
    moments = moments_by_cell(columns, day * 2 + arm[row], (length, 2))
    found = estimate(moments.arm(0), moments.arm(1))
    low, high = found.interval(alpha)
    days = pl.DataFrame({
        "since": since, "users": moments.count.sum(axis=-1).astype(np.int64), "control": found.control,
        "treatment": found.treatment, "difference": found.difference, "low": low, "high": high,
    }).with_columns(pl.selectors.float().fill_nan(None))  # fmt: skip
    horizon = int(np.quantile(reached[mine], 1 - observed))
    stayed = mine & (reached >= horizon)
    return Novelty(days, *_slope(top[stayed], bottom[stayed], arm[stayed], horizon, alpha), horizon, int(stayed.sum()))


def _by_day(daily: pl.DataFrame, metric: UserMetric, users: int, length: int) -> tuple[np.ndarray, np.ndarray]:
    """top and bottom of each user on each day since the assignment, (users, length)."""
    daily = daily.filter(pl.col("since") < length)
    place = daily["user_row"].to_numpy().astype(np.int64) * length + daily["since"].to_numpy()
    shape = users, length

    def spread(column: str) -> np.ndarray:
        return np.bincount(place, numbers(daily, column), shape[0] * shape[1]).reshape(shape)

    return spread(metric.top), np.ones(shape) if metric.bottom is None else spread(metric.bottom)


def _slope(
    top: np.ndarray, bottom: np.ndarray, arm: np.ndarray, horizon: int, alpha: float
) -> tuple[float | None, float | None, float | None, float | None]:
    """Slope of the effect with both ends and p, over days 1 to `horizon`."""
    if horizon < 3 or min((arm == 0).sum(), (arm == 1).sum()) < 2:
        return None, None, None, None
    days = np.arange(1, horizon + 1)
    contrast = (days - days.mean()) / ((days - days.mean()) ** 2).sum()
    slopes = np.zeros(len(top))
    for side in (0, 1):
        mine = arm == side
        over, under = top[mine][:, 1 : horizon + 1], bottom[mine][:, 1 : horizon + 1]
        value = ratio(over.mean(axis=0), under.mean(axis=0), otherwise=0.0)
        # A user's share in the ratio of each day; around it stands the arm's own slope.
        share = (over - value * under) * ratio(np.ones(horizon), under.mean(axis=0), otherwise=0.0)
        slopes[mine] = share @ contrast + value @ contrast
    moments = moments_by_arm(np.column_stack([slopes, np.ones(len(top))]), arm, np.ones(len(top), dtype=bool), 2)
    found = estimate(moments.arm(0), moments.arm(1))
    low, high = found.interval(alpha)
    numbers_found = (found.difference, low, high, found.p_value())
    return tuple(None if np.isnan(number) else float(number) for number in numbers_found)  # type: ignore[return-value]
