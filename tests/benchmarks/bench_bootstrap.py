"""Intervals of 10 metrics of 100,000 users from 2,000 resamples, and where the time goes; then the whole comparison.

    python tests/benchmarks/bench_bootstrap.py --users 100_000 --resamples 2000

One thread, CPU seconds, median of the repeats. Aim: 1.5 s for the intervals.
"""

from __future__ import annotations

import os

if __name__ == "__main__":
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS"):
        os.environ[name] = "1"

import argparse
import resource
import statistics
import time
from collections.abc import Callable

import numpy as np
import polars as pl

from avrec_lib.evaluate.bootstrap import bootstrap_intervals, draws, poisson_weights
from avrec_lib.evaluate.compare import pairwise_differences, summarise
from avrec_lib.evaluate.significance import sign_flip_p_values
from avrec_lib.schema import Values

METRICS = 10


def cpu_seconds(work: Callable[[], object], repeats: int) -> float:
    taken = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return statistics.median(taken)


def values_of(model: str, numbers: np.ndarray) -> pl.DataFrame:
    """`numbers` (users, metrics) as a table of values."""
    users, metrics = numbers.shape
    names = pl.Series([f"u{user}" for user in range(users)])
    table = pl.concat(
        pl.DataFrame({"query_id": names, "user_id": names, "value": numbers[:, metric]}).with_columns(
            model=pl.lit(model), seed=0, window=0, metric=pl.lit(f"metric {metric}"), k=10
        )
        for metric in range(metrics)
    )
    return table.select(Values.column_names()).cast(Values.create_empty().schema)  # type: ignore[arg-type]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=lambda text: int(text.replace("_", "")), default=100_000)
    parser.add_argument("--resamples", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    users, resamples = asked.users, asked.resamples
    rng = np.random.default_rng(0)
    sums = (rng.random((users, METRICS)) < 0.12) * rng.random((users, METRICS))
    counts = np.ones_like(sums)
    single = np.hstack([sums, counts[:, :1]]).astype(np.float32)

    def random_only() -> None:
        generator = np.random.default_rng(0)
        for _ in range(resamples):
            generator.bytes(users)

    def weights_only() -> None:
        for _ in draws(poisson_weights, users, resamples, seed=0):
            pass

    weights = next(draws(poisson_weights, min(users, 1024), resamples, seed=0))[1]
    block = weights.shape[1]

    def product_only() -> None:
        for start in range(0, users - block + 1, block):
            _ = weights @ single[start : start + block]

    whole, drawing, bits, product = (
        cpu_seconds(work, asked.repeats)
        for work in (
            lambda: bootstrap_intervals(sums, counts, resamples=resamples), weights_only, random_only, product_only,
        )
    )  # fmt: skip
    print(f"{METRICS} metrics × {users:,} users × {resamples:,} resamples, one thread")
    print(f"  intervals          {whole:6.2f} CPU s (aim 1.5)")
    print(f"    random bytes     {bits:6.2f}  {bits / whole:4.0%}")
    print(f"    bytes to weights {drawing - bits:6.2f}  {(drawing - bits) / whole:4.0%}")
    print(f"    product (sgemm)  {product:6.2f}  {product / whole:4.0%}")

    flips = cpu_seconds(lambda: sign_flip_p_values(sums - sums[:, ::-1]), asked.repeats)
    print(f"  sign flips         {flips:6.2f} CPU s (normal beyond 20,000 users)")
    better = np.where(rng.random(sums.shape) < 0.7, sums, sums[::-1])
    values = pl.concat([values_of("old", sums), values_of("new", better)])
    means = cpu_seconds(lambda: summarise(values, resamples=resamples), 1)
    paired = cpu_seconds(lambda: pairwise_differences(values, resamples=resamples), 1)
    print(f"  summarise, 2 models            {means:6.2f} CPU s ({values.height:,} values)")
    print(f"  pairwise_differences, 2 models {paired:6.2f} CPU s")
    print(f"  peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB")


if __name__ == "__main__":
    main()
