"""What people say they like when they come for the first time: the taste that the platform begins with, as a survey."""

from __future__ import annotations

import numpy as np
import polars as pl

from avrec_lib.schema import TIME, Event
from avrec_lib.simulate.catalogue import DAY, START_SECONDS, topic_names
from avrec_lib.simulate.rounds import Rounds
from avrec_lib.simulate.running import Platform
from avrec_lib.simulate.tables import EVENT, Labels

LEAD, STEP = 2.0, 0.1  # seconds before the first request at which the last question is answered; between two answers


class Survey:
    """Asks everyone once. Answers are the first observed taste, so the true one with the error of `stated_noise`.

    Made before the platform runs, since clicks then move what it observes. It draws nothing and moves nobody.
    """

    def __init__(self, platform: Platform) -> None:
        observed = platform.people.observed
        self.stated = observed / observed.sum(1, keepdims=True)
        self.asked = np.zeros(len(observed), dtype=bool)

    def answers(self, rounds: Rounds, day: int, labels: Labels) -> pl.DataFrame:
        """Events `survey` (user_id, timestamp, event, query, value) of those whose first request is in these rounds.

        One row a topic, `value` is the share of the interest that is in it. Not sorted, and none before the `day`.
        """
        users, first = np.unique(rounds.user, return_index=True)
        new = ~self.asked[users]
        users, time = users[new], rounds.time[first[new]]
        self.asked[users] = True
        topics = self.stated.shape[1]
        before = LEAD + STEP * np.arange(topics)[::-1]
        when = np.maximum(time[:, None] - before, START_SECONDS + day * DAY)
        who, topic = np.repeat(users, topics), np.tile(np.arange(topics), len(users))
        microseconds = pl.Series((when.ravel() * 1e6).astype(np.int64))
        return pl.DataFrame({
            "user_id": labels.user.gather(who),
            "timestamp": microseconds.cast(pl.Datetime("us")).dt.replace_time_zone("UTC").cast(TIME),
            "event": pl.Series([str(Event.SURVEY)]).cast(EVENT).gather(np.zeros(len(who), np.int64)),
            "query": topic_names(topics).gather(topic),
            "value": self.stated[who, topic].astype(np.float64),
        })  # fmt: skip
