"""What a policy is told, and the few policies that a platform needs to have a log at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from avrec_lib.protocols import Requests

Score = Callable[[Requests, np.ndarray], np.ndarray]
FARTHEST = 60.0  # a logit this far below the best stands for never: e^−60 is drawn in no world


@dataclass
class ScoredPolicy:
    """Softmax of score / `temperature`, mixed at every place with an even choice among what is left.

    A place shows j with probability (1 − exploration) · e^(s_j) / Σ e^(s) + exploration / left, sums over the
    candidates not shown above it. `score(requests, candidates)` gives (n, a). `sees_truth` asks the world to tell what
    no real platform knows: the feature `true_value`.
    """

    name: str
    score: Score | None = None  # none: every candidate alike
    temperature: float = 1.0
    exploration: float = 0.0
    sees_truth: bool = False

    def probabilities(self, requests: Requests, candidates: np.ndarray) -> np.ndarray:
        """The probabilities (n, a) of the first place."""
        weight = self._weights(requests, candidates)
        softmax = weight / weight.sum(1, keepdims=True)
        return (1 - self.exploration) * softmax + self.exploration / weight.shape[1]

    def act(
        self, requests: Requests, candidates: np.ndarray, rng: np.random.Generator, slots: int = 1
    ) -> tuple[np.ndarray, np.ndarray]:
        """Slates (n, slots) and the propensity of each place given those above it."""
        weight = self._weights(requests, candidates)
        n, left = weight.shape
        each = np.arange(n)
        # The largest of weight / exponential noise is a draw from the softmax, the largest of the rest one from what is
        # left (Efraimidis and Spirakis 2006); an even choice in between does not depend on the noise.
        raced = rng.standard_exponential(weight.shape)
        np.divide(weight, raced, out=raced)
        even = rng.random((n, slots)) < self.exploration
        columns, propensities = np.empty((n, slots), np.int64), np.empty((n, slots))
        for slot in range(slots):
            column = raced.argmax(1)
            stray = np.flatnonzero(even[:, slot])
            if len(stray):
                column[stray] = _any_left(raced[stray], rng)
            total = weight.sum(1)
            taken = weight[each, column]
            propensities[:, slot] = (1 - self.exploration) * taken / total + self.exploration / (left - slot)
            columns[:, slot] = column
            weight[each, column], raced[each, column] = 0, -1
        shown = candidates[columns] if candidates.ndim == 1 else np.take_along_axis(candidates, columns, axis=1)
        return shown, np.minimum(propensities, 1)

    def _weights(self, requests: Requests, candidates: np.ndarray) -> np.ndarray:
        shape = (len(requests), candidates.shape[-1])
        if self.score is None:
            return np.ones(shape)
        logits = np.broadcast_to(self.score(requests, candidates), shape) / self.temperature
        logits = logits - logits.max(1, keepdims=True)
        return np.exp(np.maximum(logits, -FARTHEST))


def _any_left(raced: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A column of each row, evenly among those that are not negative."""
    return np.where(raced >= 0, rng.random(raced.shape), -1).argmax(1)


def by_popularity(requests: Requests, candidates: np.ndarray) -> np.ndarray:
    """Score: the logarithm of the popularity as of midnight."""
    return np.log(requests.features["popularity"])


def by_taste(requests: Requests, candidates: np.ndarray) -> np.ndarray:
    """Score: the logarithm of the share of the observed taste that the candidate's topics have."""
    return np.log(requests.features["affinity"])


def by_both(requests: Requests, candidates: np.ndarray) -> np.ndarray:
    """Score: taste, and popularity to the power 0.4."""
    return by_taste(requests, candidates) + 0.4 * by_popularity(requests, candidates)


def by_truth(requests: Requests, candidates: np.ndarray) -> np.ndarray:
    """Score: chance of a click once looked at, times what the item would be worth, in tenths."""
    return 10 * requests.features["true_value"]


UNIFORM = ScoredPolicy("uniform")
POPULAR = ScoredPolicy("popular", by_popularity, exploration=0.02)
PERSONAL = ScoredPolicy("personal", by_taste, temperature=0.5, exploration=0.02)
ORACLE = ScoredPolicy("oracle", by_truth, temperature=0.4, sees_truth=True)
LOGGING = ScoredPolicy("popular and personal", by_both, temperature=1.0, exploration=0.1)
"""What shows the slates of a simulated data set: never sure of itself, so every candidate has a chance."""
POLICIES = {policy.name: policy for policy in (UNIFORM, POPULAR, PERSONAL, LOGGING, ORACLE)}
"""By name, for whoever is asked which of them to try."""
