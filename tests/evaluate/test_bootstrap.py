from __future__ import annotations

import numpy as np
import pytest

from avrec_lib.evaluate.bootstrap import (
    BYTES_OF_WEIGHT,
    bootstrap_intervals,
    bootstrap_means,
    draws,
    fewest_users,
    poisson_weights,
    standard_errors,
)


def test_the_weights_have_the_mean_and_the_variance_of_a_poisson_count() -> None:
    weights, times = np.arange(6), np.array(BYTES_OF_WEIGHT)
    assert times.sum() == 256
    assert (times * weights).sum() / 256 == 1
    assert (times * (weights - 1) ** 2).sum() / 256 == 1
    assert (times * (weights - 1) ** 3).sum() / 256 == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("users", [8, 9, 12, 40])
def test_the_weight_of_a_byte_is_its_place_among_the_256(users: int) -> None:
    drawn = np.frombuffer(np.random.default_rng(5).bytes(3 * users), np.uint8)
    expected = np.repeat(np.arange(6), BYTES_OF_WEIGHT)[drawn].reshape(3, users)
    assert poisson_weights(np.random.default_rng(5), 3, users).tolist() == expected.tolist()


def test_means_are_the_weighted_means_written_out() -> None:
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 4, (30, 3))
    sums = counts * rng.random((30, 3)) * [1, 1000, 1e-6]
    weights = np.hstack([block for _, block in draws(poisson_weights, 30, 40, seed=7)])
    expected = [
        [
            sum(weights[draw, user] * sums[user, column] for user in range(30))
            / sum(weights[draw, user] * counts[user, column] for user in range(30))
            for column in range(3)
        ]
        for draw in range(40)
    ]
    np.testing.assert_allclose(bootstrap_means(sums, counts, resamples=40, seed=7), expected, rtol=1e-5)


def test_blocks_of_users_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("avrec_lib.evaluate.bootstrap.CELLS_AT_ONCE", 70)
    weights = [block for _, block in draws(poisson_weights, 25, 10, seed=1)]
    assert [block.shape[1] for block in weights] == [7, 7, 7, 4]
    sums = np.arange(25.0)[:, None]
    expected = np.hstack(weights) @ sums / np.hstack(weights).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(bootstrap_means(sums, np.ones((25, 1)), resamples=10, seed=1), expected, rtol=1e-5)


def test_the_standard_error_is_that_of_a_mean_when_everyone_asks_once() -> None:
    values = np.random.default_rng(0).random((50, 2))
    expected = values.std(axis=0, ddof=1) / np.sqrt(50)
    np.testing.assert_allclose(standard_errors(values, np.ones_like(values)), expected)


def test_few_users_get_an_interval_wider_than_the_plain_percentiles() -> None:
    values, ones = np.random.default_rng(3).random((12, 1)), np.ones((12, 1))
    low, high = bootstrap_intervals(values, ones, resamples=4000)
    plain = np.quantile(bootstrap_means(values, ones, resamples=4000), [0.025, 0.975])
    # t of 11 degrees of freedom is 2.201 where the normal is 1.960, and the variance divides by 11, not by 12.
    assert (high - low)[0] / np.ptp(plain) == pytest.approx(2.201 / 1.960 * np.sqrt(12 / 11), rel=0.05)


def test_one_user_no_user_and_no_spread_have_no_interval() -> None:
    sums = np.array([[0.3, 0.0, 0.1], [0.0, 0.0, 0.1], [0.0, 0.0, 0.1]])
    counts = np.array([[1, 0, 1], [0, 0, 1], [0, 0, 1]])
    low, high = bootstrap_intervals(sums, counts)
    assert np.isnan(low).all()
    assert np.isnan(high).all()


def test_two_users_have_an_interval_between_them() -> None:
    low, high = bootstrap_intervals(np.array([[0.2], [0.4]]), np.ones((2, 1)))
    assert (low[0], high[0]) == pytest.approx((0.2, 0.4))


def test_no_users_at_all_are_no_error() -> None:
    assert np.isnan(bootstrap_intervals(np.zeros((0, 2)), np.zeros((0, 2)))[0]).all()


def test_the_fewest_users_are_cochrans_rule_written_out() -> None:
    rng = np.random.default_rng(4)
    counts = rng.integers(0, 4, (60, 3))
    sums = counts * rng.lognormal(0, 1.5, (60, 3)) * [1, 1e6, 1e-9]
    expected = []
    for column in range(3):
        asked = [(s, c) for s, c in zip(sums[:, column], counts[:, column], strict=True) if c]
        mean = sum(s for s, _ in asked) / sum(c for _, c in asked)
        rest = [s - mean * c for s, c in asked]
        skewness = np.mean([r**3 for r in rest]) / np.mean([r**2 for r in rest]) ** 1.5
        expected.append(max(30, int(np.ceil(25 * skewness**2))))
    assert fewest_users(sums, counts).tolist() == expected
    assert min(expected) > 30


def test_without_skew_without_spread_and_without_users_thirty_are_enough() -> None:
    sums = np.column_stack([np.tile([0.0, 1.0], 30), np.full(60, 0.1), np.zeros(60)])
    assert fewest_users(sums, np.ones_like(sums)).tolist() == [30, 30, 30]
    assert fewest_users(np.zeros((0, 2)), np.zeros((0, 2))).tolist() == [30, 30]
