"""What was asked, shown and done, as plain arrays: cheap enough for a thousand worlds, the source of every table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from avrec_lib.protocols import Requests


@dataclass(frozen=True)
class Rounds:
    """n requests in order of day, turn and user; arrays (n,) or, by place, (n, slots).

    `session` counts the sessions of a user from 0, `turn` the requests of a session. The last seven are there when the
    run kept candidates, and have no columns otherwise: what the policy saw, what it would have done, and the truth.
    """

    user: np.ndarray
    time: np.ndarray  # seconds since 1970
    day: np.ndarray
    hour: np.ndarray
    platform: np.ndarray
    arm: np.ndarray  # −1 before the experiment
    policy: np.ndarray  # which of the policies decided
    session: np.ndarray
    turn: np.ndarray
    search: np.ndarray  # topic of a search just before the request, −1 where there was none
    experience: np.ndarray
    item: np.ndarray  # (n, slots) from here on
    propensity: np.ndarray
    looked: np.ndarray
    clicked: np.ndarray
    watched: np.ndarray  # seconds
    liked: np.ndarray
    shared: np.ndarray
    at: np.ndarray  # seconds after the request
    candidates: np.ndarray  # (n, a)
    probabilities: np.ndarray  # (n, a) of the policy, for the first place
    taste: np.ndarray  # (n, topics) as observed, rows sum to 1
    affinity: np.ndarray  # (n, a) from here on: how much of the observed taste a candidate's topics have
    popularity: np.ndarray
    known: np.ndarray
    chance: np.ndarray  # true chance of a click once looked at, which no policy sees

    def __len__(self) -> int:
        return len(self.user)

    @property
    def impressions(self) -> int:
        return self.item.size

    def requests(self) -> Requests:
        """What the policy was told: with `candidates`, what any other policy needs to say its probabilities here."""
        features = {
            "hour": self.hour, "weekday": self.day % 7, "platform": self.platform, "turn": self.turn,
            "taste": self.taste, "affinity": self.affinity, "popularity": self.popularity, "known": self.known,
        }  # fmt: skip
        return Requests(self.user, self.time, features)

    def places(self) -> dict[str, np.ndarray]:
        """One row a place shown: request, user, position, item, propensity, reward (clicked), watched; arrays (m,)."""
        n, slots = self.item.shape
        return {
            "request": np.repeat(np.arange(n), slots),
            "user": np.repeat(self.user, slots),
            "position": np.tile(np.arange(slots), n),
            "item": self.item.ravel(),
            "propensity": self.propensity.ravel(),
            "reward": self.clicked.ravel().astype(np.float64),
            "watched": self.watched.ravel(),
        }


NAMES = tuple(entry.name for entry in fields(Rounds))


def joined(parts: Sequence[Rounds], slots: int) -> Rounds:
    """Several rounds one after the other; rounds of no request when there are none."""
    filled = [part for part in parts if len(part)]
    if not filled:
        by_place = NAMES[NAMES.index("item") :]
        return Rounds(**{name: np.empty((0, slots)) if name in by_place else np.empty(0, int) for name in NAMES})
    if len(filled) == 1:
        return filled[0]
    return Rounds(**{name: np.concatenate([getattr(part, name) for part in filled]) for name in NAMES})
