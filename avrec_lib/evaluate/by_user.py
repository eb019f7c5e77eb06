"""A number for each user as values like any other, so that means, intervals and pairs are computed in one place."""

from __future__ import annotations

import polars as pl

from avrec_lib.schema import Values


def user_values(table: pl.DataFrame, metric: str, model: str | None = None, value: str = "value") -> pl.DataFrame:
    """`schema.Values` of `table` (user_id, the column `value`, and model where no `model` is named), one query a user.

    `k` is null, the seed and the window are 0; a number that is not finite becomes null.
    """
    number = pl.col(value).cast(pl.Float64)
    return table.select(
        model=pl.col("model") if model is None else pl.lit(model), seed=pl.lit(0, dtype=pl.Int64),
        window=pl.lit(0, dtype=pl.Int32), query_id="user_id", user_id="user_id", metric=pl.lit(metric),
        k=pl.lit(None, dtype=pl.Int32), value=pl.when(number.is_finite()).then(number),
    ).select(Values.column_names())  # fmt: skip
