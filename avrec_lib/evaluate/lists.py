"""Ranked tables as arrays: ids become integers once, and every metric of the lists works on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl

from avrec_lib.errors import DataError, UsageError
from avrec_lib.protocols import queries_table
from avrec_lib.schema import Items, Ranked, Values, require_columns

LONGEST = 1_000_000
"""The largest k: what is meant as "all" stays below it, and a slip of the keyboard takes no memory."""


@dataclass(frozen=True)
class Lists:
    """The first `depth` items of every query as integer rows: converted once, used by every metric.

    `queries` has the columns query_id and user_id, in the row order of `items`. `item_ids` are unique; an item's code
    is its place there. `items` is int32 of shape (queries, depth): the code of the item at rank column + 1, -1 where
    no item stands. `unasked` counts the rows of these ranks whose query is not among `queries`; they are left out.
    """

    queries: pl.DataFrame
    item_ids: pl.Series
    items: np.ndarray
    unasked: int = 0

    @classmethod
    def of(cls, ranked: pl.DataFrame, queries: pl.DataFrame, depth: int, also: pl.Series | None = None) -> Self:
        """The lists of `ranked` (columns query_id, item_id, rank) for each of `queries`, cut after rank `depth`.

        `also` names further items that get a code: the catalogue, or what was chosen. A query without rows has -1
        everywhere, and where a rank is missing its place stays empty. Rows below `depth` are not looked at. Raises
        DataError for a missing or mistyped column, an empty id or rank, a rank below 1, an item or a rank twice in a
        list, and a query asked twice.
        """
        require_columns(("query_id", "item_id", "rank"), ranked.columns, Ranked, "ranked")
        _check_ranks(ranked.get_column("rank"))
        if depth != ranked.get_column("rank").max():  # as deep as the lists are is never too deep
            check_k(depth)
        asked = queries_table(queries).select("query_id", "user_id")
        top = ranked.select("query_id", "item_id", "rank").filter(pl.col("rank") <= depth)
        rows = row_of_each(top.get_column("query_id"), asked.get_column("query_id"), "ranked")
        known = rows >= 0
        if not known.all():
            top, rows = top.filter(pl.Series(known)), rows[known]
        codes, item_ids = number_items(top.get_column("item_id"), "ranked", also=also)
        items = np.full((asked.height, depth), -1, dtype=np.int32)
        ranks = top.get_column("rank").to_numpy()
        items[rows, ranks - 1] = codes
        if np.count_nonzero(items >= 0) < len(codes):
            _refuse_repeats(top, "rank")
        ordered = np.sort(items, axis=1)
        if ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)).any():
            _refuse_repeats(top, "item_id")
        return cls(asked, item_ids, items, int(np.count_nonzero(~known)))

    @property
    def depth(self) -> int:
        """The last rank that is kept."""
        return self.items.shape[1]

    def place(self, table: pl.DataFrame, column: str) -> np.ndarray:
        """What `table` (item_id, `column`: numbers) says of each item: float64 (items,), NaN where it says nothing.

        Raises DataError when a column is missing, holds no numbers, or an item has two rows.
        """
        require_columns(("item_id", column), table.columns, Items, "items")
        said = table.get_column(column)
        if not (said.dtype.is_numeric() or said.dtype == pl.Boolean):
            raise DataError("The column {column} holds {found}, but numbers are needed.", column=column,
                            found=str(said.dtype))  # fmt: skip
        rows = row_of_each(self.item_ids, table.get_column("item_id"), "items")
        padded = np.append(said.cast(pl.Float64).to_numpy(), np.nan)
        return padded[rows]


def check_k(k: int) -> None:
    """Raise UsageError when `k` is below 1, or above LONGEST."""
    if k < 1:
        raise UsageError("k must be at least 1, but is {k}.", k=k)
    if k > LONGEST:
        raise UsageError("k is {k}, but lists are judged down to place {longest} at most.", k=f"{k:,}",
                         longest=f"{LONGEST:,}")  # fmt: skip


def as_values(
    lists_or_queries: Lists | pl.DataFrame,
    computed: Mapping[str, np.ndarray],
    *,
    k: int | None,
    model: str,
    seed: int = 0,
    window: int = 0,
) -> pl.DataFrame:
    """`schema.Values` of what was `computed`: metric name -> one number a query, in their order; NaN becomes null."""
    if k is not None:
        check_k(k)
    queries = lists_or_queries.queries if isinstance(lists_or_queries, Lists) else lists_or_queries
    parts = [
        queries.select(
            model=pl.lit(model), seed=pl.lit(seed, dtype=pl.Int64), window=pl.lit(window, dtype=pl.Int32),
            query_id="query_id", user_id="user_id", metric=pl.lit(metric), k=pl.lit(k, dtype=pl.Int32),
            value=pl.Series(np.asarray(numbers, dtype=np.float64), nan_to_null=True),
        )
        for metric, numbers in computed.items()
    ]  # fmt: skip
    return pl.concat(parts) if parts else Values.create_empty()


def row_of_each(ids: pl.Series, among: pl.Series, name: str) -> np.ndarray:
    """The row of each of `ids` in `among`, -1 where it is not there: int64 of shape (ids,).

    Raises DataError, which speaks of the table `name`, when an id is empty or no string, or when `among` has one of
    them twice.
    """
    for column in (ids, among):
        check_ids(column, name)
    # A table is mostly sorted by query: one look-up a run of equal ids, not one a row.
    runs = ids.rename("id").rle().struct.unnest()
    known = pl.DataFrame({"value": among.cast(pl.String)}).with_row_index("row")
    found = runs.with_columns(pl.col("value").cast(pl.String)).join(
        known, on="value", how="left", maintain_order="left"
    )
    if found.height > runs.height:
        twice = found.filter(pl.col("value").is_duplicated())["value"][0]
        raise DataError("The table {name} has {id} twice.", name=name, id=repr(twice))
    rows = found.get_column("row").cast(pl.Int64).fill_null(-1).to_numpy()
    return np.repeat(rows, runs.get_column("len").to_numpy())


def check_ids(ids: pl.Series, name: str) -> None:
    """Raise DataError when a column of ids of the table `name` is no text or has an empty place."""
    if ids.dtype not in (pl.String, pl.Categorical, pl.Enum) and not (ids.dtype == pl.Null and ids.is_empty()):
        raise DataError("The column {column} holds {found}, but ids are strings.", column=ids.name,
                        hint="Cast it with cast(pl.String).", found=str(ids.dtype))  # fmt: skip
    if ids.null_count():
        raise DataError("{count} rows of the table {name} have no {column}.", count=ids.null_count(), name=name,
                        column=ids.name)  # fmt: skip


def number_items(
    ids: pl.Series, name: str, *, first: pl.Series | None = None, also: pl.Series | None = None
) -> tuple[np.ndarray, pl.Series]:
    """The code of each of `ids`, and what the codes stand for: `first`, `ids` and `also` in this order, each id once.

    Raises DataError, which speaks of the table `name`, when an id is empty or no string.
    """
    parts = [column for column in (first, ids, also) if column is not None]
    for column in parts:
        check_ids(column, name)
    item_ids = pl.concat([column.cast(pl.String).rename("item_id") for column in parts]).unique(maintain_order=True)
    return ids.cast(pl.String).cast(pl.Enum(item_ids)).to_physical().to_numpy(), item_ids


def _check_ranks(ranks: pl.Series) -> None:
    if not ranks.dtype.is_integer():
        raise DataError("The ranks of the table ranked are {found}, but a rank is a whole number from 1.",
                        hint="Cast it with cast(pl.Int32).", found=str(ranks.dtype))  # fmt: skip
    if ranks.null_count():
        raise DataError("{count} rows of the table {name} have no {column}.", count=ranks.null_count(),
                        name="ranked", column="rank")  # fmt: skip
    if ranks.len() and (lowest := ranks.min()) < 1:  # type: ignore[operator]
        raise DataError("The table ranked has a rank of {lowest}, but the first rank is 1.", lowest=lowest)


def _refuse_repeats(top: pl.DataFrame, column: str) -> None:
    repeats = top.filter(pl.struct("query_id", column).is_duplicated())
    first = repeats.row(0, named=True)
    template = (
        "The table ranked has several items at rank {what} of query {query}."
        if column == "rank"
        else "The table ranked has the item {what} several times in the list of query {query}."
    )
    raise DataError(
        template, hint="{count} queries are affected; a list names an item once, and a rank has one item.",
        what=first[column], query=repr(first["query_id"]), count=repeats["query_id"].n_unique(),
    )  # fmt: skip
