"""EASE: the closed-form linear item-item model, a hard baseline to beat."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import psutil
from scipy import sparse
from scipy.linalg import cho_factor, cho_solve, lapack

from avrec_lib.errors import DataError, UsageError
from avrec_lib.models.histories import Histories
from avrec_lib.models.interactions import Interactions
from avrec_lib.models.matrix_recommender import MatrixRecommender
from avrec_lib.models.search_space import Real, Space
from avrec_lib.models.top_k import UNRANKED, top_k

_ROWS = 512


class EASE(MatrixRecommender):
    """Scores X·B with B = I − P·diag(1/diag(P)), P = (XᵀX + λI)⁻¹ (Steck 2019, "Embarrassingly shallow autoencoders").

    `regularisation` is λ. The history enters with the weight `decay` to the power of how many of its events came later
    (1: all alike); B is learned from plain choices either way. Learning takes about 12·n² bytes for n items and time
    that grows with n³, so only the `max_items` most chosen items take part; the rest is never ranked. A user without
    history gets no list.
    """

    name = "EASE"
    space: ClassVar[Space] = {"regularisation": Real(1.0, 10_000.0, log=True)}
    learned = ("weights", "kept")

    def __init__(self, regularisation: float = 250.0, max_items: int = 10_000, decay: float = 1.0) -> None:
        if not regularisation > 0 or max_items < 1 or not 0 < decay <= 1:
            raise UsageError(
                "EASE takes a regularisation above 0, max_items of 1 or more and a decay above 0, up to 1, "
                "not {options}.",
                options=(regularisation, max_items, decay),
            )  # fmt: skip
        self.regularisation, self.max_items, self.decay = float(regularisation), int(max_items), float(decay)
        if decay < 1:
            self.name = "EASE, recency"

    def _learn(self, interactions: Interactions) -> None:
        matrix = interactions.matrix()
        counts = np.asarray(matrix.sum(axis=0), dtype=np.float64)
        columns, popularity = top_k(counts, self.max_items)
        self.kept = np.sort(columns[popularity > 0])
        known = matrix[:, self.kept].astype(np.float64)
        users, items = known.shape
        _check_memory(items)
        invert = _inverse_by_users if 2 * users < items else _inverse_by_items
        precision = invert(known, self.regularisation)
        precision /= -np.diag(precision).copy()
        np.fill_diagonal(precision, 0.0)
        self.weights = precision.astype(np.float32, order="C")  # the product below would copy any other

    def _prepare(self, items: int) -> None:
        n = len(self.kept)
        if self.weights.shape != (n, n) or n > items or self.kept.min() < 0 or self.kept.max() >= items:
            raise ValueError("weights do not fit the catalogue")

    def _score(self, histories: Histories) -> np.ndarray:
        scores = np.full(histories.shape, UNRANKED, dtype=np.float32)
        known = histories.recent(self.decay)[:, self.kept]
        told = known.getnnz(axis=1) > 0
        scores[np.ix_(told, self.kept)] = known[told] @ self.weights
        return scores


def _check_memory(items: int) -> None:
    needed, free = 12 * items**2, psutil.virtual_memory().available
    if needed > free:
        raise DataError(
            "EASE needs {needed} GB of memory for {items} items, and {free} GB are free.",
            hint="Lower max_items: the most chosen items are kept.", needed=f"{needed / 1e9:.1f}", items=f"{items:,}",
            free=f"{free / 1e9:.1f}",
        )  # fmt: skip


def _inverse_by_items(known: sparse.csr_matrix, regularisation: float) -> np.ndarray:
    """(XᵀX + λI)⁻¹ of users × items X: time grows with items³."""
    n = known.shape[1]
    precision = np.empty((n, n), order="F")
    for start in range(0, n, _ROWS):
        precision[:, start : start + _ROWS] = (known.T @ known[:, start : start + _ROWS]).toarray()
    precision[np.diag_indices(n)] += regularisation
    return _inverse_in_place(precision)


def _inverse_by_users(known: sparse.csr_matrix, regularisation: float) -> np.ndarray:
    """The same for few users, by Woodbury's identity: (I − Xᵀ (XXᵀ + λI)⁻¹ X) / λ; time grows with users²·items."""
    alike = (known @ known.T).toarray(order="F")
    alike[np.diag_indices(len(alike))] += regularisation
    solved = cho_solve(cho_factor(alike, lower=True, overwrite_a=True), known.toarray(order="F"), overwrite_b=True)
    precision = known.T @ solved
    precision /= -regularisation
    precision[np.diag_indices(len(precision))] += 1 / regularisation
    return precision


def _inverse_in_place(matrix: np.ndarray) -> np.ndarray:
    """The inverse of a symmetric positive definite matrix (Fortran order), which is overwritten."""
    factor, failed = lapack.dpotrf(matrix, lower=1, overwrite_a=1)
    inverse, failed_too = lapack.dpotri(factor, lower=1, overwrite_c=1)
    if failed or failed_too:
        raise DataError("EASE cannot invert its matrix.", hint="Raise regularisation.")
    for start in range(0, len(inverse), _ROWS):  # mirror the lower triangle, a strip at a time
        end = start + _ROWS
        strip = inverse[start:end, start:end]
        inverse[start:end, start:end] = np.tril(strip) + np.tril(strip, -1).T
        inverse[start:end, end:] = inverse[end:, start:end].T
    return inverse
