from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from avrec_lib.evaluate.experiment.estimates import estimate
from avrec_lib.evaluate.experiment.moments import Moments, moments_by_arm


def moments(columns: np.ndarray, arms: np.ndarray) -> Moments:
    return moments_by_arm(columns, arms, np.ones(len(arms), dtype=bool), 2)


def drawn(users: int = 3000, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    shown = 1.0 + rng.poisson(8, users)
    clicks = rng.binomial(shown.astype(int), rng.beta(2, 5, users)).astype(float)
    return rng.integers(0, 2, users), clicks, shown, rng.lognormal(size=users)


def test_a_difference_of_means_is_welchs_test() -> None:
    arms, clicks, _, _ = drawn()
    found = moments(np.column_stack([clicks, np.ones(len(arms))]), arms)
    effect = estimate(found.arm(0), found.arm(1))
    twin = stats.ttest_ind(clicks[arms == 1], clicks[arms == 0], equal_var=False)
    assert effect.p_value() == pytest.approx(twin.pvalue)
    assert effect.freedom == pytest.approx(twin.df)
    assert effect.interval() == pytest.approx(tuple(twin.confidence_interval()))


def test_a_ratio_has_the_error_of_its_linearised_users() -> None:
    arms, clicks, shown, _ = drawn()
    found = moments(np.column_stack([clicks, shown]), arms)
    effect = estimate(found.arm(0), found.arm(1))
    rates = [clicks[arms == arm].sum() / shown[arms == arm].sum() for arm in (0, 1)]
    squares = [
        np.var((clicks - rate * shown)[arms == arm], ddof=1) / shown[arms == arm].mean() ** 2 / (arms == arm).sum()
        for arm, rate in enumerate(rates)
    ]
    assert effect.difference == pytest.approx(rates[1] - rates[0])
    assert effect.error == pytest.approx(np.sqrt(sum(squares)))
    assert effect.lift == pytest.approx(rates[1] / rates[0] - 1)
    assert effect.lift_error == pytest.approx(
        rates[1] / rates[0] * np.sqrt(squares[0] / rates[0] ** 2 + squares[1] / rates[1] ** 2)
    )


def test_cuped_takes_away_what_was_known_before() -> None:
    arms, _, _, before = drawn()
    after = 2 * before + np.random.default_rng(1).normal(size=len(arms))
    ones = np.ones(len(arms))
    found = moments(np.column_stack([after, ones, before, ones]), arms)
    effect = estimate(found.arm(0), found.arm(1), cuped=True)
    within = before - np.where(arms == 1, before[arms == 1].mean(), before[arms == 0].mean())
    theta = (within * after).sum() / (within**2).sum()
    left = after - theta * before
    twin = stats.ttest_ind(left[arms == 1], left[arms == 0], equal_var=False)
    assert effect.theta == pytest.approx(theta)
    assert effect.difference == pytest.approx(left[arms == 1].mean() - left[arms == 0].mean())
    assert effect.p_value() == pytest.approx(twin.pvalue)


def test_a_covariate_without_spread_changes_nothing() -> None:
    arms, clicks, _, _ = drawn(200)
    ones = np.ones(200)
    found = moments(np.column_stack([clicks, ones, 3 * ones, ones]), arms)
    plain, adjusted = (estimate(found.arm(0), found.arm(1), cuped=cuped) for cuped in (False, True))
    assert adjusted.difference == pytest.approx(plain.difference)
    assert adjusted.error == pytest.approx(plain.error)
    assert adjusted.correlation == 0


def test_of_a_control_that_is_not_clearly_above_nothing_there_is_no_lift() -> None:
    arms = np.tile([0, 1], 50)
    near = np.random.default_rng(0).normal(0.0, 1.0, 100)
    found = moments(np.column_stack([near, np.ones(100)]), arms)
    assert np.isnan(estimate(found.arm(0), found.arm(1)).lift)


def test_values_far_from_zero_keep_their_spread() -> None:
    arms = np.tile([0, 1], 500)
    values = 1e9 + np.random.default_rng(0).normal(size=1000)
    found = moments(np.column_stack([values, np.ones(1000)]), arms)
    assert found.covariance[:, 0, 0] == pytest.approx([values[arms == arm].var(ddof=1) for arm in (0, 1)], rel=1e-6)
