"""What can be set in the demo of a test: the world, which nobody knows, and the plan, which is yours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from avrec_lib.calibrate.one_test import WatchedTest
from avrec_lib.errors import UsageError, unknown_name
from avrec_lib.evaluate.power import ALPHA

Peeking = Literal["at the end", "every week", "every day"]
PEEKING: tuple[Peeking, ...] = get_args(Peeking)
WEEK = 7
BOUNDS: dict[str, tuple[float, float]] = {
    "effect": (-0.05, 0.05),
    "sd": (0.2, 3.0),
    "lost": (0.0, 0.1),
    "users_a_day": (100, 100_000),
    "planned_days": (2, 56),
    "smallest_effect": (0.0, 0.05),
    "alpha": (0.01, 0.2),
}
TRAFFIC = (100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000)
"""Where the slider of users a day stops."""


@dataclass(frozen=True)
class Settings:
    """The world: `effect` and `sd` of a user as shares of the control's mean, `lost`, the share of the treatment's
    users that never arrives. The plan: new users a day in both arms together, days, the smallest effect that counts,
    alpha, and how often somebody who peeks looks. Raises UsageError for a value outside BOUNDS.
    """

    effect: float = 0.02
    sd: float = 1.0
    lost: float = 0.0
    users_a_day: int = 5000
    planned_days: int = 14
    smallest_effect: float = 0.02
    alpha: float = ALPHA
    peeking: Peeking = "every day"

    def __post_init__(self) -> None:
        for name, (low, high) in BOUNDS.items():
            if not low - 1e-12 <= getattr(self, name) <= high + 1e-12:
                raise UsageError("{name} goes from {low} to {high}, but is {value}.", name=name, low=low, high=high,
                                 value=getattr(self, name))  # fmt: skip
        if self.peeking not in PEEKING:
            raise unknown_name("way of peeking", self.peeking, PEEKING)

    @property
    def planned_users(self) -> int:
        """Users of both arms by the planned end."""
        return self.users_a_day * self.planned_days

    @property
    def test(self) -> WatchedTest:
        """The test that these settings run, to its planned end; the control has the mean 1."""
        return WatchedTest(
            effect=self.effect, sd=self.sd, mean=1.0, users_a_day=self.users_a_day, planned_days=self.planned_days,
            days=self.planned_days, alpha=self.alpha, lost=self.lost,
        )  # fmt: skip

    def looks(self) -> np.ndarray:
        """Whether somebody who peeks looks on each day (days,); the planned end is always looked at."""
        days = np.arange(1, self.planned_days + 1)
        every = {"at the end": self.planned_days, "every week": WEEK, "every day": 1}[self.peeking]
        return (days % every == 0) | (days == self.planned_days)
