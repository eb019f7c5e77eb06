"""Do people choose what they say they like? A user's answers beside the user's choices, and beside strangers'."""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy import sparse

from avrec_lib.errors import DataError


def agreement(stated: pl.DataFrame, revealed: pl.DataFrame) -> pl.DataFrame:
    """Columns user_id, own, strangers: how alike what a user stated is to what that user chose, and to what others did.

    Both tables have user_id, label and weight. `own` is the cosine of the user's two rows of weights; `strangers` the
    mean cosine of the same choices with the answers of each other user, as everybody likes what is popular and that
    alone makes two people agree. Only users who are in both tables count; who has no weight but 0 on a side is left
    out. Raises DataError for fewer than two such users.
    """
    sides = [side.group_by("user_id", "label").agg(pl.col("weight").sum()) for side in (stated, revealed)]
    sides = [side.filter((pl.col("weight") != 0).any().over("user_id")) for side in sides]
    users = sides[0].select("user_id").unique().join(sides[1], on="user_id", how="semi").sort("user_id")
    if users.height < 2:
        raise DataError("It takes two users who both said and chose something, but there are {count}.",
                        count=users.height)  # fmt: skip
    labels = pl.concat(side.select("label") for side in sides).unique().sort("label")
    said, chose = (_unit_rows(side, users, labels) for side in sides)
    own = np.asarray(said.multiply(chose).sum(axis=1)).ravel()
    # The mean over all others needs no pair of users: cosines add up, and so do unit rows.
    everybody = np.asarray(chose @ np.asarray(said.sum(axis=0)).ravel()).ravel()
    return users.with_columns(own=pl.Series(own), strangers=pl.Series((everybody - own) / (users.height - 1)))


def _unit_rows(side: pl.DataFrame, users: pl.DataFrame, labels: pl.DataFrame) -> sparse.csr_matrix:
    placed = side.join(users.with_row_index("row"), on="user_id").join(labels.with_row_index("column"), on="label")
    cells = (placed["weight"].to_numpy(), (placed["row"].to_numpy(), placed["column"].to_numpy()))
    table = sparse.csr_matrix(cells, shape=(users.height, labels.height))
    lengths = np.sqrt(np.asarray(table.multiply(table).sum(axis=1)).ravel())
    return sparse.diags(1 / lengths) @ table
