"""The k best of a block of scores, exactly, with a stated tie rule."""

from __future__ import annotations

import numpy as np

UNRANKED = -np.inf
"""The score of an item that must not be ranked: already seen, no candidate, or the model has nothing to say of it."""


def top_k(scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The columns and scores of the `k` largest of each row, best first; ties go to the lower column.

    `scores` is (rows, columns) float without NaN. Returns two arrays of shape (rows, min(k, columns)); which of the
    UNRANKED fill up a row that has fewer than `k` others is left open.
    """
    rows, columns = scores.shape
    k = min(k, columns)
    if k == columns:
        best = np.broadcast_to(np.arange(columns), (rows, columns))
    else:
        best = np.argpartition(scores, columns - k, axis=1)[:, columns - k :]
        threshold = np.take_along_axis(scores, best, axis=1).min(axis=1)
        # Only a row whose k-th score also stands outside its k best can break the tie rule.
        full = np.flatnonzero(threshold > UNRANKED)
        tied = full[(scores[full] >= threshold[full, None]).sum(axis=1) > k]
        best[tied] = _lowest_columns_win(scores[tied], threshold[tied], k)
    kept = np.take_along_axis(scores, best, axis=1)
    order = np.lexsort((best, -kept), axis=1)
    return np.take_along_axis(best, order, axis=1), np.take_along_axis(kept, order, axis=1)


def _lowest_columns_win(scores: np.ndarray, threshold: np.ndarray, k: int) -> np.ndarray:
    above = scores > threshold[:, None]
    level = scores == threshold[:, None]
    room = k - above.sum(axis=1, keepdims=True)
    kept = above | (level & (np.cumsum(level, axis=1) <= room))
    return np.nonzero(kept)[1].reshape(len(scores), k)
