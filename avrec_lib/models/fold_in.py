"""Factors for what was not there when others were learned: a query's history, an item nobody has chosen yet."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from threadpoolctl import threadpool_limits

from avrec_lib.models.histories import Histories
from avrec_lib.models.top_k import UNRANKED


class FoldIn:
    """The x of a row of choices for which Σᵢ cᵢ (pᵢ − x·yᵢ)² + λ‖x‖² is least, λ being the `regularisation`.

    pᵢ is 1 and cᵢ `confidence` times its value for a choice, else 0 and 1. The `factors` y (columns, factors) stay as
    they are. A row without choices has x = 0.
    """

    def __init__(self, factors: np.ndarray, regularisation: float, confidence: float) -> None:
        from implicit.cpu.als import AlternatingLeastSquares

        with threadpool_limits(1, "blas"):  # implicit runs a thread a core by itself
            self._solver = AlternatingLeastSquares(
                factors=factors.shape[1], regularization=regularisation, alpha=confidence, dtype=np.float32
            )
        self._solver.item_factors = factors
        self._nothing_learned = ~factors.any(axis=1)

    def __call__(self, chosen: sparse.csr_matrix) -> np.ndarray:
        """Factors (rows, factors) float32 of the rows of `chosen` (rows, columns), whatever the other rows are."""
        with threadpool_limits(1, "blas"):
            return self._solver.recalculate_user(np.arange(chosen.shape[0]), chosen)

    def scores(self, histories: Histories) -> np.ndarray:
        """x·yᵢ (queries, items) of what each query may know; UNRANKED without a history, and for factors of zeros."""
        scores = self(histories.matrix()) @ self._solver.item_factors.T
        scores[:, self._nothing_learned] = UNRANKED
        scores[histories.lengths == 0] = UNRANKED
        return scores
