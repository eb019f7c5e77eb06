"""What all policies of the house share: slates, their propensities, and the chances of slates that others showed."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from avrec_lib.errors import DataError, UsageError
from avrec_lib.policies.slate_laws import EMPTY, NO_CANDIDATE, PlackettLuce, SlateLaw
from avrec_lib.protocols import Policy, Requests


class SlatePolicy(ABC):
    """A `Policy` that is defined by the chances of the next slot given what is left of the candidates.

    The candidates of a request differ from each other.
    """

    name: str

    @abstractmethod
    def law(self, requests: Requests, candidates: np.ndarray) -> SlateLaw:
        """How the slates of `requests` are filled from `candidates`, (a,) or (n, a) item rows."""

    def probabilities(self, requests: Requests, candidates: np.ndarray) -> np.ndarray:
        """The chance (n, a) that each candidate stands in the first slot; rows sum to 1."""
        law = self.law(requests, candidates)
        return law.next(np.ones(law.shape, dtype=bool))

    def act(
        self, requests: Requests, candidates: np.ndarray, rng: np.random.Generator, slots: int = 1
    ) -> tuple[np.ndarray, np.ndarray]:
        """Slates (n, slots) of item rows, and the propensity (n, slots) of each slot given those above it.

        Raises UsageError for slots that no slate of these candidates can have, DataError where too few candidates have
        a chance.
        """
        width = candidates.shape[-1]
        if not 1 <= slots <= width:
            raise UsageError("A slate without repetition has 1 to {candidates} slots here, not {slots}.",
                             candidates=width, slots=slots)  # fmt: skip
        places, propensities = self.law(requests, candidates).draw(rng, slots)
        items = candidates[places] if candidates.ndim == 1 else np.take_along_axis(candidates, places, axis=1)
        return items, propensities


def slot_probabilities(
    policy: Policy, requests: Requests, candidates: np.ndarray, slates: np.ndarray
) -> np.ndarray:  # fmt: skip
    """The chance (n, slots) under `policy` of each slot of `slates` (n, slots), given the slots above it.

    Slates hold item rows by position, -1 behind their end. Products along a row are the chances of the first slots
    together, as weights of a cascade need them. An item that is no candidate has chance 0; behind the end it is 1. A
    policy that is none of the house is taken to divide its chances anew among what is left. Raises DataError for a
    slate that shows an item twice.
    """
    _check_no_repeats(slates)
    return law_of(policy, requests, candidates).of(_places(candidates, slates))


def law_of(policy: Policy, requests: Requests, candidates: np.ndarray) -> SlateLaw:
    """The law of a policy of the house; of another one, that of its first slot divided anew among what is left."""
    if isinstance(policy, SlatePolicy):
        return policy.law(requests, candidates)
    with np.errstate(divide="ignore"):
        return PlackettLuce(np.log(policy.probabilities(requests, candidates)))


def _places(candidates: np.ndarray, slates: np.ndarray) -> np.ndarray:
    """The column among the candidates of each item of `slates`; EMPTY for -1, NO_CANDIDATE for others."""
    places = np.full(slates.shape, NO_CANDIDATE, dtype=np.int64)
    if candidates.ndim == 1:
        order = np.argsort(candidates, kind="stable")
        found = np.minimum(np.searchsorted(candidates, slates, sorter=order), len(candidates) - 1)
        known = candidates[order[found]] == slates
        places[known] = order[found][known]
    else:
        for slot in range(slates.shape[1]):
            same = candidates == slates[:, [slot]]
            places[:, slot] = np.where(same.any(axis=1), same.argmax(axis=1), NO_CANDIDATE)
    places[slates < 0] = EMPTY
    return places


def _check_no_repeats(slates: np.ndarray) -> None:
    ordered = np.sort(slates, axis=1)
    twice = ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)).any(axis=1)
    if twice.any():
        raise DataError("{count} of {requests} slates show an item twice; the first is slate {first}.",
                        count=int(twice.sum()), requests=len(slates), first=int(twice.argmax()))  # fmt: skip
