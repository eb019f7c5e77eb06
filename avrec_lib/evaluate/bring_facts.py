"""How a stranger's file was read: what was left out, moved or wasted, each with its number and what it means."""

from __future__ import annotations

from typing import Any

import polars as pl

from avrec_lib.data.facts import Fact, level_of, share_of

LIST = "list"
"""The column with the row of the query that a list belongs to."""
NEVER = 2.0  # a share that nothing reaches


def facts_of_rows(rows: int, known: int, lost: int) -> list[Fact]:
    """What was left out: `lost` rows that say nothing, and those of the other `rows` that nobody here asks for."""
    return [
        _fact("rows_without_ids", lost, rows + lost, 1e-12, 0.5,
              "Rows of the file that cannot be read, or lack the item or whom to show it to: {value} ({share}). They "
              "are left out."),
        _fact("rows_of_others", rows - known, rows, NEVER, NEVER,
              "Rows of the file for users who are not asked here: {value} ({share}). They are left out."),
    ]  # fmt: skip


def facts_of_ranks(moved: int, known: int, top: pl.DataFrame) -> list[Fact]:
    """Of `known` rows that bring a rank, those that were `moved`, and what is odd in the first k of them (`top`)."""
    gaps = top.group_by(LIST).agg(missing=pl.col("rank").max() > pl.len())["missing"]
    facts = [
        _fact("ranks_from_zero", moved, known, NEVER, NEVER,
              "The ranks of the file start at 0: all {value} are moved up by one."),
        _fact("missing_ranks", int(gaps.sum()), gaps.len(), 0.01, NEVER,
              "Lists in which a rank is missing: {value} ({share}). Those places stay empty and miss."),
    ]  # fmt: skip
    if "score" in top.columns:
        score = pl.col("score")
        rising = int(top.select(((score > score.shift()) & _same_list()).sum()).item())
        facts.append(
            _fact("rank_against_score", rising, top.height, 0.01, NEVER,
                  "Places that have a higher score than the place above them: {value} ({share}). The rank decides; is "
                  "the score one where less is better?")
        )  # fmt: skip
    return facts


def facts_of_scores(listed: pl.DataFrame, top: pl.DataFrame, k: int) -> list[Fact]:
    """Of lists that were ranked by score, in order to rank k + 1: places among the first `k` (`top`) that tie."""
    as_above = ((pl.col("score") == pl.col("score").shift()) & _same_list()).fill_null(value=False)
    tied = (as_above | as_above.shift(-1, fill_value=False)) & (pl.col("rank") <= k)
    return [
        _fact("score_ties", int(listed.select(tied.sum()).item()), top.height, 0.05, NEVER,
              "Places whose score the item above or below them has too: {value} ({share}). Equal scores stay in the "
              "order of the file, which says nothing of the system.")
    ]  # fmt: skip


def facts_of_lists(asked: pl.DataFrame, top: pl.DataFrame, k: int) -> list[Fact]:
    """Of the queries `asked` (with `warm`: is the user known?) those without a list in `top`, and those whose list has
    fewer than `k` items.
    """
    empty = asked.filter(~pl.col(LIST).is_in(top[LIST].unique().implode()))["warm"]
    warm, short = int(asked["warm"].sum()), top.group_by(LIST).len().filter(pl.col("len") < k).height
    return [
        _fact("known_users_without_list", int(empty.sum()), warm, 0.01, 0.2,
              "Queries of known users for whom the file has no item in the first {k} ranks: {value} ({share}). They "
              "score 0. Was the file made for another split?", k=k),
        _fact("new_users_without_list", int((~empty).sum()), asked.height - warm, NEVER, NEVER,
              "Queries of new users for whom the file has no item in the first {k} ranks: {value} ({share}). They "
              "score 0.", k=k),
        _fact("short_lists", short, asked.height, 0.05, 0.5,
              "Queries with fewer than {k} items in the file: {value} ({share}). The places left empty miss.", k=k),
    ]  # fmt: skip


def facts_of_items(
    ranked: pl.DataFrame, catalogue: pl.Series, seen: pl.DataFrame | None, candidates: pl.Series | None
) -> list[Fact]:
    """Places that cannot hit, of `ranked` (`schema.Ranked`): unknown items, seen ones, and no candidates."""
    places = ranked.height
    unknown = ranked["item_id"].filter(~ranked["item_id"].is_in(catalogue.implode()))
    facts = [
        _fact("unknown_items", unknown.len(), places, 0.01, 0.5,
              "Places taken by items that the data set does not have: {value} ({share}), for example {example}. They "
              "miss.", example=some_of(unknown, 1))
    ]  # fmt: skip
    if seen is not None:
        wasted = ranked.join(seen, on=["user_id", "item_id"], how="semi").height
        facts.append(
            _fact("places_of_seen_items", wasted, places, 0.001, 0.5,
                  "Places taken by what the user already has, which the truth of this split leaves out: {value} "
                  "({share}). They are wasted.")
        )  # fmt: skip
    if candidates is not None:
        foreign = places - int(ranked["item_id"].is_in(candidates.implode()).sum())
        facts.append(
            _fact("places_of_no_candidates", foreign, places, 0.001, 0.5,
                  "Places taken by items that are no candidates of this split: {value} ({share}). They miss.")
        )  # fmt: skip
    return facts


def some_of(ids: pl.Series, count: int = 3) -> str:
    """The first few different ids, to show what they look like."""
    return ", ".join(repr(name) for name in ids.drop_nulls().head(10_000).unique(maintain_order=True).head(count))


def _same_list() -> pl.Expr:
    return pl.col(LIST) == pl.col(LIST).shift()


def _fact(name: str, value: int, of: int, amber: float, red: float, template: str, **values: Any) -> Fact:
    share = share_of(value, of)
    return Fact(name, value, share, level_of(share, amber, red) if value else "info", template, values)
