from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_logs import log

from avrec_lib.data.k_core import k_core
from avrec_lib.errors import DataError, UsageError


def core_in_plain_python(rows: list[tuple[str, str, int]], k: int) -> list[tuple[str, str, int]]:
    while True:
        kept = [
            row
            for row in rows
            if sum(row[0] == other[0] for other in rows) >= k and sum(row[1] == other[1] for other in rows) >= k
        ]
        if kept == rows:
            return rows
        rows = kept


@settings(max_examples=100)
@given(
    st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("uvwxyz"), st.just(0)), min_size=1, max_size=40),
    st.integers(0, 5),
)
def test_the_core_is_its_twin_in_plain_python(rows: list[tuple[str, str, int]], k: int) -> None:
    expected = core_in_plain_python(rows, k)
    if expected:
        assert k_core(log(rows).events.collect(), k).select("user_id", "item_id").rows() == [r[:2] for r in expected]
        return
    largest = max(smaller for smaller in range(k) if core_in_plain_python(rows, smaller))
    with pytest.raises(DataError, match=f"largest k_core of this log is {largest}"):
        k_core(log(rows).events.collect(), k)


def test_one_that_falls_out_takes_others_along() -> None:
    """c has two choices, but y stands only there once b is gone: the 2-core is the square a, d on w, x."""
    square = [(user, item, 0) for user in "ad" for item in "wx"]
    kept = k_core(log([*square, ("b", "y", 0), ("c", "y", 0), ("c", "w", 0)]).events.collect(), 2)
    assert kept.select("user_id", "item_id").rows() == [row[:2] for row in square]


def test_what_is_no_choice_does_not_count_but_stays_with_its_user_and_item() -> None:
    square = [(user, item, 0) for user in "ad" for item in "wx"]
    rows = [*square, ("a", "w", 1), ("a", "z", 1), ("b", "w", 1), ("b", "w", 2)]
    events = log(rows, [*["play"] * 4, "skip", "skip", "skip", "skip"]).events.collect()
    assert k_core(events, 2).select("user_id", "item_id").rows() == [*(row[:2] for row in square), ("a", "w")]


def test_low_values_do_not_count_and_searches_stay_with_their_user() -> None:
    rows = [(user, item, 0) for user in "ab" for item in "wx"]
    rated = log(rows, "rating", value=[5.0, 5.0, 5.0, 1.0]).events.collect()
    with pytest.raises(DataError, match="largest k_core of this log is 1"):
        k_core(rated, 2, min_value=3)
    search = rated.head(1).with_columns(item_id=pl.lit(None, pl.String), query=pl.lit("jazz"))
    assert k_core(pl.concat([rated, search]), 2).height == 5


def test_a_negative_k_and_an_empty_log_are_said_as_they_are() -> None:
    with pytest.raises(UsageError, match="0 or more"):
        k_core(log([("a", "x", 0)]).events.collect(), -1)
    with pytest.raises(DataError, match="largest k_core of this log is 0"):
        k_core(log([("a", "x", 0)], "skip").events.collect(), 1)
