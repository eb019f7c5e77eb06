"""The shapes of a log, simulated or real: popularity tail, activity, sessions, returns, places, watching.

Each is a number that two logs can be held against each other by, whatever their size.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from avrec_lib.data.durations import item_durations
from avrec_lib.data.sessions import sessions_of
from avrec_lib.schema import Events, Items, is_choice, with_all_columns

SHAPES = {
    "gini_items": "Gini coefficient of choices over the items chosen",
    "top_tenth_items": "Share of choices that the most chosen tenth of items has",
    "gini_users": "Gini coefficient of choices over users",
    "top_tenth_users": "Share of choices that the busiest tenth of users makes",
    "repeat_share": "Share of choices of an item that the user chose before",
    "session_choices_median": "Choices in a session, median",
    "session_choices_mean": "Choices in a session, mean",
    "session_choices_90": "Choices in a session, 90th percentile",
    "session_minutes_median": "Minutes from the first to the last choice of a session, median",
    "gap_days_25": "Days between the sessions of a user, 25th percentile",
    "gap_days_median": "Days between the sessions of a user, median",
    "gap_days_90": "Days between the sessions of a user, 90th percentile",
    "next_day_share": "Share of the days of use that are followed by a day of use",
    "active_days_mean": "Days of use a user, mean share of the days of the log",
    "click_rate": "Clicks an impression",
    "second_place": "Clicks an impression at the second place, over the first",
    "fifth_place": "Clicks an impression at the fifth place, over the first",
    "watched_share": "Share of an item's length that is watched, median",
    "length_median": "Length of the items, seconds, median",
    "length_spread": "Standard deviation of the logarithm of the items' length",
}


def shapes_of(
    events: pl.DataFrame | pl.LazyFrame, items: pl.DataFrame | pl.LazyFrame | None = None, *, weighted: bool = False
) -> pl.DataFrame:
    """Columns shape, what, value, n: every shape of `SHAPES`, null where the log cannot say; n is what it is taken of.

    Choices are events that say "I want this"; of a request each item counts once, so that a click, its play and a like
    are one choice. `weighted` counts a row as often as its value says (play counts). `items` are needed for lengths.
    """
    log = with_all_columns(events.lazy(), Events)
    wanted = "user_id", "item_id", "timestamp", "session_id", "request_id", "value"
    rows = log.filter(is_choice()).select(wanted).collect()
    asked = rows.filter(pl.col("request_id").is_not_null()).unique(["user_id", "item_id", "request_id"], keep="first")
    choices = pl.concat([asked, rows.filter(pl.col("request_id").is_null())])
    weight = pl.col("value").fill_null(1.0).sum() if weighted else pl.len().cast(pl.Float64)
    parts: dict[str, tuple[float | None, int]] = {}
    for kind in ("item", "user"):
        amounts = choices.group_by(f"{kind}_id").agg(weight.alias("amount"))["amount"].to_numpy()
        parts[f"gini_{kind}s"] = gini(amounts), len(amounts)
        parts[f"top_tenth_{kind}s"] = top_share(amounts), len(amounts)
    total = choices.height
    pairs = choices.select("user_id", "item_id").n_unique() if total else 0
    parts["repeat_share"] = ((total - pairs) / total if total else None), total
    parts |= _sessions(choices) | _days(choices) | _places(log)
    parts |= _lengths(log, None if items is None else with_all_columns(items.lazy(), Items))
    return pl.DataFrame(
        [(name, what, *parts.get(name, (None, 0))) for name, what in SHAPES.items()],
        schema={"shape": pl.String, "what": pl.String, "value": pl.Float64, "n": pl.Int64},
        orient="row",
    )


def beside(simulated: pl.DataFrame, real: pl.DataFrame) -> pl.DataFrame:
    """Columns shape, what, simulated, real, ratio: two tables of `shapes_of`, where both have a value.

    `ratio` is simulated over real, null where the real one is 0.
    """
    both = simulated.select("shape", "what", simulated="value").join(
        real.select("shape", real="value"), on="shape", maintain_order="left"
    )
    ratio = pl.when(pl.col("real") != 0).then(pl.col("simulated") / pl.col("real")).alias("ratio")
    return both.drop_nulls(["simulated", "real"]).with_columns(ratio)


def gini(amounts: np.ndarray) -> float | None:
    """Σ_i (2 i − n − 1) x_i / (n Σ x) of n amounts in ascending order; none of nothing."""
    ordered = np.sort(amounts)
    total, n = ordered.sum(), len(ordered)
    return float((2 * np.arange(1, n + 1) - n - 1) @ ordered / (n * total)) if total > 0 else None


def top_share(amounts: np.ndarray) -> float | None:
    """The share of the total that the largest tenth (at least one) has; none of nothing."""
    total = amounts.sum()
    largest = max(1, round(len(amounts) / 10))
    return float(np.sort(amounts)[-largest:].sum() / total) if total > 0 else None


def _sessions(choices: pl.DataFrame) -> dict[str, tuple[float | None, int]]:
    sessions = sessions_of(choices)
    gaps = sessions.sort("user_id", "start").select((pl.col("start").diff().over("user_id")).drop_nulls())["start"]
    days = gaps.dt.total_seconds() / 86_400
    counts = sessions["events"].cast(pl.Float64)
    return {
        "session_choices_median": (_quantile(counts, 0.5), len(counts)),
        "session_choices_mean": (_number(counts.mean()), len(counts)),
        "session_choices_90": (_quantile(counts, 0.9), len(counts)),
        "session_minutes_median": (_quantile(sessions["seconds"] / 60, 0.5), len(counts)),
        "gap_days_25": (_quantile(days, 0.25), len(days)),
        "gap_days_median": (_quantile(days, 0.5), len(days)),
        "gap_days_90": (_quantile(days, 0.9), len(days)),
    }


def _days(choices: pl.DataFrame) -> dict[str, tuple[float | None, int]]:
    used = choices.drop_nulls("timestamp").select("user_id", day=pl.col("timestamp").dt.date()).unique()
    if not used.height:
        return {}
    span = used.select((pl.col("day").max() - pl.col("day").min()).dt.total_days() + 1).item()
    last = used["day"].max()
    again = used.sort("user_id", "day").select(
        "day", next=(pl.col("day").shift(-1).over("user_id") - pl.col("day")).dt.total_days() == 1
    )
    again = again.filter(pl.col("day") < last)
    share = used.group_by("user_id").len()["len"].cast(pl.Float64) / span
    return {
        "next_day_share": (_number(again["next"].fill_null(False).mean()), again.height),
        "active_days_mean": (_number(share.mean()), len(share)),
    }


def _places(log: pl.LazyFrame) -> dict[str, tuple[float | None, int]]:
    counts = (
        log.filter(pl.col("event").cast(pl.String).is_in(["impression", "click"]))
        .group_by("position")
        .agg(shown=(pl.col("event") == "impression").sum(), clicks=(pl.col("event") == "click").sum())
        .filter(pl.col("shown") > 0)
        .collect()
    )
    if not counts.height:
        return {}
    found: dict[str, tuple[float | None, int]] = {
        "click_rate": (int(counts["clicks"].sum()) / int(counts["shown"].sum()), int(counts["shown"].sum()))
    }
    rate = {place: (clicks / shown, shown) for place, shown, clicks in counts.drop_nulls().rows()}
    first = rate.get(0, (0.0, 0))[0]
    for name, place in (("second_place", 1), ("fifth_place", 4)):
        if first and place in rate:
            found[name] = rate[place][0] / first, rate[place][1]
    return found


def _lengths(log: pl.LazyFrame, items: pl.LazyFrame | None) -> dict[str, tuple[float | None, int]]:
    if items is None:
        return {}
    lengths = item_durations(items)
    seconds = lengths.collect()["duration_seconds"]
    watched = log.filter(pl.col("watch_seconds").is_not_null()).select("item_id", "watch_seconds")
    share = watched.join(lengths, on="item_id").select(pl.col("watch_seconds") / pl.col("duration_seconds")).collect()
    return {
        "watched_share": (_quantile(share["watch_seconds"], 0.5), share.height),
        "length_median": (_quantile(seconds, 0.5), len(seconds)),
        "length_spread": (_number(seconds.log().std()), len(seconds)),
    }


def _quantile(values: pl.Series, share: float) -> float | None:
    return _number(values.quantile(share, "linear"))


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
