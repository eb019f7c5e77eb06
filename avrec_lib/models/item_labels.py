"""The labels of the items of a training log as a sparse table, for the models that rank by them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from scipy import sparse

from avrec_lib.content.labels import attribute_labels
from avrec_lib.errors import DataError, UsageError
from avrec_lib.models.interactions import Interactions

SHARED = ("creator_id", "category", "tags")


def known_items(interactions: Interactions, model: str) -> pl.DataFrame:
    """The table of items that `model` was given; DataError without one."""
    if interactions.items is None or "item_id" not in interactions.items.columns:
        raise DataError(
            "{model} ranks items by what is known of them, but fit was given no table of items.",
            hint="Call fit(train, items=items), with schema.Items.", model=model,
        )  # fmt: skip
    return interactions.items


def label_table(interactions: Interactions, attributes: Sequence[str]) -> tuple[sparse.csr_matrix, np.ndarray]:
    """Items × labels float32, 1 where the item has the label, and the place in `attributes` of each label's attribute.

    Labels are those of `content.labels`, by attribute and then by name; none without a table of items.
    """
    items = interactions.items
    if items is None or "item_id" not in items.columns:
        items = pl.DataFrame(schema={"item_id": pl.String})
    placed = attribute_labels(items, attributes).join(interactions.item_rows, on="item_id")
    place = pl.col("attribute").replace_strict(
        {name: place for place, name in enumerate(attributes)}, return_dtype=pl.Int32
    )
    columns = placed.select(place=place, label="label").unique().sort("place", "label").with_row_index("column")
    cells = placed.select("item_row", "label", place=place).join(columns, on=["place", "label"])
    rows, codes = cells["item_row"].to_numpy().astype(np.int32), cells["column"].to_numpy().astype(np.int32)
    shape = (len(interactions.item_ids), columns.height)
    table = sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, codes)), shape=shape)
    return table, columns["place"].to_numpy()


def item_labels(
    interactions: Interactions, attributes: Sequence[str], model: str
) -> tuple[sparse.csr_matrix, np.ndarray]:
    """`label_table` for a model that needs it: DataError without a table of items, and when no item has a label."""
    known_items(interactions, model)
    table, places = label_table(interactions, attributes)
    if not len(places):
        raise DataError(
            "No item has a label in any of {attributes}.", hint="Name columns that the table of items fills.",
            attributes=", ".join(attributes),
        )  # fmt: skip
    return table, places


def shared_labels(interactions: Interactions, attributes: Sequence[str] = SHARED) -> sparse.csr_matrix:
    """`label_table` turned, labels × items, of the labels that two items or more have.

    One that nobody shares says nothing of another item.
    """
    table, _ = label_table(interactions, attributes)
    return table[:, table.getnnz(axis=0) > 1].T.tocsr()


def check_attributes(attributes: Sequence[str]) -> tuple[str, ...]:
    """`attributes` as a tuple without repeats; UsageError for none, or for a bare string."""
    if isinstance(attributes, str) or not attributes:
        raise UsageError("attributes takes a list of columns, not {attributes}.", attributes=repr(attributes))
    return tuple(dict.fromkeys(attributes))
