"""The sentences of the decision card."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

from avrec_lib.data.note import Note
from avrec_lib.evaluate.experiment.rule import DecisionRule, Held, Outcome


class GainLike(Protocol):
    """A gain with its interval, as the card has it."""

    @property
    def metric(self) -> str: ...
    @property
    def relative(self) -> bool: ...
    @property
    def value(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


GAINS: dict[Outcome, str] = {
    "gain": "{variant} gains in {metric}: {gain}, all of the interval above 0, and {smallest} or more is possible.",
    "too small": "{variant} gains too little in {metric}: {gain}, all of the interval below {smallest}, the smallest "
    "gain that counts.",
    "harm": "{variant} loses in {metric}: {gain}, all of the interval below 0.",
    "open": "{variant} is open in {metric}: {gain} holds both no gain and one that counts (at least {smallest}).",
}
NO_GAIN = "{variant} has no interval for {metric} yet: too few users, or a control that is not clearly above 0."
GUARDRAILS: dict[Held, str] = {
    "held": "{variant} keeps {metric}: {gain}, all of the interval above −{margin}.",
    "breached": "{variant} breaks the guardrail {metric}: {gain}, all of the interval below −{margin}.",
    "open": "{variant} may lose too much in {metric}: {gain} does not rule out a loss of {margin}.",
}


def gain_note(variant: str, gain: GainLike, state: Outcome, smallest: float) -> Note:
    """What the metric that decides says of an arm."""
    values = {"variant": variant, "metric": gain.metric}
    if not math.isfinite(gain.low):
        return Note(NO_GAIN, values)
    return Note(GAINS[state], values | {"gain": interval_text(gain), "smallest": _text(smallest, gain)})


def guardrail_note(variant: str, gain: GainLike, held: Held, margin: float) -> Note:
    """What a guardrail says of an arm."""
    values = {"variant": variant, "metric": gain.metric}
    if not math.isfinite(gain.low):
        return Note(NO_GAIN, values)
    return Note(GUARDRAILS[held], values | {"gain": interval_text(gain), "margin": _text(margin, gain)})


def red_note(red: Sequence[str]) -> Note:
    """Which checks forbid to read any effect."""
    names = ", ".join(name.replace("_", " ") for name in red)
    return Note("A check is red ({checks}): arms that cannot be compared decide nothing.", {"checks": names})


def progress_note(rule: DecisionRule, users: int, days: int | None, ended: bool) -> Note:
    """How far the test has come, and what that means for reading it."""
    values = {"users": f"{users:,}", "planned": f"{rule.planned_users:,}"}
    if days is not None and rule.planned_days is not None:
        values |= {"days": f"{days:,}", "planned_days": f"{rule.planned_days:,}"}
        if ended:
            template = "The plan is fulfilled: {users} of {planned} users, {days} of {planned_days} days."
        elif rule.sequential:
            template = (
                "The plan runs on: {users} of {planned} users, {days} of {planned_days} days. The confidence sequence "
                "may be read at any time."
            )
        else:
            template = (
                "The plan runs on: {users} of {planned} users, {days} of {planned_days} days. The fixed test is read "
                "once, at its end."
            )
    elif ended:
        template = "The plan is fulfilled: {users} of {planned} users."
    elif rule.sequential:
        template = "The plan runs on: {users} of {planned} users. The confidence sequence may be read at any time."
    else:
        template = "The plan runs on: {users} of {planned} users. The fixed test is read once, at its end."
    return Note(template, values)


def interval_text(gain: GainLike) -> str:
    """`+2.1 % [+0.4 %, +3.8 %]`, or in units of the metric."""
    centre, low, high = (_text(number, gain, sign=True) for number in (gain.value, gain.low, gain.high))
    return f"{centre} [{low}, {high}]"


def _text(number: float, gain: GainLike, sign: bool = False) -> str:
    """A number with three digits that count of the largest in the interval; a share in percent."""
    scale = 100.0 if gain.relative else 1.0
    largest = max(abs(end) for end in (gain.value, gain.low, gain.high)) * scale
    digits = 0 if largest == 0 else min(max(2 - math.floor(math.log10(largest)), 0), 12)
    text = f"{number * scale:{'+' if sign else ''},.{digits}f}".replace("-", "−")
    return f"{text} %" if gain.relative else text
