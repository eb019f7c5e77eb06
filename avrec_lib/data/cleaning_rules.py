"""The rules of cleaning: the rows that each finds, and the sentence for what it did to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import polars as pl

from avrec_lib.data import faults
from avrec_lib.data.cleaning_options import Cleaning
from avrec_lib.data.durations import item_durations
from avrec_lib.data.faults import ROW
from avrec_lib.schema import Event

Action = Literal["removed", "changed"]
Find = Callable[[pl.LazyFrame, Cleaning, pl.LazyFrame | None], pl.LazyFrame]


@dataclass(frozen=True)
class Rule:
    """What finds the rows of a rule among numbered events, and the sentence for what was done to them.

    `find` gives a table with the column ROW of rows to remove, or with ROW and the column to change in its new values.
    `removed` and `changed` are filled with value (rows), share, users, and the thresholds in SAID; a rule has the
    sentence of the action that it takes, or both where the options decide.
    """

    find: Find
    removed: str = ""
    changed: str = ""

    def action(self, cleaning: Cleaning) -> Action:
        """What it does to the rows it finds."""
        either = bool(self.removed and self.changed)
        return "removed" if (cleaning.constant_raters == "drop" if either else self.removed) else "changed"


def _late(events: pl.LazyFrame, cleaning: Cleaning, items: pl.LazyFrame | None) -> pl.LazyFrame:
    return events.filter(faults.is_late()).select(ROW)


def _early(events: pl.LazyFrame, cleaning: Cleaning, items: pl.LazyFrame | None) -> pl.LazyFrame:
    return events.filter(faults.IS_EARLY).select(ROW)


def _equal(events: pl.LazyFrame, cleaning: Cleaning, items: pl.LazyFrame | None) -> pl.LazyFrame:
    return faults.repeated_rows(events, [name for name in events.collect_schema().names() if name != ROW])


def _short(events: pl.LazyFrame, cleaning: Cleaning, items: pl.LazyFrame | None) -> pl.LazyFrame:
    plays = events.filter(pl.col("event").cast(pl.String).is_in([Event.CLICK.value, Event.PLAY.value]))
    whole = (_watched() >= pl.col("duration")).fill_null(False)
    return _with_duration(plays, items).filter((_watched() < cleaning.shortest_watch) & ~whole).select(ROW)


def _pressed(events: pl.LazyFrame, cleaning: Cleaning, items: pl.LazyFrame | None) -> pl.LazyFrame:
    return faults.repeated_presses(events, timedelta(seconds=cleaning.press_seconds or 0))


def _busy(events: pl.LazyFrame, cleaning: Cleaning, items: pl.LazyFrame | None) -> pl.LazyFrame:
    users = faults.too_busy_users(events, cleaning.most_a_day or faults.TOO_BUSY)
    return events.join(users, on="user_id", how="semi").select(ROW)


def _clockwork(events: pl.LazyFrame, cleaning: Cleaning, items: pl.LazyFrame | None) -> pl.LazyFrame:
    users = faults.clockwork_users(events, cleaning.clockwork_share or faults.REGULAR_SHARE)
    return events.join(users, on="user_id", how="semi").select(ROW)


def _constant(events: pl.LazyFrame, cleaning: Cleaning, items: pl.LazyFrame | None) -> pl.LazyFrame:
    users = faults.raters(events, cleaning.constant_share).filter("constant")
    if cleaning.constant_raters == "drop":
        return events.join(users, on="user_id", how="semi").select(ROW)
    ratings = events.filter(faults.IS_RATING).join(users, on="user_id", how="semi")
    return ratings.select(ROW, value=pl.lit(None, dtype=pl.Float64))


def _long(events: pl.LazyFrame, cleaning: Cleaning, items: pl.LazyFrame | None) -> pl.LazyFrame:
    bounded = _with_duration(events.filter(_watched().is_not_null()), items if cleaning.longest_watch else None)
    bound = pl.col("duration") * pl.lit(cleaning.longest_watch, dtype=pl.Float64)
    if cleaning.watch_quantile is not None:
        # The bound is a value of the log itself, so that it is the same of the rows that were set to it.
        among = _watched().filter(pl.col("duration").is_null()).quantile(cleaning.watch_quantile, "higher")
        bound = pl.coalesce(bound, pl.max_horizontal(among, pl.lit(cleaning.shortest_watch, dtype=pl.Float64)))
    found = bounded.with_columns(bound=bound).filter(_watched() > pl.col("bound"))
    return found.select(ROW, watch_seconds=pl.col("bound"))


def _watched() -> pl.Expr:
    return pl.col("watch_seconds").fill_nan(None)


def _with_duration(events: pl.LazyFrame, items: pl.LazyFrame | None) -> pl.LazyFrame:
    """`events` with the column `duration`: seconds of the item, null where unknown or 0."""
    if items is None:
        return events.with_columns(duration=pl.lit(None, dtype=pl.Float64))
    return events.join(item_durations(items).rename({"duration_seconds": "duration"}), on="item_id", how="left")


FINDERS: dict[str, Rule] = {
    "times_in_the_future": Rule(
        _late,
        "{value} events in the future were removed ({share}): a clock or a unit is wrong, and a split by time would "
        "end there.",
    ),
    "times_before_1990": Rule(
        _early,
        "{value} events before 1990, where unset clocks point, were removed ({share}).",
    ),
    "exact_duplicates": Rule(
        _equal,
        "{value} rows equal to an earlier one in every column were removed ({share}). Without times, or with dates "
        "only, some may have been real repeats.",
    ),
    "short_watches": Rule(
        _short,
        "{value} clicks and plays watched for less than {shortest_watch} s, and not to the end, were removed as "
        "accidents ({share}).",
    ),
    "near_duplicates": Rule(
        _pressed,
        "{value} rows that repeat an act of their user on the item within {press_seconds} s were removed ({share}); "
        "the first one stays.",
    ),
    "too_busy_users": Rule(
        _busy,
        "Users with over {most_a_day} acts on one day, removed with all their {value} events ({share}): {users}.",
    ),
    "clockwork_users": Rule(
        _clockwork,
        "Users who act at equal intervals, as programs do, removed with all their {value} events ({share}): {users}.",
    ),
    "constant_raters": Rule(
        _constant,
        "Users who nearly always give the same rating, removed with all their {value} events ({share}): {users}.",
        "Users who nearly always give the same rating: {users}. The values of their {value} ratings ({share} of the "
        "events) were emptied: what they chose stays, what they liked is unknown.",
    ),
    "long_watches": Rule(
        _long,
        changed="{value} watch times beyond what is plausible were set to the longest plausible one ({share}); the "
        "rows stay.",
    ),
}  # fmt: skip

SAID = ("shortest_watch", "press_seconds", "most_a_day")
