"""What a deep network adds: CF and deep in one against each alone, and on top of out-of-fold scores against trees.

    python tests/benchmarks/bench_cf_and_deep.py --data movielens-100k --seeds 3

Leave-last-out, ties of time in file order, full ranking, seen items hidden, all ratings positive. Defaults of all
models were chosen on leave-last-out inside the training rows of MovieLens-100K. Of each model: the mean NDCG@10 over
seeds with its interval over users, that of each seed, and CPU seconds of fit and recommend on one thread. Then the
differences, paired by user.
"""

from __future__ import annotations

import argparse
import os

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"), "1")

import polars as pl
from _measured import measured

from avrec_lib.data.opening import open_dataset
from avrec_lib.data.split import split_dataset
from avrec_lib.errors import AvrecError
from avrec_lib.evaluate.compare import pairwise_differences
from avrec_lib.models import NeuralCF
from avrec_lib.models.shelf import deep_ranker, hybrid

ALONE = ("NeuMF, CF alone", "NeuMF, deep alone")
GROUPS = {
    "CF and deep in one": lambda: [NeuralCF("CF"), NeuralCF("deep"), NeuralCF()],
    "on top of out-of-fold scores": lambda: [hybrid(), deep_ranker()],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="movielens-100k")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", choices=("one", "top"), help="CF and deep in one, or on top of scores; default both")
    asked = parser.parse_args()
    try:
        data = open_dataset(asked.data)
    except AvrecError as error:
        print(error)
        return
    items = data.items.collect()
    split = split_dataset(data, "leave_last_out", tie_rule="file_order")
    splits = [(split, seed) for seed in range(asked.seeds)]
    for (title, models), key in zip(GROUPS.items(), ("one", "top"), strict=True):
        if asked.only in (None, key):
            print(title, flush=True)
            values = pl.concat([measured(model, splits, items) for model in models()])
            for row in pairwise_differences(values).iter_rows(named=True):
                if row["model"] not in ALONE or row["baseline"] not in ALONE:
                    print(
                        f"  {row['model']} - {row['baseline']}: {row['difference']:+.4f} "
                        f"[{row['low']:+.4f}, {row['high']:+.4f}], {row['users']} users, p {row['p_value']:.4f}"
                    )


if __name__ == "__main__":
    main()
