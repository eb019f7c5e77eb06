from __future__ import annotations

from small_logs import at, log, untimed

from avrec_lib.data.sessions import sessions_of


def test_a_session_ends_after_a_long_silence() -> None:
    table = sessions_of(log([("a", "x", 0), ("a", "y", 30), ("a", "z", 61), ("b", "x", 6)]).events)
    assert table.select("user_id", "start", "seconds", "events").rows() == [
        ("a", at(0), 1800.0, 2), ("a", at(61), 0.0, 1), ("b", at(6), 0.0, 1),
    ]  # fmt: skip


def test_sessions_that_the_log_names_are_believed() -> None:
    events = log([("a", "x", 0), ("a", "y", 1), ("a", "z", 90)], session_id=["s", "t", "t"]).events
    assert sessions_of(events)["events"].to_list() == [1, 2]


def test_events_without_a_time_belong_to_no_session() -> None:
    assert sessions_of(untimed([("a", "x"), ("a", "y")]).events).is_empty()
