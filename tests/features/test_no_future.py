"""Nothing at or after a query's cut may change a feature of it, whatever is added or changed there."""

from __future__ import annotations

import polars as pl
import pytest
from feature_logs import ITEMS, asks, day, events_of
from hypothesis import given, settings
from hypothesis import strategies as st

from avrec_lib.features import affinity, item_features, numbers, profile
from avrec_lib.features.profiles import Profile

EVENT = st.tuples(
    st.sampled_from("uvw"), st.sampled_from(["a", "b", "c", "d", "new"]), st.integers(0, 8),
    st.sampled_from(["play", "rating", "like", "dislike", "skip", "share", "search", "impression"]),
    st.sampled_from([None, 1.0, 5.0]), st.sampled_from([None, "tv", "web"]), st.sampled_from([None, "jazz", "rock"]),
)  # fmt: skip
ROWS = st.lists(EVENT, max_size=25)
CUTS = {"u": 3, "v": 5, "w": 4}
HISTORY = st.none() | st.lists(st.sampled_from(["a", "b", "c", "new"]), max_size=3)
LABELS = {"tag": ["x", "y", "z"], "platform": ["tv", "web"]}


def log_of(rows: list[tuple]) -> pl.DataFrame:
    extra = {
        name: [row[place] for row in rows] for place, name in enumerate(["event", "value", "platform", "query"], 3)
    }
    return events_of([row[:3] for row in rows], **extra)


def features_of(rows: list[tuple], popularity: pl.DataFrame, history: list[str] | None, query: str) -> list[list]:
    queries = [asks(user, cut, history if user == "w" else None) for user, cut in CUTS.items()]
    found: Profile = profile(log_of(rows), queries, ITEMS, popularity, times_of_told=True)
    pairs = pl.DataFrame({"query_id": [query] * 5, "item_id": ["a", "b", "c", "d", "new"]})
    tables = [found.interests, found.shares, found.habits, numbers(found, LABELS)]
    return [table.filter(pl.col("query_id") == query).rows() for table in tables] + [
        affinity(found, ITEMS, pairs, popularity).rows()
    ]


def later_events_change_nothing(past, future, other, history, query: str) -> None:
    cut = CUTS[query]
    before = [row for row in past if row[2] < cut]
    popularity = item_features(log_of(before), ITEMS)
    alone = features_of(before, popularity, history, query)
    for coming in (future, other):
        after = [(*row[:2], max(row[2], cut), *row[3:]) for row in coming]
        assert features_of([*after, *before], popularity, history, query) == alone


ANYTHING = {
    "past": ROWS, "future": ROWS, "other": ROWS, "history": HISTORY, "query": st.sampled_from("uvw")
}  # fmt: skip


@settings(max_examples=3)
@given(**ANYTHING)
def test_no_event_at_or_after_the_cut_changes_a_feature(past, future, other, history, query: str):
    later_events_change_nothing(past, future, other, history, query)


@pytest.mark.slow
@settings(max_examples=60)
@given(**ANYTHING)
def test_nor_does_it_in_many_more_logs(past, future, other, history, query: str):
    later_events_change_nothing(past, future, other, history, query)


@settings(max_examples=25)
@given(past=ROWS, future=ROWS, cut=st.integers(1, 8))
def test_no_event_at_or_after_the_cut_changes_a_feature_of_an_item(past, future, cut: int):
    before = [row for row in past if row[2] < cut]
    after = [(*row[:2], max(row[2], cut), *row[3:]) for row in future]
    alone, crowded = (item_features(log_of(rows), ITEMS, day(cut)) for rows in (before, [*after, *before]))
    timed = pl.exclude("recent_events")  # without a single event nobody knows whether there would be times
    assert crowded.select(timed).equals(alone.select(timed))
    assert not before or crowded.equals(alone)
