"""Simulated tests side by side: what the users of many experiments did, day by day, and the moments of their arms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from avrec_lib.evaluate.experiment.estimates import Estimate, estimate
from avrec_lib.evaluate.experiment.moments import Moments, from_sums
from avrec_lib.evaluate.experiment.sequential import as_correlation, habits_clock, planned_end, users_clock

Amounts = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]

ONCE: dict[str, Amounts] = {
    "scores, normal": lambda rng, shape: rng.normal(3.0, 1.0, shape),
    "watch time, log-normal": lambda rng, shape: rng.lognormal(3.0, 1.0, shape),
    "clicks, Poisson-gamma": lambda rng, shape: rng.poisson(rng.gamma(0.5, 4.0, shape)).astype(np.float64),
    "purchases, 5 in 100": lambda rng, shape: (rng.random(shape) < 0.05).astype(np.float64),
}
"""A user's amount by kind of metric; each user counts on one day."""


def habits(rng: np.random.Generator, runs: int, users: int, days: int) -> np.ndarray:
    """Watch time (runs, users, days) of users who stay: each has a rate of activity, and log-normal amounts."""
    rate = rng.beta(1.2, 2.4, (runs, users, 1))
    active = rng.random((runs, users, days)) < rate
    return np.where(active, rng.lognormal(3.0, 1.0, (runs, users, days)), 0.0)


def bursts(rng: np.random.Generator, runs: int, users: int, days: int) -> np.ndarray:
    """Watch time (runs, users, days) of users who come for four days in a row with an intensity of their own."""
    begin = rng.integers(0, max(days - 3, 1), (runs, users, 1))
    day = np.arange(days)
    active = (day >= begin) & (day < begin + 4)
    return np.where(active, rng.lognormal(3.0, 1.0, (runs, users, 1)), 0.0)


STAYING: dict[str, Callable[[np.random.Generator, int, int, int], np.ndarray]] = {
    "watch time, users with habits": habits,
    "watch time, users in bursts": bursts,
}


@dataclass(frozen=True)
class Paths:
    """Tests by day, (runs, days): what was `found`, the `clock` of the sequence, and the planned end (`at_end`)."""

    found: Estimate
    clock: np.ndarray
    at_end: np.ndarray


def once(
    amounts: Amounts, runs: int, days: int, users: int, lift: float, planned_users: float, rng: np.random.Generator
) -> Paths:  # fmt: skip
    """`users` new users a day in two arms by the toss of a coin; those of the second do `lift` more, as a share."""
    values = amounts(rng, (runs, days, users))
    arm = rng.random((runs, days, users)) < 0.5
    sums = []
    for treated in (False, True):
        mine = arm == treated
        mine_values = np.where(mine, values * (1 + lift if treated else 1), 0.0)
        parts = mine.sum(axis=-1), mine_values.sum(axis=-1), np.einsum("rdu,rdu->rd", mine_values, mine_values)
        sums.append([np.cumsum(part, axis=1, dtype=np.float64) for part in parts])
    control, treatment = (_moments(*parts) for parts in sums)
    clock = users_clock(control, treatment, planned_users, (0.5, 0.5))
    return Paths(estimate(control, treatment), clock, planned_end((control.count + treatment.count) / planned_users))


def staying(amounts: np.ndarray, lift: float, rng: np.random.Generator) -> Paths:
    """Users of whom each look takes all that they did so far, from `amounts` (runs, users, days), all there from day 1.

    The plan is to look as often as there are days; the first look is on the day by which a quarter of them has passed.
    """
    runs, users, days = amounts.shape
    arm = rng.random((runs, users)) < 0.5
    total = np.cumsum(amounts, axis=2) * np.where(arm, 1 + lift, 1.0)[:, :, None]
    sides, shares = [], np.zeros_like(total)
    for treated in (False, True):
        mine = (arm == treated)[:, :, None]
        count = np.broadcast_to(mine.sum(axis=1), (runs, days)).astype(np.float64)
        mine_total = np.where(mine, total, 0.0)
        side = _moments(count, mine_total.sum(axis=1), np.einsum("rud,rud->rd", mine_total, mine_total))
        shares += np.where(mine, (total - side.mean[:, None, :, 0]) / count[:, None, :], 0.0)
        sides.append(side)
    likeness = as_correlation(np.swapaxes(shares, 1, 2) @ shares)
    passed = np.arange(1, days + 1) / days
    start = np.where(passed >= 0.25, passed, 0.0)
    clock = habits_clock(np.broadcast_to(start, (runs, days)), likeness)
    return Paths(estimate(*sides), clock, np.broadcast_to(planned_end(passed), (runs, days)))


def _moments(count: np.ndarray, sums: np.ndarray, squares: np.ndarray) -> Moments:
    """Moments of a mean from n, Σ y and Σ y², each (runs, looks)."""
    products = np.stack([np.stack([squares, sums], axis=-1), np.stack([sums, count], axis=-1)], axis=-2)
    return from_sums(count, np.stack([sums, count], axis=-1), products)
