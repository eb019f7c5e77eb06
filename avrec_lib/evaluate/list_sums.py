"""Sums over the places of many lists at once: the one gather that most metrics of a list are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy import sparse

from avrec_lib.errors import UsageError
from avrec_lib.evaluate.lists import Lists
from avrec_lib.evaluate.ratio import ratio

_ROWS_AT_ONCE = 8192
_WORTH_LOADING_TORCH = 50_000_000  # numbers to add; below, scipy has finished before torch is imported
_COLUMNS_IN_CACHE = 24  # of float32 vectors: the rows of some 20,000 items then stay in a second-level cache


def first_places(lists: Lists, k: int) -> np.ndarray:
    """The item codes of the first `k` places, int32 (queries, k); raises UsageError when the lists are cut before."""
    if not 1 <= k <= lists.depth:
        raise UsageError("k must lie between 1 and {depth}, where the lists are cut, but is {k}.",
                         depth=lists.depth, k=k)  # fmt: skip
    return lists.items[:, :k]


def list_sums(places: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Σ of the rows of `table` (codes, columns) over the places of each list: (lists, columns), of the table's type."""
    sums = np.empty((len(places), table.shape[1]), table.dtype)
    for rows, block in blocks_of_sums(places, table):
        sums[rows] = block
    return sums


def list_means(places: np.ndarray, by_item: np.ndarray) -> np.ndarray:
    """Mean of `by_item` (codes,) over the places of each list whose item has a number there; NaN where none has."""
    known = ~np.isnan(by_item)
    total, count = list_sums(places, np.stack([np.where(known, by_item, 0.0), known], axis=1)).T
    return ratio(total, count)


def blocks_of_sums(
    places: np.ndarray, table: np.ndarray | sparse.csr_matrix, weights: np.ndarray | None = None
) -> Iterator[tuple[slice, np.ndarray | sparse.csr_matrix]]:
    """The rows of a block of lists, and Σ of the rows of `table` over their places: dense or sparse, as the table is.

    An empty place (-1) adds nothing. `weights` (places,) is what each place counts (default: 1). Large float32 tables
    are summed by torch, the rest by scipy.
    """
    nothing = np.zeros((1, table.shape[1]), table.dtype)
    padded = sparse.vstack([table, nothing], format="csr") if sparse.issparse(table) else np.vstack([table, nothing])
    empty = np.int32(padded.shape[0] - 1)
    is_large = places.size * table.shape[1] >= _WORTH_LOADING_TORCH
    by_torch = weights is None and is_large and isinstance(padded, np.ndarray) and padded.dtype == np.float32
    sums = _sums_by_torch(padded) if by_torch else _sums_by_scipy(padded, weights)
    for start in range(0, len(places), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        block = np.ascontiguousarray(places[rows])
        yield rows, sums(np.where(block < 0, empty, block) if block.min() < 0 else block)


def _sums_by_scipy(table: np.ndarray | sparse.csr_matrix, weights: np.ndarray | None) -> Callable[[np.ndarray], Any]:
    def sums(codes: np.ndarray) -> Any:
        ends = np.arange(0, codes.size + 1, codes.shape[1], dtype=np.int32)
        each = np.ones(codes.size) if weights is None else np.tile(weights, len(codes))
        shape = (len(codes), table.shape[0])
        return sparse.csr_matrix((each.astype(table.dtype), codes.ravel(), ends), shape=shape) @ table

    return sums


def _sums_by_torch(table: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    import torch

    count = max(1, round(table.shape[1] / _COLUMNS_IN_CACHE))
    parts = [torch.from_numpy(np.ascontiguousarray(part)) for part in np.array_split(table, count, axis=1)]

    def sums(codes: np.ndarray) -> np.ndarray:
        bags = torch.from_numpy(codes)
        return np.hstack([torch.nn.functional.embedding_bag(bags, part, mode="sum").numpy() for part in parts])

    return sums
