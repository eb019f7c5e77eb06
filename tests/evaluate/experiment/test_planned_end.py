from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest
from experiment_tables import DAY, START, tables, times

from avrec_lib.evaluate.experiment import DecisionRule, ExperimentDesign, daily_looks, decide, read_experiment
from avrec_lib.evaluate.experiment.data import ExperimentData
from avrec_lib.evaluate.experiment.decide import days_run

LOG, ASSIGNMENTS = tables(1000, days=14)
RULE = DecisionRule("sessions", 1000, planned_days=7)


def seen_until(day: float, design: ExperimentDesign | None = None) -> ExperimentData:
    return read_experiment(LOG.filter(pl.col("timestamp") < times([day * DAY])[0]), ASSIGNMENTS, design=design)


@pytest.mark.parametrize("sequential", [False, True])
def test_whoever_reads_later_reads_what_the_planned_end_said(sequential: bool) -> None:
    rule = DecisionRule("sessions", 1000, planned_days=7, sequential=sequential)
    cards = [decide(seen_until(day), rule).table() for day in (7, 8, 10, 14)]
    for card in cards[1:]:
        for column in ("gain", "low", "high"):
            assert card[column][0] == pytest.approx(cards[0][column][0])


def test_a_day_that_is_seen_in_part_is_not_over() -> None:
    part, whole = seen_until(6.6), seen_until(7)
    assert [days_run(part), days_run(whole)] == [6, 7]
    assert decide(part, RULE).decision == "keep running"
    assert decide(whole, RULE).decision != "keep running"
    ends = [daily_looks(data, "sessions", 1000, planned_days=7)["planned_end"].any() for data in (part, whole)]
    assert ends == [False, True]


def test_a_log_beyond_the_end_of_the_design_has_seen_its_day() -> None:
    data = seen_until(14, ExperimentDesign(end=START + timedelta(days=6, hours=12)))
    assert days_run(data) == 7
    assert daily_looks(data, "sessions", 1000, planned_days=7)["planned_end"].to_list() == [False] * 6 + [True]


def test_users_assigned_after_the_end_are_left_out_and_counted() -> None:
    end = times([2.0 * DAY])[0]
    late = ASSIGNMENTS.filter(pl.col("assigned_at") >= end).height
    data = read_experiment(LOG, ASSIGNMENTS, design=ExperimentDesign(end=end))
    found = next(one for one in data.facts if one.name == "users_after_the_end")
    assert late > 0 and (found.value, found.level) == (late, "amber")
    assert data.users.height == 1000 - late
    assert days_run(data) == 2 == daily_looks(data, "sessions", 500).height
    whole = read_experiment(LOG, ASSIGNMENTS, design=ExperimentDesign(end=START + timedelta(days=9)))
    assert [one.level for one in whole.facts if one.name == "users_after_the_end"] == ["info"]
