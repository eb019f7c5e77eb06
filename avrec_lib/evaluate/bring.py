"""A stranger's recommendations beside ours: read from a file, placed under our queries, everything odd counted.

A list is judged as it would be shown: an item that nobody knows, or that the user already has, keeps its place and
misses. What cannot be read in one way only is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

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
from avrec_lib.evaluate.ranked_file import ROW, RankedFile
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
    if file.rows.is_empty():
        raise DataError("No row of {file} names both an item and whom to show it to.", file=file.path)
    if rows.is_empty():
        raise DataError("{file} has no rows for window {window}.", file=file.path, window=window)
    is_warm = pl.lit(True) if warm is None else pl.col("query_id").is_in(warm.implode())
    asked = queries.select("query_id", "user_id", warm=is_warm).with_row_index(LIST)
    placer = _Placer(file, asked, catalogue, k, seen, candidates)
    if "model" not in rows.columns:
        return [placer.place(file.model, rows)]
    # A name goes to terminals and tables: what would move a cursor or break a line becomes a space.
    shown = pl.col("model").fill_null(file.model).str.replace_all(r"\p{C}+", " ").str.strip_chars()
    systems = rows.with_columns(shown).partition_by("model", maintain_order=True)
    return [placer.place(part["model"][0], part) for part in systems]


@dataclass(frozen=True)
class _Placer:
    """What all systems of a file have in common."""

    file: RankedFile
    asked: pl.DataFrame
    catalogue: pl.Series
    k: int
    seen: pl.DataFrame | None
    candidates: pl.Series | None

    def place(self, model: str, rows: pl.DataFrame) -> Brought:
        key = "query_id" if "query_id" in rows.columns else "user_id"
        belongs = self._belongs(rows, key)
        ranks = self._by_rank(rows, belongs) if "rank" in rows.columns else self._by_score(rows, belongs, key)
        listed = self._with_queries(ranks, key)
        top = listed.filter(pl.col("rank") <= self.k)
        self._refuse_twice(top, "rank", "{file} has several items at rank {what} of query {query}.")
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
        known = int(belongs.sum())
        if "rank" in rows.columns:
            odd = facts_of_ranks(known if _starts_at_zero(rows, belongs) else 0, known, top)
        else:
            odd = facts_of_scores(listed, top, self.k)
        facts = [
            *facts_of_rows(rows.height, known, self.file.unreadable + self.file.without_ids),
            *odd,
            *facts_of_lists(self.asked, top, self.k),
            *facts_of_items(ranked, self.catalogue, self.seen, self.candidates),
        ]
        return Brought(model, ranked.select(Ranked.column_names()), facts)

    def _belongs(self, rows: pl.DataFrame, key: str) -> pl.Series:
        """Which rows are of queries that are asked here."""
        if key == "user_id" and self.asked["user_id"].n_unique() < self.asked.height:
            often = self.asked.filter(pl.col("user_id").is_duplicated()).row(0, named=True)
            raise DataError(
                "{file} names users only, but here a user may ask several times ({user} does).",
                hint="Add the column query_id of queries.parquet, for example {query}.",
                file=self.file.path, user=repr(often["user_id"]), query=repr(often["query_id"]),
            )  # fmt: skip
        belongs = rows[key].is_in(self.asked[key].implode()).fill_null(value=False)
        if not belongs.any():
            raise DataError(
                "No {column} of {file} is asked here: it has {theirs}, while ours are {ours}.",
                hint="The file must use the ids of the data set, and the same split.", column=key,
                file=self.file.path, theirs=some_of(rows[key]) or "–", ours=some_of(self.asked[key]),
            )  # fmt: skip
        return belongs

    def _by_rank(self, rows: pl.DataFrame, belongs: pl.Series) -> pl.DataFrame:
        """The rows of ranks up to k, counted from 1."""
        rank = pl.col("rank")
        wrong = rows.filter(belongs & rows.select(
            rank.is_null() | ~rank.is_finite() | (rank != rank.floor()) | (rank < 0)
        ).to_series())  # fmt: skip
        if wrong.height:
            raise DataError(
                "{count} of {total} ranks in {file} are no whole numbers from 1, for example {example}.",
                hint="Leave such rows out, or leave the column rank out and bring a score.", count=wrong.height,
                total=int(belongs.sum()), file=self.file.path, example=wrong["rank"][0],
            )  # fmt: skip
        counted = rank.cast(pl.Int64) + (1 if _starts_at_zero(rows, belongs) else 0)
        scores = [pl.when(pl.col("score").is_finite()).then("score")] if "score" in rows.columns else []
        return rows.lazy().filter(belongs & (rows["rank"] <= self.k)).with_columns(counted, *scores).collect()

    def _by_score(self, rows: pl.DataFrame, belongs: pl.Series, key: str) -> pl.DataFrame:
        """The rows of ranks up to k + 1, by score; equal ones keep their order (so counts an ordinal rank)."""
        wrong = int((belongs & ~rows["score"].is_finite().fill_null(value=False)).sum())
        if wrong:
            raise DataError(
                "{count} of {total} scores in {file} are no finite numbers, so they cannot be ranked.",
                hint="Leave such rows out, or bring a rank.", count=wrong, total=int(belongs.sum()),
                file=self.file.path,
            )  # fmt: skip
        rank = pl.col("score").rank("ordinal", descending=True).over(key).cast(pl.Int64)
        ranks = rows.filter(belongs).select(rank).to_series()
        return rows.filter(belongs).filter(ranks <= self.k + 1).with_columns(rank=ranks.filter(ranks <= self.k + 1))

    def _with_queries(self, ranks: pl.DataFrame, key: str) -> pl.DataFrame:
        """`ranks` with query_id, user_id and the row of its query, in the order of the lists."""
        listed = ranks.join(self.asked, on=key, suffix="_asked", maintain_order="left")
        if "user_id_asked" in listed.columns:
            other = listed.filter((pl.col("user_id") != pl.col("user_id_asked")).fill_null(value=False))
            if other.height:
                raise DataError(
                    "{count} rows of {file} name another user than their query: query {query} is asked by {ours}, not "
                    "by {theirs}.", count=other.height, file=self.file.path, query=repr(other["query_id"][0]),
                    ours=repr(other["user_id_asked"][0]), theirs=repr(other["user_id"][0]),
                )  # fmt: skip
            listed = listed.drop("user_id").rename({"user_id_asked": "user_id"})
        return listed.sort(LIST, "rank", ROW)

    def _refuse_twice(self, rows: pl.DataFrame, column: str, template: str) -> None:
        twice = rows.select(LIST, column).is_duplicated()
        if twice.any():
            example = rows.filter(twice).row(0, named=True)
            raise DataError(
                template, hint="{count} queries are affected; a list names an item once, and a rank has one item.",
                file=self.file.path, what=example[column] if column == "rank" else repr(example[column]),
                query=repr(example["query_id"]), count=rows.filter(twice)[LIST].n_unique(),
            )  # fmt: skip


def _starts_at_zero(rows: pl.DataFrame, belongs: pl.Series) -> bool:
    return rows["rank"].filter(belongs).min() == 0
