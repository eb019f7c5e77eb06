"""The platform while it runs: one loop over days and, within a day, over turns; never over users or events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from avrec_lib.protocols import Policy, Requests
from avrec_lib.simulate import people as crowd
from avrec_lib.simulate.catalogue import DAY
from avrec_lib.simulate.chance import keys
from avrec_lib.simulate.responses import Moment, Responses, attraction, pleasure, respond, true_match
from avrec_lib.simulate.retrieval import Shelves, retrieve, shelves_of
from avrec_lib.simulate.rounds import Rounds, joined
from avrec_lib.simulate.visits import Visits
from avrec_lib.simulate.world import World

BLOCK = 4096  # requests answered at once, so that candidates stay in the processor's cache
LEAST_POPULARITY = 0.02  # of the mean: so that what nobody chose yet can still be drawn
METRICS = ("clicks", "watch_seconds", "likes", "shares", "requests", "sessions", "active_days")


@dataclass(frozen=True)
class Schedule:
    """Who is served by what: the policy of each user (users,), from `days_before` on; before it the first for all."""

    policies: Sequence[Policy]
    arm: np.ndarray
    days_before: int = 0
    keep_candidates: bool = False


class Platform:
    """A world in motion: its people and the popularity of its items, a day at a time."""

    def __init__(self, world: World, schedule: Schedule, seed: int) -> None:
        self.world, self.schedule, self.seed = world, schedule, seed
        self.people = crowd.draw_people(world, len(schedule.arm), seed)
        start, items = world.hidden.starting_popularity, world.options.items
        self.least = LEAST_POPULARITY * start.sum() / items
        self.popularity = start + self.least
        self.totals, self.totals_before = (
            {name: np.zeros(len(schedule.arm)) for name in METRICS} for _ in ("from then on", "before")
        )
        self.luck = np.random.default_rng([seed, 4])  # of the policies; twins under one policy have the same
        self.impressions = 0

    def nothing(self) -> Rounds:
        """The rounds of a day on which nobody came."""
        return joined([], self.world.options.slots)

    def days(self, days: int) -> Iterator[Rounds]:
        """The rounds of each day."""
        for day in range(days):
            yield self._day(day)

    def _day(self, day: int) -> Rounds:
        options, people = self.world.options, self.people
        if day:
            crowd.drift(people, options, self.seed, day)
            crowd.jump(people, self.world, self.seed, day)
            people.observed *= options.taste_memory
        shelves = shelves_of(options, self.world.catalogue, self.popularity, day)
        glow = np.clip(np.log(self.popularity / self.popularity.mean()), -3, 3).astype(np.float32)
        everyone = keys(self.seed, np.arange(len(people)), day)
        visits = Visits(self, crowd.visitors(people, options, everyone, day), day)
        self.count("active_days", visits.users, day)
        parts = []
        for turn in range(options.most_requests_a_day):
            if not len(visits.users):
                break
            parts += self._turn(visits, shelves, glow)
            if turn + 1 < options.most_requests_a_day:
                visits.go_on(turn + 1)
        rounds = joined(parts, options.slots)
        self._remember_popularity(rounds)
        crowd.churn(people, options, everyone, day)
        self.impressions += rounds.impressions
        return rounds

    def _turn(self, visits: Visits, shelves: Shelves, glow: np.ndarray) -> list[Rounds]:
        """One request of everyone who is here, in blocks; leaves in `visits` when each is done and how it was."""
        tried = visits.day >= self.schedule.days_before
        policy = self.schedule.arm[visits.users] if tried else np.zeros(len(visits.users), np.int64)
        parts = []
        for number in range(len(self.schedule.policies)):
            mine = np.flatnonzero(policy == number)
            blocks = (mine[start : start + BLOCK] for start in range(0, len(mine), BLOCK))
            parts += [self._block(visits, rows, shelves, glow, number) for rows in blocks]
        return parts

    def _block(self, visits: Visits, rows: np.ndarray, shelves: Shelves, glow: np.ndarray, number: int) -> Rounds:
        world, people, day = self.world, self.people, visits.day
        options, policy = world.options, self.schedule.policies[number]
        users, platform = visits.users[rows], visits.platform[rows]
        times = visits.time[rows]
        hour = (times % DAY) / 3600
        key = visits.key[rows]
        moment = Moment(people.taste[users], platform, hour, times, key)
        observed = people.observed[users]
        candidates = retrieve(options, shelves, observed, people.latest[users], key)
        features = self._features(users, moment, observed, candidates, visits.step[rows], day)
        if getattr(policy, "sees_truth", False):
            features["true_value"] = self._true_value(moment, candidates, glow, features["known"])
        requests = Requests(users, times, features)
        item, propensity = policy.act(requests, candidates, self.luck, options.slots)
        item = item.astype(np.int32)
        done = respond(world, moment, item, glow, crowd.is_known(people, users, item))
        crowd.remember(people, users, item, done.clicked, world.catalogue.topic)
        visits.note(rows, done)
        self._count_responses(users, done, day)
        kept = [np.empty((len(users), 0), np.int32)] * 7
        if self.schedule.keep_candidates:
            each = np.broadcast_to(candidates, features["known"].shape)
            kept = [each, policy.probabilities(requests, candidates)]
            kept += [features[name] for name in ("taste", "affinity", "popularity", "known")]
            kept += [attraction(world, moment, each, true_match(world, moment, each), glow, features["known"])]
        arm = number if day >= self.schedule.days_before else -1
        same = np.full(len(users), arm, np.int32)
        return Rounds(
            users, times, np.full(len(users), day, np.int32), hour, platform, same, np.full_like(same, number),
            people.sessions[users] - 1, visits.step[rows], visits.search[rows], done.experience,
            item, propensity, done.looked, done.clicked, done.watched, done.liked, done.shared, done.at, *kept,
        )  # fmt: skip

    def _features(
        self, users: np.ndarray, moment: Moment, observed: np.ndarray, candidates: np.ndarray, step: np.ndarray,
        day: int,
    ) -> dict[str, np.ndarray]:  # fmt: skip
        """What a policy is told of each request (n, …) and of each of its candidates (n, a).

        `moment` is a number that belongs to this request of the user on this day: luck for a policy of its own.
        """
        catalogue, n = self.world.catalogue, len(observed)
        each = np.broadcast_to(candidates, (n, candidates.shape[-1]))
        taste = observed / observed.sum(1, keepdims=True)
        first = np.take_along_axis(taste, catalogue.topic[each], axis=1)
        second = np.take_along_axis(taste, catalogue.second_topic[each], axis=1)
        return {
            "hour": moment.hour,
            "weekday": np.full(n, day % 7),
            "platform": moment.platform,
            "turn": step,
            "moment": moment.key,
            "taste": taste,
            "affinity": second + catalogue.blend[each] * (first - second),
            "popularity": self.popularity[each],
            "known": crowd.is_known(self.people, users, each),
        }

    def _true_value(self, moment: Moment, candidates: np.ndarray, glow: np.ndarray, known: np.ndarray) -> np.ndarray:
        each = np.broadcast_to(candidates, known.shape)
        match = true_match(self.world, moment, each)
        chance = attraction(self.world, moment, each, match, glow, known)
        return chance * (1 + pleasure(self.world, each, match))

    def count(self, metric: str, users: np.ndarray, day: int, amount: np.ndarray | float = 1.0) -> None:
        """Add `amount` (n,) to a metric of distinct `users`."""
        totals = self.totals if day >= self.schedule.days_before else self.totals_before
        totals[metric][users] += amount

    def _count_responses(self, users: np.ndarray, done: Responses, day: int) -> None:
        self.count("clicks", users, day, done.clicked.sum(1))
        self.count("watch_seconds", users, day, done.watched.sum(1))
        self.count("likes", users, day, done.liked.sum(1))
        self.count("shares", users, day, done.shared.sum(1))
        self.count("requests", users, day)

    def _remember_popularity(self, rounds: Rounds) -> None:
        """Popularity is what is left of yesterday's and the clicks a user of today."""
        options = self.world.options
        start = self.world.hidden.starting_popularity
        clicks = np.bincount(rounds.item[rounds.clicked > 0].astype(np.int64), minlength=options.items)
        fading = options.popularity_memory * (self.popularity - self.least) + clicks / len(self.people)
        share = options.popularity_feedback
        self.popularity = self.least + share * fading + (1 - share) * start
