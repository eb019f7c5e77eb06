"""What do tasks gain from being learned together, and do they pull against each other?"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from avrec_lib.errors import unknown_name
from avrec_lib.evaluate.compare import pairwise_differences
from avrec_lib.evaluate.prediction import directions, prediction_values

if TYPE_CHECKING:
    from avrec_lib.models.multi_task import MultiTask

SINGLE = "single task"
USUAL_METRICS = ("auc", "gauc", "log_loss")


def task_values(
    predicted: Mapping[str, pl.DataFrame], tasks: Sequence[str], *, metrics: Collection[str] = USUAL_METRICS,
    seed: int = 0,
) -> pl.DataFrame:  # fmt: skip
    """`schema.Values` of every task of every architecture, in a row a user and metric ("click auc", "like log_loss").

    `predicted` maps an architecture to what `MultiTask.predict` says of the same impressions, with a column of labels
    for each task. Impressions of items that the model does not know are left out; so is a task that it did not learn.
    """
    parts = [
        prediction_values(
            rows.drop_nulls(f"chance_{task}"), label=task, prediction=f"chance_{task}", model=name, task=task,
            metrics=metrics, seed=seed,
        )
        for name, rows in predicted.items() for task in tasks if f"chance_{task}" in rows.columns
    ]  # fmt: skip
    return pl.concat(parts)


def task_gains(
    values: pl.DataFrame, tasks: Sequence[str], *, single: str = SINGLE, equivalence_zone: float = 0.01
) -> pl.DataFrame:
    """Each architecture of `values` less the networks of single tasks, paired by user: a row a task and metric.

    Columns task, then those of `compare.pairwise_differences`; all rows are one family. Raises UsageError where
    `values` hold no model named `single`, or no other.
    """
    models = values["model"].unique(maintain_order=True).to_list()
    if single not in models:
        raise unknown_name("model", single, models)
    first = pl.concat([values.filter(model=single), values.filter(pl.col("model") != single)])
    compared = pairwise_differences(
        first, of=[single], better=directions(tasks), equivalence_zone=equivalence_zone
    )  # fmt: skip
    task = pl.col("metric").str.replace(r" \S+$", "")
    return compared.select(task.alias("task"), *compared.columns)


def task_conflict(model: MultiTask, impressions: pl.DataFrame, batches: int = 20, seed: int = 0) -> pl.DataFrame:
    """How much the tasks of a fitted `model` conflict: columns task, other, cosine, negative, batches.

    `cosine` is the mean over batches of that between the gradients of both tasks on what they share, `negative` the
    share of batches in which it is below 0 (`networks.task_conflict`). `impressions` have a column of labels for each
    task (`data.outcomes`). A batch without a label of one of the two is not counted. Raises UsageError for an
    architecture that shares nothing.
    """
    from avrec_lib.networks.task_conflict import gradient_cosines

    learner = model.learner_of(impressions)
    found = gradient_cosines(learner, learner.batches(np.random.default_rng(seed))[:batches])
    rows = []
    for (place, task), (other_place, other) in combinations(enumerate(model.task_names), 2):
        cosines = found[:, place, other_place]
        known = cosines[~np.isnan(cosines)]
        mean, negative = (float(known.mean()), float((known < 0).mean())) if len(known) else (None, None)
        rows.append((task, other, mean, negative, len(known)))
    schema = {"task": pl.String, "other": pl.String, "cosine": pl.Float64, "negative": pl.Float64, "batches": pl.Int64}
    return pl.DataFrame(rows, schema, orient="row")
