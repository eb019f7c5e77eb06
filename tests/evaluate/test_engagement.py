"""Engagement of users, counted by hand on a log of four days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from avrec_lib.errors import DataError, UsageError
from avrec_lib.evaluate.engagement import METRICS, engagement_values
from avrec_lib.schema import TIME, Events, with_all_columns

START = datetime(2024, 5, 1, 12, tzinfo=UTC)


def log(*rows: tuple[str, float, str], **columns: list) -> pl.DataFrame:
    """Rows (user, minutes after the start, event) and further columns."""
    table = pl.DataFrame(
        {
            "user_id": [user for user, _, _ in rows],
            "item_id": ["x"] * len(rows),
            "timestamp": [START + timedelta(minutes=minutes) for _, minutes, _ in rows],
            "event": [event for _, _, event in rows],
            **columns,
        },
        schema_overrides={"timestamp": TIME},
    )
    return with_all_columns(table.lazy(), Events).collect()


def of(values: pl.DataFrame, metric: str) -> dict[str, float | None]:
    return dict(values.filter(metric=metric).select("user_id", "value").rows())


def test_sessions_and_the_time_spent_in_them_are_counted_by_user():
    events = log(("a", 0, "play"), ("a", 30, "play"), ("a", 61, "play"), ("b", 0, "play"))
    values = engagement_values(events, model="log")
    assert of(values, "sessions") == {"a": 2, "b": 1}
    assert of(values, "stay_time") == {"a": 1800, "b": 0}
    assert of(engagement_values(events, pause_minutes=40, model="log"), "sessions") == {"a": 1, "b": 1}


def test_sessions_that_the_log_names_are_believed():
    events = log(("a", 0, "play"), ("a", 1, "play"), ("a", 90, "play"), session_id=["s", "t", "t"])
    assert of(engagement_values(events, model="log"), "sessions") == {"a": 2}


def test_watch_time_is_the_stay_where_the_log_has_it():
    events = log(("a", 0, "play"), ("a", 1, "play"), watch_seconds=[20.0, 5.0])
    assert of(engagement_values(events, model="log"), "stay_time") == {"a": 25}


def test_shown_and_skipped_is_no_interaction():
    events = log(("a", 0, "impression"), ("a", 1, "skip"), ("a", 2, "play"), ("a", 3, "like"))
    values = engagement_values(events, model="log")
    assert of(values, "interactions") == {"a": 2}
    assert of(values, "satisfaction") == {"a": 1 / 2}


def test_who_gave_no_opinion_has_no_satisfaction():
    assert of(engagement_values(log(("a", 0, "play")), model="log"), "satisfaction") == {"a": None}


def test_a_return_that_could_not_be_seen_yet_is_unknown():
    day = 24 * 60
    events = log(("back", 0, "play"), ("back", day, "play"), ("gone", 0, "play"), ("gone", 10, "play"),
                 ("late", 1.5 * day, "play"), ("late", 2 * day, "play"))  # fmt: skip
    values = engagement_values(events, return_days=(1, 1), model="log")
    assert of(values, "retention") == {"back": 1, "gone": 0, "late": None}


def test_a_log_without_times_keeps_what_needs_none():
    events = log(("a", 0, "like")).with_columns(timestamp=pl.lit(None, dtype=TIME))
    with pytest.raises(DataError, match="no time"):
        engagement_values(events, model="log")
    values = engagement_values(events, metrics=["interactions", "satisfaction"], model="log")
    assert values["value"].to_list() == [1, 1]


def test_an_unknown_metric_is_refused_with_the_nearest():
    with pytest.raises(UsageError, match="retention"):
        engagement_values(log(("a", 0, "play")), metrics=["retentoin"], model="log")


def test_no_event_gives_no_value():
    assert engagement_values(log(("a", 0, "play")).clear(), model="log").is_empty()
    assert set(METRICS) == {"stay_time", "interactions", "sessions", "retention", "satisfaction"}
