from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2, norm

from avrec_lib.errors import UsageError
from avrec_lib.evaluate.experiment.moments import Moments
from avrec_lib.evaluate.experiment.sequential import (
    _threshold,
    as_correlation,
    habits_clock,
    mixture,
    planned_end,
    users_clock,
)


def test_a_flat_mixture_that_starts_late_is_the_boundary_of_robbins() -> None:
    # P(|B(t)| >= √(t (a² + log(t / m))) for some t >= m) = P(chi-square of 3 > a²), the limit of a flat prior.
    scale = 1e-7
    threshold = _threshold(0.05, 1.0, scale)
    square = (1 + scale) * (np.log1p(1 / scale) + 2 * np.log(threshold))
    assert square == pytest.approx(chi2.ppf(0.95, 3), rel=1e-3)


def test_a_mixture_that_starts_at_once_ends_at_one_over_alpha() -> None:
    assert _threshold(0.05, 1e-9, 0.1) == pytest.approx(20, rel=1e-6)


def test_the_threshold_is_crossed_as_often_as_promised() -> None:
    rng = np.random.default_rng(0)
    alpha, start, scale = 0.2, 0.25, 0.1
    times = np.concatenate([[start], start * 1.01 ** np.arange(1, 1400)])
    steps = np.sqrt(np.diff(times, prepend=0.0))
    threshold = _threshold(alpha, start, scale)
    bound = np.sqrt((times + scale) * (np.log1p(times / scale) + 2 * np.log(threshold)))
    place, crossed = np.zeros(4000), np.zeros(4000, dtype=bool)
    for step, edge in zip(steps, bound, strict=True):
        place += step * rng.standard_normal(4000)
        crossed |= np.abs(place) >= edge
    # Looks in steps of a hundredth miss a few crossings in between.
    assert 0.15 < crossed.mean() < 0.215


def test_half_of_alpha_waits_for_the_planned_end() -> None:
    shape = mixture(0.05)
    looks = shape.reach(np.array([0.1, 0.25, 0.5, 1.0, 2.0]), np.array([False, False, False, True, False]))
    assert np.isinf(looks[0])
    assert looks[3] == pytest.approx(norm.ppf(1 - 0.05 / 4))
    assert looks[1:3].min() > 3 and looks[4] > looks[2]
    assert shape.reach(np.array(1.0)) == pytest.approx(mixture(0.05).reach(np.array(1.0)))


def test_what_is_no_level_and_no_look_is_refused() -> None:
    with pytest.raises(UsageError, match="alpha lies between"):
        mixture(1.5)
    with pytest.raises(UsageError, match="first look is a share"):
        mixture(0.05, 0.0)


def counts(*users: int) -> Moments:
    size = np.array(users, dtype=float)
    return Moments(size, np.zeros((len(users), 2)), np.zeros((len(users), 2, 2)))


def test_users_who_count_once_are_the_clock() -> None:
    clock = users_clock(counts(10, 50, 100), counts(10, 50, 100), 200, (0.5, 0.5))
    assert clock.tolist() == [0.0, 0.5, 1.0]  # ten users an arm are too few to look


def test_for_brownian_motion_the_likeness_gives_its_own_clock() -> None:
    time = np.array([0.25, 0.5, 1.0, 4.0])
    likeness = np.sqrt(np.minimum(time[:, None], time) / np.maximum(time[:, None], time))
    assert habits_clock(time, likeness) == pytest.approx(time)


def test_users_who_do_the_same_every_day_let_the_clock_stand() -> None:
    assert habits_clock(np.array([0.0, 0.3, 0.6, 0.9]), np.ones((4, 4))).tolist() == [0.0, 0.3, 0.3, 0.3]


def test_correlations_come_from_covariances() -> None:
    assert as_correlation(np.array([[4.0, 2.0], [2.0, 9.0]]))[0, 1] == pytest.approx(2 / 6)
    assert as_correlation(np.zeros((2, 2))).tolist() == [[0, 0], [0, 0]]


def test_the_planned_end_is_one_look() -> None:
    assert planned_end(np.array([0.5, 0.9, 1.0, 1.2])).tolist() == [False, False, True, False]
    assert not planned_end(np.array([0.5, 0.9])).any()
