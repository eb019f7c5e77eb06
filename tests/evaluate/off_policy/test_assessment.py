"""An answer with its interval where the log carries it, and a refusal with its reason where it does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from bandit_logs import always, softmax, world

from avrec_lib.errors import UsageError
from avrec_lib.evaluate.off_policy.assessment import Assessment, assess, best_policy
from avrec_lib.evaluate.off_policy.feedback import LoggedFeedback, TargetPolicy
from avrec_lib.evaluate.off_policy.reward_models import predicted_rewards


def red(assessment: Assessment) -> set[str]:
    return {fact.name for fact in assessment.reasons}


def test_a_healthy_log_answers_and_holds_the_truth() -> None:
    log, target, value = world(5000)
    found = assess(log, target, predicted_rewards(log, "ridge"))
    assert found.answer is not None
    assert found.answer.low < value < found.answer.high
    assert found.verdict == "better"
    assert found.answer.difference == pytest.approx(found.answer.value - log.rewards.mean())
    assert found.answer.guaranteed is not None
    assert found.answer.guaranteed < value


def test_the_logging_policy_is_no_better_than_itself() -> None:
    log, _, _ = world(3000)
    found = assess(log, TargetPolicy.of_taken("itself", log, log.propensities))
    assert found.answer is not None
    assert found.answer.difference == pytest.approx(0, abs=1e-9)
    assert found.verdict == "cannot be decided"


def test_a_log_without_a_choice_is_refused_unless_the_policy_does_the_same() -> None:
    log, _, _ = world(2000)
    certain = replace(log, propensities=np.ones(2000))
    other = always(1, certain)
    found = assess(certain, other)
    assert "exploration" in red(found)
    assert found.verdict == "these logs cannot tell"
    same = TargetPolicy.of_taken("the same", certain, np.ones(2000))
    assert assess(certain, same).answer is not None


def test_actions_that_were_never_taken_refuse_when_the_policy_lives_on_them() -> None:
    log, target, _ = world(5000, never=2)
    found = assess(log, target)
    assert "support" in red(found)
    assert "mean_weight" not in red(found), "that the weights lack what is known to be missing is as it should be"
    assert found.answer is None
    assert found.estimates["value"].null_count() == 0, "estimates are there to look at"


def test_a_little_mass_without_support_widens_the_interval() -> None:
    log, _, _ = world(5000, sharpness=0.0, never=1)
    mostly = np.full((5000, 5), 0.24)
    mostly[:, 0] = 0.04
    found = assess(log, TargetPolicy.of("mostly the others", log, mostly))
    assert found.answer is not None
    assert found.support.known_missing == pytest.approx(0.04)
    row = found.estimates.row(by_predicate=pl.col("estimator") == "SNIPS", named=True)
    assert found.answer.low == pytest.approx(0.96 * row["low"], rel=1e-3)
    assert found.answer.high == pytest.approx(0.96 * row["high"] + 0.04, rel=1e-3)


def test_wrong_propensities_are_caught_by_the_mean_weight() -> None:
    log, target, _ = world(5000)
    found = assess(replace(log, propensities=log.propensities * 0.7), target)
    assert "mean_weight" in red(found)
    assert "should average 1.000" in next(fact.explanation("en") for fact in found.reasons)


def test_ten_clicks_in_ten_thousand_rounds_are_refused() -> None:
    rng = np.random.default_rng(0)
    rewards = np.zeros(10_000)
    rewards[rng.choice(10_000, 10, replace=False)] = 1
    log = LoggedFeedback(rng.integers(0, 20, 10_000), rewards, np.full(10_000, 0.05), np.arange(20).astype(str))
    target = TargetPolicy.of("new", log, softmax(rng.normal(size=(10_000, 20))))
    found = assess(log, target)
    assert "rewarded_rounds" in red(found)
    assert "10 of 10,000 rounds were rewarded" in " ".join(fact.explanation("en") for fact in found.reasons)


def test_one_round_with_most_of_the_weight_is_refused() -> None:
    log, _, _ = world(1000)
    propensities = np.full(1000, 0.9)
    propensities[7] = 0.0005
    found = assess(replace(log, propensities=propensities),
                   TargetPolicy.of_taken("new", log, np.full(1000, 0.9)))  # fmt: skip
    assert "largest_weight" in red(found)


def test_drift_and_estimated_propensities_go_with_the_number() -> None:
    log, target, _ = world(4000)
    found = assess(replace(log, rewards=np.where(np.arange(4000) < 2000, log.rewards, 1.0),
                           propensities_estimated=True), target)  # fmt: skip
    amber = {fact.name for fact in found.facts if fact.level == "amber"}
    assert {"drift", "estimated_propensities"} <= amber


def test_watch_seconds_are_answered_too_and_bounded_where_a_largest_is_known() -> None:
    log, target, _ = world(6000)
    seconds = np.where(log.rewards > 0, 30 + 10 * np.random.default_rng(0).random(6000), 1.0)
    watched = replace(log, rewards=seconds, unit="s")
    found, bounded = assess(watched, target), assess(watched, target, largest_reward=60.0)
    assert found.answer is not None
    assert bounded.answer is not None
    assert found.answer.guaranteed is None
    assert bounded.answer.guaranteed is not None
    assert 0 < bounded.answer.guaranteed < found.answer.value


def test_the_plan_asks_for_fewer_rounds_the_more_is_explored() -> None:
    log, target, _ = world(10_000)
    plan = assess(log, target).plan
    assert plan["rounds"].to_list() == sorted(plan["rounds"], reverse=True)
    assert plan["explored"][-1] == 1.0
    # Exploring evenly in every round: the weight is 5π, whatever was logged.
    assert target.probabilities is not None
    alone = 1 / (5 * (target.probabilities**2).sum(axis=1)).mean()
    assert plan["effective_share"][-1] == pytest.approx(alone, rel=0.15)


def test_a_plan_on_a_log_that_never_tried_counts_what_it_cannot_see_at_its_worst() -> None:
    log, target, _ = world(3000, never=2)
    found = assess(log, target)
    assert found.support.missing > 0.2
    half = found.plan.filter(explored=0.5)["rounds"][0]
    assert half > assess(*world(3000)[:2]).plan.filter(explored=0.5)["rounds"][0]


def test_the_best_policy_is_the_one_bounded_highest_not_the_one_that_looks_highest() -> None:
    log, target, _ = world(5000)
    itself = TargetPolicy.of_taken("itself", log, log.propensities)
    best = best_policy([assess(log, target), assess(log, itself)])
    assert best["policy"] == "target"
    assert best["low"] < best["value"]
    assert best["asked"] == best["answered"] == 2
    nothing = best_policy([assess(*world(5000, never=2)[:2])])
    assert nothing["policy"] is None
    assert nothing["answered"] == 0


def test_resamples_below_one_are_refused() -> None:
    log, target, _ = world(100)
    with pytest.raises(UsageError):
        assess(log, target, resamples=0)
