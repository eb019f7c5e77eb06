"""Calibration: a list that is mixed as its user's history is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import sparse

from avrec_lib.errors import UsageError
from avrec_lib.evaluate.diversity import label_matrix
from avrec_lib.evaluate.lists import row_of_each
from avrec_lib.rerank.candidates import Candidates
from avrec_lib.rerank.greedy import blocks, check_share, greedy_picks


@dataclass(frozen=True, eq=False)
class Calibration:
    """Pick argmax (1 − t) Σ relevance − t KL(p ‖ (1 − α) q + α p) of the list so far and each candidate (Steck 2018).

    `trade_off` is t, `alpha` is α. p is the mean over the query's history, q over the list, of an item's labels, each
    counting 1/(labels of the item), as `evaluate.taste.miscalibration` measures them. `labels` (item_id, label) is
    what `evaluate.diversity.item_labels` makes, `histories` (query_id, item_id) what `evaluate.taste.histories_of`
    does. An item without a label leaves q as it is; a query whose history has none keeps its order.
    """

    trade_off: float
    labels: pl.DataFrame
    histories: pl.DataFrame
    alpha: float = 0.01

    def __post_init__(self) -> None:
        check_share("trade_off", self.trade_off)
        if not 0 < self.alpha < 1:
            raise UsageError("alpha must lie between 0 and 1, but is {alpha}.", alpha=self.alpha)

    def pick(self, candidates: Candidates, k: int, keep: int = 0) -> np.ndarray:
        """Places among the candidates, int64 (queries, k): `Reranker.pick`."""
        past = self.histories.get_column("item_id").unique()
        others = past.filter(~past.is_in(candidates.item_ids.implode()))
        item_ids = pl.concat([candidates.item_ids.cast(pl.String).rename("item_id"), others.cast(pl.String)])
        mix = _rows_to_one(label_matrix(self.labels, item_ids))
        taste = _rows_to_one(self._past(candidates.queries, item_ids) @ mix)
        mix = sparse.vstack([mix, sparse.csr_matrix((1, mix.shape[1]))], format="csr")  # an empty place has no labels
        places = np.empty((len(candidates.items), k), dtype=np.int64)
        depth = candidates.items.shape[1]
        for rows in blocks(len(places), depth * max(mix.shape[1], 16)):
            places[rows] = self._pick(candidates.block(rows), taste[rows], mix, k, keep)
        return places

    def _pick(
        self, candidates: Candidates, taste: sparse.csr_matrix, mix: sparse.csr_matrix, k: int, keep: int
    ) -> np.ndarray:
        shape = candidates.items.shape
        wanted = np.flatnonzero(taste.getnnz(axis=0))  # only what somebody's history holds enters the divergence
        p = taste[:, wanted].toarray()[:, None, :]
        shares = mix[candidates.items.ravel()][:, wanted].toarray().reshape(*shape, len(wanted))
        has = (mix.getnnz(axis=1) > 0)[candidates.items].astype(np.float64)
        everyone = np.arange(len(candidates.items))
        listed, count = np.zeros((shape[0], 1, len(wanted))), np.zeros((shape[0], 1))

        def gain(picked: np.ndarray | None) -> np.ndarray:
            if picked is not None:
                np.add(listed, shares[everyone, picked][:, None, :], out=listed)
                np.add(count, has[everyone, picked][:, None], out=count)
            q = (listed + shares) / np.maximum(count + has, 1)[:, :, None]
            smooth = (1 - self.alpha) * q + self.alpha * p
            divergence = (p * np.log(np.where(p > 0, p / np.where(p > 0, smooth, 1), 1))).sum(axis=2)
            return (1 - self.trade_off) * candidates.relevance - self.trade_off * divergence

        return greedy_picks(candidates.items >= 0, k, gain, keep)

    def _past(self, queries: pl.DataFrame, item_ids: pl.Series) -> sparse.csr_matrix:
        rows = row_of_each(self.histories.get_column("query_id"), queries.get_column("query_id"), "histories")
        codes = row_of_each(self.histories.get_column("item_id"), item_ids, "histories")
        kept = rows >= 0
        shape = (queries.height, len(item_ids))
        return sparse.csr_matrix((np.ones(kept.sum()), (rows[kept], codes[kept])), shape=shape)


def _rows_to_one(counts: sparse.csr_matrix) -> sparse.csr_matrix:
    totals = counts.sum(axis=1).A1
    return sparse.diags(np.divide(1, totals, out=np.zeros_like(totals), where=totals > 0)).dot(counts).tocsr()
