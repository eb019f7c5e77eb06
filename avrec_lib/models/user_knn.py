"""User-based collaborative filtering by neighbours."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from scipy import sparse

from avrec_lib.errors import UsageError
from avrec_lib.models.histories import Histories
from avrec_lib.models.interactions import Interactions
from avrec_lib.models.matrix_recommender import BLOCK_BYTES, MatrixRecommender
from avrec_lib.models.search_space import OneOf, Space, Whole
from avrec_lib.models.top_k import UNRANKED, top_k
from avrec_lib.models.weighting import LABELS, Weighting, check_weighting, lengths_of, rarity, weighted


class UserKNN(MatrixRecommender):
    """Score of an item = sum of the similarities of those of the `neighbours` nearest users who chose it.

    The similarity of a history h and a user v is Σᵢ hᵢ·wᵥᵢ over the items of both: hᵢ is `decay` to the power of how
    many events of the history came later (1: all alike), times the rarity of the item where `weighting` is tfidf or
    bm25, and w is `models.weighting.weighted` of the training users; cosine and tfidf divide it by ‖h‖·‖wᵥ‖. Of users
    who are equally near the one with the lower id counts. Nobody is a neighbour to himself, so what the user of a query
    does after its cut cannot reach it; what others do then is in training or not, as the split has it. An item that no
    neighbour chose is not ranked. Herlocker et al. 1999, "An algorithmic framework for performing collaborative
    filtering". All that it knows is the log.
    """

    name = "user-KNN"
    space: ClassVar[Space] = {"neighbours": Whole(10, 500, log=True), "weighting": OneOf("cosine", "tfidf", "bm25")}

    def __init__(self, neighbours: int = 100, weighting: Weighting = "cosine", decay: float = 1.0) -> None:
        if not isinstance(neighbours, int) or neighbours < 1 or not 0 < decay <= 1:
            raise UsageError(
                "User-KNN takes neighbours from 1 and a decay above 0, up to 1, not {options}.",
                options=(neighbours, decay),
            )
        check_weighting(weighting)
        self.neighbours, self.weighting, self.decay = neighbours, weighting, float(decay)
        self.name = f"user-KNN{LABELS[weighting]}{', recency' if decay < 1 else ''}"

    def _learn(self, interactions: Interactions) -> None:
        pass

    def _prepare(self, items: int) -> None:
        pass

    def _resume(self, interactions: Interactions) -> None:
        super()._resume(interactions)
        self._chosen = interactions.matrix()
        weights, norms = weighted(self._chosen, self.weighting)
        weights.data /= np.repeat(norms, np.diff(weights.indptr))  # no row is empty, so none has length 0
        self._by_item = weights.T.tocsr().astype(np.float32)
        self._rarity = rarity(self._chosen, self.weighting)

    def _score(self, histories: Histories) -> np.ndarray:
        told = histories.recent(self.decay).astype(np.float64)
        told.data *= self._rarity[told.indices]
        if self.weighting != "bm25":
            told.data /= np.repeat(np.maximum(lengths_of(told), 1e-300), np.diff(told.indptr))
        told = told.astype(np.float32)
        scores = np.empty(histories.shape, dtype=np.float32)
        size = max(1, BLOCK_BYTES // (4 * self._chosen.shape[0]))
        for start in range(0, len(histories), size):
            end = min(start + size, len(histories))
            self._neighbours_of(told[start:end], histories.user_rows[start:end]).dot(self._chosen).toarray(
                out=scores[start:end]
            )
        return np.where(scores > 0, scores, np.float32(UNRANKED))

    def _neighbours_of(self, told: sparse.csr_matrix, own: np.ndarray) -> sparse.csr_matrix:
        """Queries × users: the similarities of the nearest users, other than the query's `own` row (-1: unknown)."""
        likeness = (told @ self._by_item).toarray()
        known = np.flatnonzero(own >= 0)
        likeness[known, own[known]] = 0
        users, nearest = top_k(likeness, self.neighbours)
        rows, places = np.nonzero(nearest > 0)
        return sparse.csr_matrix((nearest[rows, places], (rows, users[rows, places])), shape=likeness.shape)
