"""Max-sum diversification: the set of items with the largest relevance and distance, at least half of the best."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from avrec_lib.errors import unknown_name
from avrec_lib.rerank.candidates import Candidates
from avrec_lib.rerank.greedy import check_share, greedy_picks
from avrec_lib.rerank.similarity import ItemVectors, blocks_of_cosines, mean_of_known

Distance = Literal["chord", "cosine"]


@dataclass(frozen=True, eq=False)
class MaxSumDiversity:
    """The set S of k items with large φ(S) = (1 − t) Σ relevance + t · 2/(k − 1) · Σ distance over its pairs.

    φ(S)/k is (1 − t) · mean relevance + t · mean distance; `trade_off` is t. Picks argmax of ½ (1 − t) relevance(i) +
    t · 2/(k − 1) · Σ distance(i, j) over the picked j, and gets at least ½ of the largest φ where the relevance is
    not negative and the distance is a metric (Borodin, Lee and Ye 2012, theorem 1). A set has no order, so the list is
    in the order of its candidates. `distance` is "chord", √(1 − cosine), a metric; or "cosine", 1 − cosine, which is
    what intra-list diversity averages, but no metric: without the guarantee. Of an item without a vector all distances
    are the mean of its list's, or half the largest where that is more, which keeps the triangle inequality.
    """

    trade_off: float
    vectors: ItemVectors
    distance: Distance = "chord"

    def __post_init__(self) -> None:
        check_share("trade_off", self.trade_off)
        if self.distance not in get_args(Distance):
            raise unknown_name("distance", self.distance, get_args(Distance))

    def pick(self, candidates: Candidates, k: int, keep: int = 0) -> np.ndarray:
        """Places among the candidates, int64 (queries, k): `Reranker.pick`."""
        places = np.empty((len(candidates.items), k), dtype=np.int64)
        for rows, cosines, known in blocks_of_cosines(candidates, self.vectors):
            places[rows] = self._pick(candidates.block(rows), distances(cosines, known, self.distance), k, keep)
        depth = candidates.items.shape[1]
        ordered = np.sort(np.where(places < 0, depth, places), axis=1)
        return np.where(ordered == depth, -1, ordered)

    def _pick(self, candidates: Candidates, apart: np.ndarray, k: int, keep: int) -> np.ndarray:
        relevance, everyone = (1 - self.trade_off) / 2 * candidates.relevance, np.arange(len(candidates.items))
        scale = self.trade_off * 2 / max(k - 1, 1)
        total = np.zeros(candidates.items.shape)

        def gain(picked: np.ndarray | None) -> np.ndarray:
            if picked is not None:
                np.add(total, apart[everyone, picked], out=total)
            return relevance + scale * total

        return greedy_picks(candidates.items >= 0, k, gain, keep)


def distances(cosines: np.ndarray, known: np.ndarray, distance: Distance = "chord") -> np.ndarray:
    """The distance of each pair of candidates, (queries, depth, depth), as MaxSumDiversity takes it."""
    apart = np.maximum(1 - cosines, 0.0)
    if distance == "chord":
        apart = np.sqrt(apart)
    apart = np.where(known, apart, 0.0)
    stand_in = np.maximum(mean_of_known(apart, known), apart.max(axis=(1, 2), initial=0.0) / 2)
    filled = np.where(known, apart, stand_in[:, None, None])
    diagonal = np.arange(filled.shape[1])
    filled[:, diagonal, diagonal] = 0.0
    return filled
