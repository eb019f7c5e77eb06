"""Fit one recommender, ask it everything, and note what that cost."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import polars as pl
import psutil

from avrec_lib.data.split import Split
from avrec_lib.protocols import Recommender


@dataclass(frozen=True)
class Trial:
    """The lists of one model and what they cost: wall seconds and the growth of this process in MiB."""

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
    with _peak_memory() as memory:
        start = time.perf_counter()
        model.fit(split.train, items=items)
        fitted = time.perf_counter()
        ranked = model.recommend(queries, k, exclude_seen=bool(split.protocol["exclude_seen"]))
        finished = time.perf_counter()
    return Trial(model.name, ranked, fitted - start, finished - fitted, memory["peak"])


@contextmanager
def _peak_memory(every_seconds: float = 0.005) -> Iterator[dict[str, float]]:
    """Samples this process' resident memory in a thread; `["peak"]` is the growth over the start, in MiB."""
    process, done = psutil.Process(os.getpid()), threading.Event()
    before = process.memory_info().rss
    found = {"peak": 0.0}

    def look() -> None:
        found["peak"] = max(found["peak"], (process.memory_info().rss - before) / 2**20)

    def watch() -> None:
        while not done.wait(every_seconds):
            look()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        look()
        done.set()
        thread.join()
