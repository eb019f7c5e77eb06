"""A guarantee instead of an approximation: the value is at least this, whatever the rewards are like."""

from __future__ import annotations

import math

import numpy as np

from avrec_lib.errors import UsageError
from avrec_lib.evaluate.off_policy.estimators import Evidence

CLIPS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)


def empirical_bernstein(values: np.ndarray, largest: float, confidence: float = 0.95) -> float:
    """A lower bound of the mean of independent `values` (n,) in [0, `largest`], with at least this confidence.

    mean − √(2·variance·ln(2/δ) / n) − 7·largest·ln(2/δ) / (3(n − 1)), at least 0 (Maurer and Pontil 2009, theorem 4);
    NaN for a single value. Raises UsageError for a value outside.
    """
    if values.size and not (values.min() >= 0 and values.max() <= largest * (1 + 1e-9)):
        raise UsageError("The bound holds for values from 0 to {largest}, but they go from {low} to {high}.",
                         largest=largest, low=float(values.min()), high=float(values.max()))  # fmt: skip
    n = len(values)
    if n < 2:
        return math.nan
    log_term = math.log(2 / (1 - confidence))
    slack = math.sqrt(2 * float(values.var(ddof=1)) * log_term / n) + 7 * largest * log_term / (3 * (n - 1))
    return max(float(values.mean()) - slack, 0.0)


def guaranteed_value(
    evidence: Evidence, largest_reward: float, *, confidence: float = 0.95, clips: tuple[float, ...] = CLIPS
) -> float:
    """A lower bound of the value of the policy: it holds for any n, any shape of rewards, and with support missing.

    Clipped weights can only lower a reward that is not negative, so a lower bound of clipped IPS is one of the value.
    The best of several `clips` is taken, each at its share of 1 − `confidence`. Users are independent, rounds of one
    user need not be; how many rounds a user has is taken as given. NaN for rewards below 0 or above `largest_reward`,
    of which the bound would say nothing.
    """
    if evidence.rewards.min(initial=0.0) < 0 or evidence.rewards.max(initial=0.0) > largest_reward:
        return math.nan
    each = 1 - (1 - confidence) / len(clips)
    users = evidence.users
    rounds = None if users is None else np.bincount(users)
    best = 0.0
    for clip in clips:
        values, largest = np.minimum(evidence.weights, clip) * evidence.rewards, clip * largest_reward
        if users is not None and rounds is not None:
            # A user's sum of rewards over the mean number of rounds: its mean over users is the mean over rounds.
            values = np.bincount(users, values) / rounds.mean()
            largest *= float(rounds.max() / rounds.mean())
        best = max(best, empirical_bernstein(values, largest, each))
    return best
