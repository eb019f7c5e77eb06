"""An answer with its interval where the log carries it, and a refusal with its reason where it does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from bandit_logs import always, softmax, world

from avrec_lib.data.facts import Fact
from avrec_lib.errors import UsageError
from avrec_lib.evaluate.off_policy.assessment import Assessment, assess
from avrec_lib.evaluate.off_policy.best import best_policy
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
    assert found.verdict == "the same"
    # A model that errs may find a difference; the policy is the same all the same.
    assert assess(log, TargetPolicy.of_taken("itself", log, log.propensities), predicted_rewards(log, "mean"))


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


@pytest.mark.parametrize(("untried", "model"), [(0.0, None), (0.95, None), (0.0, "ridge"), (0.95, "ridge")])
def test_the_worst_and_the_best_of_what_was_never_tried_are_inside(untried: float, model: str | None) -> None:
    # In every other round action 0 was impossible. Where it was possible it earns .95: a model would extrapolate that.
    held = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        possible = np.arange(4000) % 2 == 0
        logging = np.where(possible[:, None], 0.25, np.array([0, 1 / 3, 1 / 3, 1 / 3]))
        target = np.tile([0.16, 0.28, 0.28, 0.28], (4000, 1))
        earns = np.full((4000, 4), 0.05)
        earns[:, 0] = np.where(possible, 0.95, untried)
        taken = (logging.cumsum(axis=1) > rng.random((4000, 1))).argmax(axis=1)
        rows = np.arange(4000)
        log = LoggedFeedback(taken, (rng.random(4000) < earns[rows, taken]), logging[rows, taken],
                             np.array(list("abcd")), logging, contexts=rng.normal(size=(4000, 2)))  # fmt: skip
        predicted = None if model is None else predicted_rewards(log, "ridge")
        found = assess(log, TargetPolicy.of("new", log, target), predicted)
        assert found.support.known_missing == pytest.approx(0.08)
        assert found.answer is not None
        assert found.answer.widened
        held += found.answer.low <= (target * earns).sum(axis=1).mean() <= found.answer.high
    assert held >= 18


def test_rare_amounts_without_support_reach_to_the_largest_that_was_seen() -> None:
    rng = np.random.default_rng(0)
    log = LoggedFeedback(rng.integers(0, 3, 20_000), np.where(rng.random(20_000) < 0.04, 21.0, 0.0),
                         np.full(20_000, 1 / 3), np.array(list("abcd")))  # fmt: skip
    target = TargetPolicy.of("new", log, np.tile([0.31, 0.3, 0.3, 0.09], (20_000, 1)))
    found = assess(log, target)
    assert found.answer is not None
    assert found.answer.assumed
    assert found.answer.high > found.estimates.row(by_predicate=pl.col("estimator") == "SNIPS", named=True)["high"]
    assert found.verdict == "cannot be decided"
    bounded = assess(log, target, largest_reward=30.0)
    assert bounded.answer is not None
    assert not bounded.answer.assumed
    with pytest.raises(UsageError, match="largest_reward is 10"):
        assess(log, target, largest_reward=10.0)


def test_mass_that_only_the_weights_miss_is_bracketed_with_its_own_error() -> None:
    log, _, _ = world(2500, never=1, sharpness=0.0)
    mostly = np.tile([0.06, 0.235, 0.235, 0.235, 0.235], (2500, 1))
    target = TargetPolicy.of("mostly the others", log, mostly)
    alone = TargetPolicy.of_taken("the same, its distribution unknown", log, target.of_logged)
    found = assess(log, alone)
    assert found.support.known_missing == 0
    if found.answer is not None:
        assert found.answer.low <= assess(log, target).answer.value <= found.answer.high  # type: ignore[union-attr]


def test_slates_are_valued_whole_and_given_what_stands_above() -> None:
    # Two places, three items that earn .9, .5, .1; logging is even, the policy all but always shows the best first.
    worth, rng = np.array([0.9, 0.5, 0.1]), np.random.default_rng(1)
    n = 4000
    slates = np.array([rng.permutation(3)[:2] for _ in range(n)])
    clicks = rng.random((n, 2)) < worth[slates]
    first = np.array([0.8, 0.1, 0.1])[slates[:, 0]]
    second = np.where(slates[:, 0] == 0, 0.5, np.where(slates[:, 1] == 0, 8 / 9, 1 / 9))
    log = LoggedFeedback(
        slates.ravel(), clicks.ravel(), np.tile([1 / 3, 1 / 2], n), np.array(list("abc")),
        requests=np.repeat(np.arange(n), 2), positions=np.tile([0, 1], n),
    )  # fmt: skip
    found = assess(log, TargetPolicy.of_taken("best first", log, np.stack([first, second], axis=1).ravel()))
    truth = 0.8 * (0.9 + 0.3) + 0.1 * (0.5 + 8 / 9 * 0.9 + 1 / 9 * 0.1) + 0.1 * (0.1 + 8 / 9 * 0.9 + 1 / 9 * 0.5)
    assert found.answer is not None
    assert found.answer.low < truth < found.answer.high
    assert found.estimator == "SNRIPS"
    assert found.logged == pytest.approx(1.0, abs=0.05)
    assert found.verdict == "better"
    assert "slates" in {fact.name for fact in found.facts if fact.level == "amber"}


def test_a_red_fact_of_the_log_refuses_too() -> None:
    log, target, _ = world(3000)
    torn = Fact("outcomes_without_round", 600, 0.6, "red", "Most outcomes were lost.")
    found = assess(log, target, facts=[torn])
    assert found.answer is None
    assert found.plan is None, "more such rounds would not help"
    assert found.reasons == (torn,)


def test_estimated_propensities_guarantee_nothing() -> None:
    log, target, _ = world(3000)
    found = assess(replace(log, propensities_estimated=True), target)
    assert found.answer is not None
    assert found.answer.guaranteed is None


def test_wrong_propensities_are_caught_by_the_mean_weight() -> None:
    log, target, _ = world(5000)
    found = assess(replace(log, propensities=log.propensities * 0.7), target)
    assert "mean_weight" in red(found)
    assert any("should average 1.000" in fact.explanation("en") for fact in found.reasons)
    assert found.plan is None


def test_propensities_of_other_rounds_are_caught_by_actions_taken_too_often() -> None:
    rng = np.random.default_rng(0)
    chances = np.array([0.7, 0.2, 0.1])
    taken = rng.choice(3, 5000, p=chances)
    log = LoggedFeedback(taken, rng.random(5000) < 0.3, chances[taken], np.array(list("abc")))
    uniform = TargetPolicy.of("uniform", log, np.full((5000, 3), 1 / 3))
    assert red(assess(log, uniform)) == set()
    # Shuffled, 1/p averages 3 whatever was taken: action a stands for .7 · 3 of all rounds.
    found = assess(replace(log, propensities=rng.permutation(log.propensities)), uniform)
    assert "propensities" in red(found)
    assert "'a' as often as if it could have been taken in 20" in found.reasons[0].explanation("en")


def test_rewards_that_never_differ_are_refused() -> None:
    log, target, _ = world(2000)
    assert "rewarded_rounds" in red(assess(replace(log, rewards=np.ones(2000)), target))


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
    assert plan is not None
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
    healthy = assess(*world(3000)[:2])
    assert found.plan is not None
    assert healthy.plan is not None
    half = found.plan.filter(explored=0.5)["rounds"][0]
    assert half > healthy.plan.filter(explored=0.5)["rounds"][0]


def test_the_best_policy_is_the_one_bounded_highest_not_the_one_that_looks_highest() -> None:
    log, target, _ = world(5000)
    itself = TargetPolicy.of_taken("itself", log, log.propensities)
    best = best_policy([assess(log, target), assess(log, itself)])
    assert best is not None
    assert best.policy == "target"
    assert best.low < best.value
    assert best.asked == best.answered == 2
    assert best_policy([assess(*world(5000, never=2)[:2])]) is None


def test_the_bound_of_the_best_goes_on_sinking_with_the_number_of_policies() -> None:
    one = assess(*world(5000)[:2])
    lows = [best_policy([one] * count).low for count in (1, 10, 100, 1000)]  # type: ignore[union-attr]
    assert lows == sorted(lows, reverse=True)
    assert len(set(lows)) == 4


def test_resamples_below_one_are_refused() -> None:
    log, target, _ = world(100)
    with pytest.raises(UsageError):
        assess(log, target, resamples=0)
