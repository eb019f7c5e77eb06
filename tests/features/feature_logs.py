"""A few rows of events and items whose features can be worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from avrec_lib.protocols import Query
from avrec_lib.schema import Events, Items, with_all_columns

START = datetime(2024, 1, 1, tzinfo=UTC)  # a Monday


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def events_of(rows: Sequence[tuple[str, str | None, float | None]], **more: Any) -> pl.DataFrame:
    """Rows of user, item and day (None: no time); further columns one value for all or a list; plays unless said."""
    columns = {
        "user_id": [user for user, _, _ in rows],
        "item_id": [item for _, item, _ in rows],
        "timestamp": [None if when is None else day(when) for _, _, when in rows],
    } | {name: values if isinstance(values, list) else [values] * len(rows) for name, values in more.items()}
    columns.setdefault("event", ["play"] * len(rows))
    types = {name: kind for name, kind in Events.create_empty().schema.items() if name in columns}
    return with_all_columns(pl.DataFrame(columns, schema_overrides=types).lazy(), Events).collect()


def items_of(**columns: Any) -> pl.DataFrame:
    types = {name: kind for name, kind in Items.create_empty().schema.items() if name in columns}
    return with_all_columns(pl.DataFrame(columns, schema_overrides=types).lazy(), Items).collect()


def asks(user: str, cut: float | None = None, history: Sequence[str] | None = None, name: str = "") -> Query:
    return Query(name or user, user, None if cut is None else day(cut), history)


ITEMS = items_of(
    item_id=["a", "b", "c", "d"],
    tags=[["x", "y"], ["x", "x", None], ["z"], None],
    category=["x", "x", "z", None],
    creator_id=["anna", "anna", "bert", None],
    published_at=[day(-10), day(-1), None, day(-100)],
)
