from __future__ import annotations

import math

import polars as pl
import pytest
from feature_logs import asks, day, events_of

from avrec_lib.errors import DataError
from avrec_lib.features import as_of

LOG = events_of([("u", "b", 2), ("u", "a", 1), ("v", "a", 0), ("u", "c", 3), ("u", "d", None)])


def known(*queries, log=LOG, **options) -> list[tuple]:
    return as_of(log, list(queries), **options).select("query_id", "item_id", "age_days").rows()


def test_only_what_happened_strictly_before_the_cut_is_known_oldest_first():
    assert known(asks("u", 3)) == [("u", "a", 2.0), ("u", "b", 1.0)]


def test_one_user_may_ask_at_several_moments():
    assert known(asks("u", 2, name="late"), asks("v", 1), asks("u", 1.5, name="early")) == [
        ("late", "a", 1.0), ("v", "a", 1.0), ("early", "a", 0.5),
    ]  # fmt: skip


def test_without_a_cut_all_is_known_and_ages_run_to_the_end_of_the_log():
    rows = known(asks("v"), asks("u"))
    assert rows[0] == ("v", "a", 3.0)
    assert sorted(rows[1:], key=str) == [("u", "a", 2.0), ("u", "b", 1.0), ("u", "c", 0.0), ("u", "d", None)]


def test_a_log_without_times_keeps_its_order():
    log = events_of([("u", "c", None), ("u", "a", None), ("u", "c", None)])
    assert known(asks("u"), log=log) == [("u", "c", None), ("u", "a", None), ("u", "c", None)]


def test_a_history_that_is_told_replaces_the_log():
    told = as_of(LOG, [asks("u", 3, ["c", "new", "a"]), asks("v", 3, [])])
    assert told["item_id"].to_list() == ["c", "new", "a"]
    assert told.drop("query_id", "user_id", "item_id").null_count().row(0) == (3,) * (told.width - 3)


def test_told_items_have_the_times_of_the_log_where_these_are_before_the_cut():
    log = events_of([("u", "a", 1), ("u", "b", 2), ("u", "a", 2.5), ("u", "c", 3), ("v", "new", 0)])
    queries = asks("u", 3, ["a", "b", "a", "c", "new", "a"])
    assert known(queries, log=log, times_of_told=True) == [
        ("u", "a", 2.0), ("u", "b", 1.0), ("u", "a", 0.5), ("u", "c", None), ("u", "new", None), ("u", "a", None),
    ]  # fmt: skip


def test_who_is_unknown_has_no_row():
    assert known(asks("nobody", 9), asks("v", 0)) == []
    empty = as_of(LOG.clear(), [asks("u", 1)])
    assert empty.is_empty() and empty.columns == as_of(LOG, [asks("u", 1)]).columns


def test_ids_alone_are_enough_and_nan_is_null():
    bare = pl.DataFrame({"user_id": ["u"], "item_id": ["a"]})
    assert known(asks("u"), log=bare.lazy()) == [("u", "a", None)]
    rated = as_of(events_of([("u", "a", 0)], value=math.nan), [asks("u", 1)])
    assert rated["value"].to_list() == [None]


def test_a_cut_needs_times_and_ids_are_strings():
    with pytest.raises(DataError, match="no times to cut"):
        known(asks("u", 1), log=events_of([("u", "a", None)]))
    with pytest.raises(DataError, match="ids are strings"):
        known(asks("u"), log=pl.DataFrame({"user_id": [1], "item_id": ["a"]}))
    with pytest.raises(DataError, match="no column item_id"):
        known(asks("u"), log=pl.DataFrame({"user_id": ["u"]}))


def test_a_time_in_another_unit_is_the_same_time():
    log = LOG.drop_nulls("timestamp").with_columns(pl.col("timestamp").dt.cast_time_unit("ms"))
    assert known(asks("u", 3), log=log) == known(asks("u", 3))
    assert as_of(log, [asks("u", 3)])["timestamp"].to_list() == [day(1), day(2)]
