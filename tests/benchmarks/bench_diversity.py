"""Intra-list diversity of 100,000 lists of 100 out of 20,000 items: CPU seconds on one thread, median of five.

    python tests/benchmarks/bench_diversity.py --queries 100_000

Embeddings of 64 dimensions and sets out of 18 tags, at the first 10 and at all 100 places; items drawn alike, the
worst case for a cache, and by popularity. `convert` is the ranked table to `Lists`, once for all metrics; `vectors`
the item table to unit vectors. Aim: 0.1 CPU seconds at 100, conversion apart. `numpy gather` is the closed form
written down in two lines; RecTools' pairwise Hamming distance needs 14.5.
"""

from __future__ import annotations

import argparse
import os

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"), "1")

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import torch

from avrec_lib.evaluate.diversity import embedding_vectors, intra_list_diversity, item_labels, label_vectors
from avrec_lib.evaluate.lists import Lists

ITEMS, DEPTH, DIMENSIONS, TAGS = 20_000, 100, 64, 18


def ranked_table(queries: int, popularity: float, rng: np.random.Generator) -> pl.DataFrame:
    """Lists of DEPTH different items, item i drawn about (i + 1)^-popularity as often as the first."""
    share = np.cumsum(np.arange(1, ITEMS + 1) ** -popularity)
    rows = np.empty((queries, DEPTH), np.int64)
    for start in range(0, queries, 10_000):
        some = slice(start, start + 10_000)
        drawn = np.sort(np.searchsorted(share, rng.random((len(rows[some]), 3 * DEPTH)) * share[-1]), axis=1)
        repeated = np.diff(drawn, axis=1, prepend=-1) == 0
        order = np.argsort(rng.random(drawn.shape) + repeated, axis=1)[:, :DEPTH]
        rows[some] = np.take_along_axis(drawn, order, axis=1)
    names = pl.Series([f"item-{n}" for n in rng.permutation(ITEMS)])
    users = pl.Series([f"user-{n}" for n in range(queries)])
    return pl.DataFrame(
        {
            "query_id": users[np.repeat(np.arange(queries), DEPTH)],
            "item_id": names[rows.ravel()],
            "rank": np.tile(np.arange(1, DEPTH + 1, dtype=np.int32), queries),
        }
    )


def cpu_seconds(call: Callable[[], Any], repeats: int = 5) -> tuple[float, Any]:
    taken = []
    for _ in range(repeats):
        started = time.process_time()
        answer = call()
        taken.append(time.process_time() - started)
    return statistics.median(taken), answer


def numpy_gather(items: np.ndarray, unit: np.ndarray) -> np.ndarray:
    parts = [unit[items[start : start + 256]].sum(axis=1) for start in range(0, len(items), 256)]
    squares = np.vecdot(sums := np.concatenate(parts), sums)
    return 1 - (squares - items.shape[1]) / (items.shape[1] * (items.shape[1] - 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--queries", type=lambda text: int(text.replace("_", "")), default=100_000)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    names = [f"item-{n}" for n in range(ITEMS)]
    vectors = pl.DataFrame({"item_id": names, "vector": rng.normal(size=(ITEMS, DIMENSIONS)).astype(np.float32)})
    tags = [[f"tag-{tag}" for tag in np.flatnonzero(rng.random(TAGS) < 0.12)] for _ in range(ITEMS)]
    items = pl.DataFrame({"item_id": names, "tags": tags})
    for popularity, drawn in ((0.0, "all items alike"), (0.8, "by popularity")):
        ranked = ranked_table(asked.queries, popularity, rng)
        queries = ranked.select("query_id", user_id="query_id").unique(maintain_order=True)
        convert, lists = cpu_seconds(lambda: Lists.of(ranked, queries, DEPTH), repeats=1)  # noqa: B023
        print(f"{asked.queries:,} lists of {DEPTH}, {drawn}: convert {convert:.2f} CPU s")
        sides = {
            "embedding": lambda: embedding_vectors(vectors, lists.item_ids),  # noqa: B023
            "tags": lambda: label_vectors(item_labels(items, "tags"), lists.item_ids),  # noqa: B023
        }
        for feature, make in sides.items():
            making, unit = cpu_seconds(make, repeats=1)
            taken = {k: cpu_seconds(lambda: intra_list_diversity(lists, unit, k)) for k in (10, DEPTH)}  # noqa: B023
            at = "  ".join(f"@{k} {seconds:.3f} CPU s" for k, (seconds, _) in taken.items())
            print(f"  {feature:>12}  {at}  vectors {making:.2f}  mean {np.nanmean(taken[DEPTH][1]):.4f}", flush=True)
            if feature == "embedding":
                plain, found = cpu_seconds(lambda: numpy_gather(lists.items, unit), repeats=1)  # noqa: B023
                apart = np.abs(found - taken[DEPTH][1]).max()
                print(f"  numpy gather  @{DEPTH} {plain:.3f} CPU s  largest difference {apart:.1e}", flush=True)


if __name__ == "__main__":
    main()
