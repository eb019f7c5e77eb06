"""Facts about the rows of a log that decide what an evaluation of it is worth. No model is needed."""

from __future__ import annotations

import polars as pl

from avrec_lib.data.check_times import check_times
from avrec_lib.data.facts import LEVELS, Fact, level_of, share_of
from avrec_lib.data.faults import RATED_ENOUGH, ROW, SAME_PRESS, raters, repeated_presses, repeated_rows

__all__ = ["LEVELS", "Fact", "check_events"]

KNOWN_TIME = pl.col("timestamp").is_not_null()
WRITTEN_TWICE = (
    "{share} of the events repeat another in every column: the log was probably written twice in places, and what is "
    "in training may be in the test."
)
TWICE_OR_AGAIN = (
    "{share} of the events repeat another in every column, and without times nobody can tell whether they were written "
    "twice or done again: what is in training may be in the test."
)


def check_events(events: pl.LazyFrame, items: pl.LazyFrame | None = None) -> list[Fact]:
    """All facts about `events` (`schema.Events`); with `items`, also which items have no row there.

    What needs times is left out when no event has one, except the fact itself.
    """
    total = events.select(pl.len(), KNOWN_TIME.sum().alias("timed")).collect(engine="streaming").row(0, named=True)
    facts = [_without_time(total["len"], total["timed"])]
    if total["timed"]:
        facts += check_times(events.filter(KNOWN_TIME), total["timed"])
    facts += _duplicates(events, total["len"], total["timed"] > 0)
    facts += _thin(events)
    facts += _constant_raters(events)
    if items is not None:
        facts += _items_without_row(events, items)
    return facts


def _without_time(total: int, timed: int) -> Fact:
    share = share_of(total - timed, total)
    return Fact(
        "events_without_time", total - timed, share, level_of(share, 1e-12, 0.5),
        "{share} of the events have no time: they cannot be split by time, nor put in order.",
    )  # fmt: skip


def _duplicates(events: pl.LazyFrame, total: int, has_times: bool) -> list[Fact]:
    """Rows equal in every column; the same act twice within seconds; the same item again.

    Without times a row that was written twice and an act that was repeated are equal: amber at most.
    """
    numbered = events.with_row_index(ROW)
    again = repeated_rows(numbered, events.collect_schema().names()).collect(engine="streaming")
    different_rows = numbered.join(again.lazy(), on=ROW, how="anti")
    near = repeated_presses(different_rows).select(pl.len()).collect(engine="streaming").item()
    exact = again.height
    named = events.filter(pl.col("item_id").is_not_null())
    pairs = named.group_by("user_id", "item_id").len()
    rows, different = pairs.select(pl.col("len").sum(), pl.len().alias("pairs")).collect(engine="streaming").row(0)
    shares = [share_of(exact, total), share_of(near, total), share_of(rows - different, rows)]
    return [
        Fact(
            "exact_duplicates", exact, shares[0], level_of(shares[0], 0.001, 0.05 if has_times else 2.0),
            WRITTEN_TWICE if has_times else TWICE_OR_AGAIN,
        ),
        Fact(
            "near_duplicates", near, shares[1], level_of(shares[1], 0.01, 0.2),
            "{share} of the events repeat the same act of the same user on the same item within {seconds} seconds: "
            "one act may be counted twice.",
            {"seconds": SAME_PRESS.seconds},
        ),
        Fact(
            "repeats", rows - different, shares[2], "info",
            "In {share} of the events the user comes back to an item already met. Where people repeat, as with music, "
            "leaving out what was seen hides what they want.",
        ),
    ]  # fmt: skip


def _thin(events: pl.LazyFrame) -> list[Fact]:
    """Users and items with a single event."""
    facts = []
    templates = {
        "users_with_one_event": (
            "{share} of the users have one event only: nothing can be learned of them and tested on them at once, so "
            "results speak for the others."
        ),
        "items_with_one_event": (
            "{share} of the items have one event only: no collaborative model can place them, and a test on them is a "
            "test of cold start."
        ),
    }
    for (name, template), column in zip(templates.items(), ("user_id", "item_id"), strict=True):
        counted = events.filter(pl.col(column).is_not_null()).group_by(column).len()
        count, once = (
            counted.select(pl.len(), (pl.col("len") == 1).sum().alias("once")).collect(engine="streaming").row(0)
        )
        share = share_of(once, count)
        facts.append(Fact(name, once, share, level_of(share, 0.5), template))
    return facts


def _constant_raters(events: pl.LazyFrame) -> list[Fact]:
    """Users who rate nearly everything the same; left out when nobody rated enough."""
    users = raters(events).select(pl.len(), pl.col("constant").sum())
    count, constant = users.collect(engine="streaming").row(0)
    share = share_of(constant, count)
    if share is None:
        return []
    return [
        Fact(
            "constant_raters", constant, share, level_of(share, 0.05),
            "{share} of the users with {enough} ratings or more give nearly always the same one: their ratings say "
            "what they chose, not what they liked.",
            {"enough": RATED_ENOUGH},
        )
    ]  # fmt: skip


def _items_without_row(events: pl.LazyFrame, items: pl.LazyFrame) -> list[Fact]:
    used = events.select(pl.col("item_id").drop_nulls().unique())
    count = used.select(pl.len()).collect(engine="streaming").item()
    absent = used.join(items.select("item_id"), on="item_id", how="anti").select(pl.len())
    missing = absent.collect(engine="streaming").item()
    share = share_of(missing, count)
    return [
        Fact(
            "items_without_row", missing, share, level_of(share, 0.05, 0.5),
            "{share} of the items in the log have no row in the item table: they have no title and no content, and "
            "content-based models pass them over.",
        )
    ]  # fmt: skip
