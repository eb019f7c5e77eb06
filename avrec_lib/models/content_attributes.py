"""Content-based by attribute: users are the labels of what they chose, rare labels the heavier."""

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


class ContentAttributes(MatrixRecommender):
    """Score = cos(Σ decayᵃ · xₕ, xᵢ) over the items h of the history, a the age of h (0 for the last).

    xᵢ has ln(1 + N / n) for each label of item i, n of the N items of the catalogue have it, and is brought to length 1
    (Salton and Buckley 1988). `attributes` are columns of the table of items, or `decade` (`content.labels`). An item
    that shares no label with the history is not ranked; new items are ranked like any other.
    """

    name = "content by attribute"
    space: ClassVar[Space] = {"decay": Real(0.8, 1.0)}
    learned = ("label_columns", "label_starts", "label_weights")

    def __init__(self, attributes: Sequence[str] = ATTRIBUTES, decay: float = 0.99) -> None:
        if not 0 < decay <= 1:
            raise UsageError("decay must be above 0, up to 1, but is {decay}.", decay=decay)
        self.attributes, self.decay = check_attributes(attributes), float(decay)

    def _learn(self, interactions: Interactions) -> None:
        labels, _ = item_labels(interactions, self.attributes, self.name)
        self.label_columns, self.label_starts = labels.indices, labels.indptr
        items = labels.shape[0]
        self.label_weights = np.log1p(items / labels.getnnz(axis=0)).astype(np.float32)

    def _prepare(self, items: int) -> None:
        if not np.isfinite(self.label_weights).all() or (self.label_weights <= 0).any():
            raise ValueError("label_weights are not above 0")
        shape = (items, len(self.label_weights))
        ones = np.ones(len(self.label_columns), np.float32)
        table = sparse.csr_matrix((ones, self.label_columns, self.label_starts), shape=shape)
        table.check_format(full_check=True)  # numbers from a file must not reach beyond the arrays
        self._items = unit_rows(table.multiply(self.label_weights).tocsr())
        self._by_label = self._items.T.tocsr()

    def _score(self, histories: Histories) -> np.ndarray:
        users = unit_rows(histories.recent(self.decay) @ self._items)
        scores = (users @ self._by_label).toarray()
        return np.where(scores > 0, scores, np.float32(UNRANKED))


def unit_rows(table: sparse.csr_matrix) -> sparse.csr_matrix:
    """Its rows divided by their lengths; a row of zeros stays."""
    lengths = np.sqrt(np.asarray(table.multiply(table).sum(axis=1)).ravel())
    scale = np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    return (sparse.diags(scale) @ table).astype(np.float32).tocsr()
