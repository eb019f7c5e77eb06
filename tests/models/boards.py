"""A checkerboard whose items are known by their parity, for the models that rank by what is known of items."""

from __future__ import annotations

from typing import Any

import polars as pl

from avrec_lib.models.matrix_recommender import MatrixRecommender


def parity(train: pl.DataFrame) -> pl.DataFrame:
    """The table of the items of a checkerboard: the tag says which half of the board an item is of."""
    named = train.select(pl.col("item_id").cast(pl.String).unique()).filter(pl.col("item_id").str.contains(r"^i\d+$"))
    is_even = pl.col("item_id").str.slice(1).cast(pl.Int64) % 2 == 0
    word = pl.when(is_even).then(pl.lit("even")).otherwise(pl.lit("odd"))
    return named.select("item_id", title=pl.format("{} number", word), tags=pl.concat_list(word))


def knowing_parity(model: MatrixRecommender) -> MatrixRecommender:
    """`model`, to whose `fit` the table of the board's items is given where none is."""

    def fit(train: pl.DataFrame, items: pl.DataFrame | None = None, users: Any = None) -> MatrixRecommender:
        return type(model).fit(model, train, parity(train) if items is None else items, users)

    model.fit = fit  # type: ignore[method-assign]
    return model
