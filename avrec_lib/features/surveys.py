"""What users said they like: the surveys of a log as stated interests, or favourite tags in their place."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from avrec_lib.schema import Event

INTERESTS = {"user_id": pl.String, "label": pl.String, "weight": pl.Float64}


@dataclass(frozen=True, eq=False)
class Stated:
    """`interests` has user_id, label (a tag as the items spell it) and weight, a row a user and label.

    Of the `answers` in the log that name something, `unmatched` named no tag of any item and are not in it.
    """

    interests: pl.DataFrame
    answers: int
    unmatched: int


def stated_interests(events: pl.DataFrame, items: pl.DataFrame) -> Stated:
    """The answers of the events `survey` (query: what was asked about, value: how much) about tags of `items`.

    Labels are matched to tags whatever their case. The last answer about a label counts, by time, then in the order of
    the rows; one without a value weighs 1. Values are taken as they are: a scale whose middle means "do not care" is
    centred by whoever imports it. Only what was said before a query belongs here: cut `events` first.
    """
    said = events.filter(pl.col("event").cast(pl.String) == Event.SURVEY.value, pl.col("query").is_not_null())
    answers = said.select("user_id", "timestamp", key=_key("query"), weight=pl.col("value").fill_null(1.0))
    tags = items.select(label="tags").explode("label").drop_nulls().unique().sort("label")
    spelt = tags.select("label", key=_key("label")).unique("key", keep="first", maintain_order=True)
    matched = answers.join(spelt, on="key", maintain_order="left")
    last = matched.sort("timestamp", nulls_last=False, maintain_order=True).unique(
        ["user_id", "label"], keep="last", maintain_order=True
    )
    return Stated(last.select(list(INTERESTS)).cast(INTERESTS), answers.height, answers.height - matched.height)  # type: ignore[arg-type]


def said_before(events: pl.DataFrame, choices: pl.DataFrame) -> pl.DataFrame:
    """The surveys of `events` that their users answered before, or with, their first of `choices`.

    Both have user_id and timestamp. An answer without a time counts as given when the user came. Answers of users who
    are not among the choices are left out.
    """
    first = choices.group_by("user_id").agg(first=pl.col("timestamp").min())
    said = events.filter(pl.col("event").cast(pl.String) == Event.SURVEY.value)
    late = (pl.col("timestamp") > pl.col("first")).fill_null(value=False)
    return said.join(first, on="user_id", maintain_order="left").filter(~late).drop("first")


def favourite_tags(queries: pl.DataFrame, items: pl.DataFrame) -> pl.DataFrame:
    """The tags of the items that each query's `history` names, as if its user had stated them.

    Columns user_id, label, weight. A stand-in for answers: the weight is the number of these items that have the tag.
    """
    told = queries.select("user_id", item_id="history").explode("item_id").drop_nulls().unique(maintain_order=True)
    tags = items.select("item_id", label="tags").explode("label").drop_nulls().unique(maintain_order=True)
    named = told.join(tags, on="item_id", maintain_order="left")
    return named.group_by("user_id", "label", maintain_order=True).agg(weight=pl.len()).cast(INTERESTS)  # type: ignore[arg-type]


def _key(column: str) -> pl.Expr:
    return pl.col(column).str.strip_chars().str.to_lowercase()
