"""Values side by side: a row a query, a column a model's metric, so that differences are a subtraction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Self

import numpy as np
import polars as pl

from avrec_lib.schema import Values, require_columns

QUERY = ("window", "query_id", "user_id")
COLUMN = ("model", "metric", "k")


@dataclass(frozen=True)
class ValueGrid:
    """Values averaged over seeds, (queries, columns); NaN where undefined or absent.

    `columns` has model, metric and k, in their order of appearance. The rows of a user stand together, over all
    windows; `first_rows` says where each user's begin. `present` tells an undefined value from an absent one.
    """

    columns: pl.DataFrame
    first_rows: np.ndarray
    values: np.ndarray
    present: np.ndarray

    @classmethod
    def of(cls, values: pl.DataFrame) -> Self:
        """The grid of a table of `schema.Values`. Raises DataError for a missing column."""
        require_columns(Values.column_names(), values.columns, Values, "values")
        columns = values.select(COLUMN).unique(maintain_order=True).with_row_index("column")
        queries = values.select(QUERY).unique().sort("user_id", "window", "query_id").with_row_index("row")
        placed = values.join(columns, on=COLUMN, nulls_equal=True, maintain_order="left").join(
            queries, on=QUERY, maintain_order="left"
        )
        shape = queries.height, columns.height
        cells = placed["row"].to_numpy().astype(np.int64) * columns.height + placed["column"].to_numpy()
        defined = placed["value"].is_not_null().to_numpy()
        numbers = placed["value"].fill_null(0.0).to_numpy()
        size = shape[0] * shape[1]
        total, count = (np.bincount(cells, weights, minlength=size) for weights in (numbers, defined))
        means = np.divide(total, count, out=np.full(size, np.nan), where=count > 0)
        first_rows = np.flatnonzero(queries["user_id"].rle_id().diff().fill_null(1).to_numpy())
        present = np.bincount(cells, minlength=size) > 0
        return cls(columns.drop("column"), first_rows, means.reshape(shape), present.reshape(shape))

    def by_user(self, table: np.ndarray) -> np.ndarray:
        """Sums of the rows of each user, (users, columns)."""
        return np.add.reduceat(table, self.first_rows, axis=0, dtype=np.float64)

    def pairs(self, models: Sequence[str]) -> pl.DataFrame:
        """Every pair of `models` in every metric and k that both have, the earlier one as `baseline`.

        Columns model, baseline, metric, k, and the places `left` (of the baseline) and `right` in the grid.
        """
        places = self.columns.with_row_index("place")
        parts = [
            places.filter(model=earlier)
            .select("metric", "k", baseline="model", left="place")
            .join(
                places.filter(model=later).select("metric", "k", "model", right="place"),
                on=["metric", "k"], nulls_equal=True, maintain_order="left",
            )
            for earlier, later in combinations(models, 2)
        ]  # fmt: skip
        return pl.concat(parts).select("model", "baseline", "metric", "k", "left", "right")
