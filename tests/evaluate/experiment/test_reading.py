from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from experiment_tables import DAY, START, events, tables, times

from avrec_lib.data.facts import Fact
from avrec_lib.errors import DataError, UsageError
from avrec_lib.evaluate.experiment import DayCut, ExperimentDesign, read_experiment, read_user_table
from avrec_lib.evaluate.experiment.data import ExperimentData
from avrec_lib.schema import Events, with_all_columns


def assigned(*rows: tuple[str, str, float]) -> pl.DataFrame:
    users, arms, seconds = zip(*rows, strict=True)
    return pl.DataFrame({"user_id": users, "variant": arms, "assigned_at": times(np.array(seconds))})


def fact(data: ExperimentData, name: str) -> Fact:
    return next(one for one in data.facts if one.name == name)


def test_a_user_counts_from_the_assignment_on_and_what_came_before_is_the_pre_period() -> None:
    log = events(np.array(["a", "a", "a", "b"]), np.array([-5.0, 10.0, DAY + 10.0, 20.0]), "click")
    data = read_experiment(log, assigned(("a", "control", 0), ("b", "new", 30), ("c", "new", 0)))
    assert data.variants == ("control", "new")
    assert data.users.select("user_id", "clicks", "before_clicks").rows() == [("a", 2, 1), ("b", 0, 1), ("c", 0, 0)]
    assert fact(data, "events_before_assignment").value == 2
    assert data.users.select("active_days", "later_days").rows() == [(2, 1), (0, 0), (0, 0)]


def test_without_a_table_of_assignments_the_first_event_with_an_arm_assigns() -> None:
    log = events(np.array(["a", "a", "b", "b"]), np.array([0.0, 60.0, 5.0, 70.0]), "play", np.array([1.0, 2, 4, 8]))
    arm = pl.Series("variant", [None, "control", "new", "new"])
    data = read_experiment(log.with_columns(arm))
    assert data.users.select("user_id", "variant", "watch_seconds").rows() == [("a", "control", 2), ("b", "new", 12)]


def test_a_user_in_two_arms_is_excluded_and_counted_or_refused() -> None:
    log = events(np.array(["a", "b", "c"]), np.array([50.0, 50, 50]), "click")
    flipping = assigned(("a", "control", 0), ("b", "new", 0), ("c", "new", 0), ("c", "control", 9), ("a", "control", 7))
    data = read_experiment(log, flipping)
    assert data.users["user_id"].to_list() == ["a", "b"]
    found = fact(data, "users_in_several_arms")
    assert (found.value, found.level) == (1, "red")
    assert fact(data, "events_of_others").value == 1
    with pytest.raises(DataError, match="1 of 3 users"):
        read_experiment(log, flipping, design=ExperimentDesign(flips="refuse"))


def test_one_flip_in_many_users_is_amber() -> None:
    log, assignments = tables(500)
    other = assignments.head(1).with_columns(variant=pl.lit("new"))
    same = assignments.head(1).with_columns(variant=pl.lit("control"))
    data = read_experiment(log, pl.concat([assignments, other, same]))
    assert fact(data, "users_in_several_arms").level == "amber"


@pytest.mark.parametrize(
    ("design", "match"),
    [
        (ExperimentDesign(control="old"), "The control 'old' has no user"),
        (ExperimentDesign(shares={"control": 1, "new": 1, "third": 1}), "The arm 'third' has no user"),
        (ExperimentDesign(shares={"control": 1, "newer": 1}), "The arm 'newer' has no user"),
    ],
    ids=["no control", "an arm is empty", "a misspelt arm"],
)
def test_an_empty_arm_is_refused(design: ExperimentDesign, match: str) -> None:
    log = events(np.array(["a"]), np.array([50.0]), "click")
    with pytest.raises(DataError, match=match):
        read_experiment(log, assigned(("a", "control", 0), ("b", "new", 0)), design=design)


def test_one_arm_alone_or_an_arm_that_nobody_planned_is_refused() -> None:
    log = events(np.array(["a"]), np.array([50.0]), "click")
    with pytest.raises(DataError, match="nothing to compare"):
        read_experiment(log, assigned(("a", "control", 0)))
    planned = ExperimentDesign(shares={"control": 1, "new": 1})
    with pytest.raises(DataError, match="which the design does not plan"):
        read_experiment(log, assigned(("a", "control", 0), ("b", "new", 0), ("c", "x", 0)), design=planned)


def test_a_row_without_an_arm_or_a_time_is_refused() -> None:
    rows = assigned(("a", "control", 0), ("b", "new", 0)).with_columns(variant=pl.Series(["control", None]))
    with pytest.raises(DataError, match="1 of 2 assignments lack"):
        read_experiment(events(np.array(["a"]), np.array([1.0]), "click"), rows)
    with pytest.raises(DataError, match="holds no times but String"):
        read_experiment(pl.DataFrame({"user_id": ["a"], "timestamp": ["2026-01-01"]}), rows)


def test_values_that_are_not_finite_are_refused() -> None:
    log = events(np.array(["a", "b"]), np.array([1.0, 1]), "play", np.array([1.0, np.inf]))
    with pytest.raises(DataError, match="1 values of the column 'watch_seconds'"):
        read_experiment(log, assigned(("a", "control", 0), ("b", "new", 0)))
    own = pl.DataFrame({"user_id": ["a", "b"], "variant": ["control", "new"], "revenue": [1.0, np.inf]})
    with pytest.raises(DataError, match="not finite"):
        read_user_table(own, ["revenue"])


def test_without_a_pre_period_it_is_said() -> None:
    log = events(np.array(["a", "b"]), np.array([10.0, 20]), "click")
    data = read_experiment(log, assigned(("a", "control", 0), ("b", "new", 0)))
    assert not data.has_before
    assert fact(data, "no_pre_period").level == "amber"


def test_days_are_cut_where_the_users_live() -> None:
    # 15:30 and 16:30 UTC are one evening in London, and both sides of midnight in Shanghai.
    log = events(np.array(["a", "a", "b"]), np.array([15.5, 16.5, 1.0]) * 3600, "click")
    who = assigned(("a", "control", 0), ("b", "new", 0))
    cuts = {"Europe/London": 1, "Asia/Shanghai": 2}
    for zone, days in cuts.items():
        data = read_experiment(log, who, design=ExperimentDesign(days=DayCut(zone)))
        assert data.users["active_days"][0] == days
    late = read_experiment(log, who, design=ExperimentDesign(days=DayCut("Asia/Shanghai", day_starts=4)))
    assert late.users["active_days"][0] == 1


def test_a_day_cut_in_the_evening_is_amber() -> None:
    busy = np.linspace(15.6, 16.4, 50) * 3600
    log = events(np.array(["a", "b"]).repeat(25), busy, "click")
    who = assigned(("a", "control", 0), ("b", "new", 0))
    levels = [
        fact(read_experiment(log, who, design=ExperimentDesign(days=DayCut(zone))), "cut_of_the_day").level
        for zone in ("UTC", "Asia/Shanghai")
    ]
    assert levels == ["info", "amber"]


def test_what_cannot_be_a_day_is_refused() -> None:
    with pytest.raises(UsageError, match="no time zone named 'Mars/Base'"):
        DayCut("Mars/Base")
    with pytest.raises(UsageError, match="whole hour"):
        DayCut(day_starts=24)
    with pytest.raises(UsageError, match="without a time zone"):
        ExperimentDesign(end=datetime(2026, 3, 3))
    with pytest.raises(UsageError, match="Did you mean exclude"):
        ExperimentDesign(flips="exclud")  # type: ignore[arg-type]


def test_the_end_and_events_without_a_time_cut_the_log() -> None:
    log = events(np.array(["a", "b", "b"]), np.array([10.0, 20, 3 * DAY]), "click")
    log = pl.concat([log, log.head(1).with_columns(timestamp=pl.lit(None, pl.Datetime("us", "UTC")))])
    design = ExperimentDesign(end=START + timedelta(days=1))
    data = read_experiment(log, assigned(("a", "control", 0), ("b", "new", 0)), design=design)
    assert data.users["clicks"].to_list() == [1, 1]
    assert fact(data, "events_without_time").value == 1


def test_numbers_of_a_log_without_kinds_of_events_are_summed() -> None:
    log = pl.DataFrame({"user_id": ["a", "a", "b"], "timestamp": times(np.array([1.0, 2, 3])), "revenue": [1.5, 2, 9]})
    data = read_experiment(log, assigned(("a", "control", 0), ("b", "new", 0)))
    assert data.users["revenue"].to_list() == [3.5, 9]
    assert set(data.metrics) >= {"revenue", "sessions", "active_days"}


def test_an_own_table_may_hold_undefined_values_unless_an_arm_has_more_of_them() -> None:
    rows = pl.DataFrame({"user_id": [f"u{n}" for n in range(400)], "variant": ["control", "new"] * 200})
    evenly = rows.with_columns(revenue=pl.when(pl.int_range(400) % 20 < 2).then(None).otherwise(1.0))
    broken = rows.with_columns(
        revenue=pl.when((pl.col("variant") == "new") & (pl.int_range(400) % 4 == 1)).then(None).otherwise(1.0)
    )
    levels = [fact(read_user_table(one, ["revenue"]), "undefined_values").level for one in (evenly, broken)]
    assert levels == ["amber", "red"]


def test_an_own_table_has_one_row_a_user() -> None:
    rows = pl.DataFrame({"user_id": ["a", "a", "b"], "variant": ["control", "control", "new"], "revenue": [1.0, 2, 3]})
    with pytest.raises(DataError, match="1 rows repeat a user"):
        read_user_table(rows, ["revenue"])


def test_a_covariate_that_reaches_into_the_experiment_is_not_used() -> None:
    rows = pl.DataFrame({
        "user_id": ["a", "b"], "variant": ["control", "new"], "revenue": [1.0, 2], "old": [1.0, 2],
        "assigned_at": [datetime(2026, 3, 2, tzinfo=UTC)] * 2,
        "measured": [datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)],
    })  # fmt: skip
    late = read_user_table(rows, ["revenue"], before={"revenue": "old"}, covariate_until="measured")
    assert not late.has_before
    assert fact(late, "age_of_the_covariate").level == "red"
    unsaid = read_user_table(rows, ["revenue"], before={"revenue": "old"})
    assert unsaid.has_before
    assert fact(unsaid, "age_of_the_covariate").level == "amber"


def test_a_log_in_the_vocabulary_is_read_lazily_with_an_end_in_any_time_zone() -> None:
    log, assignments = tables(300)
    with_arms = log.join(assignments.select("user_id", "variant", "assigned_at"), on="user_id").with_columns(
        variant=pl.when(pl.col("timestamp") >= pl.col("assigned_at")).then("variant")
    )
    full = with_all_columns(with_arms.drop("assigned_at").lazy(), Events).with_columns(
        item_id=pl.lit("i"), event=pl.col("event").cast(Events.create_empty().schema["event"])
    )
    end = datetime(2026, 3, 9, 8, tzinfo=ZoneInfo("Asia/Shanghai"))  # midnight in UTC
    data = read_experiment(
        full, users=assignments.select("user_id", country=pl.lit("de")), design=ExperimentDesign(end=end)
    )
    last = data.daily["day"].max() if data.daily is not None else None
    assert last == end.date() - timedelta(days=1)
    assert "country" in data.attributes and data.has_before


def test_a_log_that_never_says_how_long_has_no_watch_time() -> None:
    log = events(np.array(["a", "b"]), np.array([10.0, 20]), "click")
    data = read_experiment(log, assigned(("a", "control", 0), ("b", "new", 0)))
    assert list(data.metrics) == ["clicks", "sessions", "active_days", "returned"]
