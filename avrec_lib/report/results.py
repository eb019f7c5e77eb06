"""Recorded results as a person reads them: a value with its interval and unit, in as many digits as it deserves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from avrec_lib.report.run_record import Result
from avrec_lib.report.tables import number, with_interval

MOST_COLUMNS = 5


@dataclass(frozen=True)
class ResultRow:
    """One result of several models; the key None holds a result of no model."""

    name: str
    better: str | None
    cells: dict[str | None, Result] = field(default_factory=dict)

    @property
    def n(self) -> str:
        counts = [number(result.n) for result in self.cells.values() if result.n is not None]
        return " / ".join(dict.fromkeys(counts)) or "–"


@dataclass(frozen=True)
class ResultsTable:
    """The rows of all results over everything and of those of a slice; what all of them share is said once."""

    whole: list[Result]
    sliced: list[Result]
    interval_methods: list[str]
    baselines: list[str]

    @property
    def models(self) -> list[str]:
        return list(dict.fromkeys(result.model for result in self.whole if result.model))

    @property
    def by_model(self) -> list[ResultRow]:
        """The whole results with a column a model, when that is shorter and still fits a page; else nothing."""
        rows: dict[str, ResultRow] = {}
        for result in self.whole:
            row = rows.setdefault(result.name, ResultRow(result.name, result.better))
            if result.model in row.cells:
                return []
            row.cells[result.model] = result
        return list(rows.values()) if 2 <= len(self.models) <= MOST_COLUMNS and len(rows) < len(self.whole) else []

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
