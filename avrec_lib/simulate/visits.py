"""Who is here on a day, turn by turn: when, with what device, and where in their session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from avrec_lib.simulate import people as crowd
from avrec_lib.simulate.catalogue import DAY, START_SECONDS
from avrec_lib.simulate.chance import Purpose, keys, sigmoid, uniform
from avrec_lib.simulate.responses import Responses

if TYPE_CHECKING:
    from avrec_lib.simulate.running import Platform

PAUSE = 1860.0  # seconds between sessions, at least
BETWEEN_SESSIONS = 4 * 3600.0  # further seconds, on average
ASKING = 3.0  # seconds from one slate to the next


class Visits:
    """The users who are here on one day, turn by turn: when, with what device, and where in their session."""

    def __init__(self, run: Platform, users: np.ndarray, day: int) -> None:
        self.run, self.users, self.day = run, users, day
        key = keys(run.seed, users, day, 0)
        hour = crowd.first_hour(run.people, users, key)
        begin = START_SECONDS + day * DAY
        self.time = np.maximum(begin + hour * 3600, run.people.last[users] + PAUSE)
        self.key, self.step = key, np.zeros(len(users), np.int32)
        self.platform = np.zeros(len(users), np.int64)
        self.search = np.full(len(users), -1, np.int32)
        self.experience = np.zeros(len(users))
        self._begin(np.arange(len(users)))

    def _begin(self, rows: np.ndarray) -> None:
        """Let the users of `rows` begin a session."""
        run, users, key = self.run, self.users[rows], self.key[rows]
        people, options = run.people, run.world.options
        self.platform[rows] = crowd.choose_platform(people, users, (self.time[rows] % DAY) / 3600, key)
        people.sessions[users] += 1
        run.count("sessions", users, self.day)
        seeks = np.flatnonzero(uniform(key, Purpose.SEARCH) < options.search)
        if len(seeks):  # for the topic they like most at that moment, which the platform then counts as a click
            topic = people.taste[users[seeks]].argmax(1)
            self.search[rows[seeks]] = topic
            people.observed[users[seeks], topic] += 1

    def note(self, rows: np.ndarray, done: Responses) -> None:
        """Take over what a block of requests came to."""
        people, options = self.run.people, self.run.world.options
        users = self.users[rows]
        self.experience[rows] = done.experience
        self.time[rows] += done.busy
        people.last[users] = self.time[rows]
        people.satisfaction[users] += options.satisfaction_pace * (done.experience - people.satisfaction[users])

    def go_on(self, turn: int) -> None:
        """Who stays asks again, for the `turn`-th time today; who leaves may come back later that day."""
        run = self.run
        options, people = run.world.options, run.people
        logit = people.patience[self.users] + options.experience_to_stay * self.experience
        stays = uniform(self.key, Purpose.STAY) < sigmoid(logit)
        drawn = uniform(self.key, Purpose.AGAIN, 2)
        later = self.time + PAUSE - BETWEEN_SESSIONS * np.log(drawn[:, 1])
        again = ~stays & (drawn[:, 0] < options.again) & (later < START_SECONDS + (self.day + 1) * DAY)
        self.time = np.where(again, later, self.time + ASKING)
        self.step = np.where(again, 0, self.step + 1).astype(np.int32)
        self.search[:] = -1
        here = np.flatnonzero(stays | again)
        for name in ("users", "time", "step", "platform", "search", "experience"):
            setattr(self, name, getattr(self, name)[here])
        self.key = keys(run.seed, self.users, self.day, turn)
        self._begin(np.flatnonzero(self.step == 0))
