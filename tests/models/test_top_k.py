from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from avrec_lib.models.top_k import UNRANKED, top_k

SHAPES = array_shapes(min_dims=2, max_dims=2, max_side=9)


@given(arrays(np.float32, SHAPES, elements=st.sampled_from([0, 1, 2, -np.inf])), st.integers(1, 10))
def test_it_is_the_head_of_a_stable_sort_ties_to_the_lower_column(scores: np.ndarray, k: int) -> None:
    columns, values = top_k(scores, k)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    expected = np.take_along_axis(scores, order, axis=1)
    np.testing.assert_array_equal(values, expected)
    np.testing.assert_array_equal(columns[expected > UNRANKED], order[expected > UNRANKED])
