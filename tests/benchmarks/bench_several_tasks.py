"""Mixed experts and a shared bottom against a network for each task: click, long view and like in simulated worlds.

    python tests/benchmarks/bench_several_tasks.py --worlds 1 2 3 --users 1500 --days 14

The last fifth of the events is asked: each impression by what its user chose before its request. Every network has the
same options and stops by its own held-out requests; the network of a single task alone chooses its epoch for that task.
Options were chosen on world 100, two configurations for each architecture. Differences are paired by user.
"""

from __future__ import annotations

import argparse
import os

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"), "1")

import tempfile
import time
from pathlib import Path
from typing import Any

import polars as pl

from avrec_lib.data.outcomes import USUAL_TASKS, task_outcomes
from avrec_lib.models import MultiTask
from avrec_lib.simulate.dataset import simulate_dataset
from avrec_lib.training.several_tasks import SINGLE, task_conflict, task_gains, task_values

TEST_SHARE = 0.2
TOGETHER: dict[str, dict[str, Any]] = {
    "MMoE": {"architecture": "MMoE"},
    "MMoE, plain mean of losses": {"architecture": "MMoE", "balance": "mean"},
    "shared bottom": {"architecture": "shared bottom"},
}


def measure(world: int, users: int, days: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Gains of every architecture, and how the tasks of the mixed experts conflict."""
    with tempfile.TemporaryDirectory() as folder:
        dataset = simulate_dataset(Path(folder) / "world", users=users, days=days, seed=world)
        events, items = dataset.events.collect(), dataset.items.collect()
    cut = events["timestamp"].sort()[int((1 - TEST_SHARE) * events.height)]
    train, test = events.filter(pl.col("timestamp") < cut), events.filter(pl.col("timestamp") >= cut)
    begun = train.select("request_id").unique()
    rows = task_outcomes(test, items=items).rows.join(begun, on="request_id", how="anti", maintain_order="left")

    def fitted(**options: Any) -> MultiTask:
        start = time.process_time()
        model = MultiTask(patience=3, threads=1, seed=world, **options).fit(train, items)
        print(options, f"{model.weights.size:,} parameters, {time.process_time() - start:.0f} CPU s", flush=True)
        return model

    models = {name: fitted(**options) for name, options in TOGETHER.items()}
    predicted = {name: model.predict(rows, events) for name, model in models.items()}
    predicted[SINGLE] = rows
    for task in USUAL_TASKS:
        predicted[SINGLE] = fitted(architecture=SINGLE, tasks=[task]).predict(predicted[SINGLE], events)
    conflict = task_conflict(models["MMoE"], task_outcomes(train, items=items).rows)
    return task_gains(task_values(predicted, USUAL_TASKS), USUAL_TASKS), conflict


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--users", type=int, default=1500)
    parser.add_argument("--days", type=int, default=14)
    asked = parser.parse_args()
    pl.Config(tbl_rows=60, tbl_cols=20, tbl_width_chars=200, fmt_str_lengths=40)
    for world in asked.worlds:
        gains, conflict = measure(world, asked.users, asked.days)
        print(f"World {world}")
        print(gains.select("model", "metric", "mean", "baseline_mean", "difference", "low", "high", "users", "verdict"))
        print(conflict)


if __name__ == "__main__":
    main()
