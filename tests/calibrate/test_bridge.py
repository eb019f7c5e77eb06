"""From offline to online: pieces of a small world by themselves, counts by hand, the promised numbers slowly."""

from __future__ import annotations

import os
from functools import cache

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from avrec_lib.calibrate.bridge import bridge, bridge_of, gap_of, target_of
from avrec_lib.calibrate.bridge_answers import A_USER, OFF_POLICY, PREDICTED, RANKING, offline_answers, true_gains
from avrec_lib.calibrate.bridge_crossing import TEST, crossing, winner
from avrec_lib.calibrate.bridge_log import BridgeLog, bridge_log, true_rewards
from avrec_lib.calibrate.bridge_models import modelled_rewards
from avrec_lib.calibrate.bridge_story import SHOWN, story
from avrec_lib.calibrate.bridge_worlds import CHANGES, BridgeWorld, Sizes, bridge_world, named_world, with_law
from avrec_lib.errors import UsageError
from avrec_lib.protocols import Requests
from avrec_lib.simulate import run
from avrec_lib.simulate.chance import keys

CORES = min(os.cpu_count() or 1, 2)
SMALL = Sizes(log_users=150, log_days=1, test_users=200, test_days=1, truth_users=200)


def test_luck_of_a_later_session_is_not_that_of_the_one_before() -> None:
    world = bridge_world(500_001)
    got = run(world.world, world.old, 3000, 6, 500_001, keep_candidates=True).rounds
    order = np.lexsort((got.time, got.day, got.user))
    user, day, session = (column[order] for column in (got.user, got.day, got.session))
    later = (user[1:] == user[:-1]) & (day[1:] == day[:-1]) & (session[1:] != session[:-1])
    before, now = order[:-1][later], order[1:][later]
    there = got.candidates[now] == got.item[before, :1]
    chance = (got.probabilities[now] * there).sum(axis=1)[there.any(axis=1)]
    again = (got.item[now, 0] == got.item[before, 0])[there.any(axis=1)]
    assert len(again) > 100
    assert abs(again.sum() - chance.sum()) < 4 * np.sqrt((chance * (1 - chance)).sum())


@cache
def logged(seed: int = 4, users: int = 1500) -> tuple[BridgeWorld, BridgeLog]:
    world = bridge_world(seed)
    ran = run(world.world, world.old, users, 2, seed, keep_candidates=True)
    return world, bridge_log(ran, world.old, world.new, users, 2)


def requests_of(users: int, a: int) -> tuple[Requests, np.ndarray]:
    features = {
        "affinity": np.tile(np.linspace(0.1, 1, a), (users, 1)), "popularity": np.ones((users, a)),
        "known": np.zeros((users, a)), "moment": keys(0, np.arange(users)),
    }  # fmt: skip
    return Requests(np.arange(users), np.full(users, 1.7e9), features), np.tile(np.arange(a), (users, 1))


def test_luck_that_belongs_to_users_draws_slates_as_any_luck_does() -> None:
    policy = named_world().old
    requests, candidates = requests_of(20_000, 5)
    shown, propensities = policy.act(requests, candidates, np.random.default_rng(0), slots=3)
    assert (np.sort(shown, axis=1)[:, 1:] > np.sort(shown, axis=1)[:, :-1]).all(), "nothing is shown twice"
    np.testing.assert_allclose(with_law(policy).law(requests, candidates).of(shown), propensities, rtol=1e-12)
    first = np.bincount(shown[:, 0], minlength=5) / len(shown)
    expected = policy.probabilities(requests, candidates)[0]
    assert first == pytest.approx(expected, abs=4 * 0.5 / np.sqrt(20_000))
    # The second place, by what stood at the first: every pair as often as its chances say.
    pairs = np.zeros((5, 5))
    np.add.at(pairs, (shown[:, 0], shown[:, 1]), 1 / len(shown))
    left = ~np.eye(5, dtype=bool)
    chances = with_law(policy).law(*requests_of(5, 5)).next(left)
    assert pairs == pytest.approx(expected[:, None] * chances, abs=4 * 0.5 / np.sqrt(20_000))
    again, _ = policy.act(requests, candidates, np.random.default_rng(1), slots=3)
    assert (again == shown).all(), "the generator is not asked"


def test_worlds_are_drawn_from_the_declared_spread() -> None:
    worlds = [bridge_world(seed) for seed in range(100)]
    assert {one.change for one in worlds} == set(CHANGES)
    assert sum(one.world.options.kind == "music" for one in worlds) == 50
    assert len({one.world.fingerprint for one in worlds}) == 100
    assert bridge_world(3, "video").world.options.kind == "video"
    with pytest.raises(UsageError, match="sharper"):
        named_world(change="sharpr")
    with pytest.raises(UsageError, match="log keeps 10 users"):
        Sizes(log_users=10, test_users=5)


def test_the_log_knows_the_chance_of_every_place() -> None:
    _, log = logged()
    np.testing.assert_allclose(log.laws[0].of(log.places), log.old, rtol=1e-9)
    items = np.take_along_axis(log.rounds.candidates, log.places, axis=1)
    assert (items == log.rounds.item).all()
    weights = np.cumprod(log.new / log.old, axis=1)
    assert weights.mean(axis=0) == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize("seed", [4, 5])
def test_true_rewards_are_those_that_come_back_on_average(seed: int) -> None:
    _, log = logged(seed)
    for name, expected in true_rewards(log, seed).items():
        at_shown = log.at_shown(expected)
        for predicted, came in ((at_shown, log.rewards[name]), (at_shown[:, 0], log.rewards[name][:, 0])):
            error = (came - predicted).std() / np.sqrt(came.size)
            assert predicted.mean() == pytest.approx(came.mean(), abs=4 * error), name


def test_the_reward_model_is_near_the_truth() -> None:
    _, log = logged()
    modelled, true = modelled_rewards(log), true_rewards(log, 4)
    for name in true:
        assert modelled[name].min() >= 0
        assert log.at_shown(modelled[name]).mean() == pytest.approx(log.rewards[name].mean(), rel=0.1)
        assert np.corrcoef(modelled[name].ravel(), true[name].ravel())[0, 1] > 0.5, name


def test_a_policy_that_changes_nothing_is_answered_by_nothing() -> None:
    same = named_world("music", "nothing")
    ran = run(same.world, same.old, 300, 1, 0, keep_candidates=True)
    log = bridge_log(ran, same.old, same.new, 300, 1)
    for answers in offline_answers(log, true_rewards(log, 0), 200, 1, 0).values():
        said = {one.method: one for one in answers}
        assert said[RANKING].value == 0
        assert said[OFF_POLICY].value == pytest.approx(0, abs=1e-9)
        assert said[OFF_POLICY].says in ("cannot be decided", "these logs cannot tell")
        assert said[PREDICTED].shown_low < said[PREDICTED].low


def test_the_estimator_finds_what_the_requests_of_the_log_would_have_earned() -> None:
    _, log = logged()
    true = true_rewards(log, 4)
    gains = true_gains(log, true, 4)
    for name, answers in offline_answers(log, true, 100, 1, 0).items():
        said = next(one for one in answers if one.method == OFF_POLICY)
        assert said.value / said.level == pytest.approx(gains[name], abs=4 * said.error / said.level)


def test_a_world_is_crossed_from_the_log_to_the_truth() -> None:
    crossed = crossing(bridge_world(1), SMALL, 1)
    ran = crossed.tested
    assert (ran.rounds.day.max(), ran.rounds.arm.min()) == (1, -1)
    clicks = {one.method: one for one in crossed.answers["clicks"]}
    by_arm = [ran.totals["clicks"][ran.arm == arm].mean() for arm in (0, 1)]
    # CUPED moves the means towards what the arms had before.
    assert clicks[TEST].value == pytest.approx(by_arm[1] - by_arm[0], abs=2 * clicks[TEST].error)
    assert [winner(lift) for lift in (-0.021, -0.02, 0.0, 0.021)] == ["old", "neither", "neither", "new"]


@pytest.mark.slow
def test_two_processes_find_what_one_finds_and_every_method_answers() -> None:
    table = bridge(2, seed=3, workers=1, sizes=SMALL)
    assert table.height == 2 * 2 * 6
    assert set(table["kind"]) == {"music", "video"}
    assert table.filter(method=RANKING)["value"].null_count() == 0
    assert_frame_equal(table, bridge(2, seed=3, workers=2, sizes=SMALL))


def rows(method: str, says: list[str], lifts: list[float], truths: list[float]) -> pl.DataFrame:
    n = len(says)
    return pl.DataFrame({
        "world": range(n), "kind": "video", "change": "near", "metric": "clicks", "method": method,
        "estimand": A_USER, "says": says, "lift": lifts, "lift_low": [x - 0.03 for x in lifts],
        "lift_high": [x + 0.03 for x in lifts], "shown_low": [x - 0.1 for x in lifts],
        "shown_high": [x + 0.1 for x in lifts], "truth": truths, "truth_a_request": [x / 2 for x in truths],
        "truth_requests": [x / 10 for x in truths], "oracle_error": 0.02, "winner": [winner(x) for x in truths],
    })  # fmt: skip


SAID = ["better", "better", "worse", "cannot be decided", "these logs cannot tell", "better"]
LIFTS, TRUTHS = [0.1, 0.05, -0.1, 0.02, 0.5, 0.02], [0.12, -0.1, -0.11, 0.06, 0.3, 0.01]


def test_winners_are_counted_as_the_eye_counts_them() -> None:
    row = bridge_of(rows(OFF_POLICY, SAID, LIFTS, TRUTHS)).row(0, named=True)
    assert (row["worlds"], row["with_winner"], row["spoke"], row["right"]) == (6, 5, 3, 2)
    assert (row["undecided"], row["refused"], row["named_none"]) == (1, 1, 1)
    assert row["share"] == pytest.approx(2 / 3)
    off = [-0.02, 0.15, 0.01, -0.04, 0.01]  # without the refused one
    assert row["bias"] == pytest.approx(100 * np.mean(off))
    assert row["held"] == row["held_own"] == pytest.approx(3 / 5)


def test_the_target_asks_only_where_an_oracle_would_decide() -> None:
    table = target_of(rows(OFF_POLICY, SAID, LIFTS, TRUTHS))
    # A user: beyond 1.96 · .02 lie all but the last; a request: .06, −.05, −.055, .15 but not .03 and .005.
    assert table["cases"].to_list() == [5, 4]
    assert table["spoke"].to_list() == [3, 3]
    assert table["right"].to_list() == [2, 2]
    assert table["kept"].to_list() == [False, False], "two of three is not 95 %"


def test_the_gap_between_a_request_and_a_user_is_a_slope() -> None:
    both = pl.concat([rows(PREDICTED, SAID, LIFTS, TRUTHS), rows(TEST, SAID, TRUTHS, TRUTHS)])
    row = gap_of(both).row(0, named=True)
    assert (row["times"], row["more_requests"]) == pytest.approx((2, 0.2))
    assert row["times_error"] == pytest.approx(0)
    assert row["turned"] == 0
    # |.1 − .12|, |.05 + .1|, |−.1 + .11|, |.02 − .06|, |.5 − .3|, |.02 − .01| within .1.
    assert row["shown"] == pytest.approx(4 / 6)


def test_a_story_goes_from_ranking_to_truth() -> None:
    told = story("music", "avoids repeats", users=150, log_users=100, log_days=2, test_days=2)
    clicks = told.table.filter(metric="clicks")
    assert clicks["method"].to_list()[0] == RANKING
    assert clicks["method"].to_list()[-2:] == [TEST, "truth"]
    widths = {row["method"]: row["high"] - row["low"] for row in clicks.iter_rows(named=True)}
    assert widths[SHOWN] > widths[PREDICTED]
    assert told.logged()["variant"].null_count() == told.logged().height > 0
    assert set(told.facts) == {"clicks", "watch_seconds"}


@pytest.mark.slow
def test_the_off_policy_verdict_speaks_and_is_right_where_an_oracle_would_decide() -> None:
    table = bridge(200, workers=CORES)
    assert target_of(table)["kept"].all()
    off_policy = bridge_of(table).filter(method=OFF_POLICY)
    # A share of 200 has a standard error of .015.
    assert (off_policy["held_own"] >= 0.95 - 3 * 0.015).all()
    # What people do later is not in the log: the interval of a request is not one of a user.
    assert (off_policy["held"] < 0.8).all()
