"""Propensities that nobody logged, estimated from the log: each round by a model that has not seen its user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from avrec_lib.data.facts import Fact, level_of, share_of
from avrec_lib.errors import unknown_name
from avrec_lib.evaluate.off_policy.feedback import LoggedFeedback
from avrec_lib.evaluate.off_policy.folds import folds_of

Method = Literal["auto", "logistic", "frequency"]
MANY_ACTIONS = 50
"""From more actions on, "auto" counts: a logistic regression would have more coefficients than it has evidence for."""


@dataclass(frozen=True, eq=False)
class EstimatedPropensities:
    """`logging` (n, a) sums to 1 in each round, `of_logged` (n,) is that of the action taken; how, and the facts."""

    logging: np.ndarray
    of_logged: np.ndarray
    method: Method
    folds: int
    facts: Sequence[Fact]


def with_estimated_propensities(
    log: LoggedFeedback, *, method: Method = "auto", folds: int = 5, seed: int = 0
) -> LoggedFeedback:  # fmt: skip
    """`log` with propensities estimated from its contexts and positions (`estimate_propensities`)."""
    found = estimate_propensities(
        log.actions, log.action_count, contexts=log.contexts, positions=log.positions, users=log.users, method=method,
        folds=folds, seed=seed,
    )  # fmt: skip
    return replace(log, propensities=found.of_logged, logging=found.logging, propensities_estimated=True)


def estimate_propensities(
    actions: np.ndarray,
    action_count: int,
    *,
    contexts: np.ndarray | None = None,
    positions: np.ndarray | None = None,
    segments: np.ndarray | None = None,
    users: np.ndarray | None = None,
    method: Method = "auto",
    folds: int = 5,
    seed: int = 0,
) -> EstimatedPropensities:
    """The probability with which each round took each action, by a model of the rounds of other users (cross-fitting).

    "logistic" is a multinomial regression on `contexts` (n, d) and `positions`; an action that its training rounds do
    not have gets 1 / (rounds + actions). "frequency" counts: (count + 1) / (rounds + actions) in each cell of
    `positions` × `segments` (n,) (Laplace). "auto" takes the regression where there are contexts and at most
    MANY_ACTIONS actions. Folds are drawn by `users` (n,), or by round without them. Nothing is raised to a floor: how
    many rounds took an action that is expected less than once in the whole log is a fact.

    Raises DataError where all rounds are of one user or there are fewer than 2 folds, UsageError for an unknown method.
    """
    if method not in get_args(Method):
        raise unknown_name("method", method, get_args(Method))
    n = len(actions)
    if method == "auto":
        method = "logistic" if contexts is not None and action_count <= MANY_ACTIONS else "frequency"
    fold_of = folds_of(n, users, folds, seed)
    used = int(fold_of.max()) + 1
    if method == "logistic":
        logging = _logistic(actions, action_count, _inputs(n, contexts, positions), fold_of)
    else:
        logging = _frequencies(actions, action_count, _cells(n, positions, segments), fold_of)
    of_logged = np.take_along_axis(logging, actions[:, None], axis=1)[:, 0]
    return EstimatedPropensities(logging, of_logged, method, used, _facts(of_logged, method, used))


def _cells(n: int, *labels: np.ndarray | None) -> np.ndarray:
    """A number for each combination of labels that occurs (n,)."""
    cells = np.zeros(n, dtype=np.int64)
    for label in labels:
        if label is not None:
            own = np.unique(label, return_inverse=True)[1]
            cells = np.unique(cells * (int(own.max()) + 1) + own, return_inverse=True)[1]
    return cells


def _frequencies(actions: np.ndarray, action_count: int, cells: np.ndarray, fold_of: np.ndarray) -> np.ndarray:
    folds, width = int(fold_of.max()) + 1, int(cells.max()) + 1
    flat = (fold_of * width + cells) * action_count + actions
    counts = np.bincount(flat, minlength=folds * width * action_count).reshape(folds, width, action_count)
    others = counts.sum(axis=0) - counts + 1.0
    return (others / others.sum(axis=2, keepdims=True))[fold_of, cells]


def _inputs(n: int, contexts: np.ndarray | None, positions: np.ndarray | None) -> np.ndarray:
    """Contexts, and a column of 0 and 1 for each position but the first (n, d)."""
    parts = [np.zeros((n, 0))] if contexts is None else [contexts]
    if positions is not None:
        parts.append(positions[:, None] == np.unique(positions)[None, 1:])
    return np.concatenate(parts, axis=1).astype(np.float64)


def _logistic(actions: np.ndarray, action_count: int, inputs: np.ndarray, fold_of: np.ndarray) -> np.ndarray:
    from sklearn.linear_model import LogisticRegression

    if not inputs.shape[1]:
        return _frequencies(actions, action_count, np.zeros(len(actions), dtype=np.int64), fold_of)
    logging = np.empty((len(actions), action_count))
    for fold in range(int(fold_of.max()) + 1):
        own = fold_of == fold
        scaled = _scaled(inputs, ~own)
        present = np.unique(actions[~own])
        unseen = 1.0 / (np.count_nonzero(~own) + action_count)
        table = np.full((np.count_nonzero(own), action_count), unseen)
        if len(present) > 1:
            model = LogisticRegression(max_iter=300).fit(scaled[~own], actions[~own])
            chances = model.predict_proba(scaled[own])
        else:
            chances = np.ones((len(table), 1))
        table[:, present] = chances * (1 - unseen * (action_count - len(present)))
        logging[own] = table
    return logging


def _scaled(inputs: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Inputs with the mean and standard deviation of the `known` rounds taken off; what is unknown is their mean."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a column that is unknown in all of these rounds
        mean, spread = np.nanmean(inputs[known], axis=0), np.nanstd(inputs[known], axis=0)
    scaled = (inputs - mean) / np.where(spread > 0, spread, 1.0)
    return np.where(np.isfinite(scaled), scaled, 0.0)


def _facts(of_logged: np.ndarray, method: Method, folds: int) -> list[Fact]:
    n = len(of_logged)
    tiny = int((of_logged < 1 / n).sum())
    share = share_of(tiny, n)
    words = {
        "logistic": "Propensities are estimated by logistic regression in {folds} folds of users or rounds: where the "
        "logging policy knew more than this log, they are wrong, and so is all that rests on them.",
        "frequency": "Propensities are estimated by frequencies in {folds} folds of users or rounds: where the logging "
        "policy looked at who asks, they are wrong, and so is all that rests on them.",
    }  # fmt: skip
    return [
        Fact("propensities_estimated", n, 1.0, "amber", words[method], {"folds": folds}),
        Fact("tiny_propensities", tiny, share, level_of(share, 1e-12, 0.01),
             "Rounds that took an action which by its estimated propensity happens less than once in the whole log: "
             "{value} ({share}). Their weights may be enormous."),
    ]  # fmt: skip
