"""A model on splits with their seeds, in one line: what several benchmarks of quality against seconds print."""

from __future__ import annotations

import time
from collections.abc import Sequence

import polars as pl

from avrec_lib.data.split import Split
from avrec_lib.evaluate.compare import summarise
from avrec_lib.evaluate.trial import known_values, run_trial
from avrec_lib.models.matrix_recommender import MatrixRecommender


def measured(model: MatrixRecommender, splits: Sequence[tuple[Split, int]], items: pl.DataFrame) -> pl.DataFrame:
    """NDCG@10 of `model` on each split with its seed; says their mean and the CPU seconds of one."""
    started = time.process_time()
    trials = [run_trial(model, split, 10, items, seed) for split, seed in splits]
    seconds = (time.process_time() - started) / len(splits)
    values = known_values(trials, k=[10], metrics=["ndcg"])
    by_seed = values.group_by("seed", maintain_order=True).agg(pl.col("value").mean())["value"]
    row = summarise(values).row(0, named=True)
    print(
        f"{model.name:44} {row['value']:.4f} [{row['low']:.4f}, {row['high']:.4f}]  {seconds:5.1f} CPU s  by seed "
        + " ".join(f"{value:.4f}" for value in by_seed), flush=True,
    )  # fmt: skip
    return values
