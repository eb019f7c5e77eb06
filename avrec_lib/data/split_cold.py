"""Splits that ask for what training never met: new items, or new users."""

from __future__ import annotations

import polars as pl

from avrec_lib.data.split_random import draw
from avrec_lib.data.split_rows import Parts
from avrec_lib.data.split_time import cuts_of
from avrec_lib.errors import DataError
from avrec_lib.schema import TIME


def cold_item(rows: pl.DataFrame, test_share: float, seed: int, timed: bool, offered: pl.LazyFrame) -> Parts:
    """Rank only items without a training row that were on offer from the cut on.

    Training is strictly before the cut, the test are the choices of cold items from then on. On offer is what
    `offered` (item_id, timestamp) or a row has at or after the cut: also what was only shown, skipped or disliked, or
    published and met by nobody, for to rank only what will be chosen would tell the answer. Without times a random
    `test_share` of the items is cold.
    """
    if not timed:
        cold = draw(rows.filter("chosen")["item_id"], test_share, seed)
        is_cold = pl.col("item_id").is_in(cold.implode())
        known = rows.filter(~is_cold)
        return Parts(known.filter("chosen"), rows.filter(is_cold, "chosen"), known, candidates=cold,
                     candidates_from="drawn")  # fmt: skip
    cut = cuts_of(rows, test_share)[0]
    known, later = rows.filter(pl.col("timestamp") < cut), rows.filter(pl.col("timestamp") >= cut)
    train = known.filter("chosen")
    after = later.join(train, on="item_id", how="anti", maintain_order="left")
    test = after.filter("chosen")
    if test.is_empty():
        raise DataError(
            "No item is chosen for the first time from {cut} on, so none is cold.",
            hint="Change test_share, or bring a longer log.", cut=cut,
        )  # fmt: skip
    had = offered.filter(pl.col("timestamp") >= cut, pl.col("item_id").is_not_null()).select("item_id").unique()
    others = had.collect(engine="streaming").join(train, on="item_id", how="anti")
    candidates = pl.concat([after.select("item_id"), others])["item_id"].unique().sort()
    return Parts(train, test, known, cut, candidates=candidates, candidates_from="on_offer")


def cold_user(rows: pl.DataFrame, test_share: float, seed: int, timed: bool) -> Parts:
    """Ask only users of whom nothing is known: those whose first event is at or after the cut.

    Training is strictly before the cut. Without times a random `test_share` of the users is cold. An impression alone
    makes nobody known, and is in no row here.
    """
    if timed:
        cut = cuts_of(rows, test_share)[0]
        known = rows.filter(pl.col("timestamp") < cut)
        test = rows.filter("chosen").join(known, on="user_id", how="anti", maintain_order="left")
        if test.is_empty():
            raise DataError(
                "No user comes for the first time from {cut} on, so none is cold.",
                hint="Change test_share, or bring a longer log.", cut=cut,
            )  # fmt: skip
    else:
        cut = None
        is_cold = pl.col("user_id").is_in(draw(rows.filter("chosen")["user_id"], test_share, seed).implode())
        known, test = rows.filter(~is_cold), rows.filter(is_cold, "chosen")
    asked = test.select("user_id").unique(maintain_order=True).with_columns(
        cut=pl.lit(cut, dtype=TIME), history=pl.lit([], dtype=pl.List(pl.String)), tied=False
    )  # fmt: skip
    return Parts(known.filter("chosen"), test, known, cut, asked)
