"""One test as somebody would watch it: its path by day, the fixed interval and the confidence sequence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from avrec_lib.errors import UsageError
from avrec_lib.evaluate.experiment.estimates import Estimate, estimate
from avrec_lib.evaluate.experiment.moments import Moments, from_sums
from avrec_lib.evaluate.experiment.rule import Decision, decision, outcome
from avrec_lib.evaluate.experiment.sequential import FIRST_LOOK, mixture, planned_end, sequence, users_clock
from avrec_lib.evaluate.power import ALPHA

MOST_DAYS, MOST_USERS_A_DAY = 1000, 10**9


@dataclass(frozen=True)
class WatchedTest:
    """A test to be watched: `effect` and `sd` of a user in units of the metric (`mean` in the control), new users a day
    in both arms together, `planned_days`, and the `days` that it runs.

    `lost` breaks the assignment: that share of the treatment's users never arrives, those who would have done least, so
    that the rest looks better than it is. Raises UsageError for an sd, an alpha or a share out of range, or fewer than
    two users a day or one day.
    """

    effect: float = 0.02
    sd: float = 1.0
    mean: float = 1.0
    users_a_day: int = 2000
    planned_days: int = 14
    days: int = 14
    alpha: float = ALPHA
    first_look: float = FIRST_LOOK
    lost: float = 0.0

    def __post_init__(self) -> None:
        if not self.sd > 0 or not 0 < self.alpha < 1:
            raise UsageError("A watched test needs an sd above 0 and an alpha between 0 and 1, not {sd} and {alpha}.",
                             sd=self.sd, alpha=self.alpha)  # fmt: skip
        if not 0 <= self.lost < 1:
            raise UsageError("The share of lost users is 0 or more and below 1, but is {share}.", share=self.lost)
        if not 2 <= self.users_a_day <= MOST_USERS_A_DAY or not 1 <= self.planned_days <= self.days <= MOST_DAYS:
            raise UsageError(
                "A watched test has two users a day or more and runs from its planned days to {most} at most, but came "
                "with {users} users, {planned} planned days and {days} days.",
                most=MOST_DAYS, users=self.users_a_day, planned=self.planned_days, days=self.days,
            )  # fmt: skip

    @property
    def treated(self) -> tuple[float, float]:
        """Mean and standard deviation of the treatment's users who arrive: of a normal amount without its lowest part.

        With z the normal quantile at `lost` and h = φ(z) / (1 − lost): mean + sd · h and sd · √(1 + z h − h²).
        """
        if not self.lost:
            return self.mean + self.effect, self.sd
        from scipy.special import ndtri

        edge = float(ndtri(self.lost))
        above = math.exp(-(edge**2) / 2) / math.sqrt(2 * math.pi) / (1 - self.lost)
        return self.mean + self.effect + self.sd * above, self.sd * math.sqrt(1 + edge * above - above**2)


@dataclass(frozen=True)
class Watched:
    """Looks of `runs` tests, arrays (runs, days): what was found, both ends of both intervals, which is the end, and
    the users seen by then, together and in each arm.
    """

    found: Estimate
    fixed_low: np.ndarray
    fixed_high: np.ndarray
    low: np.ndarray
    high: np.ndarray
    at_end: np.ndarray
    users: np.ndarray
    arms: tuple[np.ndarray, np.ndarray]


def watch(test: WatchedTest, runs: int = 1, seed: int = 0) -> Watched:
    """`runs` tests by day. Users count once; of each day and arm the sum and that of squares are drawn, not the users.

    Of n normal values the sum is N(n μ, n sd²), and n − 1 times the variance is sd² χ² of as many degrees of freedom:
    as cheap for a billion users as for ten. The mean of many skewed values looks the same. One seed is one fate: more
    days go on from the same path, and another effect or sd moves it without new noise.
    """
    arms, *noises, losses = np.random.default_rng(seed).spawn(6)
    treated = arms.binomial(test.users_a_day, 0.5, (test.days, runs)).T
    arrived = losses.binomial(treated.T, 1 - test.lost).T if test.lost else treated
    counts = test.users_a_day - treated, arrived
    shapes = (test.mean, test.sd), test.treated
    sides = [_moments(noises[2 * arm : 2 * arm + 2], counts[arm], *shapes[arm]) for arm in (0, 1)]
    found = estimate(sides[0], sides[1])
    planned = test.users_a_day * test.planned_days
    seen = np.cumsum(counts[0], axis=1), np.cumsum(counts[1], axis=1)
    # The plan counts those who were assigned: whether some of them are lost it cannot know.
    assigned = np.broadcast_to(test.users_a_day * np.arange(1, test.days + 1), seen[0].shape)
    at_end = planned_end(assigned / planned)
    reach = mixture(test.alpha, test.first_look).reach(users_clock(sides[0], sides[1], planned, (0.5, 0.5)), at_end)
    return Watched(found, *found.interval(test.alpha), *sequence(found, reach), at_end, seen[0] + seen[1], seen)


def one_test(test: WatchedTest, seed: int = 0, smallest_effect: float = 0.0) -> pl.DataFrame:
    """One test: day (from 1), users, difference, fixed_low, fixed_high, low, high (null before the first look), and
    what a rule would say of each day: `fixed_decision` (read once, at the planned end) and `decision` (watched).
    """
    seen = watch(test, 1, seed)
    ended = np.cumsum(seen.at_end[0]) > 0
    table = pl.DataFrame({
        "day": np.arange(1, test.days + 1), "users": seen.users[0], "difference": seen.found.difference[0],
        "fixed_low": seen.fixed_low[0], "fixed_high": seen.fixed_high[0], "low": seen.low[0], "high": seen.high[0],
        "planned_end": seen.at_end[0],
        "fixed_decision": _decisions(seen.fixed_low[0], seen.fixed_high[0], smallest_effect, ended, False),
        "decision": _decisions(seen.low[0], seen.high[0], smallest_effect, ended, True),
    })  # fmt: skip
    ends = pl.col("low", "high")
    return table.with_columns(pl.when(ends.is_finite()).then(ends)).with_columns(pl.selectors.float().fill_nan(None))


def alarms(test: WatchedTest, runs: int = 2000, seed: int = 0) -> pl.DataFrame:
    """By day, the share of `runs` tests that have claimed an effect by then: day, peeking (the fixed interval read
    every day), fixed (read once, at the planned end) and sequential (read every day).
    """
    seen = watch(test, runs, seed)
    with np.errstate(invalid="ignore"):
        outside = (seen.fixed_low > 0) | (seen.fixed_high < 0)
        watched = (seen.low > 0) | (seen.high < 0)
    claimed = {"peeking": outside, "fixed": outside & seen.at_end, "sequential": watched}
    shares = {name: (np.cumsum(found, axis=1) > 0).mean(axis=0) for name, found in claimed.items()}
    return pl.DataFrame({"day": np.arange(1, test.days + 1), **shares})


def _decisions(
    low: np.ndarray, high: np.ndarray, smallest: float, ended: np.ndarray, sequential: bool
) -> list[Decision]:  # fmt: skip
    return [
        decision(outcome(float(under), float(over), smallest), ended=bool(over_now), sequential=sequential)
        for under, over, over_now in zip(low, high, ended, strict=True)
    ]


def _moments(noises: Sequence[np.random.Generator], count: np.ndarray, mean: float, sd: float) -> Moments:
    """Moments of one arm by the end of each day, from `count` new users a day (runs, days)."""
    size = count.astype(np.float64)
    # Drawn day after day, so that a longer test begins like a shorter one.
    away = noises[0].standard_normal(size.T.shape).T
    centre = np.where(size > 0, away * sd / np.sqrt(np.maximum(size, 1)), 0.0) + mean
    within = np.where(size > 1, sd**2 * 2 * noises[1].standard_gamma(np.maximum(size - 1, 1).T / 2).T, 0.0)
    sums, squares = size * centre, within + size * centre**2
    totals = [np.cumsum(part, axis=1) for part in (size, sums, squares)]
    products = np.stack([np.stack([totals[2], totals[1]], axis=-1), np.stack([totals[1], totals[0]], axis=-1)], axis=-2)
    return from_sums(totals[0], np.stack([totals[1], totals[0]], axis=-1), products)
