"""Sums over the places of many lists at once: the one gather that most metrics of a list are made of."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import sparse

from avrec_lib.errors import UsageError
from avrec_lib.evaluate.lists import Lists

_ROWS_AT_ONCE = 8192
_WORTH_LOADING_TORCH = 50_000_000  # numbers to add; below, scipy has finished before torch is imported
_COLUMNS_IN_CACHE = 32  # of float32 vectors: the rows of some 20,000 items then stay in a second-level cache


def first_places(lists: Lists, k: int) -> np.ndarray:
    """The item codes of the first `k` places, int32 (queries, k); raises UsageError when the lists are cut before."""
    if not 1 <= k <= lists.depth:
        raise UsageError("k must lie between 1 and {depth}, where the lists are cut, but is {k}.",
                         depth=lists.depth, k=k)  # fmt: skip
    return lists.items[:, :k]


def list_sums(places: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Σ of the rows of `table` (codes, columns) over the places of each list: (lists, columns), of the table's type.

    An empty place (-1) adds nothing. Large float32 tables are summed by torch, the rest by scipy.
    """
    if table.dtype == np.float32 and places.size * table.shape[1] >= _WORTH_LOADING_TORCH:
        return _sums_by_torch(places, table)
    sums = np.empty((len(places), table.shape[1]), table.dtype)
    for rows, block in blocks_of_sums(places, table):
        sums[rows] = block
    return sums


def list_means(places: np.ndarray, by_item: np.ndarray) -> np.ndarray:
    """Mean of `by_item` (codes,) over the places of each list whose item has a number there; NaN where none has."""
    known = ~np.isnan(by_item)
    total, count = list_sums(places, np.stack([np.where(known, by_item, 0.0), known], axis=1)).T
    return np.divide(total, count, out=np.full(len(places), np.nan), where=count > 0)


def blocks_of_sums(
    places: np.ndarray, table: np.ndarray | sparse.csr_matrix, weights: np.ndarray | None = None
) -> Iterator[tuple[slice, np.ndarray | sparse.csr_matrix]]:
    """The rows of a block, and the sums over their lists as `table` is: dense or sparse.

    `weights` (places,) is what each place counts (default: 1).
    """
    nothing = np.zeros((1, table.shape[1]), table.dtype)
    padded = sparse.vstack([table, nothing], format="csr") if sparse.issparse(table) else np.vstack([table, nothing])
    each = np.ones(places.shape[1]) if weights is None else weights
    for start in range(0, len(places), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        yield rows, _one_hot(places[rows], each.astype(table.dtype), padded.shape[0]) @ padded


def _one_hot(places: np.ndarray, weights: np.ndarray, codes: int) -> sparse.csr_matrix:
    """Lists × codes; empty places stand in the last column."""
    ends = np.arange(0, places.size + 1, places.shape[1], dtype=np.int32)
    return sparse.csr_matrix((np.tile(weights, len(places)), _filled(places, codes - 1).ravel(), ends),
                             shape=(len(places), codes))  # fmt: skip


def _filled(places: np.ndarray, empty: int) -> np.ndarray:
    return np.where(places < 0, np.int32(empty), places) if places.size and places.min() < 0 else places


def _sums_by_torch(places: np.ndarray, table: np.ndarray) -> np.ndarray:
    import torch

    sums = np.empty((len(places), table.shape[1]), np.float32)
    padded = np.vstack([table, np.zeros((1, table.shape[1]), np.float32)])
    bags = torch.from_numpy(np.ascontiguousarray(_filled(places, len(table))))
    slices = max(1, round(table.shape[1] / _COLUMNS_IN_CACHE))
    for columns in np.array_split(np.arange(table.shape[1]), slices):
        part = torch.from_numpy(np.ascontiguousarray(padded[:, columns]))
        sums[:, columns] = torch.nn.functional.embedding_bag(bags, part, mode="sum").numpy()
    return sums
