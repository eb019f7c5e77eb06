from datetime import UTC, datetime, timedelta

import polars as pl
from sample_files import shared

from avrec_lib.data.checks import check_events
from avrec_lib.data.facts import Fact, in_percent, level_of
from avrec_lib.data.opening import open_dataset
from avrec_lib.imports.importers import import_log
from avrec_lib.schema import Events, with_all_columns

START = datetime(2024, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def log(*rows: tuple, event: str = "play") -> pl.LazyFrame:
    """Rows of user, item, hours after START (or a time, or None) and perhaps a value."""
    times = [row[2] if row[2] is None or isinstance(row[2], datetime) else START + row[2] * HOUR for row in rows]
    frame = pl.LazyFrame(
        {
            "user_id": [row[0] for row in rows],
            "item_id": [row[1] for row in rows],
            "timestamp": times,
            "event": [event] * len(rows),
            "value": [float(row[3]) if len(row) > 3 else None for row in rows],
        },
        schema_overrides={"item_id": pl.String, "timestamp": pl.Datetime("us", "UTC"), "value": pl.Float64},
    )
    return with_all_columns(frame.cast({"event": Events.create_empty().schema["event"]}), Events)


def facts(events: pl.LazyFrame, items: pl.LazyFrame | None = None) -> dict[str, Fact]:
    return {fact.name: fact for fact in check_events(events, items)}


def test_ties_are_counted_within_a_user():
    found = facts(
        log(("ann", "x", 1), ("ann", "y", 1), ("ann", "z", 2), ("bob", "x", 1), ("bob", "y", 3), ("bob", "z", 3))
    )
    assert (found["tied_events"].value, found["tied_events"].share) == (4, 4 / 6)
    assert (found["users_with_tied_last_event"].value, found["users_with_tied_last_event"].share) == (1, 1 / 2)
    assert found["users_with_tied_last_event"].level == "red"


def test_without_times_only_that_is_said_of_times():
    found = facts(log(("ann", "x", None), ("bob", "y", None)))
    assert (found["events_without_time"].value, found["events_without_time"].level) == (2, "red")
    assert not {"tied_events", "times_in_the_future", "days_without_events", "too_busy_users"} & set(found)
    assert "repeats" in found


def test_strange_clocks_are_found():
    future = datetime.now(UTC) + timedelta(days=3)
    found = facts(log(("a", "x", future), ("a", "y", datetime(1970, 1, 1, tzinfo=UTC)), ("a", "z", 0), ("a", "w", 12)))
    assert (found["times_in_the_future"].value, found["times_in_the_future"].level) == (1, "red")  # 1 of 4 rows
    assert found["times_before_1990"].value == 1
    assert (found["times_at_midnight"].value, found["times_at_midnight"].share) == (2, 2 / 4)


def test_days_without_events_are_counted_between_plausible_times():
    found = facts(log(("a", "x", datetime(1970, 1, 1, tzinfo=UTC)), ("a", "y", 0), ("a", "z", 24), ("a", "w", 24 * 5)))
    fact = found["days_without_events"]
    assert (fact.value, fact.share) == (3, 3 / 6)
    assert fact.values == {"days": 3, "until": (START + timedelta(days=5)).date()}


def test_a_user_with_too_many_events_on_a_day_is_no_person():
    busy = [("bot", f"v{place}", place / 100) for place in range(1001)]
    found = facts(log(*busy, ("ann", "x", 1)))
    assert (found["too_busy_users"].value, found["too_busy_users"].share) == (1, 1001 / 1002)


def test_equal_pauses_are_a_clock():
    robot = [("bot", f"v{place}", place / 4) for place in range(40)]
    person = [("ann", f"v{place}", place**1.5) for place in range(40)]
    found = facts(log(*robot, *person))
    assert (found["clockwork_users"].value, found["clockwork_users"].share) == (1, 0.5)


def test_who_comes_daily_in_a_log_of_dates_is_no_clock():
    midnight = START - 12 * HOUR
    daily = [("ann", f"v{place}", midnight + place * 24 * HOUR) for place in range(40)]
    assert facts(log(*daily))["clockwork_users"].value == 0


def test_a_date_and_an_impression_are_no_press():
    midnight = START - 12 * HOUR
    dates = log(("ann", "x", midnight, 1), ("ann", "x", midnight, 2))
    shown = log(("ann", "x", 1, 1), ("ann", "x", 1, 2), event="impression")
    assert facts(pl.concat([dates, shown]))["near_duplicates"].value == 0


def test_impressions_do_not_make_a_user_busy():
    shown = log(*[("ann", f"v{place}", place / 100) for place in range(1500)], event="impression")
    assert facts(shown)["too_busy_users"].value == 0


def test_duplicates_near_duplicates_and_repeats_are_told_apart():
    second = timedelta(seconds=1) / HOUR
    found = facts(
        log(
            ("ann", "x", 1), ("ann", "x", 1),  # the same row
            ("ann", "y", 2), ("ann", "y", 2 + 5 * second),  # the same press
            ("ann", "z", 3), ("ann", "z", 9),  # again, later
        )
    )  # fmt: skip
    assert found["exact_duplicates"].value == 1
    assert found["near_duplicates"].value == 1
    assert (found["repeats"].value, found["repeats"].share) == (3, 3 / 6)


def test_equal_rows_without_an_item_do_not_hide_near_duplicates():
    second = timedelta(seconds=1) / HOUR
    searches = log(*[("ann", None, 1)] * 5, event="search")
    found = facts(pl.concat([searches, log(("ann", "y", 2), ("ann", "y", 2 + 5 * second))]))
    assert (found["exact_duplicates"].value, found["near_duplicates"].value) == (4, 1)


def test_users_and_items_with_one_event_are_counted():
    found = facts(log(("ann", "x", 1), ("bob", "x", 2), ("bob", "y", 3), ("cat", "z", 1)))
    assert (found["users_with_one_event"].value, found["users_with_one_event"].share) == (2, 2 / 3)
    assert (found["items_with_one_event"].value, found["items_with_one_event"].share) == (2, 2 / 3)


def test_raters_who_hardly_differ_are_counted_among_those_who_rated_enough():
    same = [("ann", f"v{place}", place, 5) for place in range(20)]
    mixed = [("bob", f"v{place}", place, place % 5) for place in range(20)]
    few = [("cat", f"v{place}", place, 5) for place in range(9)]
    fact = facts(log(*same, *mixed, *few, event="rating"))["constant_raters"]
    assert (fact.value, fact.share) == (1, 1 / 2)
    assert "constant_raters" not in facts(log(*few, event="rating"))


def test_items_without_a_row_are_counted_once_each():
    events = log(("ann", "x", 1), ("bob", "x", 2), ("bob", "y", 3), ("cat", "z", 1))
    fact = facts(events, pl.LazyFrame({"item_id": ["x", "unused"]}))["items_without_row"]
    assert (fact.value, fact.share, fact.level) == (2, 2 / 3, "red")


def test_an_empty_log_has_facts_too():
    assert {fact.share for fact in check_events(log()) if fact.name != "constant_raters"} == {None}


def test_a_fact_explains_itself_in_both_languages():
    fact = facts(log(("ann", "x", 1), ("ann", "y", 1)))["tied_events"]
    assert fact.explanation("en").startswith("100.0 % of the events share their time")
    assert fact.explanation("zh").startswith("100.0 % 的事件")


def test_levels_follow_their_bounds():
    assert [level_of(share, 0.05, 0.5) for share in (None, 0.0, 0.049, 0.05, 0.5)] == ["info"] * 3 + ["amber", "red"]


def test_a_share_is_never_shown_as_nothing_when_there_is_something():
    assert [in_percent(share) for share in (None, 0, 0.0001, 0.758, 1.0)] == [
        "–",
        "0.0 %",
        "< 0.1 %",
        "75.8 %",
        "100.0 %",
    ]


def test_movielens_100k_has_the_ties_that_are_known(workbench):
    # 75.8 % of events and 44 % of last events are tied, as published analyses of its file order find.
    dataset = open_dataset("movielens-100k")  # from where pip finds it
    found = facts(dataset.events, dataset.items)
    assert found["tied_events"].value == 75_772
    assert found["users_with_tied_last_event"].value == 415
    assert in_percent(found["users_with_tied_last_event"].share) == "44.0 %"


def test_lastfm_has_no_times_and_its_items_all_have_rows(home):
    folder = shared("lastfm-2k")
    dataset = import_log(folder / "user_artists.dat", items=[folder / "artists.dat"]).dataset
    found = facts(dataset.events, dataset.items)
    assert found["events_without_time"].share == 1
    assert found["items_without_row"].value == 0
    assert found["items_with_one_event"].value == 10_679
