from __future__ import annotations

import pytest
from feature_logs import ITEMS, day, events_of, items_of

from avrec_lib.errors import DataError, UsageError
from avrec_lib.features import item_features, one_hot

LOG = events_of(
    [("u", "a", 0), ("u", "a", 8), ("v", "a", 9), ("v", "b", 1), ("v", "c", 9), ("w", "late", 20)],
    event=["rating", "rating", "rating", "rating", "skip", "rating"], value=[2.0, 4.0, float("nan"), 5.0, None, 1.0],
)  # fmt: skip


def rows(table, *columns: str) -> dict[str, tuple]:
    return {row[0]: row[1:] for row in table.select("item_id", *columns).rows()}


def test_items_as_of_a_cut():
    found = item_features(LOG, ITEMS, day(10), recent_days=7)
    assert rows(found, "events", "users", "recent_events") == {
        "a": (3, 2, 2), "b": (1, 1, 0), "c": (0, 0, 0), "d": (0, 0, 0),
    }  # fmt: skip
    assert rows(found, "days_since_first", "days_since_last", "age_days") == {
        "a": (10, 1, 20), "b": (9, 9, 11), "c": (None, None, None), "d": (None, None, 110),
    }  # fmt: skip
    assert rows(found, "mean_value") == {"a": (3.0,), "b": (5.0,), "c": (None,), "d": (None,)}
    # c and d share the ranks 1 and 2, b has rank 3, a rank 4: (rank − ½) / 4.
    assert rows(found, "popularity_percentile") == {"a": (0.875,), "b": (0.625,), "c": (0.25,), "d": (0.25,)}


def test_without_a_cut_days_run_to_the_end_of_the_log():
    found = item_features(LOG)
    assert rows(found, "days_since_last")["a"] == (11,) and rows(found, "days_since_last")["late"] == (0,)
    assert found["age_days"].null_count() == found.height


def test_a_log_without_times_has_counts_only():
    found = item_features(events_of([("u", "a", None), ("u", "a", None)]), ITEMS)
    assert rows(found, "events", "users", "recent_events", "days_since_last")["a"] == (2, 1, None, None)
    with pytest.raises(DataError, match="no times to cut"):
        item_features(events_of([("u", "a", None)]), ITEMS, day(1))


def test_a_low_value_is_no_choice_but_counts_in_the_mean():
    found = item_features(LOG, None, day(10), min_value=3)
    assert rows(found, "events", "mean_value")["a"] == (2, 3.0)  # 4, and the one without a value


def test_nothing_known_is_an_empty_catalogue():
    assert item_features(LOG.clear()).is_empty()
    assert item_features(LOG.clear(), ITEMS)["events"].to_list() == [0] * 4


def test_a_window_has_a_length():
    with pytest.raises(UsageError, match="recent_days must be above 0"):
        item_features(LOG, recent_days=0)


def test_tags_as_columns():
    assert one_hot(ITEMS).rows() == [("a", 1, 1, 0), ("b", 1, 0, 0), ("c", 0, 0, 1), ("d", None, None, None)]
    assert one_hot(ITEMS, "creator", ["bert", "nobody"]).columns == ["item_id", "bert", "nobody"]
    with pytest.raises(UsageError, match="kind of interest"):
        one_hot(ITEMS, "tags")
    assert one_hot(items_of(item_id=["a"])).rows() == [("a",)]
