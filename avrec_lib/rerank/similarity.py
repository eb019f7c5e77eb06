"""How alike two candidates are: the cosine of unit vectors, and what is taken where an item has none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import polars as pl
from scipy import sparse

from avrec_lib.evaluate.diversity import embedding_vectors, item_labels, label_vectors
from avrec_lib.evaluate.lists import row_of_each
from avrec_lib.evaluate.ratio import ratio
from avrec_lib.rerank.greedy import CELLS_AT_ONCE, blocks

if TYPE_CHECKING:
    from avrec_lib.rerank.candidates import Candidates

_ITEMS_AT_ONCE = 2048  # of sparse vectors: their cosines with each other take 16 MiB


@dataclass(frozen=True, eq=False)
class ItemVectors:
    """Unit vectors of items, made once and asked for many lists: `unit` (items, dimensions), all zeros for none."""

    item_ids: pl.Series
    unit: np.ndarray | sparse.csr_matrix

    @classmethod
    def of_labels(cls, items: pl.DataFrame, column: str = "tags") -> Self:
        """Of the `column` of `items` (item_id and a list of labels, or one): `evaluate.diversity.label_vectors`."""
        item_ids = items.get_column("item_id")
        return cls(item_ids, label_vectors(item_labels(items, column), item_ids))

    @classmethod
    def of_embeddings(cls, embeddings: pl.DataFrame) -> Self:
        """Of a table with item_id and `vector`: `evaluate.diversity.embedding_vectors`."""
        item_ids = embeddings.get_column("item_id")
        return cls(item_ids, embedding_vectors(embeddings, item_ids))

    def of_items(self, item_ids: pl.Series) -> np.ndarray | sparse.csr_matrix:
        """The rows of `item_ids`, zeros for those it does not know."""
        rows = row_of_each(item_ids, self.item_ids, "items")
        if sparse.issparse(self.unit):
            padded = sparse.vstack([self.unit, sparse.csr_matrix((1, self.unit.shape[1]), dtype=np.float32)])
            return padded.tocsr()[rows]
        return np.vstack([self.unit, np.zeros((1, self.unit.shape[1]), np.float32)])[rows]


def blocks_of_cosines(candidates: Candidates, vectors: ItemVectors) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Rows of queries, the cosine of each pair of candidates, float32 (queries, depth, depth), and known pairs alike.

    A pair is known when both candidates have a vector; its cosine is 0 otherwise, as it is next to an empty place.
    """
    unit = vectors.of_items(candidates.item_ids)
    depth = candidates.items.shape[1]
    empty = len(candidates.item_ids)
    if sparse.issparse(unit):
        has = np.append(unit.getnnz(axis=1) > 0, False)  # type: ignore[union-attr]
        size = CELLS_AT_ONCE * depth // _ITEMS_AT_ONCE
        padded = sparse.vstack([unit, sparse.csr_matrix((1, unit.shape[1]), dtype=np.float32)]).tocsr()
    else:
        has = np.append(unit.any(axis=1), False)
        size = depth * max(depth, unit.shape[1])
        padded = np.vstack([unit, np.zeros((1, unit.shape[1]), np.float32)])
    for rows in blocks(len(candidates.items), size):
        codes = np.where(candidates.items[rows] < 0, empty, candidates.items[rows])
        known = has[codes]
        if sparse.issparse(padded):
            met, place = np.unique(codes, return_inverse=True)
            each = padded[met]
            table = (each @ each.T).toarray()
            place = place.reshape(codes.shape)
            cosines = table[place[:, :, None], place[:, None, :]]
        else:
            taken = padded[codes]
            cosines = taken @ taken.transpose(0, 2, 1)
        yield rows, cosines, known[:, :, None] & known[:, None, :]


def mean_of_known(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The mean of `values` (queries, depth, depth) over known pairs of different candidates; 0 where there is none."""
    pairs = known & ~np.eye(known.shape[1], dtype=bool)
    return ratio(np.einsum("qab,qab->q", values, pairs), pairs.sum(axis=(1, 2)), otherwise=0.0)
