from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from feature_logs import ITEMS, asks, day, events_of, items_of

from avrec_lib.errors import UsageError
from avrec_lib.features import common_labels, item_features, numbers, profile, undefined
from avrec_lib.strings import say


def weights(of, kind: str, query: str = "u") -> dict[str, float]:
    rows = of.interests.filter(pl.col("kind") == kind, pl.col("query_id") == query)
    return dict(rows.select("label", "weight").iter_rows())


def habit(of, name: str, query: str = "u"):
    return of.habits.filter(pl.col("query_id") == query)[name].item()


def test_newer_choices_weigh_more():
    log = events_of([("u", "a", 0), ("u", "c", 30), ("u", "d", 35)])
    found = profile(log, [asks("u", 40)], ITEMS, half_life_days=30)
    # a is 30 days older than c, so it weighs a half, and its two tags a quarter each; d has no labels.
    assert weights(found, "tag") == pytest.approx({"z": 1 / 1.5, "x": 0.25 / 1.5, "y": 0.25 / 1.5})
    assert weights(found, "category") == pytest.approx({"z": 2 / 3, "x": 1 / 3})
    assert weights(found, "creator") == pytest.approx({"bert": 2 / 3, "anna": 1 / 3})
    assert found.interests["kind"].unique(maintain_order=True).to_list() == ["tag", "category", "creator"]


def test_without_times_later_events_age_what_was_before():
    log = events_of([("u", "a", None), ("u", "b", None), ("u", "c", None)])
    found = profile(log, [asks("u")], ITEMS, half_life_events=1)
    # c, b and a weigh 4, 2 and 1 of 7; the twice written tag of b counts once.
    assert weights(found, "tag") == pytest.approx({"z": 4 / 7, "x": 2.5 / 7, "y": 0.5 / 7})
    assert weights(profile(log, [asks("u", None, ["a", "b", "c"])], ITEMS, half_life_events=1), "tag") == pytest.approx(
        {"z": 4 / 7, "x": 2.5 / 7, "y": 0.5 / 7}
    )


def test_who_left_long_ago_still_has_interests():
    found = profile(events_of([("u", "a", 0), ("u", "c", 10)]), [asks("u", 40_000)], ITEMS, half_life_days=0.5)
    assert weights(found, "category") == pytest.approx({"z": 1.0, "x": 0.5**20}, rel=1e-5)
    endless = profile(events_of([("u", "a", 0), ("u", "c", 10)]), [asks("u", 40)], ITEMS, half_life_days=math.inf)
    assert weights(endless, "category") == {"x": 0.5, "z": 0.5}


def test_what_was_skipped_shown_or_rated_low_is_no_interest():
    log = events_of(
        [("u", "a", 0), ("u", "b", 1), ("u", "c", 2), ("u", "c", 3)],
        event=["rating", "skip", "impression", "rating"], value=[2.0, None, None, 4.0],
    )  # fmt: skip
    found = profile(log, [asks("u", 4)], ITEMS, min_value=3)
    assert weights(found, "category") == {"z": 1.0}
    assert (habit(found, "events"), habit(found, "choices"), habit(found, "mean_value")) == (3, 1, 3.0)


def test_tempo_and_hours():
    log = events_of([("u", "a", 4.0), ("u", "b", 4.0 + 1 / 24), ("u", "a", 5.0 + 3 / 24), ("u", "c", 6.0 - 1 / 24)])
    found = profile(log, [asks("u", 8)], ITEMS)
    assert (habit(found, "events"), habit(found, "items"), habit(found, "repeat_share")) == (4, 3, 0.25)
    assert (habit(found, "active_days"), habit(found, "events_per_active_day")) == (2, 2.0)
    assert habit(found, "median_gap_hours") == pytest.approx(20)  # of 1, 26 and 20 hours
    assert habit(found, "days_since_last") == pytest.approx(2 + 1 / 24)
    # Friday at 0 and 1 o'clock, Saturday at 3 and 23 o'clock.
    assert habit(found, "weekend_share") == 0.5
    mean = np.exp(2j * np.pi * np.array([0, 1, 3, 23]) / 24).mean()
    assert habit(found, "mean_hour") == pytest.approx(np.angle(mean) / (2 * np.pi) * 24)
    assert habit(found, "hour_concentration") == pytest.approx(abs(mean))
    assert found.shares.select("kind", "label", "weight").rows() == [
        ("hour", hour, 0.25) for hour in ("00", "01", "03", "23")
    ]


def test_hours_are_on_a_circle():
    found = profile(
        events_of([("u", "a", 23 / 24), ("u", "b", 1 + 1 / 24), ("v", "a", 0.25), ("v", "a", 0.75)]),
        [asks("u", 3), asks("v", 3)],
    )
    assert habit(found, "mean_hour") == pytest.approx(0, abs=1e-6)  # 23 and 1 o'clock: midnight, not noon
    assert habit(found, "mean_hour", "v") is None and habit(found, "hour_concentration", "v") == pytest.approx(0)
    wide = numbers(found)
    assert wide["mean_hour_cosine"].to_list() == pytest.approx([math.cos(math.pi / 12), 0], abs=1e-6)


def test_variety_popularity_and_age_of_what_was_chosen():
    log = events_of([("u", "b", 1), ("u", "c", 1), ("v", "c", 0)])
    popularity = item_features(log, ITEMS)
    found = profile(log, [asks("u", 2), asks("v", 2)], ITEMS, popularity)
    assert habit(found, "tag_diversity") == pytest.approx(math.log(2) / math.log(3))  # two of three tags, alike
    assert habit(found, "tag_diversity", "v") == 0
    # By events: a and d have none (ranks 1 and 2), b one, c two: (rank − ½) / 4.
    assert habit(found, "mean_popularity_percentile") == pytest.approx((2.5 / 4 + 3.5 / 4) / 2)
    assert habit(found, "mean_item_age_days") == 2  # b; of c nobody knows when it came out


def test_counts_and_searches():
    log = events_of(
        [("u", None, 0), ("u", None, 1), ("u", None, 2), ("u", "a", 3), ("v", "b", 3), ("w", "b", 9)],
        event=["search", "search", "search", "like", "dislike", "share"],
        query=["jazz", "rock", "jazz", None, None, None], platform=["tv", "tv", None, "web", None, None],
    )  # fmt: skip
    found = profile(log, [asks("u", 5), asks("w", 5), asks("u", 1, name="early")], ITEMS)
    counts = found.habits.select("searches", "likes", "dislikes", "shares", "favourites").rows()
    # Nobody had shared yet by day 5, and only searches had been made before day 1.
    assert counts == [(3, 1, 0, None, None), (0, 0, 0, None, None), (1, None, None, None, None)]
    assert found.habits["last_searches"].to_list() == [["jazz", "rock"], [], ["jazz"]]
    platforms = found.shares.filter(pl.col("kind") == "platform", pl.col("query_id") == "u")
    assert platforms.select("label", "weight", "events").rows() == [("tv", 2 / 3, 2), ("web", 1 / 3, 1)]


def test_one_event_an_empty_history_and_a_stranger():
    found = profile(events_of([("u", "new", 0)]), [asks("u", 1), asks("nobody", 1), asks("v", 1, [])], ITEMS)
    assert found.interests.is_empty()
    assert found.habits["events"].to_list() == [1, 0, 0]
    assert found.habits["active_days"].to_list() == [1, 0, 0]
    for name in ("median_gap_hours", "tag_diversity", "mean_value", "mean_item_age_days", "likes"):
        assert found.habits[name].to_list() == [None] * 3, name
    assert found.habits["repeat_share"].to_list() == [0.0, None, None]
    assert numbers(found).height == 3


def test_a_profile_says_what_it_cannot_say_and_why():
    log = events_of([("u", "a", None), ("v", "b", None)])
    reasons = dict(undefined(profile(log, [asks("u"), asks("v"), asks("w")], ITEMS)).select("feature", "reason").rows())
    assert reasons["days_since_last"] == reasons["mean_item_age_days"] == "No known event has a time."
    assert reasons["likes"] == "The log holds no like before the cut."
    assert reasons["tag_diversity"] == reasons["repeat_share"] == "Too little is known of these users."
    assert reasons["shares by platform"] == "No known event has a platform."
    bare = undefined(profile(log, [asks("u")], None)).filter(pl.col("feature") == "interests by tag")
    assert bare.rows() == [("interests by tag", 1, 1, "No item has a tag.")]
    assert all(say(reason, "zh") != reason for reason in reasons.values())


def test_numbers_have_the_same_columns_for_whom_ever_asks():
    log = events_of([("u", "a", 0), ("v", "c", 0)], platform="tv")
    found = profile(log, [asks("u", 1), asks("v", 1), asks("w", 1)], ITEMS)
    labels = common_labels(found)
    assert labels["tag"] == ["z", "x", "y"] and labels["platform"] == ["tv"]
    wide = numbers(found, labels)
    assert wide["tag x"].to_list() == [0.5, 0.0, None]
    assert wide["hour 00"].to_list() == [1.0, 1.0, None]
    assert set(wide.drop("query_id").dtypes) == {pl.Float32}
    later = numbers(profile(log, [asks("v", 1)], ITEMS), labels)
    assert later.schema == wide.schema and later.row(0) == wide.row(1)
    with pytest.raises(UsageError, match="kind of interest"):
        numbers(found, {"tags": ["x"]})


def test_names_that_lightgbm_refuses_are_mended():
    items = items_of(item_id=["a"], tags=[["rock, pop", "rock_ pop", "b:c"]])
    found = profile(events_of([("u", "a", 0)]), [asks("u", 1)], items)
    wide = numbers(found, common_labels(found))
    assert wide["tag rock_ pop"].item() == pytest.approx(2 / 3) and wide["tag b_c"].item() == pytest.approx(1 / 3)


@pytest.mark.parametrize("half_life", [0, -1, math.nan])
def test_a_half_life_is_above_zero(half_life: float):
    with pytest.raises(UsageError, match="above 0"):
        profile(events_of([("u", "a", 0)]), [asks("u", 1)], ITEMS, half_life_days=half_life)


def test_a_table_of_queries_and_lazy_items_do_as_well():
    log = events_of([("u", "a", 0), ("u", "c", 1)])
    asked = pl.DataFrame({"query_id": ["q"], "user_id": ["u"], "cut": [day(2)]})
    assert profile(log.lazy(), asked, ITEMS.lazy()).interests["query_id"].unique().to_list() == ["q"]
