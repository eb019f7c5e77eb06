from __future__ import annotations

import numpy as np
import pytest

from avrec_lib.calibrate.ab_tests import broken_assignment, cuped, level, power
from avrec_lib.calibrate.draws import once, staying
from avrec_lib.calibrate.one_test import WatchedTest, alarms, one_test, watch
from avrec_lib.calibrate.rates import Rate, blocks, rate_table
from avrec_lib.errors import UsageError


def test_a_rate_carries_its_exact_interval_and_keeps_its_promise_or_not() -> None:
    table = rate_table([Rate("a", "t", 0, 100, most=0.05, by_limit=True), Rate("b", "t", 5, 100, 0.04, 0.06)])
    assert table["high"][0] == pytest.approx(1 - 0.025 ** (1 / 100))
    assert table["kept"].to_list() == [True, True]
    assert Rate("a", "t", 3, 100, most=0.05, by_limit=True).kept is None, "a hundred runs cannot tell"
    assert Rate("a", "t", 30, 100, most=0.05, by_limit=True).kept is False
    assert Rate("a", "t", 3, 100).kept is None


def test_blocks_add_up() -> None:
    assert list(blocks(1100, 500)) == [500, 500, 100]
    with pytest.raises(UsageError, match="1 run or more"):
        list(blocks(0))


def test_a_lift_is_what_the_simulated_users_do_more() -> None:
    paths = once(lambda rng, shape: rng.lognormal(size=shape), 200, 5, 200, 0.5, 1000, np.random.default_rng(0))
    assert paths.found.lift[:, -1].mean() == pytest.approx(0.5, abs=0.03)
    assert paths.at_end.sum() == 200 and paths.at_end[:, -1].all()
    stay = staying(np.ones((3, 100, 8)), 0.5, np.random.default_rng(0))
    assert stay.found.difference[:, -1] == pytest.approx([4.0] * 3)  # half of 8 days


def test_few_runs_say_roughly_the_same_as_many() -> None:
    table = level(runs=300)
    rates = {test: table.filter(test=test)["rate"].mean() for test in table["test"].unique()}
    assert rates["sequential, read every day"] < rates["fixed, read once"] < 0.1 < rates["fixed, read every day"]  # type: ignore[operator]
    assert level(runs=20).equals(level(runs=20))


def test_a_broken_assignment_is_caught() -> None:
    assert broken_assignment(2000)["kept"].drop_nulls().all()


@pytest.mark.slow
def test_the_fixed_test_keeps_its_level_and_the_sequence_does_under_daily_peeking() -> None:
    table = level()
    assert table["kept"].drop_nulls().all(), table


@pytest.mark.slow
def test_the_sequence_finds_most_of_what_the_fixed_test_finds() -> None:
    table = power()
    assert table["kept"].all(), table
    assert table["fixed"].to_list() == pytest.approx([0.8] * table.height, abs=0.04)


@pytest.mark.slow
def test_cuped_keeps_the_level_and_cuts_by_the_squared_correlation() -> None:
    table = cuped()
    assert table["kept"].all(), table


def test_a_watched_test_shows_both_intervals_and_what_a_rule_would_say() -> None:
    table = one_test(WatchedTest(effect=0.2, days=20), seed=1)
    assert table.height == 20
    assert table["low"].null_count() == 3
    assert table["planned_end"].arg_max() == 13
    assert table["fixed_decision"][:13].unique().to_list() == ["keep running"]
    assert table["decision"][13] == "ship"
    assert one_test(WatchedTest(), seed=3).equals(one_test(WatchedTest(), seed=3))


def test_more_days_go_on_from_the_same_path_and_an_effect_moves_it() -> None:
    short, long = (one_test(WatchedTest(days=days), seed=2) for days in (14, 40))
    assert long.head(14).drop("decision", "fixed_decision").equals(short.drop("decision", "fixed_decision"))
    moved = one_test(WatchedTest(effect=0.12), seed=2)
    assert (moved["difference"] - short["difference"]).to_list() == pytest.approx([0.1] * 14)


def test_sums_drawn_at_once_have_the_spread_of_their_users() -> None:
    seen = watch(WatchedTest(effect=0.0, sd=2.0, users_a_day=50, days=14), runs=2000)
    assert seen.found.error[:, -1].mean() == pytest.approx(2 * np.sqrt(4 / 700), rel=0.02)
    assert seen.found.difference[:, -1].std() == pytest.approx(2 * np.sqrt(4 / 700), rel=0.05)


def test_peeking_costs_and_the_sequence_does_not() -> None:
    last = alarms(WatchedTest(effect=0.0, days=28)).row(-1, named=True)
    assert last["sequential"] < 0.05 < last["peeking"]
    assert last["fixed"] == pytest.approx(0.05, abs=0.02)


def test_lost_users_are_missing_in_one_arm_and_make_the_others_look_better() -> None:
    sound, broken = (watch(WatchedTest(effect=0.0, lost=lost), seed=1) for lost in (0.0, 0.1))
    assert broken.arms[0].tolist() == sound.arms[0].tolist()
    assert broken.arms[1][0, -1] == pytest.approx(0.9 * sound.arms[1][0, -1], rel=0.01)
    assert broken.at_end[0].argmax() == sound.at_end[0].argmax() == 13, "the plan counts who was assigned"
    values = np.sort(np.random.default_rng(0).standard_normal(1_000_000))[100_000:]
    assert WatchedTest(effect=0.2, lost=0.1).treated == pytest.approx((1.2 + values.mean(), values.std()), abs=0.003)


def test_no_more_than_all_users_can_be_lost() -> None:
    with pytest.raises(UsageError, match="share of lost users"):
        WatchedTest(lost=1.0)


@pytest.mark.parametrize("options", [{"sd": 0.0}, {"alpha": 1.0}, {"users_a_day": 1}, {"planned_days": 20, "days": 10}])
def test_a_test_that_cannot_be_watched_is_refused(options: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="A watched test"):
        WatchedTest(**options)  # type: ignore[arg-type]
