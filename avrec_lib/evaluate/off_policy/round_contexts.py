"""What is known of a round before its action, and what actions have in common, as numbers for reward models."""

from __future__ import annotations

import numpy as np
import polars as pl

from avrec_lib.errors import DataError
from avrec_lib.schema import Users

FEW_VALUES = 12
"""Up to so many values a column of words becomes one column for each, else one of codes."""
SEGMENT_ROUNDS = 20
"""With so many rounds to a user_id on average it says something of what to expect: a segment, or a faithful user."""
MOST_TAGS = 6
ATTRIBUTES = [name for name in Users.column_names() if name not in ("user_id", "registered_at")]


def context_columns(table: pl.DataFrame) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """The columns of `table` as float64 (n, d) with their names; None when nothing in it varies.

    Numbers stay, times become seconds, words one column of 0 and 1 for each value (`gender=f`), or where there are more
    than FEW_VALUES one of codes, the most frequent first. NaN is unknown. Raises DataError for lists.
    """
    columns: list[np.ndarray] = []
    names: list[str] = []
    for values in table:
        for name, column in _numbers(values):
            known = column[~np.isnan(column)]
            if known.size and (known.min() < known.max() or known.size < column.size):
                columns.append(column)
                names.append(name)
    return (np.stack(columns, axis=1), tuple(names)) if columns else (None, ())


def codes(values: pl.Series) -> np.ndarray:
    """Words as int64, the most frequent 0 (of equal ones the first by name); -1 for null."""
    words = values.cast(pl.String)
    counted = words.drop_nulls().value_counts(name="times").sort(["times", words.name], descending=[True, False])
    order = counted[words.name].to_frame("word").with_row_index("code")
    found = words.to_frame("word").join(order, on="word", how="left", maintain_order="left")
    return found["code"].cast(pl.Int64).fill_null(-1).to_numpy()


def user_contexts(rounds: pl.DataFrame, users: pl.DataFrame) -> pl.DataFrame:
    """hour (UTC), platform, position, the attributes of the users, and where users have many rounds their id.

    `rounds` has a row for each round; what the log does not know is left out.
    """
    made = rounds.select(
        pl.col("timestamp").dt.hour().cast(pl.Float64).alias("hour"), "platform", pl.col("position").cast(pl.Float64)
    )
    if rounds.height >= SEGMENT_ROUNDS * max(1, rounds["user_id"].n_unique()):
        made = made.with_columns(rounds["user_id"])
    known = [name for name in ATTRIBUTES if name in users.columns and users[name].null_count() < users.height]
    attributes = rounds.select("user_id").join(
        users.select("user_id", *known), on="user_id", how="left", maintain_order="left"
    )  # fmt: skip
    made = made.hstack(attributes.select(pl.col(known).name.prefix("user_")) if known else [])
    return made.select(column for column in made if column.null_count() < made.height)


def action_codes(items: pl.DataFrame, action_ids: pl.Series) -> np.ndarray | None:
    """Codes (a, e) of the category, the creator and the tags of each action, -1 for unknown; None without any.

    Where all items have the same number of tags, each place is a feature; else the first tag is.
    """
    rows = action_ids.to_frame("item_id").join(items, on="item_id", how="left", maintain_order="left")
    named = [rows[name] for name in ("category", "creator_id") if name in rows.columns]
    if "tags" in rows.columns and rows["tags"].null_count() < rows.height:
        lengths = rows["tags"].list.len().drop_nulls()
        width = int(lengths.max()) if lengths.n_unique() == 1 else 1  # type: ignore[arg-type]
        tags = (rows["tags"].list.get(place, null_on_oob=True).alias(f"tag_{place}") for place in range(width))
        named += list(tags)[:MOST_TAGS]
    found = [codes(values) for values in named if values.null_count() < values.len()]
    return np.stack(found, axis=1) if found else None


def _numbers(values: pl.Series) -> list[tuple[str, np.ndarray]]:
    if values.dtype.is_nested():
        raise DataError("The column {column} holds lists.", hint="Expected numbers or words, one a round.",
                        column=repr(values.name))  # fmt: skip
    if values.dtype.is_temporal():
        values = values.cast(pl.Datetime("us")).dt.epoch("us") / 1e6
    if values.dtype.is_numeric() or values.dtype == pl.Boolean:
        return [(values.name, values.cast(pl.Float64).fill_null(np.nan).to_numpy())]
    words = values.cast(pl.String)
    distinct = words.drop_nulls().unique().sort()
    if distinct.len() > FEW_VALUES:
        found = codes(words).astype(np.float64)
        return [(values.name, np.where(found < 0, np.nan, found))]
    # Of two values one column says all.
    shown = distinct[1:] if distinct.len() == 2 and not words.null_count() else distinct
    return [
        (f"{values.name}={word}", (words == word).cast(pl.Float64).fill_null(np.nan).to_numpy()) for word in shown
    ]  # fmt: skip
