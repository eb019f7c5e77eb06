"""Histories in order: every query sees its user strictly before its cut, as a loop over the rows would say it."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from avrec_lib.models.interactions import Interactions
from avrec_lib.models.promises import START
from avrec_lib.protocols import Query, queries_table
from avrec_lib.schema import TIME

MINUTES = st.one_of(st.none(), st.integers(0, 5))
EVENTS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("uvwxyz"), MINUTES), min_size=1, max_size=25)
QUERIES = st.lists(
    st.tuples(st.sampled_from("abcd"), MINUTES, st.one_of(st.none(), st.lists(st.sampled_from("uvX"), max_size=4))),
    min_size=1, max_size=6,
)  # fmt: skip


def moment(minute: int | None):
    return None if minute is None else START + timedelta(minutes=minute)


def log_of(events: list[tuple[str, str, int | None]]) -> pl.DataFrame:
    rows = [(user, item, moment(minute)) for user, item, minute in events]
    return pl.DataFrame(rows, {"user_id": pl.String, "item_id": pl.String, "timestamp": TIME}, orient="row")


def one_by_one(events, user: str, minute: int | None, told: list[str] | None) -> list[str]:
    """The history of one query, by reading every row."""
    known = {item for _, item, _ in events}
    if told is not None:
        return [item for item in told if item in known]
    own = [(at, place, item) for place, (who, item, at) in enumerate(events) if who == user]
    if minute is not None:
        own = [row for row in own if row[0] is not None and row[0] < minute]
    return [item for *_, item in sorted(own, key=lambda row: (-1 if row[0] is None else row[0], row[1]))]


@given(EVENTS, QUERIES)
def test_a_query_sees_its_user_in_order_and_strictly_before_its_cut(events, queries) -> None:
    log = Interactions.of(log_of(events))
    if not log.is_timed:
        queries = [(user, None, told) for user, _, told in queries]
    asked = [
        Query(str(place), user, moment(minute), told) for place, (user, minute, told) in enumerate(queries)
    ]  # fmt: skip
    histories = log.histories(queries_table(asked))
    for place, query in enumerate(queries):
        rows = histories.items[histories.starts[place] : histories.starts[place + 1]]
        assert log.item_ids[rows].tolist() == one_by_one(events, *query)


@given(EVENTS)
def test_the_matrix_holds_the_weight_of_the_latest_event_of_an_item(events) -> None:
    log = Interactions.of(log_of([(user, item, 0) for user, item, _ in events]))
    histories = log.histories(queries_table(["a", "b"]))
    recent = histories.recent(0.5).toarray()
    for row, user in enumerate("ab"):
        past = [item for who, item, _ in events if who == user][::-1]
        expected = [0.5 ** past.index(item) if item in past else 0.0 for item in log.item_ids]
        np.testing.assert_allclose(recent[row], expected)
    np.testing.assert_array_equal(histories.matrix().toarray(), recent > 0)


def test_the_latest_events_are_the_end_of_each_history() -> None:
    log = Interactions.of(log_of([("a", item, place) for place, item in enumerate("uvwx")] + [("b", "u", 1)]))
    latest = log.histories(queries_table(["a", "b"])).latest(2)
    assert log.item_ids[latest.items].tolist() == ["w", "x", "u"]
    assert latest.starts.tolist() == [0, 2, 3]
    assert latest.ages.tolist() == [1, 0, 0]


def test_days_are_counted_to_the_cut() -> None:
    log = Interactions.of(log_of([("a", "u", 0), ("a", "v", None)]))
    with_cut = log.histories(queries_table([Query("q", "a", START + timedelta(days=2))]))
    assert with_cut.days().tolist() == [2.0]
    assert log.histories(queries_table(["a"])).days(otherwise=-1).tolist() == [-1.0, -1.0]
