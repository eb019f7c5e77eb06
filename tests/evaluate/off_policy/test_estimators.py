"""Estimators on four rounds whose sums the eye can check, and their promises on worlds with a known value."""

from __future__ import annotations

import math

import numpy as np
import pytest
from bandit_logs import four_rounds, world

from avrec_lib.errors import UsageError
from avrec_lib.evaluate.off_policy.estimators import (
    DirectMethod,
    DoublyRobust,
    Estimator,
    Evidence,
    InversePropensity,
    SelfNormalised,
    SelfNormalisedDoublyRobust,
    ShrunkDoublyRobust,
    SwitchDoublyRobust,
    contributions,
    estimate,
    evidence_of,
)
from avrec_lib.evaluate.off_policy.feedback import TargetPolicy

EVERY = [
    InversePropensity(), InversePropensity(2.0), SelfNormalised(), DirectMethod(), DoublyRobust(),
    SelfNormalisedDoublyRobust(), SwitchDoublyRobust(2.0), ShrunkDoublyRobust(4.0),
]  # fmt: skip

# The target takes action 0 with .5, .4, .8 and action 1 with .5 (round 3): weights 1, .5, 2.5 and .8/.5 = 1.6.
LOG = four_rounds()
TARGET = TargetPolicy.of("new", LOG, np.array([[0.5, 0.5], [0.4, 0.6], [0.5, 0.5], [0.8, 0.2]]))
PREDICTED = np.array([[0.6, 0.2], [0.5, 0.5], [0.4, 0.8], [1.0, 0.0]])
EVIDENCE = evidence_of(LOG, TARGET, PREDICTED)


def test_the_evidence_is_five_numbers_a_round() -> None:
    assert EVIDENCE.weights.tolist() == [1.0, 0.5, 2.5, 1.6]
    assert EVIDENCE.predicted is not None
    assert EVIDENCE.expected is not None
    assert EVIDENCE.predicted.tolist() == [0.6, 0.5, 0.8, 1.0]
    np.testing.assert_allclose(EVIDENCE.expected, [0.4, 0.5, 0.6, 0.8])


@pytest.mark.parametrize(("estimator", "value"), [
    (InversePropensity(), (1.0 + 2.5 + 1.6) / 4),
    (InversePropensity(2.0), (1.0 + 2.0 + 1.6) / 4),
    (SelfNormalised(), (1.0 + 2.5 + 1.6) / (1.0 + 0.5 + 2.5 + 1.6)),
    (DirectMethod(), (0.4 + 0.5 + 0.6 + 0.8) / 4),
    (DoublyRobust(), (0.4 + 0.5 + 0.6 + 0.8 + 1 * 0.4 + 0.5 * -0.5 + 2.5 * 0.2 + 1.6 * 0) / 4),
    (SelfNormalisedDoublyRobust(), (0.4 + 0.5 + 0.6 + 0.8) / 4 + (0.4 - 0.25 + 0.5) / 5.6),
    (SwitchDoublyRobust(2.0), (2.3 + 0.4 - 0.25) / 4),
    (ShrunkDoublyRobust(4.0), (2.3 + 4 / 5 * 0.4 + 4 * 0.5 / 4.25 * -0.5 + 4 * 2.5 / 10.25 * 0.2) / 4),
], ids=[one.name for one in EVERY])  # fmt: skip
def test_values_are_the_visible_sums(estimator: Estimator, value: float) -> None:
    assert estimate(estimator, EVIDENCE) == pytest.approx(value)


@pytest.mark.parametrize("estimator", EVERY, ids=[one.name for one in EVERY])
def test_the_mean_of_the_contributions_is_the_estimate(estimator: Estimator) -> None:
    assert contributions(estimator, EVIDENCE).mean() == pytest.approx(estimate(estimator, EVIDENCE))


def test_at_their_ends_the_compromises_are_what_they_compromise_between() -> None:
    doubly, direct = (estimate(one, EVIDENCE) for one in (DoublyRobust(), DirectMethod()))
    assert estimate(SwitchDoublyRobust(math.inf), EVIDENCE) == pytest.approx(doubly)
    assert estimate(ShrunkDoublyRobust(math.inf), EVIDENCE) == pytest.approx(doubly)
    assert estimate(SwitchDoublyRobust(0.0), EVIDENCE) == pytest.approx(direct)
    assert estimate(ShrunkDoublyRobust(0.0), EVIDENCE) == pytest.approx(direct)


def test_the_logging_policy_itself_earns_the_mean_reward() -> None:
    log, _, _ = world(seed=3)
    itself = TargetPolicy.of_taken("itself", log, log.propensities)
    for estimator in (InversePropensity(), SelfNormalised()):
        assert estimate(estimator, evidence_of(log, itself)) == pytest.approx(log.rewards.mean())


def test_a_perfect_model_leaves_the_weights_nothing_to_do() -> None:
    rewards = np.array([1.0, 0.0, 1.0])
    evidence = Evidence(np.array([3.0, 9.0, 0.1]), rewards, predicted=rewards, expected=np.array([0.5, 0.6, 0.7]))
    for estimator in (DoublyRobust(), SelfNormalisedDoublyRobust(), DirectMethod()):
        assert estimate(estimator, evidence) == pytest.approx(0.6)


def test_what_needs_a_model_says_so() -> None:
    with pytest.raises(UsageError, match="needs a reward model"):
        estimate(DoublyRobust(), evidence_of(LOG, TARGET))


def test_no_logged_action_that_the_policy_would_take_has_no_self_normalised_value() -> None:
    assert math.isnan(estimate(SelfNormalised(), Evidence(np.zeros(3), np.ones(3))))


def test_consistent_estimators_are_right_on_average() -> None:
    worlds = [world(400, seed=seed) for seed in range(300)]
    consistent = [InversePropensity(), SelfNormalised(), DoublyRobust(), SelfNormalisedDoublyRobust()]
    for estimator in consistent:
        off = []
        for log, target, value in worlds:
            guess = np.full((len(log), log.action_count), 0.3)
            off.append(estimate(estimator, evidence_of(log, target, guess)) - value)
        assert abs(np.mean(off)) < 3.5 * np.std(off) / len(off) ** 0.5, estimator.name
