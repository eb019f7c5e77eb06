"""The length of an item is joined once, and never makes rows."""

from __future__ import annotations

import polars as pl

from avrec_lib.data.durations import item_durations, with_durations

ITEMS = pl.DataFrame(
    {"item_id": ["a", "a", "b", "c", "d"], "duration_seconds": [10.0, 99.0, 0.0, None, float("nan")]},
)


def test_a_length_is_known_when_it_is_a_number_above_0_and_of_two_rows_the_first_counts():
    assert item_durations(ITEMS).rows() == [("a", 10.0)]
    assert item_durations(ITEMS.lazy()).collect().rows() == [("a", 10.0)]


def test_events_keep_their_number_and_order_beside_the_length_of_their_item():
    events = pl.DataFrame({"item_id": ["d", "a", "z", "a"], "duration_seconds": [1.0] * 4})
    assert with_durations(events, ITEMS).rows() == [("d", None), ("a", 10.0), ("z", None), ("a", 10.0)]
