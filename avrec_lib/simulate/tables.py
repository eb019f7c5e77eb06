"""From arrays to tables: the log of a simulated platform in the vocabulary of every other log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from avrec_lib.schema import TIME, Events
from avrec_lib.simulate.catalogue import DAY, START_SECONDS, item_ids, numbered, topic_names
from avrec_lib.simulate.chance import keys, uniform
from avrec_lib.simulate.options import PLATFORMS, WorldOptions
from avrec_lib.simulate.people import People
from avrec_lib.simulate.rounds import Rounds

KINDS = ("search", "impression", "click", "play", "like", "share")
SEARCH, IMPRESSION, CLICK, PLAY, LIKE, SHARE = range(len(KINDS))
EVENT = pl.Enum(Events.create_empty().schema["event"].categories)  # type: ignore[attr-defined]
LOADING, START_UP, STEP = 0.05, 0.3, 0.6  # seconds from place to place, from click to play, from end to like to share
REGISTERED = 100  # the purpose of the number that says how long ago a user registered
LONGEST_MEMBER_DAYS = 300


@dataclass(frozen=True)
class Labels:
    """What things are called in a log: users, items, topics, policies and arms."""

    options: WorldOptions
    users: int
    policies: Sequence[str]
    variants: Sequence[str]

    @cached_property
    def user(self) -> pl.Series:
        return user_ids(self.users)

    @cached_property
    def item(self) -> pl.Series:
        return item_ids(self.options.items)


def user_ids(users: int) -> pl.Series:
    """The ids of the users, by row."""
    return numbered("user_id", "u", users, 6)


def events_table(rounds: Rounds, labels: Labels) -> pl.DataFrame:
    """A `schema.Events` table (its columns that are known) of some rounds, not sorted by time.

    Impressions carry the propensity of their place; a click, its play and what follows carry their request and place.
    A search comes a second before its request, and has the name of a topic as its query. No user does two things at
    one time.
    """
    asked = np.flatnonzero(rounds.search >= 0)
    every = np.nonzero(np.ones(rounds.item.shape, bool))
    clicked, liked, shared = (np.nonzero(done) for done in (rounds.clicked, rounds.liked, rounds.shared))
    places = [(asked, np.zeros_like(asked)), every, clicked, clicked, liked, shared]
    counts = [len(row) for row, _ in places]
    row, place = (np.concatenate(side) for side in zip(*places, strict=True))
    kind = np.repeat(np.arange(len(KINDS), dtype=np.uint32), counts)
    after = rounds.at[row, place]
    after += START_UP * (kind == PLAY) + (rounds.watched[row, place] + STEP) * (kind >= LIKE) + STEP * (kind == SHARE)
    after = np.where(kind == IMPRESSION, LOADING * place, np.where(kind == SEARCH, -1.0, after))
    user_id, of_request = labels.user.gather(rounds.user), _of_requests(rounds, labels)
    known = of_request.with_columns(user_id).select(
        "user_id", session_id=pl.format("{}-{}", "user_id", "session"), turn="turn", variant="variant", policy="policy",
        platform="platform",
    ).with_columns(request_id=pl.format("{}-{}", "session_id", "turn"))[row]  # fmt: skip
    shown, played = pl.col("kind") == IMPRESSION, pl.col("kind") == PLAY
    item = labels.item.gather(rounds.item[row, place])
    query = topic_names(labels.options.topics).gather(np.maximum(rounds.search[row], 0))
    return known.with_columns(
        item.alias("item"), query.alias("query"), kind=kind, place=place.astype(np.int32),
        microseconds=((rounds.time[row] + after) * 1e6).astype(np.int64),
        watched=rounds.watched[row, place], chance=rounds.propensity[row, place],
    ).select(
        "user_id",
        item_id=pl.when(pl.col("kind") != SEARCH).then("item"),
        timestamp=pl.col("microseconds").cast(pl.Datetime("us")).dt.replace_time_zone("UTC").cast(TIME),
        event=pl.col("kind").replace_strict(range(len(KINDS)), KINDS, return_dtype=EVENT),
        watch_seconds=pl.when(played).then("watched"),
        query=pl.when(pl.col("kind") == SEARCH).then("query"),
        session_id="session_id",
        request_id="request_id",
        position=pl.when(pl.col("kind") != SEARCH).then("place"),
        platform="platform",
        variant="variant",
        policy="policy",
        propensity=pl.when(shown).then("chance"),
    )  # fmt: skip


def _of_requests(rounds: Rounds, labels: Labels) -> pl.DataFrame:
    """Columns session, turn, variant, policy, platform: one row a request."""
    arms = pl.Series([None, *labels.variants], dtype=pl.String)
    arm = rounds.arm + 1 if labels.variants else np.zeros(len(rounds), np.int64)
    return pl.DataFrame({
        "session": rounds.session, "turn": rounds.turn, "variant": arms.gather(arm),
        "policy": pl.Series(labels.policies, dtype=pl.String).gather(rounds.policy),
        "platform": pl.Series(PLATFORMS).gather(rounds.platform),
    })  # fmt: skip


def users_table(people: People, seed: int) -> pl.DataFrame:
    """A `schema.Users` table: when each user registered, before the world began or on the day they joined."""
    ago = uniform(keys(seed, np.arange(len(people))), REGISTERED) * LONGEST_MEMBER_DAYS
    seconds = START_SECONDS + np.where(people.joined > 0, people.joined, -ago) * DAY
    registered = pl.Series((seconds * 1e6).astype(np.int64)).cast(pl.Datetime("us"))
    return pl.DataFrame(
        {"user_id": user_ids(len(people)), "registered_at": registered.dt.replace_time_zone("UTC").cast(TIME)}
    )
