from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from avrec_lib.simulate import ORACLE, PERSONAL, UNIFORM, make_world, true_difference, true_value

WORLD = make_world("video", items=600, topics=6)


def row(table: pl.DataFrame, metric: str) -> dict[str, float]:
    return table.filter(metric=metric).row(0, named=True)


def test_a_policy_against_itself_makes_no_difference_at_all() -> None:
    found = true_difference(WORLD, PERSONAL, PERSONAL, users=200, days=4)
    assert found["difference"].to_list() == [0.0] * found.height == found["standard_error"].to_list()


def test_a_better_policy_is_better_in_everything_that_counts() -> None:
    found = true_difference(WORLD, UNIFORM, ORACLE, users=400, days=6)
    for metric in ("clicks", "watch_seconds", "likes", "active_days"):
        one = row(found, metric)
        assert one["difference"] > 4 * one["standard_error"] > 0, metric
        assert one["difference"] == pytest.approx(one["value"] - one["baseline"])


def test_twins_tell_more_than_strangers() -> None:
    paired = row(true_difference(WORLD, UNIFORM, ORACLE, users=300, days=5), "active_days")["standard_error"]
    alone = [row(true_value(WORLD, policy, 300, 5), "active_days")["standard_error"] for policy in (UNIFORM, ORACLE)]
    assert paired < 0.5 * np.hypot(*alone)


def test_the_value_is_the_mean_of_fresh_people_and_its_error_shrinks_with_them() -> None:
    one, four = (row(true_value(WORLD, UNIFORM, 400, 3, repeats=repeats), "clicks") for repeats in (1, 4))
    assert four["users"] == 1600
    assert four["standard_error"] == pytest.approx(one["standard_error"] / 2, rel=0.3)
    assert one["value"] == pytest.approx(four["value"], abs=4 * one["standard_error"])


@pytest.mark.slow
def test_the_errors_are_what_the_means_of_other_people_really_spread() -> None:
    worlds = [row(true_value(WORLD, UNIFORM, 150, 3, seed=seed), "clicks") for seed in range(30)]
    spread = np.std([one["value"] for one in worlds], ddof=1)
    assert spread == pytest.approx(np.mean([one["standard_error"] for one in worlds]), rel=0.4)


def test_days_before_do_not_count_and_the_baseline_serves_them() -> None:
    found = true_difference(WORLD, UNIFORM, ORACLE, users=200, days=3, days_before=4)
    whole = true_value(WORLD, UNIFORM, users=200, days=7)
    assert row(found, "requests")["baseline"] < row(whole, "requests")["value"]
