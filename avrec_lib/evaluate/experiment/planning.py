"""Before the test: how many users and days does the smallest effect that counts take?

Users come back, so days do not simply add up: `traffic_by_day` counts each once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl

from avrec_lib.errors import DataError, ProtocolError, UsageError
from avrec_lib.evaluate.experiment.data import ExperimentData
from avrec_lib.evaluate.experiment.days import DayCut, need_columns, with_utc_times
from avrec_lib.evaluate.experiment.effects import need_before
from avrec_lib.evaluate.experiment.estimates import estimate
from avrec_lib.evaluate.experiment.looks import daily_steps
from avrec_lib.evaluate.experiment.metrics import user_values
from avrec_lib.evaluate.experiment.moments import moments_by_arm
from avrec_lib.evaluate.experiment.sequential import FIRST_LOOK, mixture
from avrec_lib.evaluate.power import ALPHA, POWER, smallest_detectable, users_needed


@dataclass(frozen=True)
class Baseline:
    """A metric as it is without the test: mean over users and standard deviation of a user, and the correlation with
    the same before (0: no CUPED). For a ratio sd is that of a user's share in it.
    """

    mean: float
    sd: float
    correlation: float = 0.0

    def __post_init__(self) -> None:
        if not self.sd > 0 or not -1 < self.correlation < 1:
            raise UsageError(
                "A baseline has a standard deviation above 0 and a correlation between -1 and 1, but came with {sd} "
                "and {correlation}.", sd=self.sd, correlation=self.correlation,
            )  # fmt: skip

    @property
    def sd_left(self) -> float:
        """What CUPED leaves of the standard deviation: sd · √(1 − correlation²)."""
        return self.sd * math.sqrt(1 - self.correlation**2)


@dataclass(frozen=True)
class ExperimentPlan:
    """What a test takes. `users` are those of all arms; `days` is None without traffic, or when it never suffices.

    `effect` is in units of the metric. `sequential_users` is what the confidence sequence takes to find it by its last
    look, `users` the fixed test. `extrapolated` says that the traffic known was shorter than the test.
    """

    effect: float
    lift: float | None
    users: int
    sequential_users: int
    days: int | None
    sequential_days: int | None
    extrapolated: bool
    shares: tuple[float, ...]
    alpha: float
    power: float
    baseline: Baseline

    @property
    def premium(self) -> float:
        """How many times the users of the fixed test watching and stopping takes at most."""
        return self.sequential_users / self.users


def plan_experiment(
    baseline: Baseline, effect: float, *, relative: bool = False, treatments: int = 1,
    shares: Sequence[float] | None = None, alpha: float = ALPHA, power: float = POWER,
    traffic: Sequence[float] | pl.DataFrame | None = None, first_look: float = FIRST_LOOK,
) -> ExperimentPlan:  # fmt: skip
    """Users and days to find a true `effect` (a share of the mean if `relative`) with probability `power`.

    `shares` are those of the control and of each arm beside it (default: equal). With several arms each is tested at
    alpha / arms, the first step of Holm's correction, and the smallest of them sets the number. Users = (t + t)² · sd²
    (1 − correlation²) (1 / s₀ + 1 / s₁) / effect²; the confidence sequence replaces the first t by its own reach at the
    planned end, which forgets early stops and so asks for a little too many. `traffic` are the users seen by the
    end of each day (cumulative) or the table of `traffic_by_day`. Raises UsageError for an effect of 0 or out of reach,
    a relative one on a mean of 0, or shares that are not above 0.
    """
    if relative and not baseline.mean:
        raise UsageError("The effect is a share of the mean, but the mean is 0: give it in units of the metric.")
    size = abs(effect * baseline.mean if relative else effect)
    parts = _shares(shares, treatments)
    spread = baseline.sd_left * math.sqrt(1 / parts[0] + 1 / min(parts[1:]))
    each = alpha / max(len(parts) - 1, 1)
    users = users_needed(size, spread, power, each)
    if not users:
        raise UsageError("No number of users is enough to find an effect of {effect}.", effect=effect)
    sequential_users = math.ceil(users * _premium(each, power, first_look))
    known = None if traffic is None else cumulative_users(traffic)
    days, beyond = (None, False) if known is None else known.days_for(users)
    later, beyond_too = (None, False) if known is None else known.days_for(sequential_users)
    lift = size / abs(baseline.mean) if baseline.mean else None
    return ExperimentPlan(size, lift, users, sequential_users, days, later, beyond or beyond_too, parts, alpha, power,
                          baseline)  # fmt: skip


def smallest_effect(
    baseline: Baseline, users: float, *, treatments: int = 1, shares: Sequence[float] | None = None,
    alpha: float = ALPHA, power: float = POWER,
) -> float:  # fmt: skip
    """The effect that `users` (of all arms) find with probability `power`: what a test of that size could show."""
    parts = _shares(shares, treatments)
    spread = baseline.sd_left * math.sqrt(1 / parts[0] + 1 / min(parts[1:]))
    return float(smallest_detectable(spread / math.sqrt(users), users, power=power, alpha=alpha / (len(parts) - 1)))


def detectable_by_users(
    baseline: Baseline, users: Sequence[float], *, treatments: int = 1, alpha: float = ALPHA, power: float = POWER,
    first_look: float = FIRST_LOOK,
) -> pl.DataFrame:  # fmt: skip
    """The smallest true lift (a share of the mean) that tests of so many `users` of all arms find: users, `once`
    (the fixed test), `once, CUPED`, `watched` (the confidence sequence, with CUPED where there is a correlation).

    Nulls for a mean of 0 and for too few users.
    """
    each = alpha / treatments
    premium = math.sqrt(_premium(each, power, first_look))
    plain = Baseline(baseline.mean, baseline.sd)
    rows = []
    for number in users:
        sides = [smallest_effect(one, number, treatments=treatments, alpha=alpha, power=power)
                 for one in (plain, baseline)]  # fmt: skip
        rows.append([number, *sides, sides[1] * premium])
    mean = abs(baseline.mean) or math.nan
    table = pl.DataFrame(rows, schema=dict.fromkeys(("users", *READINGS), pl.Float64), orient="row")
    return table.with_columns((pl.col(READINGS) / mean).fill_nan(None))


READINGS = ("once", "once, CUPED", "watched")


def detectable_by_day(
    data: ExperimentData, metric: str, planned_users: float, *, cuped: bool = False, treatments: int = 1,
    alpha: float = ALPHA, power: float = POWER, first_look: float = FIRST_LOOK,
) -> pl.DataFrame:  # fmt: skip
    """`detectable_by_users` for a test that ends on each day, from the control of `data`: day (from 1) in front.

    On each day a user counts with what was done so far, and of `planned_users` as many are in the test as the control
    of `data` had by then. Raises DataError without events by day, and for CUPED without a pre-period,
    ProtocolError for a metric without spread on every day.
    """
    if cuped:
        need_before(data)
    steps = daily_steps(data, data.metric(metric), cuped=cuped)
    control = steps.moments(len(data.variants)).arm(0)
    plain, adjusted = estimate(control, control), estimate(control, control, cuped=cuped)
    sd = plain.error * np.sqrt(control.count / 2)
    if not (sd > 0).any():
        raise _no_spread(data, metric, int(control.count[-1]))
    days = (steps.days - steps.days[0]).dt.total_days().to_numpy() + 1
    users = planned_users * control.count / control.count[-1]
    tables = [
        detectable_by_users(
            Baseline(float(plain.control[at]), float(sd[at]), float(adjusted.correlation[at])), [float(users[at])],
            treatments=treatments, alpha=alpha, power=power, first_look=first_look,
        ).select(pl.lit(int(days[at])).alias("day"), pl.all())
        for at in np.flatnonzero(sd > 0)
    ]  # fmt: skip
    return pl.concat(tables)


def _premium(alpha: float, power: float, first_look: float) -> float:
    """How many times the users of the fixed test the confidence sequence takes, read to its planned end."""
    from scipy.special import ndtri

    reach = float(mixture(alpha, first_look).reach(np.array(1.0), True))
    return float(((reach + ndtri(power)) / (ndtri(1 - alpha / 2) + ndtri(power))) ** 2)


def baseline_of(data: ExperimentData, metric: str, *, cuped: bool = False) -> Baseline:
    """Mean, standard deviation and correlation with the pre-period of `metric` in the control: of an earlier test, or
    of an A/A over some past days. Raises ProtocolError, with what is red, for a metric without spread.
    """
    if cuped:
        need_before(data)
    values = user_values(data.users, data.metric(metric), with_before=cuped)
    known = values.known & (data.arms == 0)
    moments = moments_by_arm(values.columns, data.arms, known, 1).arm(0)
    plain, adjusted = estimate(moments, moments), estimate(moments, moments, cuped=cuped)
    sd = float(plain.error * np.sqrt(moments.count / 2))
    if not sd > 0:
        raise _no_spread(data, metric, int(moments.count))
    return Baseline(float(plain.control), sd, float(adjusted.correlation))


def _no_spread(data: ExperimentData, metric: str, users: int) -> ProtocolError:
    return ProtocolError(
        "{metric} is the same for all {users} users of the control that are left: it can tell nothing.",
        hint="Take another metric or mend what is red; in a log that knows no persons let each request stand for "
        "itself (requests_as_users=true).",
        reasons=[(fact.name, fact.template, fact.words) for fact in data.facts if fact.level == "red"],
        metric=metric, users=f"{users:,}",
    )  # fmt: skip


def _shares(shares: Sequence[float] | None, treatments: int) -> tuple[float, ...]:
    given = tuple(shares) if shares is not None else (1.0,) * (treatments + 1)
    if len(given) < 2 or min(given) <= 0:
        raise UsageError("The control and every arm beside it need a share above 0, but shares is {shares}.",
                         shares=", ".join(map(str, given)))  # fmt: skip
    return tuple(share / sum(given) for share in given)


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
