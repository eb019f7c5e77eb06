"""One A/B test as plain state: what is set, how far it has run, whether it was stopped, and what that means."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from avrec_lib.calibrate.one_test import WatchedTest, watch
from avrec_lib.data.facts import LEVELS, Fact, Level
from avrec_lib.errors import unknown_name
from avrec_lib.evaluate.bootstrap import FEWEST_USERS
from avrec_lib.evaluate.experiment.checks import few_users, sample_ratio
from avrec_lib.widgets.experiment_many import is_red, many_tests
from avrec_lib.widgets.experiment_plan import Outlook, outlook
from avrec_lib.widgets.experiment_settings import Settings
from avrec_lib.widgets.experiment_verdicts import Reader, Verdict, first_claim, verdicts

ARMS = ("A", "B")
HALVES = (0.5, 0.5)


class ExperimentState:
    """A test that is planned, watched and stopped.

    `day` is how many days are over; 0 is before the test. One `seed` is one fate: the settings move its path without
    new noise, a new test draws another.
    """

    def __init__(self, settings: Settings | None = None, seed: int = 0) -> None:
        self.settings = settings or Settings()
        self.seed, self.day, self.stopped = seed, 0, False
        self._path: tuple[WatchedTest, int, pl.DataFrame] | None = None
        self._many: tuple[Settings, pl.DataFrame] | None = None

    def move(self, **values: Any) -> None:
        """Set fields of `Settings` by name; UsageError for another name, or a value out of range.

        The test stays at its day, in another world or under another plan; a shorter plan ends it.
        """
        for name in values:
            if name not in vars(self.settings):
                raise unknown_name("slider", name, vars(self.settings))
        self.settings = replace(self.settings, **values)
        self.day = min(self.day, self.settings.planned_days)
        self.stopped = self.stopped and not self.ended

    def forward(self, days: int = 1) -> None:
        """Let `days` more pass; nothing happens once the test is over."""
        if not self.is_over:
            self.day = min(self.day + max(days, 0), self.settings.planned_days)

    def run_to_end(self) -> None:
        """Let the test run to its planned end, unless it was stopped."""
        self.forward(self.settings.planned_days)

    def stop(self) -> None:
        """Stop it today, before its planned end; nothing happens before the first day or after the last."""
        self.stopped = self.stopped or 0 < self.day < self.settings.planned_days

    def new_test(self) -> None:
        """Another test by the same plan in the same world: other users, from the start."""
        self.seed, self.day, self.stopped = self.seed + 1, 0, False

    @property
    def ended(self) -> bool:
        """Whether the planned end is reached."""
        return self.day >= self.settings.planned_days

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens: ended or stopped."""
        return self.stopped or self.ended

    def path(self) -> pl.DataFrame:
        """The days that are over, of which `whole_path` says more."""
        return self.whole_path().head(self.day)

    def whole_path(self) -> pl.DataFrame:
        """One row a day to the planned end, also those to come: day, users, control, treatment (users of each arm),
        difference, fixed_low, fixed_high, low, high (of the sequence, null before its first look), red (the light).
        """
        test = self.settings.test
        if self._path is None or self._path[:2] != (test, self.seed):
            self._path = test, self.seed, path_of(test, self.seed)
        return self._path[2]

    def outlook(self) -> Outlook:
        """What the plan promises."""
        return outlook(self.settings)

    def checks(self) -> list[Fact]:
        """What has to hold before any effect is read, as of today; empty before the first day."""
        if not self.day:
            return []
        counts = [self.path()[name][-1] for name in ("control", "treatment")]
        return [sample_ratio(counts, HALVES), few_users(np.array(counts), ARMS)]

    def light(self) -> Level | None:
        """The refusal light: the worst level of the checks, None before the first day."""
        return min((fact.level for fact in self.checks()), key=LEVELS.index, default=None)

    def verdicts(self) -> dict[Reader, Verdict]:
        """What each reader says today; empty before the first day."""
        red = [fact.name for fact in self.checks() if fact.level == "red"]
        return verdicts(self.settings, self.path(), self.stopped, red) if self.day else {}

    def peeked_on(self) -> int | None:
        """The first day up to today on which somebody who peeks would have claimed an effect."""
        return first_claim(self.settings, self.path())

    def many(self) -> pl.DataFrame:
        """`many_tests` at the present settings, worked out once for each."""
        if self._many is None or self._many[0] != self.settings:
            self._many = self.settings, many_tests(self.settings)
        return self._many[1]


def path_of(test: WatchedTest, seed: int) -> pl.DataFrame:
    """One test day by day, as `ExperimentState.whole_path`."""
    seen = watch(test, 1, seed)
    few = (np.minimum(*seen.arms) < FEWEST_USERS)[0]
    table = pl.DataFrame({
        "day": np.arange(1, test.days + 1), "users": seen.users[0], "control": seen.arms[0][0],
        "treatment": seen.arms[1][0], "difference": seen.found.difference[0], "fixed_low": seen.fixed_low[0],
        "fixed_high": seen.fixed_high[0], "low": seen.low[0], "high": seen.high[0], "red": is_red(seen)[0] | few,
    })  # fmt: skip
    ends = pl.col("low", "high")
    return table.with_columns(pl.when(ends.is_finite()).then(ends)).with_columns(pl.selectors.float().fill_nan(None))
