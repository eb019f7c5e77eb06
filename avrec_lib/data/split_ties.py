"""Which of a user's events at the same time came first: four rules, one of them by lot."""

from __future__ import annotations

from typing import Literal

import numpy as np
import polars as pl

from avrec_lib.data.dataset import row_hash

TieRule = Literal["file_order", "item_id", "item_id_descending", "random"]

WHOLE_NUMBER = r"^-?\d{1,18}$"


def in_user_order(rows: pl.DataFrame, tie_rule: TieRule, seed: int = 0, order: int = 0) -> pl.DataFrame:
    """`rows` user by user, oldest first, those of one user at the same time by `tie_rule`.

    `file_order` keeps their order in the table. `item_id` puts the lower id first, `item_id_descending` the higher:
    ids that are all whole numbers compare as numbers (9 before 10), else as text. `random` draws an order anew for
    each `seed` and `order`. All but `file_order` give the same whatever the order of the rows.
    """
    if tie_rule == "file_order":
        return rows.sort("user_id", "timestamp", maintain_order=True)
    descending = tie_rule == "item_id_descending"
    content = row_hash([name for name in rows.columns if name != "row"])
    item = pl.col("item_id")
    if rows["item_id"].str.contains(WHOLE_NUMBER).all():
        item = item.cast(pl.Int64)
    ordered = rows.sort(
        "user_id", "timestamp", item, "item_id", content, descending=[False, False, descending, descending, False]
    )
    if tie_rule == "random":
        lots = pl.Series(np.random.default_rng([seed, order]).random(ordered.height))
        ordered = ordered.sort("user_id", "timestamp", lots)
    return ordered
