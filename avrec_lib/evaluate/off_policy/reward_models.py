"""What would each action have earned? Reward models that never predict the rows they learned from.

Rounds are dealt into folds by user, a model is fitted on the others, and every round gets the predictions of a model
that has not seen its user. Only then is a doubly robust estimate free of the model's own overfit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal, get_args

import numpy as np
import polars as pl

from avrec_lib.errors import unknown_name
from avrec_lib.evaluate.off_policy.feedback import LoggedFeedback
from avrec_lib.evaluate.off_policy.folds import folds_of
from avrec_lib.evaluate.ratio import ratio

RewardModel = Literal["LightGBM", "ridge", "mean"]
Predict = Callable[[LoggedFeedback], np.ndarray]

CELLS_AT_ONCE = 2**23
SHARED_PENALTY, OWN_PENALTY = 1.0, 10.0
"""Ridge: a round's worth of pull to zero for what all actions share, ten for how an action differs from them."""
ROUNDS_OF_BOOSTING = 80
TREES = {
    "learning_rate": 0.1, "num_leaves": 15, "min_child_samples": 40, "subsample": 0.8,
    "subsample_freq": 1, "reg_lambda": 1.0, "verbosity": -1, "n_jobs": 0, "deterministic": True, "force_row_wise": True,
}  # fmt: skip


def predicted_rewards(
    log: LoggedFeedback, model: RewardModel = "LightGBM", *, folds: int = 3, seed: int = 0
) -> np.ndarray:
    """Expected reward of every action in every round, float64 (n, a), cross-fitted over users.

    "mean" is the mean reward of an action, "ridge" a linear model of the contexts with a part of its own for each
    action, "LightGBM" trees over contexts, position, action and its features. Predictions are kept within the rewards
    that were seen in training. Raises UsageError for an unknown model, DataError for fewer than two folds or users.
    """
    if model not in get_args(RewardModel):
        raise unknown_name("reward model", model, get_args(RewardModel))
    learn = {"LightGBM": _trees, "ridge": _ridge, "mean": _means}[model]
    fold = folds_of(len(log), log.users, folds, seed)
    lean = replace(log, logging=None)  # which no model reads, and a fold would copy
    predicted = np.empty((len(log), log.action_count))
    for number in range(int(fold.max()) + 1):
        held_out = np.flatnonzero(fold == number)
        train = lean.of(fold != number)
        own = learn(train, seed)(lean.of(held_out))
        predicted[held_out] = np.clip(own, train.rewards.min(), train.rewards.max())
    return predicted


def fit_quality(log: LoggedFeedback, predicted: np.ndarray) -> float:
    """Share of the variance of rewards that the held-out predictions explain: 1 − Σ(r − q)² / Σ(r − r̄)².

    Below 0 the mean would have done better; NaN when all rewards are the same.
    """
    at_logged = np.take_along_axis(predicted, log.actions[:, None], axis=1)[:, 0]
    spread = float(((log.rewards - log.rewards.mean()) ** 2).sum())
    return 1 - float(((log.rewards - at_logged) ** 2).sum()) / spread if spread else float("nan")


def calibration(log: LoggedFeedback, predicted: np.ndarray, bins: int = 10) -> pl.DataFrame:
    """Predicted against seen rewards in `bins` groups of equally many rounds by prediction, lowest first.

    Columns bin, predicted, reward (means), low, high (± 1.96 standard errors of the mean reward), rounds.
    """
    at_logged = np.take_along_axis(predicted, log.actions[:, None], axis=1)[:, 0]
    order = np.argsort(at_logged, kind="stable")
    place = np.empty(len(log), dtype=np.int64)
    place[order] = np.arange(len(log)) * bins // len(log)
    table = pl.DataFrame({"bin": place, "predicted": at_logged, "reward": log.rewards})
    error = pl.col("reward").std() / pl.len().sqrt() * 1.96
    return table.group_by("bin").agg(
        pl.col("predicted").mean(), (pl.col("reward").mean() - error).alias("low"),
        (pl.col("reward").mean() + error).alias("high"), pl.len().alias("rounds").cast(pl.Int64),
        pl.col("reward").mean().alias("reward"),
    ).select("bin", "predicted", "reward", "low", "high", "rounds").sort("bin")  # fmt: skip


def _means(train: LoggedFeedback, seed: int) -> Predict:
    overall, count = train.rewards.mean(), train.action_count
    sums = np.bincount(train.actions, train.rewards, minlength=count)
    rounds = np.bincount(train.actions, minlength=count)
    means = (sums + OWN_PENALTY * overall) / (rounds + OWN_PENALTY)
    return lambda log: np.broadcast_to(means, (len(log), count))


def _ridge(train: LoggedFeedback, seed: int) -> Predict:
    contexts = _numbers(train)
    centre, spread = _moments(contexts)
    known = _standard(contexts, centre, spread)
    width, count = known.shape[1], train.action_count
    shared = _solve(known.T @ known, known.T @ train.rewards, SHARED_PENALTY)
    left = train.rewards - known @ shared
    order = np.argsort(train.actions, kind="stable")
    ends = np.searchsorted(train.actions[order], np.arange(count + 1))
    own = np.zeros((count, width))
    for action in np.flatnonzero(np.diff(ends)):
        rows = order[ends[action] : ends[action + 1]]
        own[action] = _solve(known[rows].T @ known[rows], known[rows].T @ left[rows], OWN_PENALTY)
    weights = (shared + own).T
    return lambda log: _standard(_numbers(log), centre, spread) @ weights


def _solve(gram: np.ndarray, target: np.ndarray, penalty: float) -> np.ndarray:
    return np.linalg.solve(gram + penalty * np.eye(len(gram)), target)


def _moments(contexts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    filled = np.isfinite(contexts)
    count = filled.sum(axis=0)
    centre = ratio(np.where(filled, contexts, 0).sum(axis=0), count, otherwise=0.0)
    spread = np.sqrt(ratio(np.where(filled, (contexts - centre) ** 2, 0).sum(axis=0), count, otherwise=0.0))
    return centre, np.where(spread > 0, spread, 1.0)


def _standard(contexts: np.ndarray, centre: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """A one, then the contexts around 0; what is unknown is the mean."""
    around = np.nan_to_num((contexts - centre) / spread)
    return np.hstack([np.ones((len(contexts), 1)), around])


def _trees(train: LoggedFeedback, seed: int) -> Predict:
    import lightgbm

    binary = bool(np.isin(train.rewards, (0, 1)).all())
    if train.rewards.min() == train.rewards.max():
        return _means(train, seed)
    rows = _with_actions(_numbers(train), train, train.actions)
    first = rows.shape[1] - 1 - (0 if train.action_features is None else train.action_features.shape[1])
    data = lightgbm.Dataset(rows, train.rewards, categorical_feature=list(range(first, rows.shape[1])))
    options = TREES | {"objective": "binary" if binary else "regression", "seed": seed}
    booster = lightgbm.train(options, data, num_boost_round=ROUNDS_OF_BOOSTING)

    def predict(log: LoggedFeedback) -> np.ndarray:
        numbers, count = _numbers(log), log.action_count
        predicted = np.empty((len(log), count))
        block = max(CELLS_AT_ONCE // (rows.shape[1] * count), 1)
        for start in range(0, len(log), block):
            some = numbers[start : start + block]
            every = np.tile(np.arange(count), len(some))
            own = booster.predict(_with_actions(np.repeat(some, count, axis=0), log, every))
            predicted[start : start + block] = np.reshape(own, (len(some), count))
        return predicted

    return predict


def _numbers(log: LoggedFeedback) -> np.ndarray:
    """Contexts and position, (n, d); no columns where neither is known."""
    parts = [] if log.contexts is None else [log.contexts]
    if log.positions is not None:
        parts.append(log.positions[:, None])
    return np.hstack(parts).astype(np.float64, copy=False) if parts else np.empty((len(log), 0))


def _with_actions(numbers: np.ndarray, log: LoggedFeedback, actions: np.ndarray) -> np.ndarray:
    """What the trees read, (rows, columns): numbers of the round, then codes of the action."""
    parts = [numbers, actions[:, None]]
    if log.action_features is not None:
        parts.append(log.action_features[actions])
    return np.hstack(parts).astype(np.float64, copy=False)
