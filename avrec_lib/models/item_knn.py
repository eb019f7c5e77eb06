"""Item-based collaborative filtering by neighbours."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from scipy import sparse

from avrec_lib.errors import UsageError
from avrec_lib.models.histories import Histories
from avrec_lib.models.interactions import Interactions
from avrec_lib.models.matrix_recommender import MatrixRecommender
from avrec_lib.models.search_space import OneOf, Real, Space, Whole
from avrec_lib.models.top_k import UNRANKED
from avrec_lib.models.weighting import LABELS, Weighting, check_weighting, weighted

_ROWS = 512


class ItemKNN(MatrixRecommender):
    """Score = sum of the similarities of an item to the items of the history, over each item's `neighbours`.

    The similarity of i and j is Σᵤ wᵤᵢ·wᵤⱼ over the users of both, w = 1 (`weighting` cosine) or more for a user of few
    items (tfidf, bm25: `models.weighting`), divided by ‖wᵢ‖·‖wⱼ‖ + `shrinkage` (bm25: by 1 + `shrinkage`), so that
    cosine is |users of i and j| / (sqrt(|users of i| · |users of j|) + shrinkage). The history enters with the weight
    `decay` to the power of how many of its events came later (1: all alike). An item that is near nothing in the
    history is not ranked. Sarwar et al. 2001, "Item-based collaborative filtering recommendation algorithms".
    """

    name = "item-KNN"
    space: ClassVar[Space] = {
        "neighbours": Whole(10, 1000, log=True),
        "shrinkage": Real(0.0, 100.0),
        "weighting": OneOf("cosine", "tfidf", "bm25"),
    }
    learned = ("similarity_data", "similarity_columns", "similarity_starts")

    def __init__(
        self, neighbours: int = 100, shrinkage: float = 0.0, weighting: Weighting = "cosine", decay: float = 1.0
    ) -> None:
        if not isinstance(neighbours, int) or neighbours < 1 or not shrinkage >= 0 or not 0 < decay <= 1:
            raise UsageError(
                "Item-KNN takes neighbours from 1, a shrinkage from 0 upwards and a decay above 0, up to 1, not "
                "{options}.", options=(neighbours, shrinkage, decay),
            )  # fmt: skip
        check_weighting(weighting)
        self.neighbours, self.shrinkage, self.weighting, self.decay = neighbours, shrinkage, weighting, float(decay)
        self.name = f"item-KNN{LABELS[weighting]}{', recency' if decay < 1 else ''}"

    def _learn(self, interactions: Interactions) -> None:
        by_item, norms = weighted(interactions.matrix().T.tocsr(), self.weighting)
        by_user = by_item.T.tocsr()
        parts = [self._neighbours_of(by_item, by_user, norms, start) for start in range(0, len(norms), _ROWS)]
        similarity = sparse.vstack(parts, format="csr")
        self.similarity_data = similarity.data.astype(np.float32)
        self.similarity_columns, self.similarity_starts = similarity.indices, similarity.indptr

    def _neighbours_of(
        self, by_item: sparse.csr_matrix, by_user: sparse.csr_matrix, norms: np.ndarray, start: int
    ) -> sparse.csr_matrix:
        """The most similar items of items `start` … `start + _ROWS`, as rows of a sparse similarity matrix."""
        together = by_item[start : start + _ROWS] @ by_user
        rows = np.repeat(np.arange(together.shape[0]), np.diff(together.indptr))
        columns = together.indices
        likeness = together.data / (norms[start + rows] * norms[columns] + self.shrinkage)
        likeness[columns == start + rows] = 0
        best_first = np.lexsort((columns, -likeness, rows))
        place = np.arange(len(rows)) - together.indptr[rows]
        kept = best_first[(place < self.neighbours) & (likeness[best_first] > 0)]
        return sparse.csr_matrix((likeness[kept], (rows[kept], columns[kept])), shape=together.shape)

    def _prepare(self, items: int) -> None:
        arrays = (self.similarity_data, self.similarity_columns, self.similarity_starts)
        similarity = sparse.csr_matrix(arrays, shape=(items, items))
        similarity.check_format(full_check=True)  # numbers from a file must not reach beyond the arrays
        self._by_neighbour = similarity.T.tocsr()

    def _score(self, histories: Histories) -> np.ndarray:
        scores = (histories.recent(self.decay) @ self._by_neighbour).toarray()
        return np.where(scores > 0, scores, np.float32(UNRANKED))
