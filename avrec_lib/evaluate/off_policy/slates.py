"""Slates: the value of showing whole lists, from rounds that share a request.

With w_k the weight of the item at place k, R_k its reward, and S a slate, the mean over slates of
- Π_{j∈S} w_j · Σ_k R_k (standard): assumes nothing, and its weights explode with the length;
- Σ_k Π_{j≤k} w_j · R_k (cascade, "reward interaction"; McInerney et al. 2020): a reward knows only what stands above;
- Σ_k w_k · R_k (independent; Li et al. 2018): a reward knows only its own item and place.
A place that a slate does not have counts as reward 0 for certain, so its weight is that of what stands above, or 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
import polars as pl

from avrec_lib.errors import DataError, UsageError
from avrec_lib.evaluate.off_policy.estimators import Estimator, Evidence, Ratio
from avrec_lib.evaluate.off_policy.feedback import LoggedFeedback, TargetPolicy
from avrec_lib.evaluate.off_policy.intervals import estimates_table


@dataclass(frozen=True, eq=False)
class Slots:
    """The m rounds of the slates, by slate and then from the top, each array (m,).

    `slates` is the row of the slate, `places` counts from 0 among the places that the log knows, `weights` are those
    of the item alone, `cascade` their products from the top down to here; `predicted` and `expected` as in Evidence.
    """

    slates: np.ndarray
    places: np.ndarray
    weights: np.ndarray
    cascade: np.ndarray
    rewards: np.ndarray
    predicted: np.ndarray | None = None
    expected: np.ndarray | None = None

    def above(self) -> np.ndarray:
        """The product of the weights above each slot, 1 at the top, shape (m,)."""
        top = np.diff(self.slates, prepend=-1) != 0
        return np.where(top, 1.0, np.roll(self.cascade, 1))


@dataclass(frozen=True, eq=False)
class SlateEvidence(Evidence):
    """Evidence whose n rounds are slates: the products of their weights, the sums of their rewards, and their slots.

    Estimators of single rounds read it too, as the standard form: IPS of it is SIPS, SNIPS of it SNSIPS.
    """

    slots: Slots = field(kw_only=True)


@dataclass(frozen=True, eq=False)
class SlateOrder:
    """The n rounds of a log by slate and then from the top: `order` (n,) are their rows.

    In that order `slates` (n,) is the row of the slate and `depth` (n,) how many rounds stand above; `starts` are the
    tops. `ids` (slates,) are the requests.
    """

    order: np.ndarray
    slates: np.ndarray
    depth: np.ndarray
    starts: np.ndarray
    ids: np.ndarray


def slate_order(log: LoggedFeedback) -> SlateOrder:
    """How the rounds of `log` make slates; without positions those of a request stay as they come.

    Raises UsageError without requests.
    """
    if log.requests is None:
        raise UsageError("Slates need requests and positions, and the log lacks them.",
                         hint="Say which request each round belongs to, and at which place of its slate.")  # fmt: skip
    ids, slates = np.unique(log.requests, return_inverse=True)
    order = np.lexsort((np.zeros(len(log)) if log.positions is None else log.positions, slates))
    slates = slates[order]
    starts = np.flatnonzero(np.diff(slates, prepend=-1))
    depth = np.arange(len(slates)) - np.repeat(starts, np.diff(starts, append=len(slates)))
    return SlateOrder(order, slates, depth, starts, ids)


def slate_evidence(
    log: LoggedFeedback, target: TargetPolicy, predicted: np.ndarray | None = None, alone: np.ndarray | None = None
) -> SlateEvidence:
    """The slates of `log`: rounds of one request, in the order of their positions; slates may differ in length.

    The propensities of log and policy are those of an item given the items above it. Where what stands above matters,
    the independent form needs other weights: `alone` (n,), of the item at its place whatever stands above. `predicted`
    (n, a) are what a model expects of each action in that round, there and below it. Raises UsageError without requests
    or positions, and DataError when a position is taken twice in a slate, a request is of two users, or the product of
    a slate's weights is too large for a number.
    """
    if log.requests is None or log.positions is None:
        raise UsageError("Slates need requests and positions, and the log lacks them.",
                         hint="Say which request each round belongs to, and at which place of its slate.")  # fmt: skip
    if alone is not None and alone.shape != log.actions.shape:
        raise UsageError("There are {count} weights of single items for {rounds} rounds.", count=alone.shape,
                         rounds=len(log))  # fmt: skip
    inside = slate_order(log)
    order, slates, starts, positions = inside.order, inside.slates, inside.starts, log.positions[inside.order]
    _check_places(slates, positions, inside.ids)
    users = None if log.users is None else _users_of(log.users[order], slates, starts)
    weights = (target.of_logged / log.propensities)[order]
    rewards = log.rewards[order]
    cascade = _products_from_the_top(weights, inside.depth)
    if not np.isfinite(cascade).all():
        raise DataError("The weights of {count} slates have a product that is too large for a number.",
                        hint="Ask about a policy nearer to the logged one, or use the independent form of slates.",
                        count=len(np.unique(slates[~np.isfinite(cascade)])))  # fmt: skip
    at_logged = expected = None
    if predicted is not None and target.probabilities is not None:
        at_logged = np.take_along_axis(predicted, log.actions[:, None], axis=1)[order, 0]
        expected = np.einsum("na,na->n", target.probabilities, predicted)[order]
    slots = Slots(
        slates, np.unique(positions, return_inverse=True)[1], weights if alone is None else alone[order], cascade,
        rewards, at_logged, expected,
    )  # fmt: skip
    last = np.append(starts[1:], len(slates)) - 1
    return SlateEvidence(cascade[last], np.bincount(slates, rewards), users=users, slots=slots)


def is_slated(log: LoggedFeedback) -> bool:
    """Whether some request of the log has several rounds."""
    return log.requests is not None and len(np.unique(log.requests)) < len(log)


def as_single_rounds(log: LoggedFeedback, target: TargetPolicy) -> tuple[LoggedFeedback, TargetPolicy, SlateEvidence]:
    """Each slate as one round that was taken with the product of its propensities, and earned the sum of its rewards.

    The action is that of the first slot, the time that of the first round. Raises what `slate_evidence` raises.
    """
    evidence = slate_evidence(log, target)
    inside = slate_order(log)
    first = inside.order[inside.starts]
    propensities = np.multiply.reduceat(log.propensities[inside.order], inside.starts)
    single = replace(
        log, actions=log.actions[first], rewards=evidence.rewards, propensities=propensities, logging=None,
        users=evidence.users, contexts=None, context_names=(), positions=None, requests=None,
        times=None if log.times is None else log.times[first],
    )  # fmt: skip
    return single, TargetPolicy(target.name, evidence.weights * propensities), evidence


def slate_table(
    log: LoggedFeedback, target: TargetPolicy, forms: Sequence[Estimator], *, resamples: int = 1000, seed: int = 0
) -> pl.DataFrame:
    """`intervals.estimates_table` of the slates of `log`: the value of a whole slate by each of `forms`."""
    return estimates_table(forms, slate_evidence(log, target), resamples=resamples, seed=seed)


@dataclass(frozen=True)
class SlateStandard:
    """Mean of Π w · Σ_k R_k, or with Σ Π w below: slates as single actions."""

    self_normalised: bool = False
    consistent = True
    needs_model = False

    @property
    def name(self) -> str:
        return "SNSIPS" if self.self_normalised else "SIPS"

    def ratios(self, evidence: Evidence) -> tuple[Ratio, ...]:
        weights = evidence.weights
        return (Ratio(weights * evidence.rewards, weights if self.self_normalised else None),)


@dataclass(frozen=True)
class SlateIndependent:
    """Mean of Σ_k w_k·R_k, or a ratio for each place with the weights there below (Li et al. 2018)."""

    self_normalised: bool = False
    consistent = False
    needs_model = False

    @property
    def name(self) -> str:
        return "SNIIPS" if self.self_normalised else "IIPS"

    def ratios(self, evidence: Evidence) -> tuple[Ratio, ...]:
        slots = _slots_of(evidence)
        if not self.self_normalised:
            return (Ratio(np.bincount(slots.slates, slots.weights * slots.rewards)),)
        return _by_place(slots, slots.weights, np.ones(len(evidence)), carried=False)


@dataclass(frozen=True)
class SlateCascade:
    """Mean of Σ_k Π_{j≤k} w_j · R_k, or a ratio for each place with the products below (McInerney et al. 2020)."""

    self_normalised: bool = False
    consistent = False
    needs_model = False

    @property
    def name(self) -> str:
        return "SNRIPS" if self.self_normalised else "RIPS"

    def ratios(self, evidence: Evidence) -> tuple[Ratio, ...]:
        slots = _slots_of(evidence)
        if not self.self_normalised:
            return (Ratio(np.bincount(slots.slates, slots.cascade * slots.rewards)),)
        return _by_place(slots, slots.cascade, np.ones(len(evidence)), carried=True)


@dataclass(frozen=True)
class CascadeDoublyRobust:
    """Mean of Σ_k (Π_{j<k} w_j · v_k + Π_{j≤k} w_j · (R_k − q_k)), q of all from k down (Kiyohara et al. 2022)."""

    name = "cascade DR"
    consistent = False
    needs_model = True

    def ratios(self, evidence: Evidence) -> tuple[Ratio, ...]:
        slots = _slots_of(evidence)
        if slots.predicted is None or slots.expected is None:
            raise UsageError("This estimator needs a reward model and the policy's probabilities of all actions.",
                             hint="Ask for the cascade form without a model, or bring both.")  # fmt: skip
        parts = slots.above() * slots.expected + slots.cascade * (slots.rewards - slots.predicted)
        return (Ratio(np.bincount(slots.slates, parts)),)


def _slots_of(evidence: Evidence) -> Slots:
    if not isinstance(evidence, SlateEvidence):
        raise UsageError("This estimator reads slates, but the evidence is of single rounds.",
                         hint="Make it with slate_evidence.")  # fmt: skip
    return evidence.slots


def _by_place(slots: Slots, weights: np.ndarray, absent: np.ndarray, carried: bool) -> tuple[Ratio, ...]:
    """A ratio for each place over all slates; `absent` (n,) is the weight where a slate lacks the place."""
    ratios = []
    for place in range(int(slots.places.max()) + 1):
        here = slots.places == place
        top, bottom = np.zeros(len(absent)), absent.copy()
        top[slots.slates[here]] = (weights * slots.rewards)[here]
        bottom[slots.slates[here]] = weights[here]
        if carried:
            absent = bottom
        ratios.append(Ratio(top, bottom))
    return tuple(ratios)


def _products_from_the_top(weights: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Π of the weights from the slot of depth 0 down to each: one step for each depth, not for each slate."""
    products = weights.astype(np.float64)
    by_depth = np.argsort(depth, kind="stable")
    ends = np.cumsum(np.bincount(depth))
    with np.errstate(over="ignore", invalid="ignore"):
        for start, end in pairwise(ends):
            here = by_depth[start:end]
            products[here] *= products[here - 1]
    return products


def _check_places(slates: np.ndarray, positions: np.ndarray, ids: np.ndarray) -> None:
    again = np.flatnonzero((np.diff(slates) == 0) & (np.diff(positions) == 0))
    if again.size:
        raise DataError(
            "{count} rounds stand at a position that their slate has twice; the first is position {position} of the "
            "request {request}.", hint="A slate has one item at a place: number the requests anew for each list shown.",
            count=again.size, position=positions[again[0]], request=repr(ids[slates[again[:1]]].tolist()[0]),
        )  # fmt: skip


def _users_of(users: np.ndarray, slates: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """The user of each slate, shape (slates,)."""
    mixed = np.unique(slates[users != users[starts][slates]]).size
    if mixed:
        raise DataError("{count} requests have rounds of more than one user.",
                        hint="A request is one user's: give each its own number.", count=mixed)  # fmt: skip
    return users[starts]
