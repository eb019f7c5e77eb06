"""Before the test: how many users and days does the smallest effect that counts take?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from avrec_lib.errors import UsageError
from avrec_lib.evaluate.experiment.data import ExperimentData
from avrec_lib.evaluate.experiment.effects import need_before
from avrec_lib.evaluate.experiment.estimates import estimate
from avrec_lib.evaluate.experiment.metrics import user_values
from avrec_lib.evaluate.experiment.moments import moments_by_arm
from avrec_lib.evaluate.experiment.sequential import FIRST_LOOK, mixture
from avrec_lib.evaluate.experiment.traffic import cumulative_users
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
    from scipy.special import ndtri

    reach = float(mixture(each, first_look).reach(np.array(1.0), True))
    premium = ((reach + ndtri(power)) / (ndtri(1 - each / 2) + ndtri(power))) ** 2
    sequential_users = math.ceil(users * premium)
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


def baseline_of(data: ExperimentData, metric: str, *, cuped: bool = False) -> Baseline:
    """Mean, standard deviation and correlation with the pre-period of `metric` in the control: of an earlier test, or
    of an A/A over some past days.
    """
    if cuped:
        need_before(data)
    values = user_values(data.users, data.metric(metric), with_before=cuped)
    known = values.known & (data.arms == 0)
    moments = moments_by_arm(values.columns, data.arms, known, 1).arm(0)
    plain, adjusted = estimate(moments, moments), estimate(moments, moments, cuped=cuped)
    sd = float(plain.error * np.sqrt(moments.count / 2))
    return Baseline(float(plain.control), sd, float(adjusted.correlation))


def _shares(shares: Sequence[float] | None, treatments: int) -> tuple[float, ...]:
    given = tuple(shares) if shares is not None else (1.0,) * (treatments + 1)
    if len(given) < 2 or min(given) <= 0:
        raise UsageError("The control and every arm beside it need a share above 0, but shares is {shares}.",
                         shares=", ".join(map(str, given)))  # fmt: skip
    return tuple(share / sum(given) for share in given)
