"""How much a choice says in neighbour models: all alike, or less of what is common (TF-IDF, BM25)."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from scipy import sparse

from avrec_lib.errors import unknown_name

Weighting = Literal["cosine", "tfidf", "bm25"]

LABELS = {"cosine": "", "tfidf": " TF-IDF", "bm25": " BM25"}
"""What a model adds to its name."""
_SATURATION, _LENGTH = 1.2, 0.75  # k₁ and b of BM25, the values that most libraries start from


def check_weighting(weighting: str) -> None:
    """Raise UsageError for a weighting that there is not."""
    if weighting not in get_args(Weighting):
        raise unknown_name("weighting", weighting, get_args(Weighting))


def rarity(chosen: sparse.csr_matrix, weighting: Weighting) -> np.ndarray:
    """The weight of each column of a binary matrix (rows, columns) by how many of its N rows have it, n; float64.

    cosine: 1; tfidf: ln(1 + N / n); bm25: ln(1 + (N − n + ½) / (n + ½)). 0 for a column that no row has.
    """
    rows, counts = chosen.shape[0], chosen.getnnz(axis=0).astype(np.float64)
    match weighting:
        case "cosine":
            return (counts > 0).astype(np.float64)
        case "tfidf":
            return np.where(counts > 0, np.log1p(rows / np.maximum(counts, 1)), 0)
        case "bm25":
            return np.where(counts > 0, np.log1p((rows - counts + 0.5) / (counts + 0.5)), 0)


def weighted(chosen: sparse.csr_matrix, weighting: Weighting) -> tuple[sparse.csr_matrix, np.ndarray]:
    """A binary matrix weighted so that rows can be compared, and by what to divide their products: (rows,) each.

    cosine and tfidf: `rarity` of the column, and the length of the row. bm25: rarity · (k₁ + 1) / (1 + k₁ · (1 − b +
    b · |row| / mean |row|)) with k₁ = 1.2, b = 0.75, and 1: a choice is there or not, so dividing by the length would
    leave nothing of BM25 but its rarity. Robertson and Zaragoza 2009, "The probabilistic relevance framework".
    """
    entries = np.diff(chosen.indptr)
    weights = chosen.astype(np.float64)
    weights.data = weights.data * rarity(chosen, weighting)[chosen.indices]
    if weighting != "bm25":
        return weights, lengths_of(weights)
    relative = entries / max(entries.mean(), 1e-12)
    weights.data *= np.repeat((_SATURATION + 1) / (1 + _SATURATION * (1 - _LENGTH + _LENGTH * relative)), entries)
    return weights, np.ones(len(entries))


def lengths_of(vectors: sparse.csr_matrix) -> np.ndarray:
    """The Euclidean length of each row."""
    return np.sqrt(np.asarray(vectors.multiply(vectors).sum(axis=1)).ravel())
