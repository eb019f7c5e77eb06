"""Estimators of the value of a policy from the log of another: sums of ratios of totals over rounds.

Whatever an estimator is called, it is Σ_j (Σ_i top_ij / Σ_i bottom_ij) over the rounds i: inverse propensity is one
ratio with the number of rounds below, self-normalising puts the weights below. So contributions, linearised standard
errors and a bootstrap that normalises inside each resample are the same few lines for all of them (`intervals`).

With w = π(a|x) / p(a|x), the reward r, and a reward model q̂: q at the logged action, v = Σ_a π(a|x) q̂(x, a) under the
policy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from avrec_lib.errors import UsageError
from avrec_lib.evaluate.off_policy.feedback import LoggedFeedback, TargetPolicy


@dataclass(frozen=True)
class Evidence:
    """All that the estimators read of n rounds, each array (n,): weights w, rewards r, predicted q, expected v.

    `predicted` and `expected` are None without a reward model; `users` are the rows of the users, or None.
    """

    weights: np.ndarray
    rewards: np.ndarray
    predicted: np.ndarray | None = None
    expected: np.ndarray | None = None
    users: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.weights)

    @property
    def residuals(self) -> np.ndarray:
        """r − q; raises UsageError without a reward model."""
        return self.rewards - _of_model(self.predicted)


def evidence_of(log: LoggedFeedback, target: TargetPolicy, predicted: np.ndarray | None = None) -> Evidence:
    """The evidence of `log` on `target`; `predicted` (n, a) are the rewards that a model expects of each action."""
    weights = target.of_logged / log.propensities
    if predicted is None or target.probabilities is None:
        return Evidence(weights, log.rewards, users=log.users)
    at_logged = np.take_along_axis(predicted, log.actions[:, None], axis=1)[:, 0]
    expected = np.einsum("na,na->n", target.probabilities, predicted)
    return Evidence(weights, log.rewards, at_logged, expected, log.users)


class Ratio(NamedTuple):
    """One ratio of totals: `top` (n,) over `bottom` (n,), or over the number of rounds when that is None."""

    top: np.ndarray
    bottom: np.ndarray | None = None


class Estimator(Protocol):
    """A name to show, whether its mean over many logs is the truth (at least for large n), and its ratios."""

    @property
    def name(self) -> str: ...

    @property
    def consistent(self) -> bool:
        """Whether, with right propensities and full support, it comes as near to the truth as one likes."""
        ...

    @property
    def needs_model(self) -> bool: ...

    def ratios(self, evidence: Evidence) -> tuple[Ratio, ...]: ...


@dataclass(frozen=True)
class InversePropensity:
    """Mean of min(w, `clip`)·r (Horvitz and Thompson 1952; clipped: Ionides 2008)."""

    clip: float = math.inf
    needs_model = False

    @property
    def name(self) -> str:
        return "IPS" if self.consistent else "clipped IPS"

    @property
    def consistent(self) -> bool:
        return math.isinf(self.clip)

    def ratios(self, evidence: Evidence) -> tuple[Ratio, ...]:
        return (Ratio(_clipped(evidence.weights, self.clip) * evidence.rewards),)


@dataclass(frozen=True)
class SelfNormalised:
    """Σ w·r / Σ w (Swaminathan and Joachims 2015): in the range of the rewards, and blind to their level."""

    name = "SNIPS"
    consistent = True
    needs_model = False

    def ratios(self, evidence: Evidence) -> tuple[Ratio, ...]:
        return (Ratio(evidence.weights * evidence.rewards, evidence.weights),)


@dataclass(frozen=True)
class DirectMethod:
    """Mean of v: as right as the reward model is (Beygelzimer and Langford 2009)."""

    name = "DM"
    consistent = False
    needs_model = True

    def ratios(self, evidence: Evidence) -> tuple[Ratio, ...]:
        return (Ratio(_of_model(evidence.expected)),)


@dataclass(frozen=True)
class DoublyRobust:
    """Mean of v + w·(r − q) (Dudík et al. 2011): the model narrows, the weights keep it honest."""

    name = "DR"
    consistent = True
    needs_model = True

    def ratios(self, evidence: Evidence) -> tuple[Ratio, ...]:
        return (Ratio(_of_model(evidence.expected) + evidence.weights * evidence.residuals),)


@dataclass(frozen=True)
class SelfNormalisedDoublyRobust:
    """Mean of v plus Σ w·(r − q) / Σ w (Thomas and Brunskill 2016, there "weighted doubly robust")."""

    name = "SNDR"
    consistent = True
    needs_model = True

    def ratios(self, evidence: Evidence) -> tuple[Ratio, ...]:
        return (
            Ratio(_of_model(evidence.expected)),
            Ratio(evidence.weights * evidence.residuals, evidence.weights),
        )


@dataclass(frozen=True)
class SwitchDoublyRobust:
    """Mean of v + w·(r − q) where w ≤ `threshold`, of v elsewhere (Wang et al. 2017)."""

    threshold: float
    name = "Switch-DR"
    consistent = False
    needs_model = True

    def ratios(self, evidence: Evidence) -> tuple[Ratio, ...]:
        kept = np.where(evidence.weights <= self.threshold, evidence.weights, 0.0)
        return (Ratio(_of_model(evidence.expected) + kept * evidence.residuals),)


@dataclass(frozen=True)
class ShrunkDoublyRobust:
    """Mean of v + λw/(w² + λ)·(r − q) with λ the `shrinkage`: 0 is the direct method, ∞ is DR (Su et al. 2020)."""

    shrinkage: float
    name = "DRos"
    consistent = False
    needs_model = True

    def ratios(self, evidence: Evidence) -> tuple[Ratio, ...]:
        weights = evidence.weights
        if math.isinf(self.shrinkage):
            shrunk = weights
        elif self.shrinkage == 0:
            shrunk = np.zeros_like(weights)
        else:
            shrunk = self.shrinkage * weights / (weights * weights + self.shrinkage)
        return (Ratio(_of_model(evidence.expected) + shrunk * evidence.residuals),)


def estimate(estimator: Estimator, evidence: Evidence) -> float:
    """The estimated value; NaN where a denominator is 0 (no logged action that the policy would take)."""
    total = 0.0
    for top, bottom in estimator.ratios(evidence):
        below = float(len(evidence)) if bottom is None else float(bottom.sum())
        total += float(top.sum()) / below if below else math.nan
    return total


def contributions(estimator: Estimator, evidence: Evidence) -> np.ndarray:
    """What each round adds, shape (n,): its mean is the estimate."""
    return contributions_of(estimator.ratios(evidence))


def contributions_of(ratios: Sequence[Ratio]) -> np.ndarray:
    """Σ_j top_j / mean(bottom_j), shape (n,)."""
    parts = []
    for top, bottom in ratios:
        mean = 1.0 if bottom is None else float(bottom.mean())
        parts.append(top / mean if mean else np.full_like(top, np.nan))
    return np.sum(parts, axis=0)


def _clipped(weights: np.ndarray, clip: float) -> np.ndarray:
    return weights if math.isinf(clip) else np.minimum(weights, clip)


def _of_model(array: np.ndarray | None) -> np.ndarray:
    if array is None:
        raise UsageError("This estimator needs a reward model and the policy's probabilities of all actions.",
                         hint="Ask for IPS or SNIPS, or bring both.")  # fmt: skip
    return array
