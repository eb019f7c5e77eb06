"""How somebody uses the service: tempo, variety, hours, platforms, searches, likes, and what is chosen on average."""

from __future__ import annotations

import math

import polars as pl

from avrec_lib.features.histories import DAY, chosen, done
from avrec_lib.features.interests import SHARES, in_order
from avrec_lib.schema import TIME, Event

COUNTED = {
    "searches": Event.SEARCH, "likes": Event.LIKE, "dislikes": Event.DISLIKE, "shares": Event.SHARE,
    "favourites": Event.FAVOURITE, "skips": Event.SKIP,
}  # fmt: skip
"""A count of the profile -> the event that it counts."""

LAST_SEARCHES = 5
NO_DIRECTION = 1e-9  # a mean of hours this short points nowhere


def habits_of(
    known: pl.DataFrame,
    queries: pl.DataFrame,
    items: pl.DataFrame | None,
    popularity: pl.DataFrame | None,
    since: pl.DataFrame,
    min_value: float | None = None,
) -> pl.DataFrame:
    """One row a query of `queries`, in their order: query_id, user_id and the columns that `profile` describes.

    `known` is what `as_of` says of them, `since` what `kinds_since` says of the log.
    """
    acts = known.filter(done()).with_columns(is_chosen=chosen(min_value), act=pl.col("event").cast(pl.String))
    acts = _with_facts(acts, items, popularity)
    table = queries.select("query_id", "user_id", "cut", told=pl.col("history").is_not_null())
    table = table.join(acts.group_by("query_id").agg(**_sums()), on="query_id", how="left", maintain_order="left")
    return _with_meaning(table, since).drop("cut", "told", "dated", "sine", "cosine")


def kinds_since(log: pl.LazyFrame) -> pl.DataFrame:
    """Columns act, since, untimed: when each kind of event first came in the log, and whether it came without a time.

    A user's 0 likes mean something only where likes had been logged by then.
    """
    return (
        log.group_by(act=pl.col("event").cast(pl.String))
        .agg(since=pl.col("timestamp").min(), untimed=pl.col("timestamp").is_null().any())
        .collect()
    )


def habit_shares(known: pl.DataFrame) -> pl.DataFrame:
    """Columns as `interests_of`, of kinds hour (UTC, 00 to 23) and platform: plain shares of all that was done."""
    acts = known.filter(done())
    labelled = [
        acts.select("query_id", "user_id", kind=pl.lit(kind), label=label).drop_nulls("label")
        for kind, label in {"hour": pl.col("timestamp").dt.strftime("%H"), "platform": pl.col("platform")}.items()
    ]
    counted = pl.concat(labelled).group_by("query_id", "user_id", "kind", "label", maintain_order=True)
    shares = counted.agg(events=pl.len().cast(pl.Int64)).with_columns(
        weight=pl.col("events") / pl.col("events").sum().over("query_id", "kind")
    )
    return in_order(shares.select(list(SHARES)).cast(SHARES), known)  # type: ignore[arg-type]


def _with_facts(acts: pl.DataFrame, items: pl.DataFrame | None, popularity: pl.DataFrame | None) -> pl.DataFrame:
    """`acts` with published_at and popularity_percentile of their items."""
    for table, column, kind in (
        (items, "published_at", TIME),
        (popularity, "popularity_percentile", pl.Float64),
    ):
        if table is None or column not in table.columns:
            acts = acts.with_columns(pl.lit(None, dtype=kind).alias(column))
        else:
            facts = table.select("item_id", pl.col(column).cast(kind)).unique("item_id", keep="first")
            acts = acts.join(facts, on="item_id", how="left", maintain_order="left")
    return acts


def _sums() -> dict[str, pl.Expr]:
    time = pl.col("timestamp")
    gaps = time.drop_nulls().sort().diff().drop_nulls().dt.total_microseconds()
    seconds = pl.col("timestamp").dt.hour().cast(pl.Int32) * 3600 + time.dt.minute().cast(pl.Int32) * 60
    angle = (seconds + time.dt.second()) * (2 * math.pi / 86_400)
    is_choice = pl.col("is_chosen")
    age = (time - pl.col("published_at")).dt.total_microseconds() / DAY
    texts = pl.col("query").filter((pl.col("act") == Event.SEARCH.value) & pl.col("query").is_not_null())
    counts = {name: (pl.col("act") == event.value).sum().cast(pl.Int64) for name, event in COUNTED.items()}
    return {
        "events": pl.len().cast(pl.Int64),
        "choices": is_choice.sum().cast(pl.Int64),
        "items": pl.col("item_id").filter(is_choice).n_unique().cast(pl.Int64),
        "dated": time.count().cast(pl.Int64),
        "active_days": time.drop_nulls().dt.date().n_unique().cast(pl.Int64),
        "median_gap_hours": gaps.median() / 3.6e9,
        "days_since_last": pl.col("age_days").min(),
        "sine": angle.sin().mean(),
        "cosine": angle.cos().mean(),
        "weekend_share": (time.dt.weekday() >= 6).cast(pl.Float64).mean(),
        "mean_value": pl.col("value").mean(),
        "mean_popularity_percentile": pl.col("popularity_percentile").filter(is_choice).mean(),
        "mean_item_age_days": age.filter(is_choice).mean(),
        **counts,
        "last_searches": texts.reverse().unique(maintain_order=True).head(LAST_SEARCHES),
    }


def _with_meaning(table: pl.DataFrame, since: pl.DataFrame) -> pl.DataFrame:
    """Counts that are 0 and not unknown, what follows from the sums, and null where there is nothing to say."""
    table = table.with_columns(pl.col("events", "choices", "items", "dated").fill_null(0))
    has_times = (pl.col("dated") > 0) | (pl.col("events") == 0)
    length = (pl.col("sine").pow(2) + pl.col("cosine").pow(2)).sqrt()
    turn = pl.arctan2("sine", "cosine") / (2 * math.pi)
    counted = [pl.when(_was_logged(event, since)).then(pl.col(name).fill_null(0)) for name, event in COUNTED.items()]
    none = pl.lit([], dtype=pl.List(pl.String))
    return (
        table.with_columns(
            *counted,
            active_days=pl.when(has_times).then(pl.col("active_days").fill_null(0)),
            repeat_share=pl.when(pl.col("choices") > 0).then(1 - pl.col("items") / pl.col("choices")),
            hour_concentration=length,
            mean_hour=pl.when(length > NO_DIRECTION).then((turn % 1.0) * 24 % 24),
            last_searches=pl.when(_was_logged(Event.SEARCH, since)).then(pl.col("last_searches").fill_null(none)),
        )
        .with_columns(
            events_per_active_day=pl.when(pl.col("active_days") > 0).then(pl.col("dated") / pl.col("active_days"))
        )
    )  # fmt: skip


def _was_logged(event: Event, since: pl.DataFrame) -> pl.Expr:
    """Whether the log had met `event` by the cut of a query that reads the log."""
    row = since.filter(pl.col("act") == event.value)
    if row.is_empty():
        return pl.lit(value=False)
    first = pl.lit(row["since"].item(), dtype=TIME)
    return ~pl.col("told") & (pl.col("cut").is_null() | (first < pl.col("cut")).fill_null(value=False))
