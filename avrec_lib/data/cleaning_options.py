"""What cleaning may do to a log: rules, their thresholds, and the two presets."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, Self, get_args

from avrec_lib.data import faults
from avrec_lib.errors import UsageError, unknown_name

ConstantRaters = Literal["keep", "forget", "drop"]
Preset = Literal["none", "standard"]

RULES: dict[str, tuple[str, ...]] = {
    "times_in_the_future": ("future_times",),
    "times_before_1990": ("early_times",),
    "exact_duplicates": ("exact_duplicates",),
    "short_watches": ("shortest_watch",),
    "near_duplicates": ("press_seconds",),
    "too_busy_users": ("most_a_day",),
    "clockwork_users": ("clockwork_share",),
    "constant_raters": ("constant_raters", "constant_share"),
    "long_watches": ("longest_watch", "watch_quantile"),
}
"""Rule -> the options it reads. In the order of work: what a later rule removes makes no earlier one find more."""


@dataclass(frozen=True)
class Cleaning:
    """Which rules clean a log, and from where on; a rule is off at its default.

    Judged by the row alone, or by it and earlier rows: `future_times` and `early_times` (before 1990),
    `exact_duplicates` (equal to an earlier row in every column), `shortest_watch` (a click or play watched for fewer
    seconds is an accident, unless the item is shorter still), `press_seconds` (the same act of the same user on the
    same item again within so many seconds is the same press; the first row stays).

    Judged by the whole log, so that later rows decide about earlier ones:

    - `most_a_day` (acts) and `clockwork_share` (of the pauses that are equal) take a whole user out for what he does
      on any day. Training and test lose the same users and nothing is said of what anybody chose, so no comparison is
      tilted; but results then speak of people only, and a live system would not have known in time.
    - `constant_raters`: whose ratings are for `constant_share` the same value. "forget" empties the value of all their
      ratings (what they chose stays, what they liked is unknown), "drop" takes the users out. A later rating may empty
      an earlier one, never the other way round; use "keep" where the rating itself is predicted.
    - `watch_quantile` is one number of the whole log, test rows included: rows above it are set to it, where the
      duration of the item is unknown. Where it is known the bound is the row's own: `longest_watch` times the duration.

    Where even that is too much, clean the training rows of a split alone: `clean_events(split.train.lazy(), …)`.
    Raises UsageError for a threshold that makes no sense.
    """

    future_times: bool = False
    early_times: bool = False
    exact_duplicates: bool = False
    shortest_watch: float | None = None  # seconds
    press_seconds: float | None = None
    most_a_day: int | None = None
    clockwork_share: float | None = None
    constant_raters: ConstantRaters = "keep"
    constant_share: float = faults.SAME_RATING
    longest_watch: float | None = None  # times the item's duration
    watch_quantile: float | None = None

    def __post_init__(self) -> None:
        for name, least, most in BOUNDS:
            given = getattr(self, name)
            if given is not None and not least <= given <= most:
                raise UsageError("{option} must lie between {least} and {most}, but is {given}.",
                                 option=name, least=least, most=most, given=given)  # fmt: skip
        if self.constant_raters not in get_args(ConstantRaters):
            raise UsageError("{option} must be one of {known}, but is {given}.", option="constant_raters",
                             known=", ".join(get_args(ConstantRaters)), given=repr(self.constant_raters))  # fmt: skip

    @classmethod
    def none(cls) -> Self:
        """Every rule off."""
        return cls()

    @classmethod
    def standard(cls) -> Self:
        """Every rule on, with the thresholds of the check: what `check_events` counts is what goes.

        A watch under one second is an accident, over five times the duration (or the 99.9 % quantile) an outlier.
        """
        return cls(
            future_times=True, early_times=True, exact_duplicates=True, shortest_watch=1.0,
            press_seconds=faults.SAME_PRESS.total_seconds(), most_a_day=faults.TOO_BUSY,
            clockwork_share=faults.REGULAR_SHARE, constant_raters="forget", longest_watch=5.0, watch_quantile=0.999,
        )  # fmt: skip

    @classmethod
    def preset(cls, name: str) -> Self:
        """The options called `name` (none or standard); raises UsageError for another."""
        if name not in get_args(Preset):
            raise unknown_name("cleaning", name, get_args(Preset))
        return cls.standard() if name == "standard" else cls.none()

    def is_on(self, rule: str) -> bool:
        """Whether `rule` has anything to do."""
        off = Cleaning()
        return any(getattr(self, name) != getattr(off, name) for name in RULES[rule] if name != "constant_share")

    def only(self, *rules: str) -> Self:
        """These options with every rule off but `rules` (names of RULES); raises UsageError for an unknown one."""
        _check_names(rules)
        return self.without(*(rule for rule in RULES if rule not in rules))

    def without(self, *rules: str) -> Self:
        """These options with `rules` (names of RULES) off; raises UsageError for an unknown one."""
        _check_names(rules)
        off: dict[str, Any] = {field.name: field.default for field in fields(self)}
        return replace(self, **{name: off[name] for rule in rules for name in RULES[rule]})


BOUNDS = (
    ("shortest_watch", 0, math.inf),
    ("press_seconds", 0, 86_400),
    ("most_a_day", 1, math.inf),
    ("clockwork_share", 0.5, 1),
    ("constant_share", 0.5, 1),
    ("longest_watch", 1, math.inf),
    ("watch_quantile", 0.5, 1),
)


def _check_names(rules: Iterable[str]) -> None:
    for rule in rules:
        if rule not in RULES:
            raise unknown_name("rule", rule, RULES)
