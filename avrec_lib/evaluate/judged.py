"""Where the relevant items stand in the lists: found once, read by every accuracy metric."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl

from avrec_lib.errors import DataError
from avrec_lib.evaluate.lists import Lists, number_items, row_of_each
from avrec_lib.schema import Truth, require_columns


@dataclass(frozen=True)
class Judged:
    """The hits of all lists and, for the ideal, all that is relevant; rows are those of `lists.queries`.

    `relevant` is the number of relevant items of each query. One entry a relevant item that stands in a list, by
    query and rank: `hit_row`, `hit_rank` (from 1), `hit_gain`, and `hit_number`, its count within the list from 1.
    One entry a relevant item, by query and falling relevance: `best_row`, `best_rank` and `best_gain`, the list that
    none can beat.
    """

    lists: Lists
    relevant: np.ndarray
    hit_row: np.ndarray
    hit_rank: np.ndarray
    hit_gain: np.ndarray
    hit_number: np.ndarray
    best_row: np.ndarray
    best_rank: np.ndarray
    best_gain: np.ndarray

    @classmethod
    def of(cls, lists: Lists, truth: pl.DataFrame) -> Self:
        """`lists` held against `truth` (columns query_id, item_id, relevance); a relevance of 0 is not relevant.

        Truth of queries that were not asked is not looked at. Raises DataError for a missing or mistyped column, an
        empty id, a relevance that is no finite number of 0 or more, and an item twice in the truth of a query.
        """
        row, pair, gain, items = _relevant_pairs(lists, truth)
        standing = np.arange(len(lists.items))[:, None] * items + lists.items
        standing[lists.items < 0] = -1
        # One search in the sorted pairs for every place of every list; a place beyond the last pair is no hit.
        found = np.searchsorted(pair, standing.ravel())
        hits = np.flatnonzero(np.append(pair, -2)[found] == standing.ravel())
        hit_row, hit_rank = np.divmod(hits, lists.depth)
        hit_gain = gain[found[hits]]
        if len(gain) and gain.min() < gain.max():
            gain = gain[np.lexsort((-gain, row))]
        return cls(
            lists=lists, relevant=np.bincount(row, minlength=len(lists.items)),
            hit_row=hit_row, hit_rank=hit_rank + 1, hit_gain=hit_gain, hit_number=_number_within(hit_row),
            best_row=row, best_rank=_number_within(row), best_gain=gain,
        )  # fmt: skip

    def sum_hits(self, k: int, of: np.ndarray | None = None) -> np.ndarray:
        """Per query the sum of `of` (one number a hit; default: 1) over the hits at rank `k` or better."""
        return _sum(self.hit_row, of, self.hit_rank <= k, len(self.relevant))

    def sum_best(self, k: int, of: np.ndarray) -> np.ndarray:
        """Per query the sum of `of` (one number a relevant item) over its `k` most relevant items."""
        return _sum(self.best_row, of, self.best_rank <= k, len(self.relevant))


def _relevant_pairs(lists: Lists, truth: pl.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Query row, pair (row * items + code) and relevance of what is relevant, sorted by pair; how many items."""
    require_columns(("query_id", "item_id", "relevance"), truth.columns, Truth, "truth")
    row = row_of_each(truth.get_column("query_id"), lists.queries.get_column("query_id"), "truth")
    code, item_ids = number_items(truth.get_column("item_id"), "truth", first=lists.item_ids)
    gain = _gains(truth.get_column("relevance"))
    items = max(len(item_ids), 1)
    pair = row * items + code
    asked = row >= 0
    if not asked.all():
        row, pair, gain = row[asked], pair[asked], gain[asked]
    order = np.argsort(pair)
    row, pair, gain = row[order], pair[order], gain[order]
    repeats = np.flatnonzero(pair[1:] == pair[:-1])
    if len(repeats):
        query, item = divmod(int(pair[repeats[0]]), items)
        raise DataError(
            "The table truth has the item {item} several times for query {query}.",
            hint="Keep one row for each query and item.",
            item=repr(item_ids[item]), query=repr(lists.queries["query_id"][query]),
        )  # fmt: skip
    relevant = gain > 0
    return (row, pair, gain, items) if relevant.all() else (row[relevant], pair[relevant], gain[relevant], items)


def _gains(relevance: pl.Series) -> np.ndarray:
    if not (relevance.dtype.is_numeric() or relevance.dtype in (pl.Boolean, pl.Null)):
        raise DataError("The column {column} holds {found}, but numbers are needed.", column="relevance",
                        found=str(relevance.dtype))  # fmt: skip
    gains = relevance.cast(pl.Float64).fill_null(np.nan).to_numpy()
    wrong = np.count_nonzero(~((gains >= 0) & (gains < np.inf)))
    if wrong:
        raise DataError("{count} rows of the table truth have a relevance that is no number of 0 or more.", count=wrong)
    return gains


def _number_within(rows: np.ndarray) -> np.ndarray:
    """1, 2, 3, … within each stretch of equal `rows`."""
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    return np.arange(1, len(rows) + 1) - np.repeat(starts, np.diff(starts, append=len(rows)))


def _sum(rows: np.ndarray, of: np.ndarray | None, kept: np.ndarray, queries: int) -> np.ndarray:
    return np.bincount(rows[kept], None if of is None else of[kept], minlength=queries).astype(np.float64)
