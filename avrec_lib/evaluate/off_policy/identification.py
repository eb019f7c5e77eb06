"""What the value can be where the log does not say: the worst and the best that untried actions could earn.

A mean over what was tried is a point; over what was not it lies anywhere between two ends (Manski 1990, "Nonparametric
bounds on treatment effects"). Both ends are sums of ratios like any estimator, so their sampling error is bootstrapped
with the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avrec_lib.errors import UsageError
from avrec_lib.evaluate.off_policy.estimators import Estimator, Evidence, Ratio
from avrec_lib.evaluate.off_policy.feedback import LoggedFeedback, TargetPolicy
from avrec_lib.evaluate.off_policy.support import Support, tried_part


@dataclass(frozen=True)
class Extremes:
    """The least and the most that an action can earn on average; `assumed`: the most is only the largest seen."""

    worst: float
    best: float
    assumed: bool

    def times(self, slots: int) -> Extremes:
        """Those of the sum over a slate of so many slots."""
        return Extremes(self.worst * slots, self.best * slots, self.assumed)

    @classmethod
    def of(cls, rewards: np.ndarray, largest_reward: float | None = None) -> Extremes:
        """0 and 1 for clicks; else 0 (or the smallest reward below it) and `largest_reward`, or the largest seen.

        Raises UsageError for a reward above `largest_reward`.
        """
        most = float(rewards.max())
        if largest_reward is not None and most > largest_reward:
            raise UsageError("largest_reward is {given}, but a reward of {seen} was logged.", given=largest_reward,
                             seen=most)  # fmt: skip
        worst = min(float(rewards.min()), 0.0)
        if is_binary(rewards):
            return cls(0.0, 1.0, assumed=False)
        return cls(worst, most if largest_reward is None else largest_reward, assumed=largest_reward is None)


@dataclass(frozen=True)
class Ends:
    """Ratios of the value, and of what it is at least and at most; all the same where everything has support."""

    value: tuple[Ratio, ...]
    low: tuple[Ratio, ...]
    high: tuple[Ratio, ...]


def ends_of(
    estimator: Estimator, log: LoggedFeedback, target: TargetPolicy, evidence: Evidence, support: Support,
    extremes: Extremes, predicted: np.ndarray | None = None,
) -> Ends:  # fmt: skip
    """The value by `estimator` (SNIPS, SNDR or a form of slates), and its ends.

    Where the weights lack more than chance explains, nobody knows which actions are missing: the ends are the means of
    w·(r − e) + e with e the extreme, whatever the share. Where the missing mass m is known round by round, they are the
    value of what has support, normalised to its mass 1 − m, plus m·e; a reward model is asked about nothing untried.
    """
    value = estimator.ratios(evidence)
    weights, rewards = evidence.weights, evidence.rewards
    if support.lacking:
        return Ends(value, *((Ratio(weights * (rewards - end) + end),) for end in (extremes.worst, extremes.best)))
    if support.known_missing == 0:
        return Ends(value, value, value)
    missing, expected = tried_part(log, target, predicted)
    kept = 1 - float(missing.mean())
    if expected is None:
        core = [Ratio(kept * weights * rewards, weights)]
    else:
        core = [Ratio(expected), Ratio(kept * weights * evidence.residuals, weights)]
    return Ends(value, *((*core, Ratio(missing * end)) for end in (extremes.worst, extremes.best)))


def is_binary(rewards: np.ndarray) -> bool:
    """Whether all rewards are 0 or 1."""
    return bool(((rewards == 0) | (rewards == 1)).all())
