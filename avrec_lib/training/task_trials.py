"""Networks of several tasks on one log: what comes of later impressions, by architecture, and what sharing brought."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from avrec_lib.data.dataset import Dataset
from avrec_lib.data.outcomes import USUAL_TASKS, label_shares, task_outcomes, with_both_answers
from avrec_lib.errors import DataError
from avrec_lib.evaluate.compare import summarise
from avrec_lib.models.multi_task import MultiTask
from avrec_lib.networks.experts import ARCHITECTURES
from avrec_lib.training.several_tasks import SINGLE, task_conflict, task_gains, task_values

SHARED = "MMoE"
PATIENCE = 3  # epochs: networks this small are at their best after few


@dataclass(frozen=True)
class TaskTrials:
    """What `task_trials` found.

    `labels` is `data.outcomes.label_shares` of the impressions that were predicted; `values` (`schema.Values`) has
    every task of every architecture, `gains` (`task_gains`) each less the networks of single tasks, `conflict`
    (`task_conflict`) the angles between gradients on what MMoE shares.
    """

    labels: pl.DataFrame
    values: pl.DataFrame
    gains: pl.DataFrame
    conflict: pl.DataFrame

    def summary(self, *, resamples: int = 2000, seed: int = 0) -> pl.DataFrame:
        """Columns metric (as "click auc"), model, value, low, high, users."""
        means = summarise(self.values, resamples=resamples, seed=seed)
        return means.select("metric", "model", "value", "low", "high", "users").sort("metric", maintain_order=True)


def task_trials(
    data: Dataset, *, test_share: float = 0.2, tasks: Sequence[str] = USUAL_TASKS, items: pl.DataFrame | None = None,
    most_impressions: int = 200_000, seed: int = 0, **options: Any,
) -> TaskTrials:  # fmt: skip
    """Train every architecture of `MultiTask` on the impressions before a moment and let it predict those after it.

    `test_share` of the impressions lie after the moment; of more than `most_impressions` whole users are drawn. A user
    is known by all that happened before each request, also after the moment. `options` go to `MultiTask`, which stops
    after 3 epochs that were no better for what is held out of its training. Raises DataError for a log without
    impressions, and where all impressions before the moment have the same label, task by task.
    """
    events = data.events.collect()
    found = task_outcomes(events, tasks, items=items)
    rows = found.rows.filter(pl.col("timestamp").is_not_null()).sort("timestamp", maintain_order=True)
    cut = rows["timestamp"].slice(int(rows.height * (1 - test_share)), 1).first()
    before = rows.filter(pl.col("timestamp") < cut)
    if not with_both_answers(before, tasks):
        raise DataError(
            "Of none of the tasks {tasks} do the {count} impressions before the test hold both answers, so there is "
            "nothing to learn.", hint="Take tasks that come of some impressions and not of others.",
            tasks=", ".join(tasks), count=f"{before.height:,}",
        )  # fmt: skip
    learned = events.filter(pl.col("timestamp") < cut)
    begun = learned.select("request_id").drop_nulls().unique()  # a slate is not cut in two
    later = rows.filter(pl.col("timestamp") >= cut).join(begun, on="request_id", how="anti", maintain_order="left")
    asked = _some(later, most_impressions, seed)
    options = {"patience": PATIENCE, **options}
    predicted: dict[str, pl.DataFrame] = {}
    conflict = pl.DataFrame()
    for architecture in ARCHITECTURES:
        model = MultiTask(tasks, architecture=architecture, seed=seed, **options).fit(learned, items)
        predicted[architecture] = model.predict(asked, events)
        if architecture == SHARED:
            conflict = task_conflict(model, before, seed=seed)
    learned_tasks = [task for task in tasks if all(f"chance_{task}" in one.columns for one in predicted.values())]
    values = task_values(predicted, learned_tasks, seed=seed)
    gains = task_gains(values, learned_tasks, single=SINGLE)
    return TaskTrials(label_shares(asked, learned_tasks), values, gains, conflict)


def _some(impressions: pl.DataFrame, most: int, seed: int) -> pl.DataFrame:
    """All impressions of so many users, drawn by lot, that there are at most `most`; of one at least."""
    if impressions.height <= most:
        return impressions
    users = impressions["user_id"].unique().sort().sample(fraction=1.0, shuffle=True, seed=seed)
    counts = users.to_frame().join(impressions.group_by("user_id").len(), on="user_id", maintain_order="left")
    before = pl.col("len").cum_sum() - pl.col("len")
    kept = counts.filter((before + pl.col("len") <= most) | (before == 0))["user_id"]
    return impressions.filter(pl.col("user_id").is_in(kept.implode()))
