"""What came of each impression, counted by eye, and the same sums as the simulator's own."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from avrec_lib.data.outcomes import LongView, label_shares, task_outcomes
from avrec_lib.errors import DataError, UsageError
from avrec_lib.schema import Events, with_all_columns
from avrec_lib.simulate import LOGGING, Run, make_world, run

COLUMNS = ["user_id", "item_id", "event", "request_id", "position", "watch_seconds"]
LOG = [
    ("ann", "long", "impression", "r1", 0, None),
    ("ann", "short", "impression", "r1", 1, None),
    ("ann", "unknown", "impression", "r1", 2, None),
    ("ann", "long", "click", "r1", None, None),
    ("ann", "long", "play", "r1", None, 17.0),
    ("ann", "short", "click", "r1", None, None),
    ("ann", "short", "play", "r1", None, 6.0),
    ("ann", "short", "play", "r1", None, 4.0),
    ("ann", "short", "like", "r1", None, None),
    ("bob", "long", "impression", "r2", 0, None),
    ("bob", "unknown", "impression", "r2", 1, None),
    ("bob", "long", "click", "r2", None, None),
    ("bob", "long", "play", "r2", None, 18.0),
    ("bob", "unknown", "click", "r2", None, None),
    ("bob", "unknown", "play", "r2", None, 5.0),
]
"""Five impressions. Ann watches 17 of 60 seconds and, in two goes, all 10 of 10; Bob 18 of 60 and 5 of nobody knows."""
ITEMS = pl.DataFrame({"item_id": ["long", "short"], "duration_seconds": [60.0, 10.0]})


def log(rows=LOG) -> pl.DataFrame:
    return pl.DataFrame(rows, COLUMNS, orient="row", schema_overrides={"position": pl.Int32}, strict=False)


def names(facts) -> list[str]:
    return [fact.name for fact in facts]


def test_every_impression_is_a_row_with_what_came_of_it_in_its_request():
    found = task_outcomes(log(), items=ITEMS)
    assert found.rows.columns == ["user_id", "item_id", "timestamp", "request_id", "position", "platform",
                                  "watch_seconds", "click", "long_view", "like"]  # fmt: skip
    assert found.rows.select("user_id", "item_id", "watch_seconds", "click", "long_view", "like").rows() == [
        ("ann", "long", 17.0, 1, 0, 0),
        ("ann", "short", 10.0, 1, 1, 1),
        ("ann", "unknown", None, 0, 0, 0),
        ("bob", "long", 18.0, 1, 1, 0),
        ("bob", "unknown", 5.0, 1, None, 0),
    ]
    assert [(fact.name, fact.value) for fact in found.facts] == [("unknown_length", 1)]


def test_a_share_of_the_length_may_be_asked_for_instead_of_seconds():
    half = task_outcomes(log(), ("long_view",), long_view=LongView(share=0.3), items=ITEMS).rows
    assert half["long_view"].to_list() == [0, 1, 0, 1, None]  # 17 and 18 of 60 seconds: .28 and .3


def test_other_events_are_tasks_too_and_what_the_log_never_has_is_null_and_said():
    found = task_outcomes(log(), ("play", "share"), items=ITEMS)
    assert found.rows["play"].to_list() == [1, 1, 0, 1, 1]
    assert found.rows["share"].null_count() == 5
    assert [(fact.name, fact.level) for fact in found.facts] == [("no_label", "red")]
    assert "no event of the kind share" in found.facts[0].explanation("en")


def test_without_seconds_a_long_view_is_null_and_said():
    found = task_outcomes(log().with_columns(watch_seconds=pl.lit(None, dtype=pl.Float64)), items=ITEMS)
    assert found.rows["long_view"].null_count() == 5 and found.rows["click"].sum() == 4
    assert "no watch_seconds" in found.facts[0].explanation("en")


def test_where_no_event_is_a_click_a_play_stands_for_it():
    found = task_outcomes(log().filter(pl.col("event") != "click"), items=ITEMS)
    assert found.rows["click"].to_list() == [1, 1, 0, 1, 1] and "plays_for_clicks" in names(found.facts)


def test_a_play_without_a_click_is_no_long_view():
    rows = [*LOG, ("ann", "unknown", "play", "r1", None, 40.0)]
    assert task_outcomes(log(rows), items=ITEMS).rows["long_view"].to_list() == [0, 1, 0, 1, None]


def test_a_request_that_shows_an_item_twice_has_a_row_for_each_place():
    rows = [
        ("ann", "long", "impression", "r1", 0, None),
        ("ann", "long", "impression", "r1", 3, None),
        ("ann", "long", "click", "r1", 3, None),
    ]
    found = task_outcomes(log(rows), ("click",))
    assert found.rows.select("position", "click").rows() == [(0, 0), (3, 1)]


def test_what_stands_in_the_log_again_counts_once_and_strays_are_counted():
    rows = [
        *LOG,
        LOG[0],
        ("ann", "never shown", "click", "r1", None, None),
        ("bob", "long", "impression", None, 0, None),
    ]
    found = task_outcomes(log(rows), items=ITEMS)
    assert found.rows.height == 5 and found.rows["click"].sum() == 4
    expected = ["impressions_without_request", "repeated_rounds", "outcomes_without_round", "unknown_length"]
    assert names(found.facts) == expected


@pytest.mark.parametrize(
    "rows",
    [[row for row in LOG if row[2] != "impression"], [(*row[:3], None, *row[4:]) for row in LOG]],
    ids=["no impressions", "no requests"],
)
def test_a_log_that_cannot_say_is_refused_with_what_it_needs(rows):
    with pytest.raises(DataError, match="events of the kind impression, with the request_id"):
        task_outcomes(log(rows))


def test_an_unknown_task_and_an_impossible_long_view_are_refused():
    with pytest.raises(UsageError, match=r"no task named 'long_wiew'\. Did you mean long_view"):
        task_outcomes(log(), ("long_wiew",))
    for options in ({"seconds": 0.0}, {"share": 1.5}):
        with pytest.raises(UsageError, match="A long view takes"):
            LongView(**options)


@pytest.fixture(scope="module", params=["video", "music"])
def simulated(request: pytest.FixtureRequest) -> Run:
    return run(make_world(request.param), LOGGING, users=300, days=6, seed=2)


def test_the_labels_of_a_simulated_log_are_those_of_its_rounds(simulated: Run):
    events = with_all_columns(simulated.events().lazy(), Events)
    found = task_outcomes(events, ("click", "long_view", "like", "share"), items=simulated.items())
    rounds, rows = simulated.rounds, found.rows
    assert found.facts == [] and rows.height == rounds.impressions
    for task, done in (("click", rounds.clicked), ("like", rounds.liked), ("share", rounds.shared)):
        assert rows[task].sum() == done.sum() and rows[task].null_count() == 0
    length = simulated.world.catalogue.seconds[rounds.item]
    long = rounds.clicked & (rounds.watched >= np.minimum(18.0, length))
    assert rows["long_view"].sum() == long.sum()
    assert rows["watch_seconds"].sum() == pytest.approx(rounds.watched.sum())


def test_most_clicks_of_the_simulator_pass_kuairands_rule_and_a_share_of_the_length_tells_them_apart(simulated: Run):
    def of_clicks(**rule: float) -> float:
        found = task_outcomes(simulated.events(), long_view=LongView(**rule), items=simulated.items())
        return label_shares(found.rows)["of_clicks"][1]

    video = simulated.world.options.kind == "video"
    assert of_clicks() == pytest.approx(0.80 if video else 0.99, abs=0.03)
    assert of_clicks(share=0.8) == pytest.approx(0.45 if video else 0.80, abs=0.04)


def test_without_clicks_the_table_of_shares_does_not_say_what_they_lead_to():
    shares = label_shares(task_outcomes(log(), ("like", "share"), items=ITEMS).rows, ("like", "share"))
    assert shares.rows() == [("like", 5, 1, 1 / 5, None), ("share", 0, 0, None, None)]


def test_the_table_of_shares_counts_labels_and_says_what_clicks_lead_to():
    shares = label_shares(task_outcomes(log(), items=ITEMS).rows)
    assert shares.rows() == [
        ("click", 5, 4, 4 / 5, 1.0),
        ("long_view", 4, 2, 2 / 4, 2 / 3),  # one is unknown
        ("like", 5, 1, 1 / 5, 1 / 4),
    ]
