"""Recorded results as a person reads them: a value with its interval and unit, in as many digits as it deserves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from avrec_lib.report.run_record import Result
from avrec_lib.report.tables import with_interval


@dataclass(frozen=True)
class ResultsTable:
    """The rows of all results over everything and of those of a slice; what all of them share is said once."""

    whole: list[Result]
    sliced: list[Result]
    interval_methods: list[str]
    baselines: list[str]

    @property
    def directions(self) -> bool:
        return any(result.better for result in [*self.whole, *self.sliced])

    @property
    def has_models(self) -> bool:
        return any(result.model for result in [*self.whole, *self.sliced])


def results_table(results: Sequence[Result]) -> ResultsTable:
    """`results` in their order, the headline first."""
    ordered = sorted(results, key=lambda result: not result.headline)
    return ResultsTable(
        whole=[result for result in ordered if not result.slice],
        sliced=[result for result in ordered if result.slice],
        interval_methods=list(dict.fromkeys(result.interval_method for result in ordered if result.interval_method)),
        baselines=list(dict.fromkeys(result.baseline for result in ordered if result.baseline)),
    )


def headline(results: Sequence[Result]) -> Result | None:
    """The result that the index shows: the one marked, else the first; None when nothing was recorded."""
    return next((result for result in results if result.headline), results[0] if results else None)


def result_text(result: Result) -> str:
    """`0.073 [0.055, 0.091]`, `12.3 s`, `943`: value, interval and unit."""
    bounds = (result.value, result.low, result.high)
    text = with_interval(*bounds, decimals(*bounds))
    return f"{text} {result.unit}" if result.unit and result.value is not None else text


def decimals(*numbers: float | None) -> int:
    """How many decimals to show: three significant digits of the largest, none for whole numbers."""
    known = [abs(number) for number in numbers if number is not None]
    if not known or all(float(number).is_integer() for number in known):
        return 0
    largest = max(known)
    if largest >= 100:
        return 0
    if largest >= 10:
        return 1
    if largest >= 1:
        return 2
    if largest >= 0.01:
        return 3
    return 5
