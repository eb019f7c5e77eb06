"""Small logs for tests: four rounds whose sums the eye can check, and worlds with a known value."""

from __future__ import annotations

import numpy as np

from avrec_lib.evaluate.off_policy.feedback import LoggedFeedback, TargetPolicy


def four_rounds(**more: object) -> LoggedFeedback:
    """Two actions; action 0 was taken with .5, .8, .5 and action 1 with .2."""
    return LoggedFeedback(
        actions=np.array([0, 0, 1, 0]), rewards=np.array([1.0, 0.0, 1.0, 1.0]),
        propensities=np.array([0.5, 0.8, 0.2, 0.5]), action_ids=np.array(["a", "b"]), **more,  # type: ignore[arg-type]
    )  # fmt: skip


def always(action: int, log: LoggedFeedback) -> TargetPolicy:
    probabilities = np.zeros((len(log), log.action_count))
    probabilities[:, action] = 1.0
    return TargetPolicy.of(f"always {log.action_ids[action]}", log, probabilities)


def world(
    rounds: int = 2000, actions: int = 5, *, sharpness: float = 0.5, never: int = 0, seed: int = 0,
    user_size: int = 1, base: float = -1.0,
) -> tuple[LoggedFeedback, TargetPolicy, float]:  # fmt: skip
    """A log, a target policy and its value over the contexts drawn. Contexts are two numbers, rewards are clicks.

    The target likes what the logging policy dislikes; the first `never` actions are never logged.
    """
    rng = np.random.default_rng(seed)
    contexts, taste = rng.normal(size=(rounds, 2)), np.random.default_rng(99).normal(size=(2, actions))
    liking = contexts @ taste
    clicks = 1 / (1 + np.exp(-(liking + base)))
    logging = softmax(-sharpness * liking + np.where(np.arange(actions) < never, -np.inf, 0))
    target = softmax(sharpness * liking)
    taken = (logging.cumsum(axis=1) > rng.random((rounds, 1))).argmax(axis=1)
    rows = np.arange(rounds)
    log = LoggedFeedback(
        actions=taken, rewards=(rng.random(rounds) < clicks[rows, taken]).astype(float),
        propensities=logging[rows, taken], action_ids=np.array([f"item {row}" for row in range(actions)]),
        contexts=contexts, users=rows // user_size if user_size > 1 else None, times=rows.astype(float),
    )  # fmt: skip
    return log, TargetPolicy.of("target", log, target), float((target * clicks).sum(axis=1).mean())


def softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
