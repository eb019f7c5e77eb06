"""How a slate is filled without repetition: the chance of each candidate for the next slot, given what is left.

Arrays are (n, a): n requests, a candidates of each. Places are columns of these arrays.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from avrec_lib.errors import DataError

EMPTY, NO_CANDIDATE = -1, -2
"""Places of a slate that end it, and that hold what was no candidate."""


class SlateLaw(ABC):
    """The chances of the next slot; all else follows from them, one slot after the other."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int]:
        """(n, a)."""

    @abstractmethod
    def next(self, left: np.ndarray) -> np.ndarray:
        """Chances (n, a) of the next slot when `left` (n, a) says which candidates are not in the slate yet.

        Rows sum to 1, or to 0 where the law has nothing left that it would ever choose.
        """

    def draw(self, rng: np.random.Generator, slots: int) -> tuple[np.ndarray, np.ndarray]:
        """Places (n, slots), and the chance (n, slots) of each given those above it.

        Raises DataError where fewer candidates than `slots` have a chance.
        """
        n, _ = self.shape
        left = np.ones(self.shape, dtype=bool)
        places = np.empty((n, slots), dtype=np.int64)
        chances = np.empty((n, slots))
        for slot in range(slots):
            probabilities = self.next(left)
            cumulated = np.cumsum(probabilities, axis=1)
            total = cumulated[:, -1]
            _check_any_left(total > 0, slots)
            # A product that is rounded up to the total would lie behind the last candidate.
            aims = np.minimum(rng.random(n) * total, np.nextafter(total, 0))
            places[:, slot] = (cumulated > aims[:, None]).argmax(axis=1)
            chances[:, slot] = _take(probabilities, places[:, slot])
            np.put_along_axis(left, places[:, [slot]], False, axis=1)
        return places, chances

    def of(self, places: np.ndarray) -> np.ndarray:
        """The chance (n, slots) of each slot of given slates, given those above it.

        It is 0 for what was no candidate, and 1 where the slate has ended: there nothing is chosen.
        """
        left = np.ones(self.shape, dtype=bool)
        chances = np.where(places == EMPTY, 1.0, 0.0)
        for slot in range(places.shape[1]):
            rows = np.flatnonzero(places[:, slot] >= 0)
            chances[rows, slot] = self.next(left)[rows, places[rows, slot]]
            left[rows, places[rows, slot]] = False
        return chances


@dataclass(eq=False)
class PlackettLuce(SlateLaw):
    """Each slot goes to one of what is left in proportion to exp(`logits`) (Luce 1959, Plackett 1975).

    Slates are drawn at once: the largest of logits plus Gumbel noise, in order (Yellott 1977).
    """

    logits: np.ndarray  # -inf is never chosen

    @property
    def shape(self) -> tuple[int, int]:
        return self.logits.shape[0], self.logits.shape[1]

    def next(self, left: np.ndarray) -> np.ndarray:
        logits = np.where(left, self.logits, -np.inf)
        top = logits.max(axis=1, keepdims=True)
        weights = np.exp(logits - np.where(np.isfinite(top), top, 0))
        total = weights.sum(axis=1, keepdims=True)
        return np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)

    def draw(self, rng: np.random.Generator, slots: int) -> tuple[np.ndarray, np.ndarray]:
        if slots == 1:
            return super().draw(rng, slots)
        keys = self.logits + rng.gumbel(size=self.shape)
        some = np.argpartition(keys, -slots, axis=1)[:, -slots:]
        order = np.argsort(-np.take_along_axis(keys, some, axis=1), axis=1)
        places = np.take_along_axis(some, order, axis=1)
        _check_any_left(np.isfinite(np.take_along_axis(self.logits, places, axis=1)).all(axis=1), slots)
        return places, self.of(places)

    def of(self, places: np.ndarray) -> np.ndarray:
        rows, slots = np.nonzero(places >= 0)
        chosen = np.full(places.shape, -np.inf)
        chosen[rows, slots] = self.logits[rows, places[rows, slots]]
        below = self.logits.copy()
        below[rows, places[rows, slots]] = -np.inf
        # What is left at a slot is the slots from it on and what never came: sums of positive terms lose nothing where
        # one minus what was taken would.
        left = _log_of_sum(below)
        chances = np.where(places == EMPTY, 1.0, 0.0)
        for slot in reversed(range(places.shape[1])):
            left = np.logaddexp(left, chosen[:, slot])
            has = np.isfinite(chosen[:, slot])
            chances[has, slot] = np.exp(chosen[has, slot] - left[has])
        return chances


@dataclass(eq=False)
class BestFirst(SlateLaw):
    """The highest score of what is left, without chance; of equal ones the first candidate."""

    scores: np.ndarray  # -inf is never chosen

    @property
    def shape(self) -> tuple[int, int]:
        return self.scores.shape[0], self.scores.shape[1]

    def next(self, left: np.ndarray) -> np.ndarray:
        scores = np.where(left, self.scores, -np.inf)
        best = scores.argmax(axis=1)
        chances = np.zeros(self.shape)
        chances[np.arange(len(best)), best] = np.isfinite(_take(scores, best))
        return chances


@dataclass(eq=False)
class Mixture(SlateLaw):
    """At every slot anew: with chance `epsilon` any of what is left, each alike, else what `law` would choose.

    Where `law` has nothing left to choose, any of what is left.
    """

    law: SlateLaw
    epsilon: float

    @property
    def shape(self) -> tuple[int, int]:
        return self.law.shape

    def next(self, left: np.ndarray) -> np.ndarray:
        chosen = self.law.next(left)
        share = np.where(chosen.any(axis=1, keepdims=True), self.epsilon, 1.0)
        count = left.sum(axis=1, keepdims=True)
        anything = np.divide(left, count, out=np.zeros(self.shape), where=count > 0)
        return (1 - share) * chosen + share * anything


def _log_of_sum(logits: np.ndarray) -> np.ndarray:
    """log Σ exp(logits) of each row, -inf where nothing has a chance."""
    top = logits.max(axis=1)
    top[np.isneginf(top)] = 0
    with np.errstate(divide="ignore"):
        return np.log(np.exp(logits - top[:, None]).sum(axis=1)) + top


def _take(array: np.ndarray, places: np.ndarray) -> np.ndarray:
    return np.take_along_axis(array, places[:, None], axis=1)[:, 0]


def _check_any_left(enough: np.ndarray, slots: int) -> None:
    if not enough.all():
        raise DataError(
            "{count} of {requests} requests have fewer candidates with a chance to be shown than the {slots} slots of "
            "a slate.", hint="Ask for fewer slots, or mix in some exploration.",
            count=int((~enough).sum()), requests=len(enough), slots=slots,
        )  # fmt: skip
