"""The one door through which features see a user: what a query may know, and how old each event is by then."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from avrec_lib.errors import DataError
from avrec_lib.protocols import Query, queries_table
from avrec_lib.schema import Event, Events, is_choice, require_columns, with_all_columns

DAY = 86_400e6  # in microseconds
COLUMNS = ("query_id", *Events.column_names(), "age_days")


def as_of(
    events: pl.DataFrame | pl.LazyFrame,
    queries: pl.DataFrame | Iterable[Query | str],
    *,
    times_of_told: bool = False,
) -> pl.DataFrame:
    """One row a query and known event, oldest first: query_id, the columns of `schema.Events`, and age_days.

    Known is what the query's user did strictly before its cut; all of it where there is no cut, so then `events` must
    be training rows. Where the query carries a `history`, that is known instead: its items in their order, every
    other column null. With `times_of_told` a told item also has what the log says of the user's choice of it, if that
    was strictly before the cut (of an item chosen twice, the first of the two belongs to the first told).

    age_days is the time from the event to the cut, in days; without a cut to the last moment of `events`. Queries stay
    in their order, events at the same time in that of `events`, and NaN is null. A query with nothing known has no
    row. Raises DataError when ids are no strings, and for a cut where `events` have no times.
    """
    asked = queries_table(queries).with_row_index("asked")
    log = typed_log(events).with_row_index("row")
    own = asked.lazy().select("asked", "query_id", "user_id", "cut", told=pl.col("history").is_not_null())
    own = own.join(log, on="user_id", how="inner")
    has_no_cut = asked["cut"].null_count() > 0
    _refuse_cuts_without_times(asked, log)
    before = pl.col("cut").is_null() | (pl.col("timestamp") < pl.col("cut"))
    logged = own.filter(~pl.col("told"), before).sort("asked", "timestamp", "row").collect()
    told = _told(asked)
    if times_of_told and told.height:
        told = _dated(told, own.filter("told", pl.col("timestamp") < pl.col("cut")).filter(chosen()).collect())
    known = pl.concat([logged, told], how="diagonal").sort("asked", maintain_order=True)
    end = log.select(pl.col("timestamp").max()).collect().item() if has_no_cut else None
    now = pl.col("cut").fill_null(pl.lit(end, dtype=known.schema["cut"]))
    age = (now - pl.col("timestamp")).dt.total_microseconds() / DAY
    return known.with_columns(age_days=age).select(COLUMNS)


def typed_log(events: pl.DataFrame | pl.LazyFrame) -> pl.LazyFrame:
    """`events` with all columns of `schema.Events` and NaN as null; DataError when ids are missing or no strings."""
    log = events.lazy()
    present = log.collect_schema()
    require_columns(("user_id", "item_id"), present.names(), Events, "events")
    for column in ("user_id", "item_id"):
        if present[column] != pl.String:
            raise DataError(
                "The column {column} holds {found}, but ids are strings.", hint="Cast it with cast(pl.String).",
                column=repr(column), found=present[column],
            )  # fmt: skip
    types = Events.create_empty().schema
    numbers = [name for name, kind in types.items() if kind.is_float()]
    return with_all_columns(log, Events).cast(types).with_columns(pl.col(numbers).fill_nan(None))


def chosen(min_value: float | None = None) -> pl.Expr:
    """Whether a known event is a choice (`schema.is_choice`); one of which nothing is said but its item is."""
    return is_choice(min_value).fill_null(value=True) & pl.col("item_id").is_not_null()


def done() -> pl.Expr:
    """Whether a known event is something that the user did, and not only what was shown."""
    return pl.col("event").is_null() | (pl.col("event").cast(pl.String) != Event.IMPRESSION.value)


def _refuse_cuts_without_times(asked: pl.DataFrame, log: pl.LazyFrame) -> None:
    cuts = asked.filter(pl.col("history").is_null())["cut"].count()
    rows, times = log.select(pl.len(), times=pl.col("timestamp").count()).collect().row(0)
    if cuts and rows and not times:
        raise DataError("A query has a cut, but the training rows have no times to cut.")


def _told(asked: pl.DataFrame) -> pl.DataFrame:
    told = asked.filter(pl.col("history").list.len() > 0)
    return told.select("asked", "query_id", "user_id", "cut", item_id="history").explode("item_id")


def _dated(told: pl.DataFrame, logged: pl.DataFrame) -> pl.DataFrame:
    """`told` with the columns of `logged` where the same item was chosen the same time over."""
    nth = pl.int_range(pl.len()).over("asked", "item_id")
    ordered = logged.sort("asked", "timestamp", "row").with_columns(nth=nth)
    facts = ordered.drop("query_id", "user_id", "cut", "told", "row")
    dated = told.with_columns(nth=nth).join(facts, on=["asked", "item_id", "nth"], how="left", maintain_order="left")
    return dated.drop("nth")
