"""How often something happened in simulated runs, with the exact interval of that share, and what was promised."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import polars as pl

from avrec_lib.calibrate.shares import exact_interval
from avrec_lib.errors import UsageError

RUNS_AT_ONCE = 500


@dataclass(frozen=True)
class Rate:
    """`happened` of `runs` for a case and a test. The promise: the rate lies from `least` to `most`; with `by_limit`
    the whole interval does, at the side that is bounded.
    """

    case: str
    test: str
    happened: int
    runs: int
    least: float | None = None
    most: float | None = None
    by_limit: bool = False

    def interval(self) -> tuple[float, float]:
        """Exact 95 % interval of the rate."""
        return exact_interval(self.happened, self.runs)

    @property
    def kept(self) -> bool | None:
        """Whether the promise holds; None where nothing was promised, and where so few runs cannot tell."""
        if self.least is None and self.most is None:
            return None
        rate, (low, high) = self.happened / self.runs, self.interval()
        least, most = self.least or 0.0, 1.0 if self.most is None else self.most
        if least <= (low if self.by_limit and self.least is not None else rate) and (
            (high if self.by_limit and self.most is not None else rate) <= most
        ):
            return True
        return False if high < least or low > most else None


def rate_table(rates: Iterable[Rate]) -> pl.DataFrame:
    """Columns case, test, rate, low, high (exact 95 %), runs, least, most (null: nothing promised), kept."""
    rows = [
        (
            one.case, one.test, one.happened / one.runs, *one.interval(), one.runs, one.least,
            one.most, one.kept,
        )
        for one in rates
    ]  # fmt: skip
    number = pl.Float64
    schema = {"case": pl.String, "test": pl.String, "rate": number, "low": number, "high": number, "runs": pl.Int64,
              "least": number, "most": number, "kept": pl.Boolean}  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")


def blocks(runs: int, at_once: int = RUNS_AT_ONCE) -> Iterator[int]:
    """Sizes of blocks that add up to `runs`. Raises UsageError for fewer runs than 1."""
    if runs < 1:
        raise UsageError("A calibration takes 1 run or more, but runs is {runs}.", runs=runs)
    yield from (min(at_once, runs - start) for start in range(0, runs, at_once))
