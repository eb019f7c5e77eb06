"""Reward models: cross-fitted over users, better than the mean where there is something to learn."""

from __future__ import annotations

import numpy as np
import pytest
from bandit_logs import world

from avrec_lib.errors import DataError, UsageError
from avrec_lib.evaluate.off_policy.folds import folds_of
from avrec_lib.evaluate.off_policy.reward_models import calibration, fit_quality, predicted_rewards


@pytest.mark.parametrize("model", ["LightGBM", "ridge"])
def test_a_model_explains_rewards_that_follow_the_context(model: str) -> None:
    log, _, _ = world(4000, sharpness=0.0)
    quality = fit_quality(log, predicted_rewards(log, model))  # type: ignore[arg-type]
    assert quality > 0.1
    assert quality > fit_quality(log, predicted_rewards(log, "mean"))


def test_no_round_is_predicted_by_a_model_that_saw_its_user() -> None:
    log, _, _ = world(600, user_size=3)
    assert log.users is not None
    folds = folds_of(len(log), log.users, 3, seed=0)
    assert all(len(set(folds[log.users == user])) == 1 for user in range(log.clusters))
    # One user's rewards change: the predictions of that user's own fold stay as they were.
    changed = log.rewards.copy()
    changed[log.users == 0] = 5.0
    other = predicted_rewards(replaced(log, changed), "mean")
    own = folds == folds[0]
    np.testing.assert_array_equal(predicted_rewards(log, "mean")[own], other[own])
    assert (predicted_rewards(log, "mean")[~own] != other[~own]).any()


def test_predictions_stay_within_the_rewards_seen() -> None:
    log, _, _ = world(500)
    for model in ("LightGBM", "ridge", "mean"):
        predicted = predicted_rewards(log, model)  # type: ignore[arg-type]
        assert predicted.shape == (500, 5)
        assert predicted.min() >= 0
        assert predicted.max() <= 1


def test_the_mean_of_an_action_is_pulled_to_the_mean_of_all() -> None:
    log, _, _ = world(900, never=1)
    predicted = predicted_rewards(log, "mean", folds=3)
    for number in range(3):
        of_fold = folds_of(len(log), None, 3, 0) == number
        assert predicted[of_fold][0, 0] == pytest.approx(log.rewards[~of_fold].mean()), "never taken: the mean of all"


def test_rewards_that_never_change_are_predicted_and_have_no_quality() -> None:
    log, _, _ = world(300)
    same = replaced(log, np.zeros(300))
    assert not predicted_rewards(same, "LightGBM").any()
    assert np.isnan(fit_quality(same, predicted_rewards(same, "LightGBM")))


def test_calibration_shows_groups_of_equal_size() -> None:
    log, _, _ = world(1000)
    table = calibration(log, predicted_rewards(log, "ridge"), bins=5)
    assert table["rounds"].to_list() == [200] * 5
    assert table["predicted"].is_sorted()
    assert table["reward"][4] > table["reward"][0]


def test_an_unknown_model_is_named_with_its_nearest() -> None:
    with pytest.raises(UsageError, match="Did you mean ridge"):
        predicted_rewards(world(50)[0], "rige")  # type: ignore[arg-type]


@pytest.mark.parametrize(("folds", "size"), [(1, 1), (-2, 1), (3, 300)])
def test_a_model_that_would_predict_what_it_saw_is_refused(folds: int, size: int) -> None:
    log, _, _ = world(300, user_size=size)
    with pytest.raises(DataError, match="two folds of users or more"):
        predicted_rewards(log, "mean", folds=folds)


def replaced(log, rewards):  # type: ignore[no-untyped-def]
    from dataclasses import replace

    return replace(log, rewards=rewards)
