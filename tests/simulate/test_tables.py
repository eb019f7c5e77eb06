from __future__ import annotations

import polars as pl
import pytest

from avrec_lib.schema import Events, Items, Users, check_table, with_all_columns
from avrec_lib.simulate import LOGGING, Run, make_world, run
from avrec_lib.simulate.log import write_log
from avrec_lib.simulate.run import begin


@pytest.fixture(scope="module")
def result() -> Run:
    return run(make_world("video", items=600), LOGGING, users=300, days=5, seed=1)


@pytest.fixture(scope="module")
def events(result: Run) -> pl.DataFrame:
    return result.events()


def kind(events: pl.DataFrame, name: str) -> pl.DataFrame:
    return events.filter(pl.col("event") == name)


def test_the_tables_keep_the_rules_of_the_vocabulary(result: Run, events: pl.DataFrame) -> None:
    for table, schema in ((events, Events), (result.items(), Items), (result.users(), Users)):
        assert check_table(with_all_columns(table.lazy(), schema).collect(), schema, "t").height == table.height


def test_every_place_is_an_impression_and_every_click_a_play(result: Run, events: pl.DataFrame) -> None:
    rounds = result.rounds
    counts = {name: kind(events, name).height for name in ("impression", "click", "play", "like", "share", "search")}
    assert counts == {
        "impression": rounds.impressions, "click": rounds.clicked.sum(), "play": rounds.clicked.sum(),
        "like": rounds.liked.sum(), "share": rounds.shared.sum(), "search": (rounds.search >= 0).sum(),
    }  # fmt: skip
    assert min(counts.values()) > 0


def test_a_click_was_shown_in_its_request_and_place(events: pl.DataFrame) -> None:
    place = ["user_id", "item_id", "request_id", "position", "session_id", "platform", "policy"]
    shown = kind(events, "impression")
    assert shown.select("request_id", "position").is_unique().all()
    for name in ("click", "play", "like", "share"):
        assert kind(events, name).join(shown, on=place, how="anti").height == 0


def test_only_impressions_have_propensities_only_plays_are_watched_only_searches_ask(events: pl.DataFrame) -> None:
    filled = events.group_by("event").agg(pl.col("propensity", "watch_seconds", "query", "item_id").count() / pl.len())
    found = {row[0]: row[1:] for row in filled.rows()}
    assert found["impression"] == (1, 0, 0, 1) and found["play"] == (0, 1, 0, 1) and found["search"] == (0, 0, 1, 0)
    assert found["click"] == found["like"] == found["share"] == (0, 0, 0, 1)


def test_events_are_in_order_of_time_and_no_user_does_two_things_at_once(events: pl.DataFrame) -> None:
    assert events["timestamp"].is_sorted()
    assert events.select("user_id", "timestamp").is_unique().all()


def test_what_follows_a_click_comes_after_it(events: pl.DataFrame) -> None:
    place = ["request_id", "position"]
    wide = kind(events, "impression").select(*place, impression="timestamp")
    for name in ("click", "play", "like", "share"):
        wide = wide.join(kind(events, name).select(*place, pl.col("timestamp").alias(name)), on=place, how="left")
    later = wide.select(
        pl.col("click") > pl.col("impression"), pl.col("play") > pl.col("click"), pl.col("like") > pl.col("play"),
        share=pl.col("share") > pl.col("play"),
    )  # fmt: skip
    assert later.select(pl.all().drop_nulls().all()).row(0) == (True,) * 4


def test_users_registered_before_they_came(result: Run, events: pl.DataFrame) -> None:
    first = events.group_by("user_id").agg(pl.col("timestamp").min())
    both = first.join(result.users(), on="user_id")
    assert both.height == first.height and (both["registered_at"] <= both["timestamp"]).all()


def test_items_were_out_before_they_were_shown(result: Run, events: pl.DataFrame) -> None:
    both = events.join(result.items(), on="item_id")
    assert (both["published_at"] <= both["timestamp"]).all()
    assert (both["watch_seconds"] <= both["duration_seconds"]).all()


def test_a_log_written_a_day_at_a_time_is_the_same_log(result: Run, events: pl.DataFrame, tmp_path) -> None:
    parts = write_log(begin(result.world, LOGGING, 300, 5, seed=1), 5, tmp_path)
    assert len(parts) == 5
    written = pl.concat([pl.read_parquet(part) for part in parts])
    assert written["timestamp"].is_sorted()
    assert written.sort("user_id", "timestamp").equals(events.sort("user_id", "timestamp"))


def test_there_is_one_row_of_values_a_user(result: Run, events: pl.DataFrame) -> None:
    values = result.values()
    clicks = kind(events, "click").group_by("user_id").len("n")
    both = values.join(clicks, on="user_id", how="left").with_columns(pl.col("n").fill_null(0))
    assert values.height == 300 and (both["clicks"] == both["n"]).all()
    assert values["before_clicks"].sum() == 0
