"""Slices over windows: a user may be new in one window and known in the next."""

from __future__ import annotations

import polars as pl
from small_logs import log

from avrec_lib.data.split import split_windows
from avrec_lib.evaluate.breakdown import groups_of_queries, values_by_item_group
from avrec_lib.evaluate.trial import run_trials
from avrec_lib.models import Popularity

# c comes at minute 12: new in the first window (12–15), known in the second (16–19).
ROWS = [(user, f"i{minute % 7}", minute) for minute in range(20) for user in "ab"]
LATE = [("c", f"i{minute % 5}", minute) for minute in range(12, 20)]


def windows():
    return split_windows(log([*ROWS, *LATE]), "rolling_time", windows=2, test_share=0.5, exclude_seen=False)


def test_a_user_is_grouped_by_what_was_known_in_each_window():
    groups = groups_of_queries(windows())
    of_c = groups.table.filter(query_id="c", slice="known or new user").sort("window")
    assert of_c.select("window", "group").rows() == [(0, "new"), (1, "known from training")]


def test_answers_are_counted_by_group_of_items_in_every_window():
    trials = run_trials([Popularity()], windows(), k=3)
    groups = values_by_item_group(trials, k=3)
    assert set(groups.table["window"]) == {0, 1}
    assert groups.table.filter(slice="popularity of the item").height
    whole = pl.concat(trial.values(k=[3], metrics=["recall"]) for trial in trials)
    assert set(groups.table["query_id"]) <= set(whole["query_id"])
