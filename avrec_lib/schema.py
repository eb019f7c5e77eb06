"""The one vocabulary of tables. Validated once at the border (`check_table`), trusted inside.

Ids are strings outside and integer rows inside a model. Times are UTC with microseconds. A log that lacks a column
has it as nulls, so code can ask for any column, and `Dataset.require` says what a log cannot do.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import StrEnum

import dataframely as dy
import polars as pl

from avrec_lib.errors import DataError


class Event(StrEnum):
    """What a person did, or was shown."""

    IMPRESSION = "impression"
    BROWSE = "browse"
    CLICK = "click"
    PLAY = "play"
    SKIP = "skip"
    SEARCH = "search"
    LIKE = "like"
    DISLIKE = "dislike"
    FAVOURITE = "favourite"
    SHARE = "share"
    COMMENT = "comment"
    FOLLOW = "follow"
    RATING = "rating"
    SURVEY = "survey"


NOT_A_CHOICE = (Event.IMPRESSION, Event.SKIP, Event.SEARCH, Event.DISLIKE)
"""Events that do not say "the user wanted this item": shown, skipped, disliked, or without an item."""

TIME = pl.Datetime("us", "UTC")


class Events(dy.Schema):
    """One row an event. Only `user_id` and `item_id` must be filled; a search has a `query` and no item."""

    user_id = dy.String(nullable=False)
    item_id = dy.String(nullable=True)
    timestamp = dy.Datetime(nullable=True, time_zone="UTC", time_unit="us")
    event = dy.Enum([event.value for event in Event], nullable=False)
    value = dy.Float64(nullable=True)  # a rating, a play count
    watch_seconds = dy.Float64(nullable=True, min=0)
    query = dy.String(nullable=True)
    session_id = dy.String(nullable=True)
    request_id = dy.String(nullable=True)  # which slate
    position = dy.Int32(nullable=True, min=0)
    platform = dy.String(nullable=True)
    variant = dy.String(nullable=True)  # which experiment arm
    policy = dy.String(nullable=True)
    propensity = dy.Float64(nullable=True, min=0, max=1)

    @dy.rule()
    def item_unless_search(cls) -> pl.Expr:
        """Every event but a search (or a survey) names an item."""
        return pl.col("item_id").is_not_null() | pl.col("event").cast(pl.String).is_in(["search", "survey"])


class Items(dy.Schema):
    """One row an item (video, song, artist, film)."""

    item_id = dy.String(primary_key=True)
    title = dy.String(nullable=True)
    description = dy.String(nullable=True)
    tags = dy.List(dy.String(nullable=True), nullable=True)
    category = dy.String(nullable=True)
    creator_id = dy.String(nullable=True)
    duration_seconds = dy.Float64(nullable=True, min=0)
    published_at = dy.Datetime(nullable=True, time_zone="UTC", time_unit="us")
    language = dy.String(nullable=True)
    media_path = dy.String(nullable=True)


class Users(dy.Schema):
    """One row a user."""

    user_id = dy.String(primary_key=True)
    birth_year = dy.Int32(nullable=True)
    age = dy.Int32(nullable=True, min=0)
    gender = dy.String(nullable=True)
    occupation = dy.String(nullable=True)
    country = dy.String(nullable=True)
    language = dy.String(nullable=True)
    registered_at = dy.Datetime(nullable=True, time_zone="UTC", time_unit="us")


class Queries(dy.Schema):
    """One row a request for a list: of its user only what happened strictly before `cut` is known (null: no times).

    `history`, when not null, replaces what the model knows of the user: a new user who just picked three titles.
    """

    query_id = dy.String(primary_key=True)
    user_id = dy.String(nullable=False)
    cut = dy.Datetime(nullable=True, time_zone="UTC", time_unit="us")
    history = dy.List(dy.String(nullable=False), nullable=True)


class Truth(dy.Schema):
    """What the user of a query chose after its cut; `relevance` is the gain (1 for implicit feedback)."""

    query_id = dy.String(primary_key=True)
    user_id = dy.String(nullable=False)
    item_id = dy.String(primary_key=True)
    relevance = dy.Float64(nullable=False, min=0)


class Ranked(dy.Schema):
    """Recommendations, ours or a stranger's: `rank` from 1, best first; `score` may be null."""

    query_id = dy.String(primary_key=True)
    user_id = dy.String(nullable=False)
    item_id = dy.String(primary_key=True)
    rank = dy.Int32(nullable=False, min=1)
    score = dy.Float64(nullable=True, allow_nan=False)

    @dy.rule()
    def one_item_a_rank(cls) -> pl.Expr:
        """No two items of a query share a rank."""
        return pl.struct("query_id", "rank").is_unique()


class Values(dy.Schema):
    """One metric of one query. Null means undefined (nothing relevant, say), and is counted, never averaged as 0."""

    model = dy.String(nullable=False)
    seed = dy.Int64(nullable=False)
    window = dy.Int32(nullable=False)
    query_id = dy.String(nullable=False)
    user_id = dy.String(nullable=False)
    metric = dy.String(nullable=False)
    k = dy.Int32(nullable=True)
    value = dy.Float64(nullable=True, allow_nan=False)


class Triples(dy.Schema):
    """One row a fact of a knowledge graph: `relation` holds between the entities `head` and `tail`."""

    head = dy.String(primary_key=True)
    relation = dy.String(primary_key=True)
    tail = dy.String(primary_key=True)


class ItemEntities(dy.Schema):
    """Which entity of a knowledge graph an item is."""

    item_id = dy.String(primary_key=True)
    entity = dy.String(primary_key=True)


def is_choice(min_value: float | None = None) -> pl.Expr:
    """Whether an event says "this user wanted this item": an item, and not shown, skipped, disliked or searched.

    With `min_value` a row that carries a value (a rating, a play count) counts only from that value on.
    """
    wanted = pl.col("item_id").is_not_null() & ~pl.col("event").cast(pl.String).is_in(
        [str(event) for event in NOT_A_CHOICE]
    )
    return wanted if min_value is None else wanted & (pl.col("value").is_null() | (pl.col("value") >= min_value))


def require_columns(needed: Iterable[str], present: Collection[str], schema: type[dy.Schema], name: str) -> None:
    """Raise DataError naming the columns of `needed` that the table `name` lacks."""
    missing = [column for column in needed if column not in present]
    if missing:
        raise DataError(
            "The table {name} has no column {missing}.",
            hint="It has {present}; expected {expected}.",
            name=name, missing=", ".join(missing), present=", ".join(present) or "–",
            expected=", ".join(schema.column_names()),
        )  # fmt: skip


def check_table(table: pl.DataFrame, schema: type[dy.Schema], name: str) -> pl.DataFrame:
    """`table` cast to `schema`, its columns in the schema's order and no others.

    Raises DataError naming the first thing that is wrong: a column that is missing, or rows that break a rule.
    """
    require_columns(schema.column_names(), table.columns, schema, name)
    good, failures = schema.filter(table, cast=True)
    broken = failures.counts()
    if broken:
        rule, count = max(broken.items(), key=lambda pair: pair[1])
        raise DataError(
            "{count} of {total} rows of the table {name} break the rule {rule}.",
            count=count, total=table.height, name=name, rule=repr(rule),
        )  # fmt: skip
    return good


def with_all_columns(table: pl.LazyFrame, schema: type[dy.Schema]) -> pl.LazyFrame:
    """`table` with every column of `schema` that it lacks added as typed nulls, in the schema's order."""
    present = set(table.collect_schema().names())
    types = schema.create_empty().schema
    return table.select(
        pl.col(name) if name in present else pl.lit(None, dtype=dtype).alias(name) for name, dtype in types.items()
    )
