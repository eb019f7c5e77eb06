"""Where polars tables become sparse arrays: user and item ids to rows, and the history of a query up to its cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import polars as pl
from scipy import sparse

from avrec_lib.errors import DataError
from avrec_lib.schema import TIME, is_choice

_ORDER_SEED = 20_240_229


@dataclass(frozen=True)
class Interactions:
    """A training log in integer rows.

    `item_ids` lists the catalogue; an item's row is its place there. The order is a fixed shuffle of the ids, so that
    breaking a tie of scores by row favours neither low ids nor old items, and is the same in every run.
    `log` has user_id, item_row and timestamp, in the order of the training rows.
    """

    item_ids: np.ndarray  # of str, shape (items,)
    log: pl.DataFrame

    @classmethod
    def of(cls, train: pl.DataFrame, items: pl.DataFrame | None = None) -> Self:
        """From training events; items of the item table that nobody touched are in the catalogue too.

        Where the events say what happened, only choices count. Raises DataError for ids that are not strings, and
        when no row has an item.
        """
        for column in ("user_id", "item_id"):
            if train.schema[column] != pl.String:
                raise DataError(
                    "The column {column} holds {found}, but ids are strings.", hint="Cast it with cast(pl.String).",
                    column=repr(column), found=train.schema[column],
                )  # fmt: skip
        if "event" in train.columns:
            train = train.filter(is_choice())
        known = train.get_column("item_id").drop_nulls().unique()
        if items is not None and "item_id" in items.columns:
            known = pl.concat([known, items.get_column("item_id")]).unique()
        if known.is_empty():
            raise DataError("There is nothing to learn from: no training row has an item.")
        ids = known.sort().to_numpy()
        ids = ids[np.random.default_rng(_ORDER_SEED).permutation(len(ids))]
        rows = pl.DataFrame({"item_id": ids, "item_row": np.arange(len(ids), dtype=np.uint32)})
        times = pl.col("timestamp") if "timestamp" in train.columns else pl.lit(None, dtype=TIME).alias("timestamp")
        log = train.select("user_id", "item_id", times).join(rows, on="item_id", how="inner", maintain_order="left")
        return cls(ids, log.select("user_id", "item_row", "timestamp"))

    @cached_property
    def item_rows(self) -> pl.DataFrame:
        """Columns item_id, item_row."""
        return pl.DataFrame({"item_id": self.item_ids, "item_row": np.arange(len(self.item_ids), dtype=np.uint32)})

    def matrix(self) -> sparse.csr_matrix:
        """Users × items, 1 where the user chose the item, float32. Users in order of first appearance."""
        users = self.log.select("user_id").unique(maintain_order=True).with_row_index("row")
        pairs = self.log.join(users, on="user_id", maintain_order="left").select("row", "item_row")
        return _ones(pairs, (users.height, len(self.item_ids)))

    def histories(self, queries: pl.DataFrame) -> sparse.csr_matrix:
        """Queries × items: what each query may know, strictly before its cut, or its own `history` where it has one.

        Through this door alone a model's scores see a user's past; what its weights know is what `fit` was given.
        Raises DataError for a cut where the training rows have no times.
        """
        if not self.is_timed and queries.get_column("cut").null_count() < queries.height:
            raise DataError("A query has a cut, but the training rows have no times to cut.")
        asked = queries.with_row_index("row")
        from_log = (
            asked.filter(pl.col("history").is_null())
            .join(self.log, on="user_id", how="inner")
            .filter(pl.col("cut").is_null() | (pl.col("timestamp") < pl.col("cut")))
            .select("row", "item_row")
        )
        told = asked.filter(pl.col("history").list.len() > 0).select("row", item_id="history").explode("item_id")
        from_query = told.join(self.item_rows, on="item_id", how="inner").select("row", "item_row")
        return _ones(pl.concat([from_log, from_query]), (queries.height, len(self.item_ids)))

    @cached_property
    def is_timed(self) -> bool:
        """Whether any training row has a time."""
        return self.log.get_column("timestamp").null_count() < self.log.height

    def places_of(self, queries: pl.DataFrame, pairs: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Row of the query and row of the item for each of `pairs` (user_id, item_id) whose user asks here."""
        asked = queries.select("user_id").with_row_index("row")
        placed = asked.join(pairs.select("user_id", "item_id"), on="user_id").join(self.item_rows, on="item_id")
        return placed.get_column("row").to_numpy(), placed.get_column("item_row").to_numpy()

    def rows_of(self, item_ids: Sequence[str]) -> np.ndarray:
        """The rows of the ids that are in the catalogue; others are left out."""
        wanted = pl.DataFrame({"item_id": list(item_ids)}, schema={"item_id": pl.String}).unique(maintain_order=True)
        return wanted.join(self.item_rows, on="item_id", maintain_order="left").get_column("item_row").to_numpy()


def _ones(pairs: pl.DataFrame, shape: tuple[int, int]) -> sparse.csr_matrix:
    pairs = pairs.unique()
    rows, columns = pairs.get_column("row").to_numpy(), pairs.get_column("item_row").to_numpy()
    return sparse.csr_matrix((np.ones(len(rows), dtype=np.float32), (rows, columns)), shape=shape)
