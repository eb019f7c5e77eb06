"""The difference of two policies on slates: sums that the eye can check, and a world whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from avrec_lib.errors import DataError
from avrec_lib.evaluate.off_policy.intervals import Totals, standard_error
from avrec_lib.evaluate.off_policy.slate_difference import slate_difference

REWARDS = np.array([[1.0, 0.0], [0.0, 1.0]])
OLD, NEW = np.full((2, 2), 0.5), np.array([[1.0, 0.5], [0.5, 0.25]])
USERS = np.array([0, 1])


def test_two_slates_by_hand() -> None:
    found = slate_difference(REWARDS, OLD, NEW, np.full((2, 2), 0.25), np.array([0.1, 0.3]), USERS)
    # Weights from the top: 2, 2 · 1 and 1, 1 · .5. Residuals: .75, −.25 and −.25, .75.
    assert found.weights.tolist() == [[2, 2], [1, 0.5]]
    by_model = (0.1 + 0.3) / 2
    first = (2 * 0.75 - 1 * 0.25) / 3 - (0.75 - 0.25) / 2
    second = (-2 * 0.25 + 0.5 * 0.75) / 2.5 - (-0.25 + 0.75) / 2
    value, model_alone = Totals.of([found.ratios(), found.by_model()], USERS).estimates()
    assert value == pytest.approx(by_model + first + second)
    assert model_alone == pytest.approx(by_model)
    assert found.places().weights.tolist() == [2, 2, 1, 0.5]
    assert found.places().users.tolist() == [0, 0, 1, 1]  # type: ignore[union-attr]


def test_the_same_policy_differs_by_nothing_and_for_certain() -> None:
    found = slate_difference(REWARDS, OLD, OLD, np.full((2, 2), 0.4), np.zeros(2), USERS)
    totals = Totals.of([found.ratios()], USERS)
    assert totals.estimates()[0] == pytest.approx(0)
    assert standard_error(totals.influence(0)) == pytest.approx(0)


@pytest.mark.parametrize("wrong", [0.0, 0.3])
def test_a_wrong_model_is_corrected_by_the_weights(wrong: float) -> None:
    rng = np.random.default_rng(0)
    n, worth = 40_000, np.array([0.1, 0.5])
    old, new = np.array([0.7, 0.3]), np.array([0.4, 0.6])
    shown = (rng.random((n, 1)) < old[1]).astype(int)
    rewards = (rng.random((n, 1)) < worth[shown]).astype(float)
    model = worth + wrong * np.array([1.0, -1.0])
    modelled = np.full(n, (new - old) @ model)
    found = slate_difference(rewards, old[shown], new[shown], model[shown], modelled, np.arange(n))
    totals = Totals.of([found.ratios()], np.arange(n))
    error = standard_error(totals.influence(0))
    assert error < 0.01
    assert totals.estimates()[0] == pytest.approx((new - old) @ worth, abs=4 * error)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(DataError, match="differ in shape"):
        slate_difference(REWARDS, OLD, NEW[:1], OLD, np.zeros(2), USERS)
    with pytest.raises(DataError, match="chance of 0"):
        slate_difference(REWARDS, np.array([[0.5, 0.0], [0.5, 0.5]]), NEW, OLD, np.zeros(2), USERS)
    with pytest.raises(DataError, match="not finite"):
        slate_difference(REWARDS, OLD, NEW, OLD, np.array([np.nan, 0]), USERS)
