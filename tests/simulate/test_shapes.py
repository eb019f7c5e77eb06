from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from avrec_lib.errors import UsageError
from avrec_lib.schema import Events
from avrec_lib.simulate import LOGGING, beside, make_world, run, shapes_of
from avrec_lib.simulate.real_shapes import measured_shapes
from avrec_lib.simulate.shapes import SHAPES, gini, top_share

NOON = datetime(2025, 1, 6, 12, tzinfo=UTC)


def log(rows: list[tuple[str, str, str, float]], **columns: list[object]) -> pl.DataFrame:
    """Rows of (user, item, event, hours after noon)."""
    users, items, kinds, hours = zip(*rows, strict=True)
    table = pl.DataFrame({"user_id": users, "item_id": items, "event": kinds} | columns).with_columns(
        timestamp=pl.Series([NOON + timedelta(hours=hour) for hour in hours])
    )
    return table.cast({"event": Events.create_empty().schema["event"]})


def value(table: pl.DataFrame, shape: str) -> float | None:
    return table.filter(shape=shape)["value"].item()


def test_the_gini_coefficient_is_its_definition_over_all_pairs() -> None:
    amounts = np.array([3.0, 1.0, 4.0, 1.0, 5.0])
    pairs = np.abs(amounts[:, None] - amounts[None, :]).sum() / (2 * len(amounts) ** 2 * amounts.mean())
    assert gini(amounts) == pytest.approx(pairs)
    assert gini(np.zeros(3)) is None


def test_the_top_tenth_is_at_least_one() -> None:
    assert top_share(np.array([6.0, 3.0, 1.0])) == pytest.approx(0.6)
    assert top_share(np.arange(1.0, 21.0)) == pytest.approx((19 + 20) / 210)


def test_sessions_gaps_and_days_of_use() -> None:
    rows = [("a", "x", "play", 0), ("a", "y", "play", 0.1), ("a", "x", "play", 24), ("b", "x", "play", 48)]
    found = shapes_of(log(rows))
    assert value(found, "session_choices_mean") == pytest.approx(4 / 3)
    assert value(found, "gap_days_median") == pytest.approx(1.0)
    assert value(found, "next_day_share") == pytest.approx(1 / 2)  # a's two days, the last day left out
    assert value(found, "active_days_mean") == pytest.approx((2 / 3 + 1 / 3) / 2)
    assert value(found, "repeat_share") == pytest.approx(1 / 4)
    assert value(found, "click_rate") is None and value(found, "length_median") is None


def test_a_click_its_play_and_a_like_are_one_choice() -> None:
    rows = [("a", "x", "click", 0), ("a", "x", "play", 0.01), ("a", "x", "like", 0.1), ("b", "y", "click", 0)]
    found = shapes_of(log(rows, request_id=["1", "1", "1", "2"]))
    assert value(found, "gini_users") == 0.0 and value(found, "repeat_share") == 0.0


def test_places_are_held_against_the_first() -> None:
    rows = [("a", "x", "impression", 0), ("a", "y", "impression", 0)] * 4
    rows += [("a", "x", "click", 1)] * 2 + [("a", "y", "click", 1)]
    found = shapes_of(log(rows, position=[0, 1] * 4 + [0, 0, 1]))
    assert value(found, "click_rate") == pytest.approx(3 / 8)
    assert value(found, "second_place") == pytest.approx((1 / 4) / (2 / 4))
    assert value(found, "fifth_place") is None


def test_play_counts_weigh_when_asked() -> None:
    table = log([("a", "x", "play", 0), ("b", "y", "play", 0)], value=[3.0, 1.0])
    assert value(shapes_of(table), "gini_items") == 0.0
    assert value(shapes_of(table, weighted=True), "gini_items") == pytest.approx((-1 * 1 + 1 * 3) / (2 * 4))


def test_a_log_without_times_or_rows_has_the_shapes_it_can_have() -> None:
    untimed = log([("a", "x", "play", 0)]).drop("timestamp")
    found = shapes_of(untimed)
    assert value(found, "gini_items") == 0.0 and value(found, "gap_days_median") is None
    assert shapes_of(untimed.clear())["value"].null_count() == len(SHAPES)


@pytest.mark.parametrize("kind", ["video", "music"])
def test_the_default_worlds_have_plausible_shapes(kind: str) -> None:
    result = run(make_world(kind), LOGGING, users=400, days=20)
    found = shapes_of(result.events(), result.items())
    assert found["value"].null_count() == 0
    between = {
        "gini_items": (0.55, 0.95), "gini_users": (0.4, 0.7), "session_choices_mean": (2, 20),
        "gap_days_median": (0.5, 4), "next_day_share": (0.2, 0.7), "second_place": (0.5, 0.8),
        "repeat_share": (0.5, 0.95) if kind == "music" else (0, 0.2),
    }  # fmt: skip
    for shape, (low, high) in between.items():
        assert low < value(found, shape) < high, shape


def test_two_logs_stand_beside_each_other_where_both_can_speak() -> None:
    one = shapes_of(log([("a", "x", "play", 0), ("a", "y", "play", 0.1), ("b", "y", "play", 0.1)]))
    both = beside(one, shapes_of(log([("a", "x", "play", 0)])))
    assert "session_choices_mean" in both["shape"].to_list() and "click_rate" not in both["shape"].to_list()
    assert both.filter(shape="session_choices_mean")["ratio"].item() == pytest.approx(1.5)


def test_a_simulated_log_stands_beside_what_was_measured_of_real_ones() -> None:
    world = make_world("music", items=400)
    found = shapes_of(run(world, LOGGING, 100, 3).events())
    near = beside(found, measured_shapes("music"))
    assert near["shape"].to_list() == ["gini_items", "top_tenth_items", "gini_users", "top_tenth_users"]
    assert set(measured_shapes("video")["shape"]) <= set(SHAPES)
    with pytest.raises(UsageError, match="music"):
        measured_shapes("musik")
