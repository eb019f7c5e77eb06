"""A stranger's recommendations beside ours: read from a file, placed under our queries, everything odd counted.

A list is judged as it would be shown: an item that nobody knows, or that the user already has, keeps its place and
misses. What cannot be read in one way only is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from avrec_lib.data.facts import Fact
from avrec_lib.errors import DataError
from avrec_lib.evaluate.bring_facts import (
    LIST,
    facts_of_items,
    facts_of_lists,
    facts_of_ranks,
    facts_of_rows,
    facts_of_scores,
    some_of,
)
from avrec_lib.evaluate.ranked_file import ROW, RankedFile, read_ranked_file
from avrec_lib.schema import Ranked


@dataclass(frozen=True)
class Brought:
    """The lists of one system (`schema.Ranked`, at most k ranks) and the facts about how they were read.

    The facts have their number in `value` and their share of the rows, places or queries in `share`; what did not
    happen has the value 0.
    """

    model: str
    ranked: pl.DataFrame
    facts: list[Fact]


def read_ranked(
    path: Path,
    queries: pl.DataFrame,
    *,
    catalogue: pl.Series,
    k: int,
    seen: pl.DataFrame | None = None,
    candidates: pl.Series | None = None,
    warm: pl.Series | None = None,
    window: int = 0,
) -> list[Brought]:
    """The systems in the file `path`: one for each name in its column model, else one named after the file.

    See `read_ranked_file` for the file and `place_lists` for how its rows become lists.
    """
    file = read_ranked_file(path)
    return place_lists(
        file, queries, catalogue=catalogue, k=k, seen=seen, candidates=candidates, warm=warm, window=window
    )


def place_lists(
    file: RankedFile,
    queries: pl.DataFrame,
    *,
    catalogue: pl.Series,
    k: int,
    seen: pl.DataFrame | None = None,
    candidates: pl.Series | None = None,
    warm: pl.Series | None = None,
    window: int = 0,
) -> list[Brought]:
    """The first `k` ranks of every system in `file` for `queries` (`schema.Queries`), with the facts.

    Rows are found by query_id, or by user_id where the file has no query_id and every user asks once; rows of others
    are left out. Without a rank the higher score comes first, and equal scores stay in the order of the file. Ranks
    that start at 0 are moved up by one; a rank that is missing stays empty. `catalogue` are all known item ids, `seen`
    (user_id, item_id) what the truth of the split hides, `candidates` the only items that may be ranked, `warm`
    the query ids of users with a history (None: all; others may go without a list), `window` the rows to take where
    the file has a column of that name.

    Raises DataError when no row belongs to a query, no item is known, an item or a rank stands twice in a list, a rank
    is no whole number from 0, a score that decides is no number, or a row names another user than its query.
    """
    rows = file.rows.filter(pl.col("window") == window) if "window" in file.rows.columns else file.rows
    if rows.is_empty():
        raise DataError("{file} has no rows for window {window}.", file=file.path, window=window)
    is_warm = pl.lit(True) if warm is None else pl.col("query_id").is_in(warm.implode())
    asked = queries.select("query_id", "user_id", warm=is_warm).with_row_index(LIST)
    named = rows.with_columns(model=pl.col("model").fill_null(file.model) if "model" in rows.columns else
                              pl.lit(file.model))  # fmt: skip
    placer = _Placer(file, asked, catalogue, k, seen, candidates)
    return [placer.place(part) for part in named.partition_by("model", maintain_order=True)]


@dataclass(frozen=True)
class _Placer:
    """What all systems of a file have in common."""

    file: RankedFile
    asked: pl.DataFrame
    catalogue: pl.Series
    k: int
    seen: pl.DataFrame | None
    candidates: pl.Series | None

    def place(self, rows: pl.DataFrame) -> Brought:
        known = self._of_our_queries(rows)
        ranks = self._by_rank(known) if "rank" in rows.columns else self._by_score(known)
        self._refuse_twice(ranks, "rank", "{file} has several items at rank {what} of query {query}.")
        top = ranks.filter(pl.col("rank") <= self.k)
        self._refuse_twice(top, "item_id", "{file} has the item {what} several times in the list of query {query}.")
        ranked = top.sort(LIST, "rank").select(
            "query_id", "user_id", "item_id", pl.col("rank").cast(pl.Int32),
            score=pl.col("score") if "score" in top.columns else pl.lit(None, dtype=pl.Float64),
        )  # fmt: skip
        if ranked.height and not ranked["item_id"].is_in(self.catalogue.implode()).any():
            raise DataError(
                "No item_id of {file} is known: it has {theirs}, while ours are {ours}.",
                hint="The file must use the ids of the data set.",
                file=self.file.path, theirs=some_of(ranked["item_id"]), ours=some_of(self.catalogue),
            )  # fmt: skip
        facts = [
            *facts_of_rows(rows, known, self.file.unreadable + self.file.without_ids),
            *(facts_of_ranks(known, ranks, top) if "rank" in rows.columns else facts_of_scores(ranks, top, self.k)),
            *facts_of_lists(self.asked, known[LIST].unique(), top, self.k),
            *facts_of_items(ranked, self.catalogue, self.seen, self.candidates),
        ]
        return Brought(rows["model"][0], ranked.select(Ranked.column_names()), facts)

    def _of_our_queries(self, rows: pl.DataFrame) -> pl.DataFrame:
        key = "query_id" if "query_id" in rows.columns else "user_id"
        asked = self.asked
        if key == "user_id" and asked["user_id"].n_unique() < asked.height:
            often = asked.filter(pl.col("user_id").is_duplicated()).row(0, named=True)
            raise DataError(
                "{file} names users only, but here a user may ask several times ({user} does).",
                hint="Add the column query_id of queries.parquet, for example {query}.",
                file=self.file.path, user=repr(often["user_id"]), query=repr(often["query_id"]),
            )  # fmt: skip
        known = rows.join(asked, on=key, how="inner", suffix="_asked", maintain_order="left")
        if known.is_empty():
            raise DataError(
                "No {column} of {file} is asked here: it has {theirs}, while ours are {ours}.",
                hint="The file must use the ids of the data set, and the same split.",
                column=key, file=self.file.path, theirs=some_of(rows[key]) or "–", ours=some_of(asked[key]),
            )  # fmt: skip
        if "user_id_asked" in known.columns:
            other = known.filter(pl.col("user_id") != pl.col("user_id_asked"))
            if other.height:
                raise DataError(
                    "{count} rows of {file} name another user than their query: query {query} is asked by {ours}, not "
                    "by {theirs}.", count=other.height, file=self.file.path, query=repr(other["query_id"][0]),
                    ours=repr(other["user_id_asked"][0]), theirs=repr(other["user_id"][0]),
                )  # fmt: skip
            known = known.drop("user_id").rename({"user_id_asked": "user_id"})
        return known

    def _by_rank(self, known: pl.DataFrame) -> pl.DataFrame:
        rank = pl.col("rank")
        wrong = known.filter(rank.is_null() | ~rank.is_finite() | (rank != rank.floor()) | (rank < 0))
        if wrong.height:
            raise DataError(
                "{count} of {total} ranks in {file} are no whole numbers from 1, for example {example}.",
                hint="Leave such rows out, or leave the column rank out and bring a score.", count=wrong.height,
                total=known.height, file=self.file.path, example=wrong["rank"][0],
            )  # fmt: skip
        moved = known.with_columns(rank.cast(pl.Int64) + (1 if known["rank"].min() == 0 else 0))
        scores = [pl.when(pl.col("score").is_finite()).then("score")] if "score" in known.columns else []
        return moved.with_columns(scores)

    def _by_score(self, known: pl.DataFrame) -> pl.DataFrame:
        wrong = known.height - int(known["score"].is_finite().sum())
        if wrong:
            raise DataError(
                "{count} of {total} scores in {file} are no finite numbers, so they cannot be ranked.",
                hint="Leave such rows out, or bring a rank.", count=wrong, total=known.height, file=self.file.path,
            )  # fmt: skip
        ordered = known.sort(LIST, "score", ROW, descending=[False, True, False])
        return ordered.with_columns(rank=pl.int_range(1, pl.len() + 1).over(LIST))

    def _refuse_twice(self, rows: pl.DataFrame, column: str, template: str) -> None:
        twice = rows.select(LIST, column).is_duplicated()
        if twice.any():
            example = rows.filter(twice).row(0, named=True)
            raise DataError(
                template, hint="{count} queries are affected; a list names an item once, and a rank has one item.",
                file=self.file.path, what=example[column] if column == "rank" else repr(example[column]),
                query=repr(example["query_id"]), count=rows.filter(twice)[LIST].n_unique(),
            )  # fmt: skip
