"""Splits that ask for what training never met: new items, or new users."""

from __future__ import annotations

import polars as pl

from avrec_lib.data.split_random import draw
from avrec_lib.data.split_rows import Parts
from avrec_lib.data.split_time import cuts_of
from avrec_lib.errors import DataError
from avrec_lib.schema import TIME


def cold_item(rows: pl.DataFrame, test_share: float, seed: int, timed: bool) -> Parts:
    """Rank only items without a training row: those first chosen at or after the cut.

    Training is strictly before the cut, the test are the choices of cold items from then on. Without times a random
    `test_share` of the items is cold.
    """
    if not timed:
        cold = draw(rows.filter("chosen")["item_id"], test_share, seed)
        is_cold = pl.col("item_id").is_in(cold.implode())
        known = rows.filter(~is_cold)
        return Parts(known.filter("chosen"), rows.filter(is_cold, "chosen"), known, candidates=cold)
    cut = cuts_of(rows, test_share)[0]
    known, later = rows.filter(pl.col("timestamp") < cut), rows.filter(pl.col("timestamp") >= cut, "chosen")
    test = later.join(known.filter("chosen"), on="item_id", how="anti", maintain_order="left")
    if test.is_empty():
        raise DataError(
            "No item is chosen for the first time from {cut} on, so none is cold.",
            hint="Change test_share, or bring a longer log.", cut=cut,
        )  # fmt: skip
    return Parts(known.filter("chosen"), test, known, cut, candidates=test["item_id"].unique().sort())


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
