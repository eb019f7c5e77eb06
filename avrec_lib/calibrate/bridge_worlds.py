"""Small platforms with an old and a new policy, drawn from a spread that is declared here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from avrec_lib.errors import UsageError, unknown_name
from avrec_lib.policies import EpsilonMix, SoftmaxScores
from avrec_lib.protocols import Requests
from avrec_lib.simulate.chance import keys, uniform
from avrec_lib.simulate.decisions import ScoredPolicy
from avrec_lib.simulate.options import options_of, varied
from avrec_lib.simulate.world import World, make_world

PLATFORMS = ("video", "music")  # in turn
SMALL = {"items": 600, "candidates": 24, "most_requests_a_day": 12}
CHANGES = ("near", "sharper or softer", "taste or popularity", "repeats", "noisy taste")
"""What sets the new policy apart: hardly anything; its temperature; what it weighs; what it makes of items that a user
chose before (a better or a worse guess, by the kind of world); or an error of its own in every item's score."""
NOISE, EVEN = 201, 202  # purposes of numbers, beside those of the simulation


@dataclass(frozen=True)
class Sizes:
    """How many users the log keeps and for how many days, and how many and how long the test and the truth take.

    The users of the log are the first of those of the test. Raises UsageError for a log of more users than the test.
    """

    log_users: int = 500
    log_days: int = 2
    test_users: int = 1200
    test_days: int = 3
    truth_users: int = 2000

    def __post_init__(self) -> None:
        if self.log_users > self.test_users:
            raise UsageError("The log keeps {log} users, but the test has only {test}.", log=self.log_users,
                             test=self.test_users)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Weights:
    """A score of what a platform knows: powers of taste and popularity, a weight of known items, an error an item."""

    taste: float
    popularity: float
    known: float = 0.0
    error: np.ndarray | None = field(default=None, repr=False)

    def __call__(self, requests: Requests, candidates: np.ndarray) -> np.ndarray:
        """Scores (n, a) of `candidates`."""
        features = requests.features
        score = self.taste * np.log(features["affinity"]) + self.popularity * np.log(features["popularity"])
        score = score + self.known * features["known"]
        return score if self.error is None else score + self.error[candidates]


class SharedLuck(ScoredPolicy):
    """A `ScoredPolicy` whose luck belongs to a request of a user on a day and to an item, not to the order of requests.

    Twins in two worlds then see slates that differ only as far as their policies do, which makes the difference of the
    worlds known with a third of the users. Each slate by itself is drawn as ever.
    """

    def act(
        self, requests: Requests, candidates: np.ndarray, rng: np.random.Generator, slots: int = 1
    ) -> tuple[np.ndarray, np.ndarray]:
        """As `ScoredPolicy.act`, but `rng` is not asked."""
        weight = self._weights(requests, candidates)
        n, left = weight.shape
        each, moment = np.arange(n), requests.features["moment"]
        raced = weight / -np.log(uniform(keys(NOISE, moment[:, None] + candidates.astype(np.uint64)), NOISE))
        luck = keys(EVEN, moment)
        even = uniform(luck, EVEN, slots) < self.exploration
        columns, propensities = np.empty((n, slots), np.int64), np.empty((n, slots))
        for slot in range(slots):
            column = raced.argmax(1)
            stray = np.flatnonzero(even[:, slot])
            if len(stray):
                anything = uniform(luck[stray], EVEN + 1 + slot, left)
                column[stray] = np.where(raced[stray] >= 0, anything, -1).argmax(1)
            taken = weight[each, column] / weight.sum(1)
            propensities[:, slot] = (1 - self.exploration) * taken + self.exploration / (left - slot)
            columns[:, slot] = column
            weight[each, column], raced[each, column] = 0, -1
        return np.take_along_axis(candidates, columns, axis=1), np.minimum(propensities, 1)


@dataclass(frozen=True)
class BridgeWorld:
    """A world, the policy that logs in it, the one that is to take over, and what sets them apart."""

    world: World
    old: ScoredPolicy
    new: ScoredPolicy
    change: str


def bridge_world(seed: int, kind: str | None = None) -> BridgeWorld:
    """The world of `seed` (video if it is even, music if odd, unless `kind` says it) and its two policies.

    The old policy weighs taste .3 to .9 and popularity .1 to .5, explores .1 to .3 of the places; the new one differs
    by one of CHANGES, each as often as the others, and explores as much.
    """
    rng = np.random.default_rng([seed, 11])
    options = varied(options_of(kind or PLATFORMS[seed % len(PLATFORMS)], **SMALL), rng)
    taste, popularity, exploration = rng.uniform(0.3, 0.9), rng.uniform(0.1, 0.5), rng.uniform(0.1, 0.3)
    change = CHANGES[int(rng.integers(len(CHANGES)))]
    old, new, temperature = Weights(taste, popularity), Weights(taste, popularity), 1.0
    if change == "near":
        temperature = float(np.exp(0.05 * rng.standard_normal()))
    elif change == "sharper or softer":
        temperature = float(np.exp(rng.uniform(0.1, 1.4) * rng.choice([-1, 1])))
    elif change == "taste or popularity":
        new = Weights(taste * rng.uniform(0, 2), popularity * rng.uniform(0, 2))
    elif change == "repeats":
        new = Weights(taste, popularity, known=float(rng.uniform(-2, 2)))
    else:
        new = Weights(taste, popularity, error=rng.uniform(0.2, 1.3) * rng.standard_normal(options.items))
    policies = [
        SharedLuck(name, score, heat, float(exploration))
        for name, score, heat in (("old", old, 1.0), ("new", new, temperature))
    ]
    return BridgeWorld(World(options, seed), policies[0], policies[1], change)


def named_world(kind: str = "video", change: str = "more taste", seed: int = 0) -> BridgeWorld:
    """The default world of that kind, with 40 candidates a request, and one of NAMED as its new policy.

    The old one is the policy of simulated data sets: taste, popularity to the power .4, a tenth of exploration.
    """
    if change not in NAMED:
        raise unknown_name("change", change, NAMED)
    weights, temperature = NAMED[change]
    old = SharedLuck("old", Weights(1.0, 0.4), 1.0, 0.1)
    new = SharedLuck("new", weights, temperature, 0.1)
    return BridgeWorld(make_world(kind, seed, candidates=40), old, new, change)


NAMED = {
    "more taste": (Weights(1.4, 0.2), 1.0),
    "more popular": (Weights(0.6, 0.7), 1.0),
    "sharper": (Weights(1.0, 0.4), 0.6),
    "avoids repeats": (Weights(1.0, 0.4, known=-1.0), 1.0),
    "nothing": (Weights(1.0, 0.4), 1.0),
}
"""New policies with a name: what they weigh, and their temperature."""


def with_law(policy: ScoredPolicy) -> EpsilonMix:
    """The same policy as one of the house, which knows the chance of every place given those above it."""
    if policy.score is None:
        raise UsageError("A policy without scores has no law of its own here: take Uniform.")
    return EpsilonMix(SoftmaxScores(policy.score, policy.temperature, policy.name), policy.exploration, policy.name)
