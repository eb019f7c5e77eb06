"""What a transformer adds to the hybrid: NDCG@10 with and without it, paired by user, over seeds and orders of ties.

    python tests/benchmarks/bench_hybrid.py --seeds 0 1 2 --orders 3

MovieLens-100K, the last choice of each user, all items ranked; ties in file order, and in `--orders` random orders (a
window each). Aim: the interval of the difference above zero, about +.007. The options of both were chosen on validation
rows only. A seed takes some two minutes an order; `--workers` seeds run at a time, one thread each.
"""

from __future__ import annotations

import argparse
import os

if __name__ == "__main__":
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS", "AVREC_THREADS"):
        os.environ[name] = "1"

from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import polars as pl

from avrec_lib.data import open_dataset
from avrec_lib.data.split import Split, split_windows
from avrec_lib.evaluate import compare, trial
from avrec_lib.evaluate.seeds import seed_spread
from avrec_lib.models.shelf import from_shelf

NAMES = ["hybrid", "hybrid + transformer", "transformer", "transitions + EASE"]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--orders", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    jobs = [(seed, order, options.orders) for order in range(options.orders + 1) for seed in options.seeds]
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        values = pl.concat(pool.map(measured, *zip(*jobs, strict=True)))
    for name, part in {"file order": values.filter(window=0), "all orders": values}.items():
        tell(name, part)


def splits_of(orders: int) -> list[Split]:
    """File order as window 0, then random orders."""
    data = open_dataset("movielens-100k")
    in_file_order = split_windows(data, "leave_last_out", tie_rule="file_order")
    by_lot = split_windows(data, "leave_last_out", tie_rule="random", tie_orders=orders) if orders else []
    return [replace(split, window=number) for number, split in enumerate([*in_file_order, *by_lot])]


def measured(seed: int, order: int, orders: int) -> pl.DataFrame:
    """Values of all models in one order with one seed."""
    split = splits_of(orders)[order]
    models = [make() for make in from_shelf(NAMES).values()]
    for model in models:
        if hasattr(model, "seed"):
            model.seed = seed
        for part in model.parts:  # a transformer among the sources draws from the same seed
            if hasattr(part, "seed"):
                part.seed = seed
    trials = trial.run_trials(models, [split], 10, seeds=[seed])
    found = trial.known_values(trials, k=[10], metrics=["ndcg"]).with_columns(seed=pl.lit(seed, dtype=pl.Int64))
    means = found.group_by("model", maintain_order=True).agg(pl.col("value").mean())
    print(f"seed {seed}, order {order}:", {name: round(value, 4) for name, value in means.iter_rows()}, flush=True)
    return found


def tell(name: str, values: pl.DataFrame) -> None:
    summary = compare.summarise(values).select("model", "value", "low", "high").rows()
    print(name, {model: f"{value:.4f} [{low:.4f}, {high:.4f}]" for model, value, low, high in summary})
    apart = compare.pairwise_differences(values, of=["hybrid + transformer"])
    for row in apart.iter_rows(named=True):
        print(f"  {row['model']} - {row['baseline']}: {row['difference']:+.4f} [{row['low']:+.4f}, {row['high']:+.4f}]")
    spread = seed_spread(values).select("model", "sd_of_seed_means").rows()
    print("  sd of the means of seeds:", {model: None if sd is None else round(sd, 4) for model, sd in spread})


if __name__ == "__main__":
    main()
