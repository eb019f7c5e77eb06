"""The log of an old policy as the new one sees it: chances of every place, what was known, and the truth beside it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avrec_lib.calibrate.bridge_worlds import with_law
from avrec_lib.policies.slate_laws import SlateLaw
from avrec_lib.simulate.catalogue import DAY
from avrec_lib.simulate.decisions import ScoredPolicy
from avrec_lib.simulate.people import draw_people, drift
from avrec_lib.simulate.responses import NEWNESS_DAYS, Moment, examination, true_match
from avrec_lib.simulate.rounds import NAMES, Rounds
from avrec_lib.simulate.run import Run
from avrec_lib.simulate.world import World

METRICS = ("clicks", "watch_seconds")


@dataclass(frozen=True, eq=False)
class BridgeLog:
    """n requests of `user_count` users over `days`, in slates of as many slots; arrays (n, …).

    `places` (n, slots) are the columns of what was shown among the candidates (n, a); `old` and `new` its chances given
    what stands above, `scores` (n, a) those of either policy, `features` (n, a, f) what a reward model may know of a
    candidate, `rewards` (n, slots) by metric.
    """

    world: World
    rounds: Rounds
    users: np.ndarray
    user_count: int
    days: int
    places: np.ndarray
    old: np.ndarray
    new: np.ndarray
    laws: tuple[SlateLaw, SlateLaw]
    scores: tuple[np.ndarray, np.ndarray]
    features: np.ndarray
    rewards: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.places)

    @property
    def slots(self) -> int:
        return self.places.shape[1]

    def level(self, metric: str) -> float:
        """The mean reward of a request."""
        return float(self.rewards[metric].sum() / len(self))

    def at_shown(self, predicted: np.ndarray) -> np.ndarray:
        """Of (n, slots, a) the number (n, slots) of what was shown at each place."""
        return np.take_along_axis(predicted, self.places[:, :, None], axis=2)[:, :, 0]


def bridge_log(run: Run, old: ScoredPolicy, new: ScoredPolicy, user_count: int, days: int) -> BridgeLog:
    """The first `days` of the first `user_count` users of a run that kept its candidates, all under `old`."""
    whole = run.rounds
    mine = np.flatnonzero((whole.user < user_count) & (whole.day < days) & (whole.policy == 0))
    rounds = Rounds(**{name: getattr(whole, name)[mine] for name in NAMES})
    requests, candidates = rounds.requests(), rounds.candidates
    places = (candidates[:, None, :] == rounds.item[:, :, None]).argmax(axis=2)
    laws = tuple(with_law(policy).law(requests, candidates) for policy in (old, new))
    scores = tuple(policy.score(requests, candidates) for policy in (old, new))  # type: ignore[misc]
    return BridgeLog(
        run.world, rounds, rounds.user.astype(np.int64), user_count, days, places, rounds.propensity,
        laws[1].of(places), (laws[0], laws[1]), (scores[0], scores[1]), _features(run.world, rounds),
        {"clicks": rounds.clicked.astype(np.float64), "watch_seconds": rounds.watched.astype(np.float64)},
    )  # fmt: skip


def _features(world: World, rounds: Rounds) -> np.ndarray:
    """(n, a, f): logarithms of taste, popularity and length, newness, whether it is known, and length by platform."""
    catalogue, candidates = world.catalogue, rounds.candidates
    length = np.log(catalogue.seconds[candidates] / np.median(catalogue.seconds))
    age = (rounds.time[:, None] - catalogue.published[candidates]) / DAY
    columns = [
        np.log(rounds.affinity), np.log(rounds.popularity / rounds.popularity.mean()), length,
        np.exp(-age / NEWNESS_DAYS), rounds.known.astype(float),
        *(length * (rounds.platform == platform)[:, None] for platform in (0, 2)),
    ]  # fmt: skip
    return np.stack(columns, axis=2)


def true_rewards(log: BridgeLog, seed: int) -> dict[str, np.ndarray]:
    """The expectation (n, slots, a) of each reward, had that candidate stood at that place: what no platform knows."""
    options, rounds = log.world.options, log.rounds
    looked = examination(options, rounds.platform, log.slots)
    clicks = looked[:, :, None] * rounds.chance[:, None, :]
    return {"clicks": clicks, "watch_seconds": clicks * _watched(log, seed)[:, None, :]}


def _watched(log: BridgeLog, seed: int) -> np.ndarray:
    """Expected seconds (n, a) that a clicked candidate is watched: the mean of min(attention · e^pull, length)."""
    options, rounds = log.world.options, log.rounds
    taste = _tastes(log, seed)
    moment = Moment(taste, rounds.platform, rounds.hour, rounds.time, np.zeros(len(log), np.uint64))
    match = true_match(log.world, moment, rounds.candidates)
    pull = options.match_to_watch * match + options.quality_to_watch * log.world.hidden.quality[rounds.candidates]
    length = log.world.catalogue.seconds[rounds.candidates]
    reach = np.log(np.asarray(options.attention)[rounds.platform])[:, None] + pull - np.log(length)
    # The share of its length that is watched depends on this one number: a table of it is enough.
    grid, quantiles = np.linspace(-12, 12, 481), (np.arange(400) + 0.5) / 400
    noise = options.spread_of_watch * np.log(quantiles / (1 - quantiles))
    shares = np.minimum(np.exp(grid[:, None] + noise), 1).mean(axis=1)
    return length * np.interp(reach, grid, shares)


def _tastes(log: BridgeLog, seed: int) -> np.ndarray:
    """The true taste (n, topics) of each request: people are drawn anew, and their tastes moved day by day."""
    people = draw_people(log.world, log.user_count, seed)
    rounds = log.rounds
    taste = np.empty((len(log), log.world.options.topics), np.float32)
    for day in range(log.days):
        if day:
            drift(people, log.world.options, seed, day)
        today = rounds.day == day
        taste[today] = people.taste[log.users[today]]
    return taste
