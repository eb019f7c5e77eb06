"""Normalisation fitted on training rows only, so that nothing of the test leaks into what a model sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

import polars as pl

from avrec_lib.data.durations import item_durations
from avrec_lib.errors import DataError, UsageError, unknown_name
from avrec_lib.schema import Events, require_columns

Column = Literal["value", "watch_seconds"]
Method = Literal["min_max", "standard", "log", "user_mean", "user_standard", "duration_share"]
Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame)


@dataclass(frozen=True, eq=False)
class Scaling:
    """What a normalisation learned from training rows: y = (x − offset) / spread.

    `offset` and `spread` hold for everybody; `users` (user_id, offset, spread) go before them, and users unseen in
    training fall back to them. `durations` (item_id, spread) take the place of both for `duration_share`. `rows` is
    the number of training values it was fitted on.
    """

    column: Column
    method: Method
    offset: float
    spread: float
    users: pl.DataFrame
    durations: pl.DataFrame
    rows: int

    def apply(self, events: Frame) -> Frame:
        """`events` with the column scaled, in the same order; nothing is learned from them.

        Null stays null, and so does what has no answer: NaN and infinity, a spread of 0, the logarithm of less than
        0, an item of unknown duration. Values beyond those of training are not clipped (min_max may leave 0 … 1).
        """
        value = _finite(self.column)
        if self.method == "log":
            return events.with_columns(pl.when(value >= 0).then(value.log1p()).alias(self.column))
        if self.method == "duration_share":
            known, key, offset, spread = self.durations.with_columns(offset=0.0), "item_id", None, None
        else:
            known, key, offset, spread = self.users, "user_id", self.offset, self.spread
        known = known.select(key, pl.col("offset").alias(OFFSET), pl.col("spread").alias(SPREAD))
        joined = events.lazy().join(known.lazy(), on=key, how="left", maintain_order="left")
        own = pl.coalesce(SPREAD, pl.lit(spread, dtype=pl.Float64))
        scaled = (value - pl.coalesce(OFFSET, pl.lit(offset, dtype=pl.Float64))) / pl.when(own > 0).then(own)
        result = joined.with_columns(scaled.alias(self.column)).drop(OFFSET, SPREAD)
        return result.collect() if isinstance(events, pl.DataFrame) else result


OFFSET, SPREAD = "scaling offset", "scaling spread"


def fit_scaling(
    train: pl.DataFrame | pl.LazyFrame,
    column: Column = "value",
    method: Method = "min_max",
    *,
    items: pl.DataFrame | pl.LazyFrame | None = None,
) -> Scaling:
    """The normalisation of `column` by `method`, learned from `train` (user_id and the column) and nothing else.

    - min_max: (x − min) / (max − min)
    - standard: (x − mean) / standard deviation (of the population: divided by n)
    - log: ln(1 + x), which needs no fitting
    - user_mean: x − the user's mean, which takes away that some rate high and some low
    - user_standard: (x − the user's mean) / the user's standard deviation; where a user has one value only, or always
      the same, the deviation of all training rows
    - duration_share: watch_seconds / duration_seconds of the item (from `items`), above 1 when watched again

    Raises UsageError for an unknown column or method, DataError when no training row has a value.
    """
    if column not in get_args(Column):
        raise unknown_name("column", column, get_args(Column))
    if method not in get_args(Method):
        raise unknown_name("method", method, get_args(Method))
    if method == "duration_share" and (items is None or column != "watch_seconds"):
        raise UsageError("The method duration_share scales watch_seconds and needs items with duration_seconds.")
    rows = train.lazy()
    require_columns(["user_id", column], rows.collect_schema().names(), Events, "train")
    values = rows.select("user_id", x=_finite(column)).filter(pl.col("x").is_not_null())
    numbers = values.select(pl.len(), *_numbers()).collect(engine="streaming").row(0, named=True)
    if not numbers["len"]:
        raise DataError("No training row has a value in {column}, so it cannot be scaled.", column=repr(column))
    deviation = numbers["deviation"]
    offset, spread = {
        "min_max": (numbers["least"], numbers["most"] - numbers["least"]),
        "standard": (numbers["mean"], deviation),
        "user_mean": (numbers["mean"], 1.0),
        "user_standard": (numbers["mean"], deviation),
    }.get(method, (0.0, 1.0))
    users = pl.DataFrame(schema={"user_id": pl.String, "offset": pl.Float64, "spread": pl.Float64})
    if method in ("user_mean", "user_standard"):
        own = pl.when(pl.col("deviation") > 0).then("deviation").otherwise(deviation)
        users = (
            values.group_by("user_id")
            .agg(*_numbers())
            .select("user_id", offset="mean", spread=own if method == "user_standard" else pl.lit(1.0))
            .sort("user_id")
            .collect(engine="streaming")
        )
    durations = pl.DataFrame(schema={"item_id": pl.String, "spread": pl.Float64})
    if method == "duration_share" and items is not None:
        durations = item_durations(items.lazy()).select("item_id", spread="duration_seconds").collect()
    return Scaling(column, method, offset, spread, users, durations, numbers["len"])


def _finite(column: str) -> pl.Expr:
    number = pl.col(column).cast(pl.Float64)
    return pl.when(number.is_finite()).then(number)


def _numbers() -> list[pl.Expr]:
    """least, most, mean and deviation of x; the deviation of equal values is 0 to the last digit."""
    x = pl.col("x")
    deviation = pl.when(x.max() > x.min()).then(x.std(ddof=0)).otherwise(0.0)
    return [x.min().alias("least"), x.max().alias("most"), x.mean().alias("mean"), deviation.alias("deviation")]
