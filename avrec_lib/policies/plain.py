"""Policies without scores: every item alike, items by fixed weights, and any policy with some exploration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avrec_lib.errors import DataError, UsageError
from avrec_lib.policies.slate_laws import Mixture, PlackettLuce
from avrec_lib.policies.slate_policy import SlatePolicy, law_of
from avrec_lib.protocols import Policy, Requests


@dataclass(eq=False)
class Uniform(SlatePolicy):
    """Every candidate alike."""

    name: str = "uniform"

    def law(self, requests: Requests, candidates: np.ndarray) -> PlackettLuce:
        return PlackettLuce(np.zeros((len(requests), candidates.shape[-1])))


@dataclass(eq=False)
class Fixed(SlatePolicy):
    """The next slot goes to a candidate in proportion to its weight, whoever asks: frequencies of a log, a plan.

    `weights` (items,) by item row are 0 or above; 0 is never shown. Raises DataError for others.
    """

    weights: np.ndarray
    name: str = "fixed"

    def __post_init__(self) -> None:
        wrong = ~(np.isfinite(self.weights) & (self.weights >= 0))
        if wrong.any():
            raise DataError("{count} of {items} weights of the policy {name} are missing, below 0 or infinite.",
                            count=int(wrong.sum()), items=len(self.weights), name=repr(self.name))  # fmt: skip

    def law(self, requests: Requests, candidates: np.ndarray) -> PlackettLuce:
        weights = np.broadcast_to(self.weights[candidates], (len(requests), candidates.shape[-1]))
        if not (weights.max(axis=1, initial=0.0) > 0).all():
            raise DataError("The policy {name} gives no candidate of some request a weight.", name=repr(self.name))
        with np.errstate(divide="ignore"):
            return PlackettLuce(np.log(weights))


@dataclass(eq=False)
class EpsilonMix(SlatePolicy):
    """At every slot anew: with chance `epsilon` any of what is left, each alike, else what `policy` would choose.

    So each candidate has at least epsilon / a at the first slot. A policy that is none of the house is taken to divide
    its chances anew among what is left. Raises UsageError for an epsilon outside 0 to 1.
    """

    policy: Policy
    epsilon: float
    name: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.epsilon <= 1:
            raise UsageError("The share of exploration must lie within 0 and 1, but is {value}.", value=self.epsilon)
        self.name = self.name or f"{self.policy.name} + {self.epsilon:g} uniform"

    def law(self, requests: Requests, candidates: np.ndarray) -> Mixture:
        return Mixture(law_of(self.policy, requests, candidates), self.epsilon)
