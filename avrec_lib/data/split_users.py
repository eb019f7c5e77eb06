"""Splits within users: the last choice of each, or some users whole, with the rest of their choices told."""

from __future__ import annotations

import numpy as np
import polars as pl

from avrec_lib.data.split_random import draw
from avrec_lib.data.split_rows import PAIR, Parts
from avrec_lib.data.split_ties import TieRule, in_user_order
from avrec_lib.errors import DataError

MOMENT = [*PAIR, "timestamp"]
COUNT = pl.len().cast(pl.Int64)  # of the rows of a group, as a number that may go below 0


def leave_last_out(rows: pl.DataFrame, tie_rule: TieRule, seed: int, order: int = 0) -> Parts:
    """Each user's last choice is the test, all the others train; who has one choice only trains.

    What other users do later is in the training rows: the price of this split, which `future_share` counts. Rows of a
    user at one time stand in training in the order that `tie_rule` gives them, as in the histories of the queries.
    """
    ordered = in_user_order(rows, tie_rule, seed, order)
    known, hidden, asked = _last_choices(ordered, pl.lit(1))
    train, test = _apart(rows.filter("chosen"), hidden, MOMENT)
    return Parts(train if tie_rule == "file_order" else _in_the_order_of(ordered, train), test, known, asked=asked)


def user_holdout(rows: pl.DataFrame, test_share: float, tie_rule: TieRule, seed: int, timed: bool) -> Parts:
    """`test_share` of the users leave the training whole; 80 % of their choices are told, the rest is the test.

    The told ones are the earliest where there are times, else a random draw of the pairs: the protocol of Liang et
    al. 2018, "Variational autoencoders for collaborative filtering". Who has one choice only is not asked.
    """
    held_out = pl.col("user_id").is_in(draw(rows.filter("chosen")["user_id"], test_share, seed).implode())
    train, own = rows.filter(~held_out, "chosen"), rows.filter(held_out)
    hidden_count = COUNT - (4 * COUNT + 4) // 5  # told is the whole number at or above 80 %
    if timed:
        known, hidden, asked = _last_choices(in_user_order(own, tie_rule, seed), hidden_count)
        return Parts(train, _apart(own.filter("chosen"), hidden, MOMENT)[1], known, asked=asked)
    pairs = own.filter("chosen").select(*PAIR, "timestamp", "chosen").unique(PAIR).sort(PAIR)
    lots = pl.Series(np.random.default_rng([seed, 1]).random(pairs.height))
    _, hidden, asked = _last_choices(pairs.sort("user_id", lots), hidden_count)
    known, test = _apart(own, hidden, PAIR)
    return Parts(train, test.filter("chosen"), known, asked=asked.with_columns(tied=False))


def _in_the_order_of(ordered: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    places = ordered.with_row_index("place").select(*MOMENT, "place").unique(MOMENT, keep="first")
    placed = rows.join(places, on=MOMENT, how="left", maintain_order="left")
    return placed.sort("place", maintain_order=True).drop("place")


def _apart(rows: pl.DataFrame, hidden: pl.DataFrame, on: list[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows that match none of `hidden`, and those that do."""
    stay, leave = (rows.join(hidden, on=on, how=how, maintain_order="left") for how in ("anti", "semi"))
    return stay, leave


def _last_choices(ordered: pl.DataFrame, hidden: pl.Expr) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Known rows, hidden choices, and the queries (user_id, cut, history, tied) of rows in the order of each user.

    `hidden` of a user's choices (at least one, at most all but one) at the end are hidden. Known is what comes
    before them, chosen or not; what comes after the first of them and is no choice is left out.
    """
    choices = ordered.with_row_index("place").filter("chosen")
    first = COUNT - hidden.clip(1)
    by_user = choices.group_by("user_id", maintain_order=True)
    asked = by_user.agg(
        cut=pl.col("timestamp").get(first, null_on_oob=True),
        history=pl.col("item_id").head(first),
        tied=pl.col("timestamp").get(first, null_on_oob=True) == pl.col("timestamp").get(first - 1, null_on_oob=True),
        start=pl.col("place").get(first, null_on_oob=True),
    ).filter(pl.col("history").list.len() > 0)
    if asked.is_empty():
        raise DataError(
            "None of the users to be asked has two choices, one to be told and one to be found.",
            hint="Use split=random, or bring a longer log.",
        )
    placed = ordered.with_row_index("place").join(
        asked.select("user_id", "start"), on="user_id", how="left", maintain_order="left"
    )
    is_known = pl.col("start").is_null() | (pl.col("place") < pl.col("start"))
    known, later = (placed.filter(side).drop("place", "start") for side in (is_known, ~is_known))
    return known, later.filter("chosen"), asked.drop("start")
