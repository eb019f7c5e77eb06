from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from avrec_lib.models.top_k import UNRANKED, top_k

FEW = array_shapes(min_dims=2, max_dims=2, max_side=9)
MANY = st.tuples(st.integers(1, 3), st.integers(8, 300))
VALUES = st.sampled_from([0, 1, 2, -np.inf])


def assert_head_of_a_stable_sort(scores: np.ndarray, k: int) -> None:
    columns, values = top_k(scores, k)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    expected = np.take_along_axis(scores, order, axis=1)
    np.testing.assert_array_equal(values, expected)
    assert values.dtype == scores.dtype
    np.testing.assert_array_equal(columns[expected > UNRANKED], order[expected > UNRANKED])
    in_order = np.sort(columns, axis=1)
    assert (in_order[:, 1:] > in_order[:, :-1]).all(), "a column stands there twice"


@given(arrays(np.float32, FEW, elements=VALUES), st.integers(1, 10))
def test_it_is_the_head_of_a_stable_sort_ties_to_the_lower_column(scores: np.ndarray, k: int) -> None:
    assert_head_of_a_stable_sort(scores, k)


@given(arrays(np.float32, MANY, elements=VALUES, fill=VALUES), st.integers(1, 12))
def test_the_tie_rule_holds_where_only_some_chunks_are_searched(scores: np.ndarray, k: int) -> None:
    assert_head_of_a_stable_sort(scores, k)


@given(st.integers(0, 2**32 - 1), st.integers(1, 2_000), st.integers(1, 30), st.integers(1, 1_000))
def test_chunks_of_chunks_find_the_same(seed: int, columns: int, k: int, values: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, values, (3, columns)).astype(np.float32)
    scores[rng.random(scores.shape) < rng.random((3, 1))] = UNRANKED
    assert_head_of_a_stable_sort(scores, k)


@pytest.mark.parametrize(("low", "high"), [(1, 8), (7, 56), (62, 63), (0, 63)])
def test_of_two_equal_columns_the_lower_one_is_kept_in_whatever_chunks_they_lie(low: int, high: int) -> None:
    scores = np.zeros((2, 64), dtype=np.float32)
    scores[0, [low, high]] = 1
    scores[1, [low, high]] = UNRANKED
    first_of_zeros = next(column for column in range(64) if column not in (low, high))
    np.testing.assert_array_equal(top_k(scores, 1)[0], [[low], [first_of_zeros]])


@pytest.mark.parametrize("value", [3.0, 0.0, UNRANKED])
def test_rows_of_one_value(value: float) -> None:
    columns, values = top_k(np.full((2, 500), value), 3)
    np.testing.assert_array_equal(values, np.full((2, 3), value))
    if value > UNRANKED:
        np.testing.assert_array_equal(columns, [[0, 1, 2]] * 2)


@pytest.mark.parametrize("k", [1, 5, 499, 500, 501, 10_000])
def test_more_than_there_are_gives_all_there_are(k: int) -> None:
    scores = np.random.default_rng(k).integers(0, 50, (4, 500)).astype(np.float32)
    assert top_k(scores, k)[0].shape == (4, min(k, 500))
    assert_head_of_a_stable_sort(scores, k)


@pytest.mark.parametrize(("rows", "columns"), [(3, 1), (0, 1), (0, 500), (1, 500)])
def test_one_column_one_row_and_no_row(rows: int, columns: int) -> None:
    assert_head_of_a_stable_sort(np.arange(rows * columns, dtype=np.float32).reshape(rows, columns), 2)


def test_memory_may_lie_in_any_order_and_is_left_as_it_was() -> None:
    base = np.random.default_rng(0).integers(0, 90, (400, 600)).astype(np.float32)
    before = base.copy()
    for scores in (base.T, base[::2, ::3], base[:, ::-1], np.asfortranarray(base), np.broadcast_to(base[0], (5, 600))):
        assert_head_of_a_stable_sort(scores, 4)
    np.testing.assert_array_equal(base, before)


def test_double_precision_tells_apart_what_single_precision_does_not() -> None:
    scores = np.ones((1, 1_000))
    scores[0, 700] += 1e-12
    np.testing.assert_array_equal(top_k(scores, 2)[0], [[700, 0]])


def test_infinity_is_a_score_and_zero_has_no_sign() -> None:
    scores = np.full((1, 1_000), -1.0, dtype=np.float32)
    scores[0, [900, 30, 20]] = np.inf, 0.0, -0.0
    np.testing.assert_array_equal(top_k(scores, 4)[0], [[900, 20, 30, 0]])
