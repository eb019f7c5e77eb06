from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t

from avrec_lib.evaluate.power import smallest_detectable, users_needed


def test_of_many_users_the_smallest_detectable_difference_is_2_8_standard_errors() -> None:
    assert smallest_detectable(0.01, 100_000) == pytest.approx(0.01 * (1.960 + 0.842), rel=1e-3)


def test_few_users_and_many_comparisons_need_larger_differences() -> None:
    expected = 0.01 * (t.ppf(1 - 0.05 / 10 / 2, 29) + t.ppf(0.9, 29))
    assert smallest_detectable(0.01, 30, power=0.9, alpha=0.05 / 10) == pytest.approx(expected)


def test_one_user_can_show_nothing() -> None:
    found = smallest_detectable(np.array([0.1, np.nan, 0.1]), np.array([1, 40, 40]))
    assert np.isnan(found).tolist() == [True, True, False]


@given(st.floats(0.05, 2), st.floats(0.1, 1))
def test_users_needed_are_the_first_who_are_enough(difference: float, sd: float) -> None:
    def enough(users: int) -> bool:
        return (t.ppf(0.975, users - 1) + t.ppf(0.8, users - 1)) * sd / users**0.5 <= difference

    first = next(users for users in range(2, 10_000) if enough(users))
    assert users_needed(difference, sd) == first
    assert users_needed(-difference, sd) == first


def test_a_difference_of_nothing_is_out_of_reach() -> None:
    assert [users_needed(size, 0.3) for size in (0.0, 1e-12, float("nan"))] == [None, None, None]
