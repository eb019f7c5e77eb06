"""How good are predicted chances? Order, cross entropy and calibration, by user, so that two models can be paired.

Most of these are no means over users, but ratios of sums over impressions. Each user's row is therefore the measure
plus the user's influence on it, R + U · IF_u over U users (a pseudo-value of the infinitesimal jackknife, Efron 1982,
chapter 6): the mean over users is the measure itself, and what `compare` then does with the rows (intervals, paired
differences, tests) is clustered by user. The mean over *some* users is not the measure of their impressions: for a
group, take its impressions first. Only `user_auc` has a user's own measure in its row.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from avrec_lib.errors import DataError, unknown_name
from avrec_lib.evaluate.metric import Metric
from avrec_lib.evaluate.ratio import ratio
from avrec_lib.evaluate.verdicts import Better
from avrec_lib.schema import Values

SMALLEST = 1e-7
"""Chances are cut to this far from 0 and 1, so that one certain mistake does not make the mean infinite."""

METRICS = {
    metric.name: metric
    for metric in (
        Metric("auc", "higher", "Chance that an impression with the outcome has a higher prediction than one without"),
        Metric("gauc", "higher", "AUC within each user, mean over users weighted by their impressions"),
        Metric("user_auc", "higher", "AUC within each user, plain mean over users"),
        Metric("log_loss", "lower", "Cross entropy of predicted chances and outcomes, a mean over impressions", "nats"),
        Metric("normalised_entropy", "lower", "Cross entropy over that of predicting the mean for every impression"),
        Metric("calibration", None, "Mean prediction over mean outcome; 1 is calibrated"),
    )
}
OF_CHANCES = ("log_loss", "normalised_entropy", "calibration")


@dataclass(frozen=True, eq=False)
class Judged:
    """n impressions: the user of each as a number from 0 to `users` − 1, the outcome (0 or 1), the prediction."""

    user: np.ndarray
    users: int
    outcome: np.ndarray
    prediction: np.ndarray

    def by_user(self, numbers: np.ndarray) -> np.ndarray:
        """Sums (users,) of numbers (n,)."""
        return np.bincount(self.user, numbers, self.users)

    @cached_property
    def impressions(self) -> np.ndarray:
        return self.by_user(np.ones(len(self.user)))

    @cached_property
    def positives(self) -> np.ndarray:
        return self.by_user(self.outcome)

    @cached_property
    def losses(self) -> np.ndarray:
        """Cross entropy (n,): −y ln p − (1 − y) ln(1 − p)."""
        chance = np.clip(self.prediction, SMALLEST, 1 - SMALLEST)
        return -np.log(np.where(self.outcome > 0, chance, 1 - chance))


def auc(judged: Judged) -> np.ndarray:
    """P(p⁺ > p⁻) + ½ P(p⁺ = p⁻) over all pairs of an impression with the outcome and one without.

    Mann and Whitney 1947. A user's influence is Σ (V − AUC) / n over their impressions, where V is the share of the
    other kind that stands on the right side of an impression and n how many of its own kind there are (DeLong et al.
    1988; by clusters Obuchowski 1997). NaN where all outcomes are the same.
    """
    positive = judged.outcome > 0
    counts = np.where(positive, positive.sum(), (~positive).sum())  # of the impression's own kind
    if not positive.any() or positive.all():
        return np.full(judged.users, np.nan)
    among_all, among_own = _ranks(judged.prediction), np.empty(len(positive))
    for kind in (positive, ~positive):
        among_own[kind] = _ranks(judged.prediction[kind])
    below = (among_all - among_own) / (len(positive) - counts)  # share of the other kind that stands lower
    right = np.where(positive, below, 1 - below)
    value = float(right[positive].mean())
    return value + judged.users * judged.by_user((right - value) / counts)


def user_auc(judged: Judged) -> np.ndarray:
    """AUC of each user's own impressions, NaN for a user whose outcomes are all the same."""
    n, n_positive = judged.impressions, judged.positives
    table = pl.DataFrame({"user": judged.user, "prediction": judged.prediction})
    ranks = table.select(pl.col("prediction").rank("average").over("user")).to_series().to_numpy()
    above = judged.by_user(ranks * (judged.outcome > 0)) - n_positive * (n_positive + 1) / 2
    return ratio(above, n_positive * (n - n_positive))


def gauc(judged: Judged) -> np.ndarray:
    """Σ n_u AUC_u / Σ n_u over users with both outcomes, n_u their impressions (Zhou et al. 2018, "Deep interest
    network for click-through rate prediction", section 6.3). NaN for the other users.
    """
    each = user_auc(judged)
    known = ~np.isnan(each)
    return _ratio_by_user(np.where(known, judged.impressions * each, np.nan), judged.impressions)


def log_loss(judged: Judged) -> np.ndarray:
    """−(1/n) Σ y ln p + (1 − y) ln(1 − p), natural logarithm."""
    return _ratio_by_user(judged.by_user(judged.losses), judged.impressions)


def normalised_entropy(judged: Judged) -> np.ndarray:
    """`log_loss` / H(q) with q the mean outcome and H(q) = −q ln q − (1 − q) ln(1 − q) (He et al. 2014, "Practical
    lessons from predicting clicks on ads at Facebook", section 3.1). NaN where all outcomes are the same.
    """
    mean = float(judged.outcome.mean())
    if not 0 < mean < 1:
        return np.full(judged.users, np.nan)
    entropy = -mean * np.log(mean) - (1 - mean) * np.log(1 - mean)
    loss, rate = log_loss(judged), _ratio_by_user(judged.positives, judged.impressions)
    slope = np.log((1 - mean) / mean)  # of H at q: a user with many outcomes also moves what is divided by
    value = loss.mean() / entropy
    return value + (loss - loss.mean()) / entropy - value * slope * (rate - mean) / entropy


def calibration(judged: Judged) -> np.ndarray:
    """Σ p / Σ y: above 1 where too much is promised. NaN where nothing ever came."""
    return _ratio_by_user(judged.by_user(judged.prediction), judged.positives)


FORMULAS: dict[str, Callable[[Judged], np.ndarray]] = {
    "auc": auc, "gauc": gauc, "user_auc": user_auc, "log_loss": log_loss, "normalised_entropy": normalised_entropy,
    "calibration": calibration,
}  # fmt: skip


def prediction_values(
    rows: pl.DataFrame, *, label: str, prediction: str, model: str, task: str = "",
    metrics: Collection[str] = tuple(METRICS), seed: int = 0, window: int = 0,
) -> pl.DataFrame:  # fmt: skip
    """`schema.Values` with one row a user and metric; `query_id` is the user, k is null, the mean is the measure.

    `rows` are impressions with user_id and the columns `label` (0, 1, or null: unknown, left out) and `prediction` (the
    chance of a 1; for AUCs any number). With a `task` metrics are called "click auc" and so on, so that several tasks
    stand in one table; `directions` then says which way each is better. Users for whom a metric is undefined (one kind
    of outcome only) have a null, which `compare.summarise` counts. Raises UsageError for an unknown metric; DataError
    for a missing column, no known label, a label besides 0 and 1, a prediction that is missing or no number, or no
    chance where one is needed.
    """
    for metric in metrics:
        if metric not in FORMULAS:
            raise unknown_name("metric", metric, FORMULAS)
    judged, users = _judged(rows, label, prediction, chances=any(metric in OF_CHANCES for metric in metrics))
    parts = [
        users.select(
            model=pl.lit(model), seed=pl.lit(seed, dtype=pl.Int64), window=pl.lit(window, dtype=pl.Int32),
            query_id="user_id", user_id="user_id", metric=pl.lit(f"{task} {metric}".strip()),
            k=pl.lit(None, dtype=pl.Int32), value=pl.Series(FORMULAS[metric](judged)).fill_nan(None),
        )
        for metric in metrics
    ]  # fmt: skip
    return pl.concat(parts).select(Values.column_names())


def directions(tasks: Iterable[str] = ("",)) -> dict[str, Better]:
    """Which way each metric of each task is better: the `better` of `compare.paired_difference`."""
    return {f"{task} {metric.name}".strip(): metric.better for task in tasks for metric in METRICS.values()}


def _judged(rows: pl.DataFrame, label: str, prediction: str, *, chances: bool) -> tuple[Judged, pl.DataFrame]:
    missing = [column for column in ("user_id", label, prediction) if column not in rows.columns]
    if missing:
        raise DataError("The table {name} has no column {missing}.", name="predictions", missing=", ".join(missing))
    known = rows.select("user_id", label=pl.col(label).cast(pl.Float64), prediction=pl.col(prediction).cast(pl.Float64))
    known = known.filter(pl.col("label").is_not_null())
    if known.is_empty():
        raise DataError("No impression has a known label {label}, so nothing can be judged.", label=repr(label))
    strange = int((~known["label"].is_in([0.0, 1.0])).sum())
    if strange:
        raise DataError("{count} of {rows} labels {label} are neither 0 nor 1.", count=strange, rows=known.height,
                        label=repr(label))  # fmt: skip
    absent = int((known["prediction"].is_null() | ~known["prediction"].is_finite()).sum())
    if absent:
        raise DataError("{count} of {rows} impressions have no prediction {prediction}.", count=absent,
                        rows=known.height, prediction=repr(prediction))  # fmt: skip
    outside = int((~known["prediction"].is_between(0, 1)).sum())
    if chances and outside:
        raise DataError(
            "{count} of {rows} predictions {prediction} are no chances: they are not between 0 and 1.",
            hint="Ask for metrics of order only: auc, gauc, user_auc.", count=outside, rows=known.height,
            prediction=repr(prediction),
        )  # fmt: skip
    users = known.select(pl.col("user_id").unique(maintain_order=True)).with_row_index("user")
    row = known.join(users, on="user_id", maintain_order="left")["user"].to_numpy().astype(np.int64)
    return Judged(row, users.height, known["label"].to_numpy(), known["prediction"].to_numpy()), users


def _ratio_by_user(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Σ part / Σ whole plus each user's influence on it; NaN for users without a part, and where the whole is 0."""
    known = ~np.isnan(part)
    users, total = int(known.sum()), float(whole[known].sum())
    if not total > 0:
        return np.full(len(part), np.nan)
    value = float(part[known].sum()) / total
    return value + users * (part - value * whole) / total


def _ranks(numbers: np.ndarray) -> np.ndarray:
    """From 1, ties at their mean rank."""
    return pl.Series(numbers).rank("average").to_numpy()
