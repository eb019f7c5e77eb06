"""A user as known at a moment: interests as shares, habits as one row of numbers, and what could not be said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from avrec_lib.features.habits import COUNTED, habit_shares, habits_of, kinds_since
from avrec_lib.features.histories import as_of, chosen, typed_log
from avrec_lib.features.interests import interests_of, labels_of
from avrec_lib.protocols import Query, queries_table

NEEDS = {
    "active_days": ("times",),
    "events_per_active_day": ("times",),
    "median_gap_hours": ("times",),
    "days_since_last": ("times",),
    "mean_hour": ("times",),
    "hour_concentration": ("times",),
    "weekend_share": ("times",),
    "repeat_share": ("choices",),
    "tag_diversity": ("choices", "tag"),
    "mean_popularity_percentile": ("choices", "popularity"),
    "mean_item_age_days": ("choices", "times", "published"),
    "mean_value": ("value",),
    **{name: (name,) for name in COUNTED},
    "last_searches": ("searches",),
}
"""A column of habits that may be undefined -> what it needs, the most basic first."""
FOUND_IN_SHARES = {
    "interests by tag": ("tag", ("choices", "tag")),
    "interests by category": ("category", ("choices", "category")),
    "interests by creator": ("creator", ("choices", "creator")),
    "shares by platform": ("platform", ("platform",)),
}
"""A feature in rows of shares -> its kind, and what it needs."""

REASONS = {
    "times": "No known event has a time.",
    "choices": "No known event is a choice.",
    "tag": "No item has a tag.",
    "category": "No item has a category.",
    "creator": "No item has a creator.",
    "popularity": "Nothing says how popular items are.",
    "published": "No chosen item has a time of publication.",
    "value": "No known event has a value.",
    "platform": "No known event has a platform.",
    "searches": "The log holds no search before the cut.",
    "likes": "The log holds no like before the cut.",
    "dislikes": "The log holds no dislike before the cut.",
    "shares": "The log holds no share before the cut.",
    "favourites": "The log holds no favourite before the cut.",
    "skips": "The log holds no skip before the cut.",
}
"""What a feature may need -> why it is undefined where that is missing everywhere (a template of `strings`)."""
TOO_LITTLE = "Too little is known of these users."


@dataclass(frozen=True, eq=False)
class Profile:
    """Users as known at the cuts of `queries` (`schema.Queries`).

    `interests` has query_id, user_id, kind (tag, category, creator), label, weight and events (`interests_of`), and
    `shares` the same of kinds hour and platform (`habit_shares`). `habits` has one row a query. `has` says what of
    REASONS is there for at least one query.
    """

    queries: pl.DataFrame
    interests: pl.DataFrame
    shares: pl.DataFrame
    habits: pl.DataFrame
    has: Mapping[str, bool]


def profile(
    events: pl.DataFrame | pl.LazyFrame,
    queries: pl.DataFrame | Iterable[Query | str],
    items: pl.DataFrame | pl.LazyFrame | None = None,
    popularity: pl.DataFrame | None = None,
    *,
    half_life_days: float = 30.0,
    half_life_events: float = 50.0,
    min_value: float | None = None,
    times_of_told: bool = False,
) -> Profile:
    """The profile of each query from what `as_of` knows for it (`times_of_told` is its option) and the item table.

    `popularity` is `item_features` of the training rows; half-lives and `min_value` are those of `interests_of`.
    Impressions are left out everywhere. Columns of `habits`, null where undefined:

    - events, choices, items (distinct ones chosen), repeat_share (choices of an item chosen before, of all choices);
    - active_days (days, UTC, with an event), events_per_active_day, median_gap_hours (between events in a row),
      days_since_last (from the last event to the cut);
    - mean_hour (0 to 24, UTC: the direction of the mean of the hours on a circle), hour_concentration (the length of
      that mean: 1 where all is at one hour, 0 where hours cancel out and there is no mean_hour), weekend_share;
    - tag_diversity: −Σ w ln w / ln(tags of the item table) over the weights of the interests by tag: 0 for one tag, 1
      for all tags alike;
    - mean_popularity_percentile (0 to 1) and mean_item_age_days (from publication to the choice) of the choices,
      mean_value of all events with a value;
    - searches, likes, dislikes, shares, favourites, skips: counts, null as long as the log had not met such an event
      before the cut, and for a query with a `history`; last_searches (their texts, distinct, the last one first).
    """
    asked = queries_table(queries)
    log = typed_log(events)
    known = as_of(log, asked, times_of_told=times_of_told)
    table = None if items is None else items.lazy().collect()
    labels = labels_of(table)
    interests = interests_of(
        known, labels, half_life_days=half_life_days, half_life_events=half_life_events, min_value=min_value
    )
    habits = habits_of(known, asked, table, popularity, kinds_since(log), min_value)
    habits = habits.join(_tag_diversity(interests, labels), on="query_id", how="left", maintain_order="left")
    shares = habit_shares(known)
    has = _what_there_is(known, labels, habits, popularity, table, min_value)
    return Profile(asked, interests, shares, habits.select("query_id", "user_id", *_columns()), has)


def undefined(profiles: Profile) -> pl.DataFrame:
    """Columns feature, undefined, queries, reason: the features that some of the queries do not have, and why.

    `reason` is a template of `strings`: what the log lacks where no query has the feature, else that too little is
    known of some users. The most undefined first.
    """
    total = profiles.queries.height
    missing = {name: profiles.habits[name].null_count() for name in NEEDS}
    kinds = pl.concat([profiles.interests, profiles.shares])
    told = {
        name: kinds.filter(pl.col("kind") == kind)["query_id"].n_unique() for name, (kind, _) in FOUND_IN_SHARES.items()
    }
    missing |= {name: total - count for name, count in told.items()}
    needs = NEEDS | {name: need for name, (_, need) in FOUND_IN_SHARES.items()}
    rows = [
        (name, count, total, _reason(needs[name], profiles.has) if count == total else TOO_LITTLE)
        for name, count in missing.items()
        if count
    ]
    schema = {"feature": pl.String, "undefined": pl.Int64, "queries": pl.Int64, "reason": pl.String}
    return pl.DataFrame(rows, schema, orient="row").sort("undefined", descending=True, maintain_order=True)


def _reason(needs: tuple[str, ...], has: Mapping[str, bool]) -> str:
    return next((REASONS[need] for need in needs if not has[need]), TOO_LITTLE)


def _columns() -> list[str]:
    """The columns of habits, in the order in which they are read."""
    return [
        "events", "choices", "items", "repeat_share", "active_days", "events_per_active_day", "median_gap_hours",
        "days_since_last", "mean_hour", "hour_concentration", "weekend_share", "tag_diversity",
        "mean_popularity_percentile", "mean_item_age_days", "mean_value", *COUNTED, "last_searches",
    ]  # fmt: skip


def _tag_diversity(interests: pl.DataFrame, labels: pl.DataFrame) -> pl.DataFrame:
    """Columns query_id, tag_diversity; undefined where the item table has fewer than two tags."""
    tags = labels.filter(pl.col("kind") == "tag")["label"].n_unique()
    most = float(np.log(tags)) if tags > 1 else None
    own = interests.filter(pl.col("kind") == "tag", pl.col("weight") > 0)
    spread = -(pl.col("weight") * pl.col("weight").log()).sum()
    return own.group_by("query_id").agg(tag_diversity=(spread / pl.lit(most, dtype=pl.Float64)).clip(0, 1))


def _what_there_is(
    known: pl.DataFrame,
    labels: pl.DataFrame,
    habits: pl.DataFrame,
    popularity: pl.DataFrame | None,
    items: pl.DataFrame | None,
    min_value: float | None,
) -> dict[str, bool]:
    choices = known.filter(chosen(min_value))
    kinds = set(labels["kind"])
    published = items is not None and "published_at" in items.columns
    dated = items.filter(pl.col("published_at").is_not_null()) if published and items is not None else None
    return {
        "times": known["timestamp"].count() > 0,
        "choices": choices.height > 0,
        "popularity": popularity is not None and "popularity_percentile" in popularity.columns,
        "published": dated is not None and choices.join(dated, on="item_id", how="semi").height > 0,
        "value": known["value"].count() > 0,
        "platform": known["platform"].count() > 0,
        **{kind: kind in kinds for kind in ("tag", "category", "creator")},
        **{name: habits[name].count() > 0 for name in COUNTED},
    }
