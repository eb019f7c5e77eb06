"""What there is to show: topics, quality, lengths, creators, and when each item came out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import polars as pl

from avrec_lib.schema import TIME
from avrec_lib.simulate.options import WorldOptions

START = datetime(2025, 1, 6, tzinfo=UTC)  # a Monday
START_SECONDS = START.timestamp()
DAY = 86_400.0


@dataclass(frozen=True)
class Catalogue:
    """Public facts of the items, arrays (items,): what a policy may be built on. Rows are in order of publication.

    An item is about `topic` to the share `blend` and about `second_topic` for the rest. `published` is in seconds
    since 1970.
    """

    topic: np.ndarray
    second_topic: np.ndarray
    blend: np.ndarray
    creator: np.ndarray
    seconds: np.ndarray
    published: np.ndarray
    topics: int

    def __len__(self) -> int:
        return len(self.topic)

    def out_at(self, seconds: float) -> int:
        """How many items are out at that moment; they are the first rows."""
        return int(np.searchsorted(self.published, seconds, side="right"))


@dataclass(frozen=True)
class HiddenFacts:
    """What only the world knows of its items, arrays (items,), and of the hours of its topics (3, topics)."""

    quality: np.ndarray
    appeal: np.ndarray
    long: np.ndarray  # standardised logarithm of the length
    starting_popularity: np.ndarray  # clicks a user
    mood: np.ndarray  # by morning, day, evening and topic
    topic_taste: np.ndarray  # (topics,) what people like on average


def draw_catalogue(options: WorldOptions, seed: int) -> tuple[Catalogue, HiddenFacts]:
    """The items of a world: the same seed gives the same ones."""
    rng = np.random.default_rng([seed, 1])
    items, topics = options.items, options.topics
    share = 1 / np.arange(1, topics + 1) ** 0.6
    share /= share.sum()
    creators = max(2, items // options.items_a_creator)
    fame = 1 / np.arange(1, creators + 1) ** 0.5
    creator = rng.choice(creators, items, p=fame / fame.sum()).astype(np.int32)
    home = rng.choice(topics, creators, p=share)
    topic = np.where(rng.random(items) < 0.8, home[creator], rng.choice(topics, items, p=share))
    second = (topic + rng.integers(1, topics, items)) % topics
    quality = 0.5 * rng.standard_normal(creators)[creator] + np.sqrt(0.75) * rng.standard_normal(items)
    appeal = options.honesty * quality + np.sqrt(1 - options.honesty**2) * rng.standard_normal(items)
    noise = rng.standard_normal(items)
    seconds = options.median_seconds * np.exp(options.spread_of_seconds * noise)
    long = (np.log(np.clip(seconds, 1, None) / options.median_seconds)) / max(options.spread_of_seconds, 1e-9)
    is_new = rng.random(items) < options.new_items
    age_days = np.where(is_new, -rng.uniform(0, options.horizon_days, items), rng.exponential(150, items).clip(0.5))
    popular = np.exp(options.popularity_tail * (0.5 * appeal + np.sqrt(0.75) * rng.standard_normal(items)))
    popular[is_new] = 0
    order = np.argsort(-age_days, kind="stable")
    catalogue = Catalogue(
        topic=topic[order].astype(np.int32),
        second_topic=second[order].astype(np.int32),
        blend=rng.uniform(0.6, 1, items).astype(np.float32),
        creator=creator[order],
        seconds=np.round(np.clip(seconds, options.shortest_seconds, options.longest_seconds), 1)[order],
        published=np.round(START_SECONDS - age_days * DAY)[order],
        topics=topics,
    )
    hidden = HiddenFacts(
        quality=quality[order].astype(np.float32),
        appeal=appeal[order].astype(np.float32),
        long=long[order].astype(np.float32),
        starting_popularity=(popular / popular.sum() * options.starting_popularity)[order],
        mood=rng.standard_normal((3, topics)).astype(np.float32),
        topic_taste=(0.4 * rng.standard_normal(topics) + 0.4 * np.log(share * topics)).astype(np.float32),
    )
    return catalogue, hidden


def numbered(name: str, letter: str, count: int, digits: int) -> pl.Series:
    """A column `name` of ids: a letter and the row."""
    row = pl.int_range(count).cast(pl.String).str.zfill(digits)
    return pl.select(pl.format("{}{}", pl.lit(letter), row).alias(name)).to_series()


def item_ids(items: int) -> pl.Series:
    """The ids of the items, by row."""
    return numbered("item_id", "i", items, 5)


def topic_names(topics: int) -> pl.Series:
    """What the topics are called, by row: also what people type into the search box."""
    return pl.Series("topic", [f"topic {topic:02d}" for topic in range(topics)])


def items_table(catalogue: Catalogue, kind: str) -> pl.DataFrame:
    """The catalogue as a `schema.Items` table (its columns that are known)."""
    names, rows = topic_names(catalogue.topics), np.arange(len(catalogue))
    maker = "artist" if kind == "music" else "creator"
    return pl.DataFrame({
        "item_id": item_ids(len(catalogue)),
        "row": rows,
        "category": names.gather(catalogue.topic),
        "second": names.gather(catalogue.second_topic),
        "creator_id": pl.Series(catalogue.creator).cast(pl.String),
        "duration_seconds": catalogue.seconds.astype(np.float64),
        "published_at": (catalogue.published * 1e6).astype(np.int64),
    }).select(
        "item_id",
        title=pl.format("{} {}, {}", pl.lit("song" if kind == "music" else "clip"), "row", "category"),
        tags=pl.concat_list("category", "second"),
        category="category",
        creator_id=pl.format("{}{}", pl.lit(maker[0]), "creator_id"),
        duration_seconds="duration_seconds",
        published_at=pl.col("published_at").cast(pl.Datetime("us")).dt.replace_time_zone("UTC").cast(TIME),
    )  # fmt: skip
