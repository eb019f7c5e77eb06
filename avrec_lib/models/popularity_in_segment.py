"""Popularity among those, or of those, who are alike: users of one age and gender, items of one creator or genre."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import polars as pl
from scipy import sparse

from avrec_lib.errors import DataError, UsageError, unknown_name
from avrec_lib.models.histories import Histories
from avrec_lib.models.interactions import Interactions
from avrec_lib.models.item_labels import SHARED, shared_labels
from avrec_lib.models.matrix_recommender import MatrixRecommender
from avrec_lib.models.popularity import Popularity
from avrec_lib.models.search_space import Real, Space
from avrec_lib.models.top_k import UNRANKED
from avrec_lib.schema import TIME, Users

AGE_BAND = "age_band"
_YEARS = 10


class SegmentPopularity(MatrixRecommender):
    """Items by their popularity among the users of the same segment, drawn towards that among all.

    Score = (n + `smoothing` · e / E) / (N + `smoothing`): n users of the segment chose the item and e of all, N and E
    are the sums over items. Users with the same values in all columns `by` of the table of users are a segment;
    `age_band` is ten years of age, from the birth year and the last training event where no age is known. For a user
    of whom one of them is unknown, and for all without a table of users, the score is e / E. An item that nobody chose
    is not ranked. `fit` raises DataError where no user has a segment.
    """

    name = "popularity in segment"
    space: ClassVar[Space] = {"smoothing": Real(10.0, 100_000.0, log=True)}
    learned = ("segments", "users")

    def __init__(self, by: Sequence[str] = (AGE_BAND, "gender"), smoothing: float = 1000.0) -> None:
        _check_smoothing(smoothing)
        self.by, self.smoothing = _columns(by), float(smoothing)

    def _learn(self, interactions: Interactions) -> None:
        table = pl.DataFrame(schema={"user_id": pl.String, "segment": pl.Int32})
        if interactions.users is not None:
            table = _segments(interactions, self.by)
        self.segments = table.get_column("segment").to_numpy().astype(np.int32)
        self.users = np.frombuffer(json.dumps(table.get_column("user_id").to_list()).encode(), np.uint8)

    def _prepare(self, items: int) -> None:
        ids = json.loads(self.users.tobytes())
        if len(ids) != len(self.segments) or ((self.segments < 0) | (self.segments >= len(ids))).any():
            raise ValueError("segments do not fit the users")
        self._table = pl.DataFrame({"user_id": ids, "segment": self.segments.astype(np.int32)},
                                   schema={"user_id": pl.String, "segment": pl.Int32})  # fmt: skip

    def _resume(self, interactions: Interactions) -> None:
        super()._resume(interactions)
        chosen = interactions.matrix()
        known = interactions.user_rows.join(self._table, on="user_id")
        rows, segments = known.get_column("user_row").to_numpy(), known.get_column("segment").to_numpy()
        number = int(self.segments.max(initial=-1)) + 1
        belongs = sparse.csr_matrix((np.ones(len(rows)), (segments, rows)), shape=(number + 1, chosen.shape[0]))
        self._counts = (belongs @ chosen).tocsr()  # its last row is empty, for users of no segment
        self._totals = np.asarray(self._counts.sum(axis=1)).ravel()
        self._shares = np.asarray(chosen.sum(axis=0), dtype=np.float64).ravel() / chosen.nnz

    def _score(self, histories: Histories) -> np.ndarray:
        asked = pl.DataFrame({"user_id": histories.user_ids})
        found = asked.join(self._table, on="user_id", how="left", maintain_order="left").get_column("segment")
        segments = found.fill_null(-1).to_numpy()
        scores = self._counts[segments].toarray().astype(np.float64)  # of the empty segment -1 smoothing leaves shares
        scores += self.smoothing * self._shares
        scores /= (self._totals[segments] + self.smoothing)[:, None]
        scores[:, self._shares == 0] = UNRANKED
        return scores.astype(np.float32)


class ItemSegmentPopularity(Popularity):
    """Popularity that has something to say of items nobody chose: the mean popularity of items that are like them.

    A chosen item has the number of its users n. The others have the mean, over their values in the columns `by` of
    the table of items (`shared_labels`), of (Σ n + `smoothing` · m) / (N + `smoothing`): the sum is over the N
    chosen items with that value, m is the mean over all chosen items; an item without any such value has m. It is what
    whoever ranks new items by their content has to beat.
    """

    name = "popularity of item segment"

    space: ClassVar[Space] = {"smoothing": Real(0.1, 100.0, log=True)}

    def __init__(self, by: Sequence[str] = SHARED, smoothing: float = 5.0) -> None:
        _check_smoothing(smoothing)
        self.by, self.smoothing = _columns(by), float(smoothing)

    def _learn(self, interactions: Interactions) -> None:
        super()._learn(interactions)
        chosen = self.counts > 0
        mean = self.counts[chosen].mean(dtype=np.float64)
        values = shared_labels(interactions, self.by)
        number = values @ chosen.astype(np.float64)
        of_value = (values @ np.where(chosen, self.counts, 0.0) + self.smoothing * mean) / (number + self.smoothing)
        told = values.getnnz(axis=0)
        expected = np.where(told > 0, values.T @ of_value / np.maximum(told, 1), mean)
        self.counts = np.where(chosen, self.counts, expected).astype(np.float32)


def _check_smoothing(smoothing: float) -> None:
    if not 0 < smoothing < np.inf:
        raise UsageError("smoothing must be above 0, but is {smoothing}.", smoothing=smoothing)


def _columns(by: Sequence[str]) -> tuple[str, ...]:
    if isinstance(by, str) or not by:
        raise UsageError("by takes a list of columns, not {by}.", by=repr(by))
    return tuple(by)


def _segments(interactions: Interactions, by: Sequence[str]) -> pl.DataFrame:
    """Columns user_id, segment (from 0) of the users who have a value in all columns `by`."""
    users = interactions.users
    assert users is not None
    known = {*users.columns, *Users.column_names(), AGE_BAND}
    for column in by:
        if column not in known:
            raise unknown_name("column", column, known)
    absent = [name for name in {*by, "age", "birth_year"} if name not in users.columns]
    ages = users.with_columns(pl.lit(None, dtype=pl.Int32).alias(name) for name in absent)
    if AGE_BAND in by and AGE_BAND not in users.columns:
        last_year = interactions.log.select(pl.col("timestamp").cast(TIME).max().dt.year()).item()
        from_birth = pl.lit(last_year, dtype=pl.Int32) - pl.col("birth_year")
        ages = ages.with_columns((pl.coalesce("age", from_birth) // _YEARS).alias(AGE_BAND))
    table = ages.select("user_id", *by).drop_nulls().unique("user_id", keep="first", maintain_order=True)
    if table.is_empty():
        raise DataError(
            "No user has a value in all of {columns}, so there are no segments.",
            hint="Name columns that the table of users fills.", columns=", ".join(by),
        )  # fmt: skip
    numbers = pl.struct(*by).rank("dense").cast(pl.Int32) - 1
    return table.select("user_id", segment=numbers).sort("user_id")
