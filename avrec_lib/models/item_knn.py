"""Item-based collaborative filtering by neighbours."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from scipy import sparse

from avrec_lib.errors import UsageError
from avrec_lib.models.histories import Histories
from avrec_lib.models.interactions import Interactions
from avrec_lib.models.matrix_recommender import MatrixRecommender
from avrec_lib.models.search_space import Real, Space, Whole
from avrec_lib.models.top_k import UNRANKED

_ROWS = 512


class ItemKNN(MatrixRecommender):
    """Score = sum of the cosine similarities of an item to the items of the history, over each item's `neighbours`.

    cos(i, j) = |users of i and j| / (sqrt(|users of i| · |users of j|) + shrinkage); an item that is near nothing in
    the history is not ranked. Sarwar et al. 2001, "Item-based collaborative filtering recommendation algorithms".
    """

    name = "item-KNN"
    space: ClassVar[Space] = {"neighbours": Whole(10, 1000, log=True), "shrinkage": Real(0.0, 100.0)}
    learned = ("similarity_data", "similarity_columns", "similarity_starts")

    def __init__(self, neighbours: int = 100, shrinkage: float = 0.0) -> None:
        if not isinstance(neighbours, int) or neighbours < 1 or shrinkage < 0:
            raise UsageError(
                "Item-KNN takes neighbours from 1 and a shrinkage from 0 upwards, not {neighbours} and {shrinkage}.",
                neighbours=neighbours, shrinkage=shrinkage,
            )  # fmt: skip
        self.neighbours, self.shrinkage = neighbours, shrinkage

    def _learn(self, interactions: Interactions) -> None:
        matrix = interactions.matrix()
        norms = np.sqrt(np.asarray(matrix.sum(axis=0)).ravel())
        by_item = matrix.T.tocsr()
        parts = [self._neighbours_of(by_item, matrix, norms, start) for start in range(0, len(norms), _ROWS)]
        similarity = sparse.vstack(parts, format="csr")
        self.similarity_data = similarity.data.astype(np.float32)
        self.similarity_columns, self.similarity_starts = similarity.indices, similarity.indptr

    def _neighbours_of(
        self, by_item: sparse.csr_matrix, matrix: sparse.csr_matrix, norms: np.ndarray, start: int
    ) -> sparse.csr_matrix:
        """The most similar items of items `start` … `start + _ROWS`, as rows of a sparse similarity matrix."""
        together = by_item[start : start + _ROWS] @ matrix
        rows = np.repeat(np.arange(together.shape[0]), np.diff(together.indptr))
        columns = together.indices
        cosine = together.data / (norms[start + rows] * norms[columns] + self.shrinkage)
        cosine[columns == start + rows] = 0
        best_first = np.lexsort((columns, -cosine, rows))
        place = np.arange(len(rows)) - together.indptr[rows]
        kept = best_first[(place < self.neighbours) & (cosine[best_first] > 0)]
        return sparse.csr_matrix((cosine[kept], (rows[kept], columns[kept])), shape=together.shape)

    def _prepare(self, items: int) -> None:
        arrays = (self.similarity_data, self.similarity_columns, self.similarity_starts)
        similarity = sparse.csr_matrix(arrays, shape=(items, items))
        similarity.check_format(full_check=True)  # numbers from a file must not reach beyond the arrays
        self._by_neighbour = similarity.T.tocsr()

    def _score(self, histories: Histories) -> np.ndarray:
        scores = (histories.matrix() @ self._by_neighbour).toarray()
        return np.where(scores > 0, scores, np.float32(UNRANKED))
