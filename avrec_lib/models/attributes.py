"""What items share: creators, categories, tags, and whatever else the table of items says in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from scipy import sparse

from avrec_lib.errors import unknown_name
from avrec_lib.models.interactions import Interactions
from avrec_lib.schema import Items

SHARED = ("creator_id", "category", "tags")


def attribute_matrix(interactions: Interactions, by: Sequence[str] = SHARED) -> sparse.csr_matrix:
    """Values × items float32, 1 where the item has the value: a row for each value of each column of `by`.

    A column holds one value an item, or a list of them. Only values that at least two items of the catalogue have are
    there: one that nobody shares says nothing of another item. No row without a table of items. Raises UsageError for
    a column that the table does not have and `schema.Items` does not know.
    """
    items = interactions.items
    if items is None or "item_id" not in items.columns:
        return sparse.csr_matrix((0, len(interactions.item_ids)), dtype=np.float32)
    known = {*items.columns, *Items.column_names()}
    parts = []
    for place, column in enumerate(by):
        if column not in known:
            raise unknown_name("column", column, known)
        if column not in items.columns:
            continue
        values = items.select("item_id", value=pl.col(column))
        if isinstance(values.schema["value"], pl.List):
            values = values.explode("value")
        values = values.with_columns(pl.col("value").cast(pl.String), place=pl.lit(place)).drop_nulls()
        parts.append(values.join(interactions.item_rows, on="item_id").unique())
    if not parts:
        return sparse.csr_matrix((0, len(interactions.item_ids)), dtype=np.float32)
    table = pl.concat(parts).filter(pl.len().over("place", "value") > 1)
    table = table.with_columns(code=pl.struct("place", "value").rank("dense") - 1).sort("code", "item_row")
    codes, rows = table.get_column("code").to_numpy(), table.get_column("item_row").to_numpy()
    shape = (table.get_column("code").n_unique(), len(interactions.item_ids))
    return sparse.csr_matrix((np.ones(len(codes), np.float32), (codes, rows.astype(np.int32))), shape=shape)
