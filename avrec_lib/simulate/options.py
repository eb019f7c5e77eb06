"""Every number that makes a simulated world, frozen before any policy is tried on it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, get_args

import numpy as np

from avrec_lib.errors import UsageError, unknown_name

REVISION = 1
"""Raised whenever the same options would give another world, so that the fingerprint changes with the code."""

LATER = {"drifting_share": 1.0, "jumps": 0.0, "interests_a_jump": 1, "taste_memory": 1.0}
"""Numbers that worlds did not have at first, each with the value that changes nothing: where it stands, the fingerprint
is taken without it, for the world is the same one, its log and its notes."""

PLATFORMS = ("mobile", "web", "tv")

WorldKind = Literal["video", "music"]


def _require(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise UsageError(
            "A world with {name} = {value}: expected {least} to {most}.", name=name, value=value, least=least, most=most
        )


@dataclass(frozen=True)
class WorldOptions:
    """A world of clips or songs, and of the people who come for them.

    Weights are on the logit scale; times in seconds, days where said. `varied` makes other worlds of the same kind.
    """

    kind: WorldKind = "video"

    # the catalogue
    items: int = 4000
    topics: int = 16
    items_a_creator: int = 6  # on average
    median_seconds: float = 80.0
    spread_of_seconds: float = 1.0  # standard deviation of the logarithm
    shortest_seconds: float = 5.0
    longest_seconds: float = 1200.0
    honesty: float = 0.5  # correlation of how good a clip looks with how good it is
    popularity_tail: float = 1.3  # standard deviation of the logarithm of the popularity at the start
    new_items: float = 0.3  # share of the catalogue that is published while the world runs
    horizon_days: int = 60  # over which new items appear

    # the people
    interests: float = 1.0  # standard deviation of the taste for a topic
    drift: float = 0.05  # standard deviation of a day's move of the taste
    drifting_share: float = 1.0  # of the users, whose taste moves at all
    jumps: float = 0.0  # chance a day, where the taste moves, to drop the dearest interests and take up others
    interests_a_jump: int = 1
    stated_taste: float = 6.0  # clicks that the first observed taste is worth
    stated_noise: float = 0.8  # error of the first observed taste, in its standard deviations
    taste_memory: float = 1.0  # of the observed taste that is left after a day: below 1 the platform follows who moves
    new_users: float = 0.1  # share of the users who join while the world runs, evenly over its first 30 days
    habit: float = -1.6  # logit of a visit on a day, at satisfaction 0
    spread_of_habit: float = 1.9
    satisfaction_to_return: float = 1.2
    weekend_to_return: float = 0.25
    again: float = 0.35  # chance of another session on the same day
    patience: float = 1.1  # logit of asking for a further slate
    spread_of_patience: float = 1.3
    experience_to_stay: float = 0.8
    satisfaction_pace: float = 0.1  # how far one slate moves the running satisfaction
    churn: float = 0.008  # chance a day of leaving for good, at satisfaction 0
    satisfaction_to_churn: float = 2.0
    most_requests_a_day: int = 30

    # what is shown
    slots: int = 6
    candidates: int = 60  # retrieved a request; 0: everything that is out
    popular_share: float = 0.35  # of the candidates: drawn by popularity
    taste_share: float = 0.35  # from topics of the observed taste
    new_share: float = 0.1  # from the newest items
    known_share: float = 0.0  # from what the user chose last
    retrieval_power: float = 0.7  # candidates are drawn in proportion to popularity to this power
    new_days: float = 3.0  # how long an item is among the newest

    # what people do
    steepness: tuple[float, float, float] = (0.7, 0.5, 0.4)  # a place p from 0 is looked at with (p + 1)^−steepness
    click: float = -2.6  # logit of a click on what is looked at, all else 0
    match_to_click: float = 1.0
    appeal_to_click: float = 0.6
    popularity_to_click: float = 0.25  # by the logarithm of popularity over its mean: what is popular attracts
    newness_to_click: float = 0.4
    length_to_click: float = 0.25  # a long item attracts on TV and deters on mobile
    mood_to_click: float = 0.4  # topics have their hours
    known_to_click: float = -3.5  # what the user chose before; above 0 where people repeat
    attention: tuple[float, float, float] = (16.0, 26.0, 50.0)  # seconds watched of an endless clip, median
    match_to_watch: float = 0.35
    quality_to_watch: float = 0.45
    spread_of_watch: float = 0.6
    like: float = -4.4
    share: float = -6.5
    search: float = 0.06  # chance that a session begins with a search
    popularity_memory: float = 0.93  # of popularity that is left after a day
    popularity_feedback: float = 1.0  # 0: clicks do not make popular, so users do not influence each other
    starting_popularity: float = 12.0  # clicks a user that the popularity at the start stands for

    def __post_init__(self) -> None:
        if self.kind not in get_args(WorldKind):
            raise unknown_name("world", self.kind, get_args(WorldKind))
        retrieved = self.popular_share + self.taste_share + self.new_share + self.known_share
        most = self.items // 4  # so that a request's candidates can be told apart
        _require("candidates", self.candidates, 0, most)
        _require("slots", self.slots, 1, self.candidates or most)
        _require("topics", self.topics, 2, 64)
        _require("interests_a_jump", self.interests_a_jump, 1, self.topics // 2)
        _require("new_items", self.new_items, 0, 0.5)
        _require("popular_share + taste_share + new_share + known_share", round(retrieved, 9), 0, 1)
        _require("most_requests_a_day", self.most_requests_a_day, 1, 200)
        shares = "honesty", "new_users", "again", "churn", "search", "popularity_memory", "popularity_feedback"
        for name in (*shares, "drifting_share", "jumps", "taste_memory"):
            _require(name, getattr(self, name), 0, 1)

    def canonical(self) -> str:
        """The numbers as JSON with sorted names, but for those of `LATER` that change nothing: what the fingerprint is
        taken of.
        """
        numbers = {name: value for name, value in asdict(self).items() if value != LATER.get(name)}
        return json.dumps(numbers | {"revision": REVISION}, sort_keys=True, separators=(",", ":"))


VIDEO = WorldOptions()

MUSIC = WorldOptions(
    kind="music", median_seconds=215.0, spread_of_seconds=0.28, shortest_seconds=60.0, longest_seconds=900.0,
    items_a_creator=10, popularity_tail=1.1, new_items=0.15, drift=0.03, habit=-1.9, again=0.45, slots=5,
    popular_share=0.25, taste_share=0.35, new_share=0.05, known_share=0.12, retrieval_power=0.6, click=-2.7,
    known_to_click=1.0, length_to_click=0.0, attention=(140.0, 160.0, 170.0), match_to_watch=0.6, spread_of_watch=0.7,
    like=-4.2,
)  # fmt: skip

MOVING = WorldOptions(
    drifting_share=0.5, jumps=0.05, interests_a_jump=8, interests=2.0, click=-3.5, taste_memory=0.7, taste_share=0.5,
    popular_share=0.25, mood_to_click=0.0,
)  # fmt: skip
"""A video platform that follows its users, where every second one changes half of the interests every 20 days.

The walk alone moves 7 % of the variance of a taste in 30 days, which no model can notice. And where the platform keeps
showing what was liked long ago, so do the logged choices, and a model without memory of the order of things fits best.
"""

KINDS: dict[str, WorldOptions] = {"video": VIDEO, "music": MUSIC, "moving": MOVING}


def options_of(kind: str, **changes: Any) -> WorldOptions:
    """The default world of that kind (video, music, or `moving`: a video platform) with some numbers changed.

    Raises UsageError for an unknown name.
    """
    if kind not in KINDS:
        raise unknown_name("world", kind, KINDS)
    known = [entry.name for entry in fields(WorldOptions)]
    for name in changes:
        if name not in known:
            raise unknown_name("number of a world", name, known)
    return replace(KINDS[kind], **changes)


VARIED = (
    "interests", "drift", "stated_noise", "honesty", "match_to_click", "appeal_to_click", "popularity_to_click",
    "newness_to_click", "mood_to_click", "match_to_watch", "quality_to_watch", "satisfaction_to_return",
    "experience_to_stay", "popularity_tail",
)  # fmt: skip


def varied(options: WorldOptions, rng: np.random.Generator, spread: float = 0.3) -> WorldOptions:
    """Another world of the same kind: each strength of `VARIED` times e^(spread · normal noise), steepness alike."""
    noise = np.exp(spread * rng.standard_normal(len(VARIED) + 1))
    changes = {
        name: min(getattr(options, name) * float(factor), 1.0 if name == "honesty" else np.inf)
        for name, factor in zip(VARIED, noise, strict=False)
    }
    steepness = tuple(value * float(noise[-1]) for value in options.steepness)
    return replace(options, **changes, steepness=steepness)  # type: ignore[arg-type]


def fingerprint(options: WorldOptions, seed: int) -> str:
    """16 hexadecimal digits of the options and the seed (blake2b of the canonical JSON)."""
    text = f"{options.canonical()} {seed}"
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
