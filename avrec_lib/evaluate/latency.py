"""How long one person waits for a list: requests asked one at a time, as a service would get them."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from avrec_lib.data.split import Split
from avrec_lib.protocols import Recommender

WARM_UP = 2  # requests before the clock starts, which load and compile


def p95_milliseconds(
    model: Recommender, split: Split, k: int, requests: int, candidates: Sequence[str] | None = None
) -> float | None:
    """The 95th percentile of wall milliseconds that a fitted `model` takes for the list of a single query.

    Of `requests` queries of `split`, evenly spread over it, each asked by itself after two that are not counted. None
    without queries, and where no request is asked for.
    """
    asked = split.queries
    if not requests or asked.is_empty():
        return None
    places = np.unique(np.linspace(0, asked.height - 1, requests).astype(int))
    seconds = []
    for number, place in enumerate([*places[:WARM_UP], *places]):
        query = asked[int(place)]
        start = time.perf_counter()
        model.recommend(query, k, candidates, exclude_seen=split.exclude_seen, seen=split.seen)
        if number >= min(WARM_UP, len(places)):
            seconds.append(time.perf_counter() - start)
    return float(np.quantile(seconds, 0.95) * 1000)
