"""Items by their labels: tags, category, creator, decade and language in one table."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from avrec_lib.errors import unknown_name
from avrec_lib.schema import Items, require_columns

ATTRIBUTES = ("tags", "category", "creator_id", "decade", "language")
DECADE = "decade"
LABELS = {"item_id": pl.String, "attribute": pl.String, "label": pl.String}


def attribute_labels(items: pl.DataFrame, attributes: Sequence[str] = ATTRIBUTES) -> pl.DataFrame:
    """Columns item_id, attribute, label: the distinct labels of each item in each of `attributes`.

    An attribute is a column of `items` with one label an item or a list of them, or `decade`: that of published_at, as
    in 1990. Empty labels are left out, and so are attributes of `schema.Items` that the table lacks. Raises UsageError
    for any other attribute.
    """
    require_columns(["item_id"], items.columns, Items, "items")
    known = dict.fromkeys([*items.columns, *Items.column_names(), DECADE])
    parts = [pl.DataFrame(schema=LABELS)]
    for attribute in attributes:
        if attribute not in known:
            raise unknown_name("attribute", attribute, known)
        column = "published_at" if attribute == DECADE and DECADE not in items.columns else attribute
        if column not in items.columns:
            continue
        label = pl.col(column) if column == attribute else pl.col(column).dt.year() // 10 * 10
        told = items.select("item_id", attribute=pl.lit(attribute), label=label)
        if isinstance(told.schema["label"], pl.List | pl.Array):
            told = told.explode("label")
        parts.append(told.cast(LABELS))  # type: ignore[arg-type]
    filled = pl.concat(parts).drop_nulls().filter(pl.col("label").str.strip_chars() != "")
    return filled.unique(maintain_order=True)
