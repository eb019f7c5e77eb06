"""Where items stand by who chose them together: embeddings that know no tag and no title."""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy import sparse
from scipy.sparse.linalg import eigsh

from avrec_lib.errors import UsageError
from avrec_lib.models.interactions import Interactions


def co_choice_embeddings(train: pl.DataFrame, dimensions: int = 64, max_items: int = 5000) -> pl.DataFrame:
    """Columns item_id, vector (a list of `dimensions` numbers) of the items of `train` (`schema.Events`).

    The leading directions of max(0, ln p(i, j) / (p(i) p(j))) over pairs of items in one history, each times the root
    of its eigenvalue (positive pointwise mutual information; Levy and Goldberg 2014, "Neural word embedding as
    implicit matrix factorization"). Items that share no history with another, all but the `max_items` most chosen
    (memory grows with their square), and directions beyond those that the pairs span, have zeros. Raises UsageError
    for dimensions below 1.
    """
    if dimensions < 1:
        raise UsageError("dimensions must be at least 1, but is {dimensions}.", dimensions=dimensions)
    log = Interactions.of(train)
    chosen = log.matrix().astype(np.float64)
    if chosen.shape[1] > max_items:
        counts = np.asarray(chosen.sum(axis=0)).ravel()
        kept = np.argsort(-counts, kind="stable")[:max_items]
        chosen = chosen @ sparse.diags(np.isin(np.arange(len(counts)), kept).astype(np.float64))
    together = (chosen.T @ chosen).tocoo()
    apart = together.row != together.col
    rows, columns, counts = together.row[apart], together.col[apart], together.data[apart]
    size = len(log.item_ids)
    margin = np.bincount(rows, counts, minlength=size)
    information = np.log(counts * margin.sum() / (margin[rows] * margin[columns]))
    positive = information > 0
    matrix = sparse.csr_matrix((information[positive], (rows[positive], columns[positive])), shape=(size, size))
    vectors = np.zeros((size, dimensions))
    most = min(dimensions, size - 1)
    if matrix.nnz and most:
        values, directions = eigsh(matrix, k=most, which="LA", v0=np.ones(size))
        vectors[:, :most] = directions * np.sqrt(np.maximum(values, 0))
        vectors[matrix.getnnz(axis=1) == 0] = 0
    return pl.DataFrame({"item_id": pl.Series(log.item_ids, dtype=pl.String), "vector": vectors.tolist()})
