from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from avrec_lib.errors import DataError
from avrec_lib.protocols import History, Query, queries_table
from avrec_lib.schema import Events, Queries, check_table, with_all_columns

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)


def events(hours: list[int], user: str = "a") -> pl.DataFrame:
    rows = {"user_id": [user] * len(hours), "item_id": [f"i{hour}" for hour in hours],
            "timestamp": [NOON.replace(hour=hour) for hour in hours], "event": ["play"] * len(hours)}  # fmt: skip
    return with_all_columns(pl.LazyFrame(rows), Events).cast(Events.create_empty().schema).collect()


def test_a_history_ends_strictly_before_its_cut() -> None:
    history = History.of(pl.concat([events([13, 9, 12, 11]), events([8], user="b")]), "a", NOON)
    assert history.events["item_id"].to_list() == ["i9", "i11"]


def test_a_history_cannot_be_built_with_an_event_at_its_cut() -> None:
    with pytest.raises(DataError, match="at or after the cut"):
        History("a", NOON, events([11, 12]))


def test_a_history_cannot_hold_another_users_events() -> None:
    with pytest.raises(DataError, match="another user"):
        History("a", NOON, events([9], user="b"))


def test_a_history_cannot_hold_an_event_without_a_time() -> None:
    with pytest.raises(DataError, match="without a time"):
        History("a", NOON, events([9]).with_columns(timestamp=pl.lit(None, dtype=pl.Datetime("us", "UTC"))))


def test_users_and_query_objects_become_the_same_table() -> None:
    table = queries_table(["a", Query("q1", "b", NOON, history=["x"])])
    assert table.select("query_id", "user_id").rows() == [("a", "a"), ("q1", "b")]
    assert check_table(table, Queries, "queries").equals(queries_table(table.drop("history").head(1)).vstack(table[1:]))


def test_two_queries_of_one_name_are_refused() -> None:
    with pytest.raises(DataError, match="queries"):
        queries_table(["a", "a"])
