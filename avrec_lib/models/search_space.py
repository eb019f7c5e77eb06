"""What may be tuned: for each argument of a model's constructor, the values that tuning may try."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from avrec_lib.errors import UsageError

Value = bool | int | float | str | None


@dataclass(frozen=True)
class Whole:
    """Whole numbers from `low` to `high`, both included; `log` tries small ones as often as large ones."""

    low: int
    high: int
    log: bool = False

    def __post_init__(self) -> None:
        if not all(isinstance(end, int) and not isinstance(end, bool) for end in (self.low, self.high)):
            raise UsageError("Whole takes whole numbers, not {low} and {high}.", low=self.low, high=self.high)
        _check_ends(self.low, self.high, self.log, least=1)

    def contains(self, value: Any) -> bool:
        """Whether tuning may try `value`."""
        return isinstance(value, int) and not isinstance(value, bool) and self.low <= value <= self.high


@dataclass(frozen=True)
class Real:
    """Numbers from `low` to `high`; `log` tries each power of ten as often as the next."""

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        if not all(isinstance(end, int | float) and math.isfinite(end) for end in (self.low, self.high)):
            raise UsageError("Real takes finite numbers, not {low} and {high}.", low=self.low, high=self.high)
        _check_ends(self.low, self.high, self.log, least=0)

    def contains(self, value: Any) -> bool:
        """Whether tuning may try `value`."""
        return isinstance(value, int | float) and not isinstance(value, bool) and self.low <= value <= self.high


@dataclass(frozen=True, init=False)
class OneOf:
    """One of `values`: words, numbers, true, false or None, without an order."""

    values: tuple[Value, ...]

    def __init__(self, *values: Value) -> None:
        plain = all(map(is_plain, values))
        if not values or not plain or len({repr(value) for value in values}) < len(values):
            raise UsageError(
                "OneOf takes different words, numbers, true, false or None, not ({values}).",
                values=", ".join(map(repr, values)),
            )
        object.__setattr__(self, "values", values)

    def contains(self, value: Any) -> bool:
        """Whether tuning may try `value`."""
        return any(type(value) is type(known) and value == known for known in self.values)


Range = Whole | Real | OneOf
Space = Mapping[str, Range]
"""Constructor argument -> what it may be. What a space does not name keeps its default."""


def is_plain(value: Any) -> bool:
    """Whether `value` is a word, a number, true, false or None: what a file keeps as it is."""
    return value is None or isinstance(value, bool | int | float | str)


def _check_ends(low: float, high: float, log: bool, least: int) -> None:
    if low >= high:
        raise UsageError("A range goes from a lower to a higher number, not from {low} to {high}.", low=low, high=high)
    if log and (low < least or low <= 0):
        raise UsageError("A range with log=True begins above 0, not at {low}.", low=low)
