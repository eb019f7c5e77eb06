"""Where polars tables become arrays: user and item ids to rows, and the history of a query up to its cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Self

import numpy as np
import polars as pl
from scipy import sparse

from avrec_lib.errors import DataError
from avrec_lib.models.histories import NO_TIME, Histories
from avrec_lib.schema import TIME, is_choice

_ORDER_SEED = 20_240_229


@dataclass(frozen=True)
class Interactions:
    """A training log in integer rows.

    `item_ids` lists the catalogue; an item's row is its place there. The order is a fixed shuffle of the ids, so that
    breaking a tie of scores by row favours neither low ids nor old items, and is the same in every run.
    `log` has user_id, item_row and timestamp, in the order of the training rows. `items` and `users` are what was
    known of both when the model learned (None: nothing); a saved model does not keep them.
    """

    item_ids: np.ndarray  # of str, shape (items,)
    log: pl.DataFrame
    items: pl.DataFrame | None = field(default=None, repr=False)
    users: pl.DataFrame | None = field(default=None, repr=False)

    @classmethod
    def of(
        cls, train: pl.DataFrame, items: pl.DataFrame | None = None, users: pl.DataFrame | None = None
    ) -> Self:  # fmt: skip
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
        return cls(ids, log.select("user_id", "item_row", "timestamp"), items, users)

    @cached_property
    def item_rows(self) -> pl.DataFrame:
        """Columns item_id, item_row."""
        return pl.DataFrame({"item_id": self.item_ids, "item_row": np.arange(len(self.item_ids), dtype=np.uint32)})

    @cached_property
    def user_rows(self) -> pl.DataFrame:
        """Columns user_id, user_row of the users of the log, by id."""
        return self.log.select(pl.col("user_id").unique().sort()).with_row_index("user_row")

    @cached_property
    def order(self) -> np.ndarray:
        """The rows of the log user by user, as in `past`."""
        numbered = self.log.join(self.user_rows, on="user_id", maintain_order="left").with_row_index("place")
        ordered = numbered.select("user_row", "timestamp", "place").sort(
            "user_row", "timestamp", nulls_last=False, maintain_order=True
        )
        return ordered.get_column("place").to_numpy()

    @cached_property
    def past(self) -> Histories:
        """The whole log, a history a user in the order of `user_rows`; events at one time in the order of the log.

        Events without a time come before all others of their user.
        """
        ordered = self.log[self.order].join(self.user_rows, on="user_id", maintain_order="left")
        users = ordered.get_column("user_row").to_numpy()
        return Histories(
            np.searchsorted(users, np.arange(self.user_rows.height + 1)),
            ordered.get_column("item_row").to_numpy().astype(np.int32),
            ordered.get_column("timestamp").to_physical().fill_null(NO_TIME).to_numpy(),
            self.user_rows.get_column("user_id"),
            np.arange(self.user_rows.height),
            np.full(self.user_rows.height, NO_TIME),
            len(self.item_ids),
        )

    def matrix(self) -> sparse.csr_matrix:
        """Users × items, 1 where the user chose the item, float32. Users by id."""
        return self.past.matrix()

    def histories(self, queries: pl.DataFrame) -> Histories:
        """What each query may know, strictly before its cut, or its own `history` where it has one.

        Through this door alone a model's scores see a user's past; what its weights know is what `fit` was given.
        Raises DataError for a cut where the training rows have no times.
        """
        if not self.is_timed and queries.get_column("cut").null_count() < queries.height:
            raise DataError("A query has a cut, but the training rows have no times to cut.")
        known = queries.select("user_id").join(self.user_rows, on="user_id", how="left", maintain_order="left")
        user_rows = known.get_column("user_row").cast(pl.Int64).fill_null(-1).to_numpy()
        cuts = queries.get_column("cut").to_physical().fill_null(NO_TIME).to_numpy()
        first, end = self._reach(user_rows, cuts)
        told = queries.get_column("history").is_not_null().to_numpy()
        first[told] = end[told] = 0
        own = queries.select("history").with_row_index("row").filter(pl.col("history").list.len() > 0)
        own = own.explode("history").join(self.item_rows, left_on="history", right_on="item_id", maintain_order="left")
        lengths = end - first
        lengths += np.bincount(own.get_column("row").to_numpy(), minlength=len(lengths))
        starts = np.concatenate([[0], np.cumsum(lengths)])
        # Events of the log lie in one run of `past` a query, told ones in the order of `own`.
        from_log = np.repeat(~told, lengths)
        items, times = np.empty(starts[-1], np.int32), np.full(starts[-1], NO_TIME)
        places = np.arange(starts[-1])[from_log] + np.repeat(first - starts[:-1], np.where(told, 0, lengths))
        items[from_log], times[from_log] = self.past.items[places], self.past.times[places]
        items[~from_log] = own.get_column("item_row").to_numpy()
        return Histories(
            starts, items, times, queries.get_column("user_id"), user_rows, cuts, len(self.item_ids)
        )  # fmt: skip

    def _reach(self, user_rows: np.ndarray, cuts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The first event of `past` that each query may know, and the one after its last."""
        starts = np.append(self.past.starts, 0)  # the row -1 of a stranger is an empty run
        first, end = starts[user_rows], np.where(user_rows < 0, 0, starts[user_rows + 1])
        first[user_rows < 0] = 0
        cut = (cuts != NO_TIME) & (user_rows >= 0)
        moments, keys = self._keys
        # Among the events of its user, all up to the last moment before the cut; those without a time come first.
        reached = user_rows[cut] * (len(moments) + 1) + np.searchsorted(moments, cuts[cut])
        end[cut] = np.searchsorted(keys, reached, side="left")
        first[cut] = np.searchsorted(keys, user_rows[cut] * (len(moments) + 1) + self._has_untimed, side="left")
        return first, np.maximum(first, end)

    @cached_property
    def _has_untimed(self) -> int:
        return int((self.past.times == NO_TIME).any())

    @cached_property
    def _keys(self) -> tuple[np.ndarray, np.ndarray]:
        """The distinct moments of the log, and for each event of `past` a number that rises with user and moment."""
        moments, rank = np.unique(self.past.times, return_inverse=True)
        return moments, self.past.queries * (len(moments) + 1) + rank

    @cached_property
    def is_timed(self) -> bool:
        """Whether any training row has a time."""
        return self.log.get_column("timestamp").null_count() < self.log.height

    def places_of(self, queries: pl.DataFrame, pairs: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Row of the query and row of the item for each of `pairs` (user_id, item_id) whose user asks, by query."""
        asked = queries.select("user_id").with_row_index("row")
        placed = asked.join(pairs.select("user_id", "item_id"), on="user_id").join(self.item_rows, on="item_id")
        placed = placed.sort("row")
        return placed.get_column("row").to_numpy(), placed.get_column("item_row").to_numpy()

    def rows_of(self, item_ids: Sequence[str]) -> np.ndarray:
        """The rows of the ids that are in the catalogue; others are left out."""
        wanted = pl.DataFrame({"item_id": list(item_ids)}, schema={"item_id": pl.String}).unique(maintain_order=True)
        return wanted.join(self.item_rows, on="item_id", maintain_order="left").get_column("item_row").to_numpy()
