"""How different are the items of one list: by what they are tagged with, and by where their embeddings point."""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy import sparse

from avrec_lib.content.labels import attribute_labels
from avrec_lib.errors import DataError
from avrec_lib.evaluate.list_sums import blocks_of_sums, first_places, list_sums
from avrec_lib.evaluate.lists import Lists, row_of_each
from avrec_lib.evaluate.metric import Metric
from avrec_lib.evaluate.ratio import ratio
from avrec_lib.schema import Items, require_columns

METRICS = {
    metric.name: metric
    for metric in (
        Metric("intra_list_diversity_tags", "higher", "Intra-list diversity by tags"),
        Metric("intra_list_diversity_category", "higher", "Intra-list diversity by category"),
        Metric("intra_list_diversity_embedding", "higher", "Intra-list diversity by embedding"),
    )
}

_FEW_LABELS = 256  # up to here a dense table of items × labels is small, and its sums are faster than sparse ones


def intra_list_diversity(lists: Lists, vectors: np.ndarray | sparse.csr_matrix, k: int) -> np.ndarray:
    """1 − the mean cosine of all pairs of different items among the first `k`, float64 (queries,).

    `vectors` (item codes, dimensions) are unit rows, all zeros where nothing is known of the item: `label_vectors`,
    `embedding_vectors`. With n known items in the list, Σ v their sum, the mean over the n(n − 1)/2 pairs is
    (|Σ v|² − n) / (n (n − 1)), so no pair is ever formed: exact up to the rounding of float32. Items without a vector
    are left out; a list with fewer than two others is undefined (NaN). 0: all alike; 1: nothing in common; above 1
    only where vectors oppose each other. (Ziegler et al. 2005; closed form: cosines of unit vectors are bilinear.)
    """
    places = first_places(lists, k)
    squares, count = _squared_sums(places, vectors)
    pairs = count * (count - 1)
    return np.maximum(1 - ratio(squares - count, pairs), 0.0)  # rounding can leave identical items a hair below 0


def label_vectors(labels: pl.DataFrame, item_ids: pl.Series) -> np.ndarray | sparse.csr_matrix:
    """Unit rows (item_ids, distinct labels), float32, of an `item_labels` table: 1/√(labels of the item) or 0.

    Their cosine is |A ∩ B| / √(|A| |B|) of two sets of labels (Ochiai's coefficient), which, unlike Jaccard's, needs
    no pairs to be averaged over a list. Dense for few labels, else sparse.
    """
    found = label_matrix(labels, item_ids)
    sizes = found.sum(axis=1).A1
    scale = np.divide(1, np.sqrt(sizes), out=np.zeros_like(sizes), where=sizes > 0)
    unit = sparse.diags(scale).dot(found).astype(np.float32).tocsr()
    return unit.toarray() if unit.shape[1] <= _FEW_LABELS else unit


def embedding_vectors(embeddings: pl.DataFrame, item_ids: pl.Series) -> np.ndarray:
    """Unit rows (item_ids, dimensions), float32, of a table with item_id and `vector` (a list or array of numbers).

    An item without an embedding, or with one of length 0, has zeros. Raises DataError when the embeddings are no
    numbers, differ in their number of dimensions or hold nulls, NaN or infinity.
    """
    require_columns(("item_id", "vector"), embeddings.columns, Items, "embeddings")
    given = embeddings.filter(pl.col("vector").is_not_null())
    stated = given.get_column("vector")
    if not isinstance(stated.dtype, pl.List | pl.Array) or not stated.dtype.inner.is_numeric():
        raise DataError("The column {column} holds {found}, but a list of numbers is needed for each item.",
                        column="vector", found=str(stated.dtype))  # fmt: skip
    each = stated.cast(pl.List(stated.dtype.inner))
    lengths = each.list.len().unique().sort().to_list()
    if len(lengths) != 1 or not lengths[0]:
        raise DataError("All embeddings must have the same number of dimensions, but there are {found}.",
                        found=", ".join(map(str, lengths)) or "–")  # fmt: skip
    numbers = each.explode().cast(pl.Float64)
    if numbers.null_count() or not np.isfinite(numbers.to_numpy()).all():
        raise DataError("Some embeddings hold nulls, NaN or infinity.", hint="Leave those items out of the table.")
    matrix = numbers.to_numpy().reshape(-1, lengths[0])
    norms = np.linalg.norm(matrix, axis=1, keepdims=True)
    unit = np.divide(matrix, norms, out=np.zeros_like(matrix), where=norms > 0).astype(np.float32)
    rows = row_of_each(item_ids, given.get_column("item_id"), "embeddings")
    return np.vstack([unit, np.zeros((1, lengths[0]), np.float32)])[rows]


def item_labels(items: pl.DataFrame, column: str) -> pl.DataFrame:
    """Columns item_id, label: the distinct tags (a list), or the one category, of each item; none where it has none."""
    require_columns(("item_id", column), items.columns, Items, "items")
    return attribute_labels(items, [column]).select("item_id", "label")


def label_matrix(labels: pl.DataFrame, item_ids: pl.Series) -> sparse.csr_matrix:
    """`item_ids` × distinct labels, 1 where the item has the label, float64; labels in order of first appearance."""
    names = labels.get_column("label").unique(maintain_order=True)
    rows = row_of_each(labels.get_column("item_id"), item_ids, "items")
    columns = row_of_each(labels.get_column("label"), names, "items")
    kept = rows >= 0
    return sparse.csr_matrix((np.ones(kept.sum()), (rows[kept], columns[kept])), shape=(len(item_ids), len(names)))


def _squared_sums(places: np.ndarray, vectors: np.ndarray | sparse.csr_matrix) -> tuple[np.ndarray, np.ndarray]:
    """|Σ v|² over each list, and how many of its items have a vector."""
    squares, count = np.empty((2, len(places)))
    if sparse.issparse(vectors):
        known = (vectors.getnnz(axis=1) > 0).astype(np.float64)[:, None]  # type: ignore[union-attr]
        for rows, sums in blocks_of_sums(places, vectors):
            squares[rows] = sums.power(2).sum(axis=1).A1  # type: ignore[union-attr]
        return squares, list_sums(places, known)[:, 0]
    # What counts the known items rides along as one more column.
    for rows, sums in blocks_of_sums(places, np.column_stack([vectors, vectors.any(axis=1)]).astype(np.float32)):
        squares[rows], count[rows] = np.vecdot(sums[:, :-1], sums[:, :-1]), sums[:, -1]
    return squares, count
