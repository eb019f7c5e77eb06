"""Experiments of one's own as files and data sets, and what is asked of them by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from experiment_tables import START, tables

from avrec_lib.errors import AvrecError, DataError, ProtocolError, UsageError
from avrec_lib.evaluate.experiment import (
    ExperimentDesign,
    baseline_of,
    bring_experiment,
    experiment_card,
    metrics_named,
    named_numbers,
    read_user_table,
)

ROWS = pl.DataFrame({
    "user_id": ["a", "b", "c", "d"], "variant": ["1.0", "new", "new", "1"], "watch": ["1", "2,5", "", "4"],
    "before_watch": [1, 2, 3, 4], "clicks": [1, 0, 2, 1], "shown": [4, 4, 4, 4], "country": ["SE", "CN", "SE", None],
})  # fmt: skip


def test_a_table_of_ones_own_is_read_with_its_pre_period_ratios_and_groups(tmp_path: Path) -> None:
    ROWS.write_csv(tmp_path / "own.csv")
    asked = metrics_named(["watch", "ctr = clicks / shown"])
    data = bring_experiment(tmp_path / "own.csv", metrics=asked, slices=["country"], design=ExperimentDesign("1"))
    assert data.users["watch"].to_list() == [1, 2.5, None, 4]
    assert data.users["before_watch"].to_list() == [1, 2, 3, 4]
    assert (data.variants, data.attributes, data.has_before) == (("1", "new"), ("country",), True)
    assert data.metric("ctr").bottom == "shown"


def test_events_beside_assignments_are_read_as_from_tables(tmp_path: Path) -> None:
    log, assignments = tables(200)
    log = log.with_columns(platform=pl.when(pl.col("timestamp") < START).then(pl.lit("tv")).otherwise(pl.lit("web")))
    log.write_csv(tmp_path / "events.csv")
    assignments.write_parquet(tmp_path / "who.parquet")
    data = bring_experiment(tmp_path / "events.csv", tmp_path / "who.parquet")
    assert data.users.height == 200
    early = set(log.filter(pl.col("timestamp") < START)["user_id"])
    assert set(data.users.filter(platform="tv")["user_id"]) == early
    assert "platform" in data.attributes


def test_where_nobody_is_known_each_request_stands_for_itself(tmp_path: Path) -> None:
    log = pl.DataFrame({
        "user_id": ["segment"] * 4, "request_id": ["1", "2", "3", "4"], "variant": ["control", "new"] * 2,
        "timestamp": [START] * 4, "event": ["impression", "click"] * 2,
    })  # fmt: skip
    log.write_parquet(tmp_path / "log.parquet")
    with pytest.raises(DataError, match="requests_as_users=true"):
        bring_experiment(tmp_path / "log.parquet")
    data = bring_experiment(tmp_path / "log.parquet", requests_as_users=True)
    assert data.users["clicks"].to_list() == [0, 1, 0, 1]
    assert data.facts[-1].level == "amber"


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"wach": pl.lit(1.0), "watch": None}, "no column watch for the metric watch. Did you mean wach"),
        ({"watch": pl.lit("much")}, "has 'much' where a number is expected"),
        ({"variant": pl.lit(None, pl.String)}, "lack one of user_id, variant"),
        ({"variant": pl.lit("1")}, "nothing to compare"),
        ({"watch": pl.lit("inf")}, "not finite"),
        ({"covariate_until": pl.lit("2026-01-01")}, "no column assigned_at"),
    ],
    ids=["a misspelt column", "words", "no arm", "one arm alone", "infinite", "a covariate of unknown age"],
)
def test_each_bad_table_is_one_clear_error(tmp_path: Path, change: dict[str, pl.Expr | None], match: str) -> None:
    rows = ROWS.with_columns(**{name: value for name, value in change.items() if value is not None})
    rows.drop([name for name, value in change.items() if value is None]).write_csv(tmp_path / "own.csv")
    with pytest.raises(AvrecError, match=match):
        bring_experiment(tmp_path / "own.csv", metrics=metrics_named(["watch"]), design=ExperimentDesign("1"))


def test_a_metric_is_named_with_its_ceiling_and_direction() -> None:
    watch, skips, ctr = (
        {one.name: one for one in metrics_named(
            ["watch_seconds", "ctr", "ctr=clicks/shown", "skips"], winsorised=["skips"], lower_is_better=["skips"]
        )}[name] for name in ("watch_seconds", "skips", "ctr")
    )  # fmt: skip
    assert (watch.winsorise, skips.winsorise, skips.better) == (None, 0.99, "lower")
    assert (ctr.top, ctr.bottom) == ("clicks", "shown")
    with pytest.raises(UsageError, match="is no ratio"):
        metrics_named(["ctr = clicks"])
    with pytest.raises(UsageError, match="Did you mean skips"):
        metrics_named(["skips"], lower_is_better=["skip"])


def test_numbers_come_with_names() -> None:
    assert named_numbers(["likes=0.05", "a=b = 2"]) == {"likes": 0.05, "a=b": 2.0}
    for wrong in ("likes", "=1", "likes=much"):
        with pytest.raises(UsageError, match="name=number"):
            named_numbers([wrong])


def test_a_red_card_stops_unless_it_is_accepted() -> None:
    rows = pl.DataFrame({"user_id": np.arange(300).astype(str), "variant": ["control"] * 200 + ["new"] * 100,
                         "watch": np.arange(300.0)})  # fmt: skip
    card = experiment_card(read_user_table(rows, ["watch"]))
    with pytest.raises(ProtocolError, match="accept_red=sample_ratio"):
        card.stop()
    card.stop(["sample_ratio"])
    with pytest.raises(UsageError, match="Did you mean sample_ratio"):
        card.stop(["sample_rato"])


def test_a_baseline_without_spread_says_what_was_red() -> None:
    rows = pl.DataFrame({"user_id": list("aabbcd"), "variant": ["control", "new"] * 3, "watch": [1.0] * 6})
    with pytest.raises(ProtocolError, match="more than one arm"):
        baseline_of(read_user_table(rows, ["watch"]), "watch")


def test_less_than_nothing_is_pointed_out_and_usual_guardrails_may_be_missing(tmp_path: Path) -> None:
    rows = ROWS.with_columns(clicks=pl.Series([1, -3, 2, 1]))
    rows.write_csv(tmp_path / "own.csv")
    asked = metrics_named(["watch", "clicks", "likes"])
    design = ExperimentDesign("1")
    data = bring_experiment(tmp_path / "own.csv", metrics=asked, optional=["likes", "active_days"], design=design)
    found = {fact.name: fact for fact in data.facts}
    assert found["negative_amounts"].level == "red", "a quarter of the users"
    assert (
        found["guardrails_left_out"].explanation("en").startswith("The table has no columns for the usual guardrails")
    )
    assert "likes" not in data.metrics
    with pytest.raises(UsageError, match="no column likes for the metric likes"):
        bring_experiment(tmp_path / "own.csv", metrics=asked, design=design)
