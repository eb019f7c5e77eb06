"""Fit one recommender, ask it everything, and note what that cost."""

from __future__ import annotations

import time
import tracemalloc
from dataclasses import dataclass

import polars as pl

from avrec_lib.data.split import Split
from avrec_lib.protocols import Recommender


@dataclass(frozen=True)
class Trial:
    """The lists of one model and what they cost: wall seconds, and the peak of its arrays in MiB.

    The peak is what Python and numpy held (`tracemalloc`); polars and the workspace of a solver are not in it.
    """

    model: str
    ranked: pl.DataFrame
    fit_seconds: float
    recommend_seconds: float
    peak_memory_mb: float


def run_trial(
    model: Recommender, split: Split, queries: pl.DataFrame, k: int, items: pl.DataFrame | None = None
) -> Trial:
    """Fit `model` on the training rows of `split` and rank `k` items for each of `queries`.

    Seen items are hidden exactly when the truth of the split was made without them.
    """
    tracemalloc.start()
    try:
        start = time.perf_counter()
        model.fit(split.train, items=items)
        fitted = time.perf_counter()
        ranked = model.recommend(queries, k, exclude_seen=split.exclude_seen, seen=split.seen)
        finished = time.perf_counter()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    return Trial(model.name, ranked, fitted - start, finished - fitted, peak / 2**20)
