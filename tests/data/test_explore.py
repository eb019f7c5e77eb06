from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from avrec_lib.data import explore

START = datetime(2024, 1, 1, tzinfo=UTC)  # a Monday


def log(rows: list[tuple[str, str, float]]) -> pl.LazyFrame:
    """Rows of user, item and hours since the start."""
    return pl.LazyFrame(
        {
            "user_id": [user for user, _, _ in rows],
            "item_id": [item for _, item, _ in rows],
            "timestamp": [START + timedelta(hours=hours) for _, _, hours in rows],
        },
        schema_overrides={"timestamp": pl.Datetime("us", "UTC")},
    )


@pytest.mark.parametrize(("days", "period"), [(1, "1h"), (90, "1d"), (700, "1w"), (5000, "1mo")])
def test_the_period_follows_the_span(days: int, period: str) -> None:
    assert explore.period_of(log([("a", "x", 0), ("a", "x", 24 * days)])) == period


def test_a_day_without_events_counts_zero() -> None:
    table = explore.events_over_time(log([("a", "x", 0), ("b", "x", 1), ("a", "y", 50)]), "1d")
    assert table.select("events", "users", "items").rows() == [(2, 2, 1), (0, 0, 0), (1, 1, 1)]


def test_the_week_has_168_hours() -> None:
    table = explore.week_pattern(log([("a", "x", 3), ("a", "x", 24 * 7 + 3)]))
    assert (table.height, table["events"].sum()) == (168, 2)
    assert table.filter(weekday=1, hour=3)["events"].item() == 2


def test_equal_counts_have_gini_zero_and_one_holder_of_all_nearly_one() -> None:
    assert explore.gini(pl.Series([5, 5, 5, 5])) == 0
    assert explore.gini(pl.Series([0, 0, 0, 8])) == pytest.approx(3 / 4)  # (n - 1) / n
    assert explore.gini(pl.Series([], dtype=pl.Int64)) is None


def test_gini_is_half_the_mean_difference_between_two_members_over_the_mean() -> None:
    counts = np.random.default_rng(0).integers(1, 100, 300)
    differences = np.abs(counts[:, None] - counts[None, :]).mean()
    assert explore.gini(pl.Series(counts)) == pytest.approx(differences / (2 * counts.mean()))


def test_the_top_tenth_takes_its_share() -> None:
    assert explore.top_share(pl.Series([91] + [1] * 9), 0.1) == 0.91


def test_watch_ratio_needs_both_times() -> None:
    events = pl.LazyFrame({"item_id": ["x", "y", "x"], "watch_seconds": [30.0, 5.0, None]})
    items = pl.LazyFrame({"item_id": ["x", "y"], "duration_seconds": [60.0, None]})
    assert explore.watch_ratio(events, items).to_list() == [0.5]


def test_newcomers_are_those_first_seen_in_the_period() -> None:
    table = explore.newcomers_over_time(log([("a", "x", 0), ("a", "x", 30), ("b", "x", 31), ("b", "y", 32)]), "1d")
    assert table.select("events", "of_new_users", "of_new_items").rows() == [(1, 1, 1), (3, 2 / 3, 1 / 3)]


def test_lift_is_one_where_two_items_meet_by_chance() -> None:
    rows = [("a", "x", 0.0), ("a", "y", 1), ("b", "x", 2), ("c", "y", 3), ("d", "z", 4), ("d", "z", 5)]
    table = explore.co_watch(log(rows), top=2)
    row = table.filter(item_a="x", item_b="y").row(0, named=True)
    # 4 users, x and y have 2 each and share 1: cosine 1 / sqrt(2·2), lift 1·4 / (2·2)
    assert (row["users"], row["cosine"], row["lift"]) == (1, 0.5, 1.0)
    assert explore.co_watch(log([("a", "x", 0)])).is_empty()
