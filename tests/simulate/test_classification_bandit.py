from __future__ import annotations

import numpy as np
import pytest

from avrec_lib.errors import UsageError
from avrec_lib.simulate.classification_bandit import classification_bandit


def test_rounds_are_the_rows_that_no_policy_was_trained_on() -> None:
    known = classification_bandit("iris")
    assert len(known.log) == 105  # .7 of 150
    assert known.log.action_count == 3
    assert set(np.unique(known.log.rewards)) == {0.0, 1.0}


def test_policies_follow_their_classifier_as_often_as_they_say() -> None:
    known = classification_bandit("wine", logging_certainty=0.4, target_certainty=0.9)
    assert known.log.logging is not None
    assert known.target.probabilities is not None
    assert set(np.unique(known.log.logging.round(9))) == {0.2, 0.6}
    assert set(np.unique(known.target.probabilities.round(9))) == {0.033333333, 0.933333333}
    # The forest is nearly always right: .9 + .1 / 3 of the time it says what it thinks.
    assert 0.85 < known.value <= 0.9 + 0.1 / 3


def test_weights_average_one_and_weighted_rewards_the_value() -> None:
    weights, estimates, values = [], [], []
    for seed in range(10):
        known = classification_bandit("iris", seed)
        weight = known.target.of_logged / known.log.propensities
        weights.append(weight.mean())
        estimates.append((weight * known.log.rewards).mean())
        values.append(known.value)
    assert np.mean(weights) == pytest.approx(1, abs=0.1)
    assert np.mean(estimates) == pytest.approx(np.mean(values), abs=0.1)


def test_the_same_seed_gives_the_same_log() -> None:
    first, again, other = (classification_bandit("iris", seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.log.actions, again.log.actions)
    assert first.value == again.value
    assert not np.array_equal(first.log.actions, other.log.actions)


def test_unknown_data_and_certainties_are_refused() -> None:
    with pytest.raises(UsageError, match="digits"):
        classification_bandit("digit")  # type: ignore[arg-type]
    with pytest.raises(UsageError):
        classification_bandit("iris", logging_certainty=1.0)
    with pytest.raises(UsageError):
        classification_bandit("iris", evaluation_share=0.0)
