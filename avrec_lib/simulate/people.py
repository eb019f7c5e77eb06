"""Who comes: tastes that move, habits, patience, satisfaction; and what the platform believes of each taste."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avrec_lib.simulate.chance import Purpose, keys, logistic, sigmoid, uniform
from avrec_lib.simulate.options import PLATFORMS, WorldOptions
from avrec_lib.simulate.world import World

LATEST = 24  # choices of a user that retrieval goes back to
JOINING_DAYS = 30
NEVER = 2**30
EVENING, DAYTIME = 17, 11  # the hours at which these begin; morning begins at 4
TILT = np.array([[1.3, 0.8, 0.5], [0.9, 1.4, 0.5], [0.9, 0.8, 1.8]])  # how device use moves by morning, day, evening


@dataclass
class People:
    """The users of one run, arrays (users, …). All that changes while the world runs is here, and in popularity."""

    taste: np.ndarray  # true, by topic
    centre: np.ndarray  # where the taste drifts around
    observed: np.ndarray  # clicks by topic, as the platform counts them, with what was stated at first
    habit: np.ndarray
    patience: np.ndarray
    peak: np.ndarray  # hour
    device: np.ndarray  # weights of the platforms
    joined: np.ndarray  # day
    churned: np.ndarray  # day after which a user never comes, or NEVER
    satisfaction: np.ndarray
    last: np.ndarray  # seconds since the world began at which the user was last busy
    sessions: np.ndarray
    latest: np.ndarray  # (users, LATEST) rows of the items chosen last, −1 where there are fewer
    choices: np.ndarray
    chosen: np.ndarray  # (users, items / 8) bits: every item the user ever chose
    drifts: np.ndarray  # whose taste moves
    began: np.ndarray  # the true taste on the first day
    jumps: np.ndarray  # how often an interest was dropped for another
    last_jump: np.ndarray  # day of the last time, or NEVER

    def __len__(self) -> int:
        return len(self.habit)


def draw_people(world: World, users: int, seed: int) -> People:
    """The first `users` people of that seed: the same ones in every world with as many topics."""
    options, topics = world.options, world.options.topics
    draws = [np.random.default_rng([seed, 2, number]) for number in range(7)]
    centre = draws[0].standard_normal((users, topics), dtype=np.float32)
    stated = centre + np.float32(options.stated_noise) * draws[1].standard_normal((users, topics), dtype=np.float32)
    centre = np.float32(options.interests) * centre + world.hidden.topic_taste
    stated = np.exp(np.float32(options.interests) * stated + world.hidden.topic_taste)
    peaks = np.array([8.0, 13.0, 20.5])[draws[2].choice(3, users, p=[0.2, 0.25, 0.55])]
    joins = draws[5].random((users, 2))
    joined = np.where(joins[:, 0] < options.new_users, 1 + (joins[:, 1] * JOINING_DAYS).astype(int), 0)
    return People(
        taste=centre.copy(),
        centre=centre,
        observed=options.stated_taste * stated / stated.sum(1, keepdims=True),
        habit=options.habit + options.spread_of_habit * draws[3].standard_normal(users),
        patience=options.patience + options.spread_of_patience * draws[4].standard_normal(users),
        peak=peaks,
        device=draws[6].dirichlet((1.6, 0.8, 0.6), users),
        joined=joined,
        churned=np.full(users, NEVER),
        satisfaction=np.zeros(users),
        last=np.full(users, -1e9),
        sessions=np.zeros(users, np.int32),
        latest=np.full((users, LATEST), -1, np.int32),
        choices=np.zeros(users, np.int64),
        chosen=np.zeros((users, options.items // 8 + 1), np.uint8),
        drifts=uniform(keys(seed, np.arange(users)), Purpose.DRIFTS) < options.drifting_share,
        began=centre.copy(),
        jumps=np.zeros(users, np.int32),
        last_jump=np.full(users, NEVER),
    )


def drift(people: People, options: WorldOptions, seed: int, day: int) -> None:
    """Move the taste of all who drift by a day: a random walk that is pulled back to where the taste began."""
    if options.drift:
        noise = np.random.default_rng([seed, 3, day]).standard_normal(people.taste.shape, dtype=np.float32)
        pull = np.float32(options.drift**2 / 2)
        move = np.float32(options.drift) * noise - pull * (people.taste - people.centre)
        people.taste[people.drifts] += move[people.drifts]


def jump(people: People, world: World, seed: int, day: int) -> None:
    """Let some of those who drift drop the interests that are dearest to them and take up others, drawn evenly.

    They change places in what sets the user apart from the average taste, so nobody comes to like more or less than
    before: only something else.
    """
    if not world.options.jumps:
        return
    key = keys(seed, np.arange(len(people)), day)
    users = np.flatnonzero(people.drifts & (uniform(key, Purpose.JUMP) < world.options.jumps))
    topics, count, everyone = world.options.topics, world.options.interests_a_jump, world.hidden.topic_taste
    by_taste = np.argsort(-people.taste[users], axis=1, kind="stable")
    drawn = uniform(key[users], Purpose.INTEREST, topics - count).argsort(axis=1)[:, :count]
    dropped, taken_up = by_taste[:, :count], np.take_along_axis(by_taste[:, count:], drawn, axis=1)
    before, after = np.hstack([dropped, taken_up]), np.hstack([taken_up, dropped])
    for taste in (people.taste, people.centre):
        own = taste[users] - everyone
        taste[users[:, None], before] = np.take_along_axis(own, after, axis=1) + everyone[before]
    people.jumps[users] += 1
    people.last_jump[users] = day


def visitors(people: People, options: WorldOptions, key: np.ndarray, day: int) -> np.ndarray:
    """Rows of the users who come on `day`. A visit has logit habit + weight · satisfaction (+ weekend)."""
    weekend = options.weekend_to_return if day % 7 >= 5 else 0.0
    logit = people.habit + options.satisfaction_to_return * people.satisfaction + weekend
    comes = uniform(key, Purpose.VISIT) < sigmoid(logit)
    comes |= people.joined == day if day else False  # who registers has come
    return np.flatnonzero(comes & (people.joined <= day) & (people.churned >= day))


def churn(people: People, options: WorldOptions, key: np.ndarray, day: int) -> None:
    """Let users leave for good after `day`, with chance churn · e^(−weight · satisfaction)."""
    chance = options.churn * np.exp(-options.satisfaction_to_churn * people.satisfaction)
    leaves = (uniform(key, Purpose.CHURN) < chance) & (people.joined <= day) & (people.churned == NEVER)
    people.churned[leaves] = day


def part_of_day(hour: np.ndarray) -> np.ndarray:
    """0 morning, 1 day, 2 evening and night."""
    return np.where((hour < 4) | (hour >= EVENING), 2, np.where(hour < DAYTIME, 0, 1))


def first_hour(people: People, users: np.ndarray, key: np.ndarray) -> np.ndarray:
    """At what hour (0 to 24) of a day each user comes: around the peak of their habit."""
    return (people.peak[users] + 1.5 * logistic(uniform(key, Purpose.HOUR))) % 24


def choose_platform(people: People, users: np.ndarray, hour: np.ndarray, key: np.ndarray) -> np.ndarray:
    """Rows of `PLATFORMS` (n,): the devices a user has, more TV in the evening."""
    weights = people.device[users] * TILT[part_of_day(hour)]
    reach = np.cumsum(weights, axis=1)
    drawn = uniform(key, Purpose.PLATFORM)[:, None] * reach[:, -1:]
    return np.minimum((drawn > reach).sum(1), len(PLATFORMS) - 1)


def remember(people: People, users: np.ndarray, items: np.ndarray, clicked: np.ndarray, topic: np.ndarray) -> None:
    """Note the choices (n, slots) of distinct `users`: in the observed taste, and as items known to them."""
    row, slot = np.nonzero(clicked)
    who, what = users[row], items[row, slot]
    np.add.at(people.observed, (who, topic[what]), 1)
    turn = people.choices[who] + np.cumsum(clicked, axis=1)[row, slot] - 1
    people.latest[who, turn % LATEST] = what
    people.choices[users] += clicked.sum(1)
    np.bitwise_or.at(people.chosen, (who, what >> 3), np.left_shift(1, what & 7).astype(np.uint8))


def is_known(people: People, users: np.ndarray, items: np.ndarray) -> np.ndarray:
    """Whether each of `items` (n, m) was ever chosen by its user (n,)."""
    return (people.chosen[users[:, None], items >> 3] >> (items & 7).astype(np.uint8)) & 1 > 0
