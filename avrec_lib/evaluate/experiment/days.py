"""Where does a day begin? Daily looks and effects by day since exposure cut the same days."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import polars as pl

from avrec_lib.errors import DataError, UsageError
from avrec_lib.schema import TIME


@dataclass(frozen=True)
class DayCut:
    """Days of `time_zone` (a name such as Asia/Shanghai) that begin `day_starts` hours after midnight, 0 to 23.

    Raises UsageError for a time zone that nobody knows, or another hour.
    """

    time_zone: str = "UTC"
    day_starts: int = 0

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.time_zone)
        except (KeyError, OSError, ValueError) as error:
            raise UsageError(
                "There is no time zone named {zone}.", hint="Expected a name such as UTC or Asia/Shanghai.",
                zone=repr(self.time_zone),
            ) from error  # fmt: skip
        if self.day_starts not in range(24):
            raise UsageError("day_starts is a whole hour from 0 to 23, but is {hour}.", hour=repr(self.day_starts))

    def local(self, time: pl.Expr) -> pl.Expr:
        """The clock of the users at `time` (UTC), set back so that a day begins at midnight."""
        clock = time.dt.convert_time_zone(self.time_zone).dt.replace_time_zone(None)
        return clock - pl.duration(hours=self.day_starts)

    def day(self, time: pl.Expr) -> pl.Expr:
        """The date of the day in which `time` (UTC) falls."""
        return self.local(time).dt.date()


def with_utc_times(table: pl.LazyFrame, columns: Iterable[str], name: str) -> pl.LazyFrame:
    """`table` with `columns` as UTC times in microseconds; times without a zone are taken as UTC.

    Raises DataError for a column that holds no times.
    """
    types = table.collect_schema()
    changed = []
    for column in columns:
        dtype = types[column]
        if dtype == pl.Date or (isinstance(dtype, pl.Datetime) and dtype.time_zone is None):
            changed.append(pl.col(column).cast(pl.Datetime("us")).dt.replace_time_zone("UTC"))
        elif isinstance(dtype, pl.Datetime):
            changed.append(pl.col(column).dt.convert_time_zone("UTC").cast(TIME))
        else:
            raise DataError(
                "The column {column} of the table {name} holds no times but {kind}.",
                hint="Read it as dates and times first, for example with pl.col({column}).str.to_datetime().",
                column=repr(column), name=name, kind=str(dtype),
            )  # fmt: skip
    return table.with_columns(changed)


def need_columns(table: pl.DataFrame | pl.LazyFrame, needed: Iterable[str], name: str) -> None:
    """Raise DataError naming the columns of `needed` that `table` lacks."""
    present = table.lazy().collect_schema().names()
    missing = [column for column in needed if column not in present]
    if missing:
        raise DataError("The table {name} has no column {missing}.", name=name, missing=", ".join(missing))
