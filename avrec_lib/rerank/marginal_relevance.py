"""Maximal marginal relevance: each place weighs relevance against likeness to what stands above it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avrec_lib.rerank.candidates import Candidates
from avrec_lib.rerank.greedy import check_share, greedy_picks
from avrec_lib.rerank.similarity import ItemVectors, blocks_of_cosines, mean_of_known


@dataclass(frozen=True, eq=False)
class MaximalMarginalRelevance:
    """Pick argmax (1 − t) · relevance(i) − t · max cosine(i, j) over the picked j (Carbonell and Goldstein 1998).

    `trade_off` is t, within 0 (the list as it was) and 1; theirs is λ = 1 − t. The first pick is the most relevant
    item. An item without a vector is as like every other as two candidates of its list are on average, so that not
    being known neither helps nor harms.
    """

    trade_off: float
    vectors: ItemVectors

    def __post_init__(self) -> None:
        check_share("trade_off", self.trade_off)

    def pick(self, candidates: Candidates, k: int, keep: int = 0) -> np.ndarray:
        """Places among the candidates, int64 (queries, k): `Reranker.pick`."""
        places = np.empty((len(candidates.items), k), dtype=np.int64)
        for rows, cosines, known in blocks_of_cosines(candidates, self.vectors):
            likeness = np.where(known, cosines, mean_of_known(cosines, known)[:, None, None])
            places[rows] = self._pick(candidates.block(rows), likeness, k, keep)
        return places

    def _pick(self, candidates: Candidates, likeness: np.ndarray, k: int, keep: int) -> np.ndarray:
        relevance, everyone = (1 - self.trade_off) * candidates.relevance, np.arange(len(candidates.items))
        nearest = np.full(candidates.items.shape, -np.inf)

        def gain(picked: np.ndarray | None) -> np.ndarray:
            if picked is None:
                return candidates.relevance
            np.maximum(nearest, likeness[everyone, picked], out=nearest)
            return relevance - self.trade_off * nearest

        return greedy_picks(candidates.items >= 0, k, gain, keep)
