"""Policies that follow scores: by chance, the better the likelier, or the best first."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from avrec_lib.errors import DataError, UsageError
from avrec_lib.policies.slate_laws import BestFirst, PlackettLuce
from avrec_lib.policies.slate_policy import SlatePolicy
from avrec_lib.protocols import Requests

Scores = Callable[[Requests, np.ndarray], np.ndarray]
"""Scores (n, a) of the candidates, (a,) or (n, a) item rows, of n requests; -inf is never shown."""


@dataclass(eq=False)
class SoftmaxScores(SlatePolicy):
    """The next slot goes to a candidate in proportion to exp(score / `temperature`).

    Towards 0 the best is always first, towards ∞ all are alike. Raises UsageError for a temperature that is not above
    0, DataError for scores that are NaN, +inf, of another shape, or all -inf.
    """

    scores: Scores
    temperature: float = 1.0
    name: str = "softmax"

    def __post_init__(self) -> None:
        if not 0 < self.temperature < math.inf:
            raise UsageError("The temperature of a policy must be above 0 and finite, but is {value}.",
                             hint="For the best first without chance take Greedy.", value=self.temperature)  # fmt: skip

    def law(self, requests: Requests, candidates: np.ndarray) -> PlackettLuce:
        scores = _checked(self.scores(requests, candidates), requests, candidates, self.name)
        # Taking the best off first keeps a very small temperature from making infinities.
        return PlackettLuce((scores - scores.max(axis=1, keepdims=True)) / self.temperature)


@dataclass(eq=False)
class Greedy(SlatePolicy):
    """The best candidates in order, without chance: every propensity is 1. Of equal ones the first candidate.

    Raises DataError for scores as `SoftmaxScores` does.
    """

    scores: Scores
    name: str = "greedy"

    def law(self, requests: Requests, candidates: np.ndarray) -> BestFirst:
        return BestFirst(_checked(self.scores(requests, candidates), requests, candidates, self.name))


def _checked(scores: np.ndarray, requests: Requests, candidates: np.ndarray, name: str) -> np.ndarray:
    shape = (len(requests), candidates.shape[-1])
    if scores.shape != shape:
        raise DataError("The policy {name} has scores of shape {came} for {requests} requests and {candidates} "
                        "candidates.", name=repr(name), came=scores.shape, requests=shape[0],
                        candidates=shape[1])  # fmt: skip
    scores = scores.astype(np.float64)
    # NaN and +inf are the largest of their row.
    wrong = ~np.isfinite(scores.max(axis=1, initial=-math.inf))
    if wrong.any():
        raise DataError("The policy {name} has no finite best score for {count} of {requests} requests.",
                        hint="What must not be shown has the score -inf, and something must be shown.",
                        name=repr(name), count=int(wrong.sum()), requests=shape[0])  # fmt: skip
    return scores
