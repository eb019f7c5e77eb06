"""How long items are, joined the same way wherever seconds are held against a length."""

from __future__ import annotations

from typing import TypeVar

import polars as pl

Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame)


def item_durations(items: Frame) -> Frame:
    """Columns item_id, duration_seconds: one row an item whose length is known and above 0; of several the first."""
    seconds = pl.col("duration_seconds")
    known = items.filter((seconds > 0) & seconds.is_finite()).select("item_id", "duration_seconds")
    return known.unique("item_id", keep="first", maintain_order=True)  # a second row of an item must not make rows


def with_durations(events: Frame, items: Frame) -> Frame:
    """`events` in their order with the column duration_seconds of their items; null where `item_durations` has none."""
    without = events.drop("duration_seconds", strict=False)
    return without.join(item_durations(items), on="item_id", how="left", maintain_order="left")
