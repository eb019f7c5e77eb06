"""Interest by Bayes: whose choice would this content be?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from scipy import sparse

from avrec_lib.content.labels import ATTRIBUTES
from avrec_lib.errors import UsageError
from avrec_lib.models.histories import Histories
from avrec_lib.models.interactions import Interactions
from avrec_lib.models.item_labels import check_attributes, item_labels
from avrec_lib.models.matrix_recommender import MatrixRecommender
from avrec_lib.models.search_space import Real, Space
from avrec_lib.models.top_k import UNRANKED

_CELLS = 2**22


class NaiveBayes(MatrixRecommender):
    """Score of an item with the labels c: ln P(u | c), how likely the user u is the one who chose such an item.

    By Bayes, with the labels taken as independent once the user is known:

        P(u | c) = P(u) · Π_l P(l | u) / Σ_v P(v) · Π_l P(l | v)        P(u) = n(u) / N
        P(l | u) = (n(u, l) + α) / (n_a(u) + α · V_a)                     Laplace's rule, α = `smoothing`

    n(u) of the N training pairs are the user's; of the items chosen n(u, l) have the label l; n_a(u) is the sum of
    n(u, l) over the V_a labels of the attribute a that l belongs to. The sum below the line is over the users of the
    training rows. What the query may know stands in for u, so that one told by a history of their own is compared with
    the same users. An item without a label is not ranked, and a user none of whose items has one gets no list.
    """

    name = "naive Bayes"
    space: ClassVar[Space] = {"smoothing": Real(0.01, 10.0, log=True)}
    learned = ("label_columns", "label_starts", "label_attributes", "evidence")

    def __init__(self, attributes: Sequence[str] = ATTRIBUTES, smoothing: float = 1.0) -> None:
        if not 0 < smoothing < np.inf:
            raise UsageError("smoothing must be above 0, but is {smoothing}.", smoothing=smoothing)
        self.attributes, self.smoothing = check_attributes(attributes), float(smoothing)

    def _learn(self, interactions: Interactions) -> None:
        labels, self.label_attributes = item_labels(interactions, self.attributes, self.name)
        self.label_columns, self.label_starts = labels.indices, labels.indptr
        chosen = interactions.matrix()
        self._pairs = chosen.nnz
        self.evidence = np.full(chosen.shape[1], -np.inf)
        self._take_up(chosen.shape[1])
        step = max(1, _CELLS // chosen.shape[1])
        for start in range(0, chosen.shape[0], step):
            joint = self._joint(chosen[start : start + step])
            self.evidence = np.logaddexp(self.evidence, np.logaddexp.reduce(joint, axis=0))

    def _prepare(self, items: int) -> None:
        if self.evidence.shape != (items,) or not np.isfinite(self.evidence).all():
            raise ValueError("evidence does not fit the catalogue")
        self._take_up(items)

    def _resume(self, interactions: Interactions) -> None:
        super()._resume(interactions)
        self._pairs = interactions.matrix().nnz

    def _take_up(self, items: int) -> None:
        """The labels as tables: labels × items, labels × attributes, and attributes × items of how many."""
        ones = np.ones(len(self.label_columns))
        shape = (items, len(self.label_attributes))
        table = sparse.csr_matrix((ones, self.label_columns, self.label_starts), shape=shape)
        table.check_format(full_check=True)  # numbers from a file must not reach beyond the arrays
        attributes = len(self.attributes)
        if ((self.label_attributes < 0) | (self.label_attributes >= attributes)).any():
            raise ValueError("label_attributes do not fit the attributes")
        self._labels, self._by_label = table, table.T.tocsr()
        columns = np.arange(shape[1])
        self._attributes = sparse.csr_matrix(
            (np.ones(shape[1]), (columns, self.label_attributes)), shape=(shape[1], attributes)
        )
        self._sizes = np.bincount(self.label_attributes, minlength=attributes)
        self._told = (table @ self._attributes).T.toarray()

    def _joint(self, chosen: sparse.csr_matrix) -> np.ndarray:
        """ln P(u) + Σ ln P(l | u) over the labels of each item: users × items float64, −inf without a choice.

        ln (n(u, l) + α) = ln α + ln(1 + n(u, l) / α), whose second part is 0 where a user never met the label: so the
        product over labels stays sparse.
        """
        counts = (chosen.astype(np.float64) @ self._labels).tocsr()
        totals = (counts @ self._attributes).toarray()
        counts.data = np.log1p(counts.data / self.smoothing)
        unmet = np.log(self.smoothing) - np.log(totals + self.smoothing * np.maximum(self._sizes, 1))
        with np.errstate(divide="ignore"):
            prior = np.log(chosen.getnnz(axis=1) / self._pairs)
        return prior[:, None] + (counts @ self._by_label).toarray() + unmet @ self._told

    def _score(self, histories: Histories) -> np.ndarray:
        chosen = histories.matrix()
        scores = (self._joint(chosen) - self.evidence).astype(np.float32)
        scores[(chosen @ self._labels).getnnz(axis=1) == 0] = UNRANKED
        scores[:, self._labels.getnnz(axis=1) == 0] = UNRANKED
        return scores
