"""What is measured of each user: a sum, a sum with a ceiling, or a ratio of two sums."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import polars as pl

from avrec_lib.errors import UsageError, unknown_name
from avrec_lib.strings import Language, say

BEFORE = "before_"
"""Columns of the time before a user's assignment begin so."""


@dataclass(frozen=True)
class UserMetric:
    """Mean over users of `top`; with `bottom` the ratio Σ top / Σ bottom, whose users stay together.

    `top` and `bottom` are columns of `ExperimentData.users`. `winsorise` is a quantile: users above it (of all arms
    together, so that no arm is cut harder) count as if they stood there. `at_most` is a fixed ceiling instead.
    `covariate` is the column whose value before the assignment CUPED takes (default: `top`, and `bottom` with it).
    Raises UsageError for a quantile outside 0.5 to 1, a ceiling on a ratio, or two ceilings.
    """

    name: str
    top: str
    bottom: str | None = None
    better: Literal["higher", "lower"] = "higher"
    title: str = ""
    unit: str = ""
    winsorise: float | None = None
    at_most: float | None = None
    covariate: str | None = None

    def __post_init__(self) -> None:
        if self.winsorise is not None and not 0.5 < self.winsorise <= 1:
            raise UsageError("winsorise is a quantile above 0.5 and up to 1, but is {quantile}.",
                             quantile=self.winsorise)  # fmt: skip
        if self.bottom is not None and (self.winsorise is not None or self.at_most is not None):
            raise UsageError("The metric {name} is a ratio, and a ratio has no ceiling.", name=repr(self.name))
        if self.at_most is not None and self.winsorise is not None:
            raise UsageError(
                "The metric {name} counts {ceiling:g} at most, so no quantile cuts it (winsorise).",
                hint="Leave it out of those that are cut.", name=repr(self.name), ceiling=self.at_most,
            )  # fmt: skip

    @property
    def sign(self) -> int:
        """1 where more is better, -1 where less is."""
        return 1 if self.better == "higher" else -1

    @property
    def covariates(self) -> tuple[str, str | None]:
        """The columns before the assignment that CUPED takes, and what the first is divided by."""
        if self.covariate is not None:
            return BEFORE + self.covariate, None
        return BEFORE + self.top, None if self.bottom is None else BEFORE + self.bottom

    def explanation(self, language: Language | None = None) -> str:
        """What it measures, in `language` (default: the current one)."""
        text = say(self.title or "{name}, as the table has it", language, name=self.name)
        if self.winsorise is None or self.winsorise == 1:
            return text
        # A share of users by its digits: 0.99 leaves 1 %, whatever the float says.
        highest = f"{round(100 * (1 - self.winsorise), 6):g} %"
        return say("{text}, the highest {share} of users cut to their edge", language, text=text, share=highest)

    def ceiling(self, amounts: np.ndarray) -> float:
        """The ceiling on a user's `top`, from the `amounts` of all users; infinite without one."""
        if self.at_most is not None:
            return self.at_most
        known = amounts[~np.isnan(amounts)]
        return float(np.quantile(known, self.winsorise)) if self.winsorise is not None and known.size else np.inf


STANDARD = {
    metric.name: metric
    for metric in (
        UserMetric("clicks", "clicks", title="Clicks of a user"),
        UserMetric("click_through_rate", "clicks", "impressions", title="Clicks by impressions, clustered by user"),
        UserMetric("plays", "plays", title="Plays of a user"),
        UserMetric("watch_seconds", "watch_seconds", unit="s", winsorise=0.99,
                   title="Seconds a user watched"),
        UserMetric("likes", "likes", title="Likes of a user"),
        UserMetric("sessions", "sessions", title="Sessions of a user"),
        UserMetric("active_days", "active_days", title="Days on which a user did anything"),
        UserMetric("returned", "later_days", at_most=1.0, covariate="active_days",
                   title="Share of users who came back after the day of their assignment"),
    )
}  # fmt: skip
"""What a log of events is asked, as far as it has the events for it."""


@dataclass(frozen=True)
class UserValues:
    """One metric as arrays over users: `top`, `bottom` (ones for a mean), and both before the assignment.

    A user whose value is undefined is not `known`. `before` is None where there is nothing older than the assignment;
    a missing value of it stands at the mean of the others, which is allowed as no arm can have caused it.
    """

    top: np.ndarray
    bottom: np.ndarray
    known: np.ndarray
    before: tuple[np.ndarray, np.ndarray] | None

    @property
    def columns(self) -> np.ndarray:
        """(users, 2) or (users, 4): top, bottom, and both before."""
        return np.column_stack([self.top, self.bottom, *(self.before or ())])


def user_values(users: pl.DataFrame, metric: UserMetric, *, with_before: bool) -> UserValues:
    """The values of `metric` for each row of `users`, its ceiling taken over all of them."""
    top = numbers(users, metric.top)
    bottom = np.ones(len(top)) if metric.bottom is None else numbers(users, metric.bottom)
    before = None
    over, under = metric.covariates
    if with_before and over in users.columns and (under is None or under in users.columns):
        older = _filled(numbers(users, over))
        if metric.winsorise is not None:
            older = np.minimum(older, metric.ceiling(older))
        before = older, np.ones(len(top)) if under is None else _filled(numbers(users, under))
    return UserValues(np.minimum(top, metric.ceiling(top)), bottom, ~np.isnan(top) & ~np.isnan(bottom), before)


def numbers(table: pl.DataFrame, column: str) -> np.ndarray:
    """A column as float64, null as NaN."""
    return table[column].cast(pl.Float64).fill_null(np.nan).to_numpy()


def _filled(amounts: np.ndarray) -> np.ndarray:
    known = ~np.isnan(amounts)
    return np.where(known, amounts, amounts[known].mean() if known.any() else 0.0)


def metrics_for(components: Mapping[str, object] | set[str]) -> dict[str, UserMetric]:
    """The standard metrics whose columns are among `components`."""
    return {
        name: metric for name, metric in STANDARD.items()
        if metric.top in components and (metric.bottom is None or metric.bottom in components)
    }  # fmt: skip


def metrics_named(
    names: Sequence[str], *, winsorised: Collection[str] = (), ceiling: float = 0.99,
    lower_is_better: Collection[str] = (),
) -> list[UserMetric]:  # fmt: skip
    """The metrics that a person names: one of `STANDARD`, a column to take the mean of, or a ratio of two columns.

    A ratio is written `name = column / column`; a name that was given so may be repeated alone. The highest users of
    the metrics in `winsorised` count as if they stood at the quantile `ceiling`, and no others. Raises UsageError for a
    ratio without two columns, and what `UserMetric` refuses.
    """
    found: dict[str, UserMetric] = {}
    for text in sorted(dict.fromkeys(names), key=lambda text: "=" not in text):
        name, is_ratio, columns = (part.strip() for part in text.partition("="))
        top, _, bottom = (part.strip() for part in columns.partition("/"))
        if is_ratio and not (name and top and bottom):
            raise UsageError(
                "{text} is no ratio.", hint="Write it as name = column / column, like ctr = clicks / impressions.",
                text=repr(text),
            )  # fmt: skip
        if is_ratio or name not in found:
            found[name] = UserMetric(name, top, bottom) if is_ratio else STANDARD.get(name, UserMetric(name, name))
    for name in (*winsorised, *lower_is_better):
        if name not in found and name not in STANDARD:
            raise unknown_name("metric", name, found)
    return [
        replace(one, winsorise=ceiling if name in winsorised else None,
                better="lower" if name in lower_is_better else one.better)
        for name, one in found.items()
    ]  # fmt: skip
