"""The bar of the shelf and the hybrid on leave-last-out: NDCG@10 over several orders of tied times, and its cost.

    python tests/benchmarks/bench_shelf.py --data movielens-100k --orders 20

Item transitions + EASE, weighed alike, against the hybrid at its defaults, which were chosen on leave-last-out inside
the training rows of MovieLens-100K. Full ranking, seen items hidden, all ratings positive; ties of time are put in
order by `--orders` frozen lots, and each user's queries in all of them are one cluster of the bootstrap. Seconds are
CPU seconds of fit and recommend, a split, on one thread.
"""

from __future__ import annotations

import argparse
import os

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"), "1")

import time

import polars as pl

from avrec_lib.data.opening import open_dataset
from avrec_lib.data.split import split_windows
from avrec_lib.errors import AvrecError
from avrec_lib.evaluate.compare import pairwise_differences, summarise
from avrec_lib.evaluate.trial import known_values, run_trial
from avrec_lib.models.shelf import hybrid, transitions_and_ease


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="movielens-100k")
    parser.add_argument("--orders", type=int, default=4)
    asked = parser.parse_args()
    try:
        data = open_dataset(asked.data)
    except AvrecError as error:
        print(error)
        return
    items = data.items.collect()
    splits = split_windows(data, "leave_last_out", tie_rule="random", tie_orders=asked.orders)
    parts = []
    for model in (transitions_and_ease(), hybrid()):
        started = time.process_time()
        parts += [known_values([run_trial(model, split, 10, items)], k=[10], metrics=["ndcg"]) for split in splits]
        seconds = (time.process_time() - started) / len(splits)
        row = summarise(pl.concat(parts[-len(splits) :])).row(0, named=True)
        print(
            f"{model.name:20} NDCG@10 {row['value']:.4f} [{row['low']:.4f}, {row['high']:.4f}]  n {row['n']:,}  "
            f"{seconds:.2f} CPU s",
            flush=True,
        )
    row = pairwise_differences(pl.concat(parts)).row(0, named=True)
    print(
        f"{row['model']} - {row['baseline']}: {row['difference']:+.4f} [{row['low']:+.4f}, {row['high']:+.4f}], "
        f"{row['users']} users, p {row['p_value']:.4f}: {row['verdict']}"
    )


if __name__ == "__main__":
    main()
