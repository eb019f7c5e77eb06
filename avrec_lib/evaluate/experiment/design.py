"""What was fixed before the first user was assigned, as far as reading the tables needs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, get_args

from avrec_lib.errors import UsageError, unknown_name
from avrec_lib.evaluate.experiment.days import DayCut

Flips = Literal["exclude", "refuse"]


@dataclass(frozen=True)
class ExperimentDesign:
    """Which arm is the `control`, and how the rows are to be read.

    `shares` maps each arm to its planned share of users (default: equal ones). Events count from a user's assignment
    to `end` (default: the last event); those of the `days_before` days before it are the pre-period. Days are cut by
    `days`. Users seen in several arms are excluded and counted, or refused. `other_experiments` are columns of the
    assignments with the arms of experiments that ran at the same time. Raises UsageError for shares that are not above
    0 or do not name the control, fewer days than 0, or an unknown way with flips.
    """

    control: str = "control"
    shares: Mapping[str, float] | None = None
    end: datetime | None = None
    days_before: int = 28
    days: DayCut = field(default_factory=DayCut)
    flips: Flips = "exclude"
    other_experiments: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.flips not in get_args(Flips):
            raise unknown_name("way with flips", self.flips, get_args(Flips))
        if self.days_before < 0:
            raise UsageError("days_before is a number of days from 0 upwards, but is {days}.", days=self.days_before)
        if self.end is not None and self.end.tzinfo is None:
            raise UsageError("end is a time without a time zone: {end}.", hint="Give it one, for example UTC.",
                             end=self.end)  # fmt: skip
        if self.shares is not None:
            if self.control not in self.shares:
                raise UsageError("shares names the arms {arms}, but not the control {control}.",
                                 arms=", ".join(self.shares), control=repr(self.control))  # fmt: skip
            if min(self.shares.values()) <= 0:
                raise UsageError("The planned share of every arm is above 0, but one of shares is {share}.",
                                 share=min(self.shares.values()))  # fmt: skip

    def share_of(self, arms: tuple[str, ...]) -> tuple[float, ...]:
        """The planned shares of `arms`, which add up to 1."""
        planned = self.shares or dict.fromkeys(arms, 1.0)
        total = sum(planned[arm] for arm in arms)
        return tuple(planned[arm] / total for arm in arms)
