"""The first baseline of every table: what most users chose."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from avrec_lib.models.histories import Histories
from avrec_lib.models.interactions import Interactions
from avrec_lib.models.matrix_recommender import MatrixRecommender
from avrec_lib.models.search_space import Space
from avrec_lib.models.top_k import UNRANKED


class Popularity(MatrixRecommender):
    """Items by the number of training users who chose them, the same list for everyone but for what they have seen."""

    name = "popularity"
    space: ClassVar[Space] = {}
    learned = ("counts",)

    def _learn(self, interactions: Interactions) -> None:
        counts = np.bincount(interactions.matrix().indices, minlength=len(interactions.item_ids)).astype(np.float32)
        self.counts = np.where(counts > 0, counts, np.float32(UNRANKED))

    def _prepare(self, items: int) -> None:
        if self.counts.shape != (items,) or np.isnan(self.counts).any():
            raise ValueError("counts do not fit the catalogue")

    def _score(self, histories: Histories) -> np.ndarray:
        return np.tile(self.counts, (len(histories), 1))
