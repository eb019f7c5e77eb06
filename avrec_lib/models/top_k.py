"""The k best of a block of scores, exactly, with a stated tie rule."""

from __future__ import annotations

import numpy as np

UNRANKED = -np.inf
"""The score of an item that must not be ranked: already seen, no candidate, or the model has nothing to say of it."""

WIDEST = 8  # members of a chunk: more of them means fewer maxima to search and more members to search again


def top_k(scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The columns and scores of the `k` largest of each row, best first; ties go to the lower column.

    `scores` is (rows, columns) float without NaN. Returns two arrays of shape (rows, min(k, columns)); which of the
    UNRANKED fill up a row that has fewer than `k` others is left open. Costs little more than one pass over `scores`,
    which is fastest while a block of them stays in the processor's cache.
    """
    scores = np.ascontiguousarray(scores)  # so that what follows makes views, not copies
    rows, columns = scores.shape
    if k >= columns:
        best, kept = np.broadcast_to(np.arange(columns), (rows, columns)), scores
    else:
        best, kept, left_out = _largest(scores, k)
        threshold = kept.min(axis=1)
        # Only a row whose k-th score was also left out can break the tie rule.
        tied = np.flatnonzero((left_out == threshold) & (threshold > UNRANKED))
        if len(tied):
            best[tied] = _lowest_columns_win(scores[tied], threshold[tied], best[tied], kept[tied])
    order = np.lexsort((best, -kept), axis=1)
    return np.take_along_axis(best, order, axis=1), np.take_along_axis(kept, order, axis=1)


def _largest(scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Columns and scores of the k largest of each row in no order, and the largest score left out.

    The k largest lie in the k chunks with the largest maxima, or are equal to what lies there: only these are searched,
    and they are found in the same way. A chunk takes every n-th column, so that its maximum is taken over whole
    stretches of memory; columns that fill no chunk are searched always.
    """
    rows, columns = scores.shape
    width = min(WIDEST, columns // (4 * k))
    if width < 2:
        return _largest_of_few(scores, k)
    chunks = columns // width
    whole = width * chunks
    chosen, _, left_out = _largest(scores[:, :whole].reshape(rows, width, chunks).max(axis=1), k)
    searched = np.empty((rows, k * width + columns - whole), dtype=np.intp)
    np.add(chosen[:, :, None], np.arange(0, whole, chunks), out=searched[:, : k * width].reshape(rows, k, width))
    searched[:, k * width :] = np.arange(whole, columns)
    best, kept, also_left_out = _largest_of_few(_picked(scores, searched), k)
    return np.take_along_axis(searched, best, axis=1), kept, np.maximum(left_out, also_left_out)


def _largest_of_few(scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same by sorting the scores alone, which is faster than any search that moves columns along."""
    ordered = np.sort(scores, axis=1)
    left_out, threshold = ordered[:, -k - 1], ordered[:, -k]
    chosen = scores >= threshold[:, None]
    tied = np.flatnonzero(left_out == threshold)
    if len(tied):
        level = scores[tied] == threshold[tied, None]
        room = (ordered[tied, -k:] == threshold[tied, None]).sum(axis=1, keepdims=True)
        chosen[tied] &= ~level | (np.cumsum(level, axis=1) <= room)
    places = np.flatnonzero(chosen).reshape(-1, k)
    return places - _starts(scores), scores.ravel()[places], left_out


def _picked(scores: np.ndarray, columns: np.ndarray) -> np.ndarray:
    return np.take(scores.ravel(), columns + _starts(scores), mode="clip")  # without the copy that "raise" makes


def _lowest_columns_win(scores: np.ndarray, threshold: np.ndarray, best: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """`best` with the columns at the threshold exchanged for the lowest ones that stand there."""
    level = kept == threshold[:, None]
    places = np.flatnonzero(scores == threshold[:, None])
    starts = _starts(scores)
    lowest = np.searchsorted(places, starts) + np.cumsum(level, axis=1) - 1
    return np.where(level, places[np.minimum(lowest, len(places) - 1)] - starts, best)


def _starts(scores: np.ndarray) -> np.ndarray:
    return np.arange(0, scores.size, scores.shape[1])[:, None]
