"""What lists of clips were worth to those who met the clips: seconds, completion, skips, repeats.

A log knows only what people met. Watch time, completion and skips are therefore of the places of a list whose item
the user did meet in the test rows; how many those are is `met_share`, and it belongs beside them.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from avrec_lib.data.durations import with_durations
from avrec_lib.evaluate.lists import Lists, as_values, row_of_each
from avrec_lib.evaluate.metric import Metric
from avrec_lib.evaluate.ratio import ratio
from avrec_lib.evaluate.watch_time import WatchTimeGain, length_bands
from avrec_lib.schema import Event, is_choice

METRICS = {
    metric.name: metric
    for metric in (
        Metric("met_share", None, "Share of the list that the user met in the test rows"),
        Metric("watch_seconds", "higher", "Seconds of test watch time that the list covers", "s"),
        Metric("watch_share", "higher", "Share of the test watch time that the list covers"),
        Metric("expected_watch_seconds", "higher", "Watch seconds expected of a place of the list", "s"),
        Metric("watch_time_gain", "higher", "Watch time against clips of the same length, in standard deviations"),
        Metric("completion", "higher", "Share of a clip that was watched, of the clips met"),
        Metric("skip_rate", "lower", "Share of the clips met that were skipped"),
        Metric("repeat_share", None, "Share of the list that the user already knows"),
        Metric("near_duplicates", "lower", "Share of the list that nearly repeats an earlier place"),
    )
}


def watch_values(
    lists: Lists, test: pl.DataFrame, *, items: pl.DataFrame | None = None, gain: WatchTimeGain | None = None,
    skip_below: float | None = None, hidden: pl.DataFrame | None = None, k: int, model: str, seed: int = 0,
    window: int = 0,
) -> pl.DataFrame:  # fmt: skip
    """`schema.Values` of what the users did in `test` (events) with the first `k` of their lists.

    With w the seconds a user watched an item in the test, summed over events, and M the places of the list whose item
    the user met there: `watch_seconds` = Σ_M w; `watch_share` = the same over all that the user watched,
    both without the pairs of `hidden` (user_id, item_id), which the lists may not show;
    `expected_watch_seconds` = Σ_M d_r w / Σ_M d_r with d_r = 1/log2(r + 1) for the place r; `completion` = mean over
    M of min(w of the longest event / duration, 1); `watch_time_gain` = mean over M of `gain` (WatchTimeGain), of
    events that are choices, as those it was fitted on;
    `skip_rate` = share of M skipped: an event "skip", or with `skip_below` never watched for that many seconds.
    A mean over no place is null. What `test` and `items` have no column or value for is left out.
    """
    has_watch = test["watch_seconds"].count() > 0
    has_length = has_watch and items is not None and items["duration_seconds"].count() > 0
    rows = _met(test, items if has_length else None, gain, skip_below)
    at = _places(lists, k).join(rows, on=["user_id", "item_id"], how="left", maintain_order="left")
    met = at["events"].is_not_null().to_numpy()
    row, discount = at["row"].to_numpy(), 1 / np.log2(at["rank"].to_numpy() + 1)

    def total(amount: np.ndarray) -> np.ndarray:
        return np.bincount(row, np.nan_to_num(amount), lists.queries.height)

    def mean(amount: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
        weight = np.ones(len(row)) if weight is None else weight
        return ratio(total(amount * weight), total(np.where(np.isnan(amount), 0, weight)))

    computed = {"met_share": mean(met.astype(float))}
    if (test["event"].cast(pl.String) == Event.SKIP).any() or (skip_below is not None and has_watch):
        computed["skip_rate"] = mean(_numbers(at["skipped"]))
    if has_watch:
        seconds = _numbers(at["seconds"])
        open_to_lists = test if hidden is None else test.filter(~_is_in(test, hidden))
        shown = seconds if hidden is None else np.where(_is_in(at, hidden), 0.0, seconds)
        computed |= {
            "watch_seconds": np.where(np.isnan(_watched(lists, test)), np.nan, total(seconds)),
            "watch_share": ratio(total(shown), _watched(lists, open_to_lists)),
            "expected_watch_seconds": mean(seconds, discount),
        }
    if has_length:
        computed["completion"] = mean(_numbers(at["completion"]))
        if gain is not None:
            computed["watch_time_gain"] = mean(_numbers(at["gain"]))
    return as_values(lists, computed, k=k, model=model, seed=seed, window=window)


def completion_by_length(
    lists: Lists, test: pl.DataFrame, items: pl.DataFrame, *, bands: int = 5, k: int, model: str, seed: int = 0,
    window: int = 0,
) -> pl.DataFrame:  # fmt: skip
    """`completion` of `watch_values` by the length of the clip: `schema.Values` with slice, group and place for
    `slice_table`.

    One row a query and band (`length_bands`) in which the user met a clip of the list.
    """
    at = _places(lists, k).join(_met(test, items, None, None), on=["user_id", "item_id"]).drop_nulls("completion")
    banded = length_bands(items, bands).join(at, on="item_id", maintain_order="left")
    by_query = banded.group_by("row", "band", "place", maintain_order=True).agg(pl.col("completion").mean())
    rows = lists.queries[by_query["row"].to_numpy()]
    values = as_values(rows, {"completion": by_query["completion"].to_numpy()}, k=k, model=model, seed=seed,
                       window=window)  # fmt: skip
    return values.with_columns(slice=pl.lit("length of the clip"), group=by_query["band"], place=by_query["place"])


def repeat_values(
    lists: Lists, known: pl.DataFrame, *, k: int, model: str, seed: int = 0, window: int = 0
) -> pl.DataFrame:
    """`repeat_share`: the share of the filled places among the first `k` whose item is in `known` (user_id, item_id).

    Where people come back to what they know, as in music, it belongs beside the accuracy; null for an empty list.
    """
    at = _places(lists, k)
    row = at["row"].to_numpy()
    filled = np.bincount(row, minlength=lists.queries.height)
    again = np.bincount(row, _is_in(at, known), lists.queries.height)
    return as_values(lists, {"repeat_share": ratio(again, filled)}, k=k, model=model, seed=seed, window=window)


def _met(
    test: pl.DataFrame, items: pl.DataFrame | None, gain: WatchTimeGain | None, skip_below: float | None
) -> pl.DataFrame:
    """One row a user and item of the test: events, seconds, skipped, and with `items` completion and gain."""
    skipped = (pl.col("event").cast(pl.String) == Event.SKIP).any()
    if skip_below is not None:
        skipped |= pl.col("watch_seconds").max() < skip_below
    aggregates = {
        "events": pl.len(),
        "seconds": pl.when(pl.col("watch_seconds").count() > 0).then(pl.col("watch_seconds").sum()),
        "skipped": skipped.fill_null(False),
    }
    if items is None:
        return test.group_by("user_id", "item_id").agg(**aggregates)
    events = with_durations(test, items)
    if gain is not None:
        pair = (_numbers(events[name]) for name in ("watch_seconds", "duration_seconds"))
        events = events.with_columns(gain=pl.Series(gain.of(*pair), nan_to_null=True))
        aggregates["gain"] = pl.col("gain").filter(is_choice()).mean()
    aggregates["completion"] = (pl.col("watch_seconds") / pl.col("duration_seconds")).max().clip(upper_bound=1.0)
    return events.group_by("user_id", "item_id").agg(**aggregates)


def _is_in(table: pl.DataFrame, pairs: pl.DataFrame) -> pl.Series:
    """Whether the user_id and item_id of each row of `table` are a row of `pairs`."""
    columns = ["user_id", "item_id"]
    known = pairs.select(columns).unique().with_columns(known=True)
    return table.select(columns).join(known, on=columns, how="left", maintain_order="left")["known"].fill_null(False)


def _watched(lists: Lists, test: pl.DataFrame) -> np.ndarray:
    """The seconds that the user of each list watched in `test`; NaN for one who is not in it."""
    watched = test.group_by("user_id").agg(pl.col("watch_seconds").sum())
    of_user = row_of_each(lists.queries["user_id"], watched["user_id"], "queries")
    return np.append(watched["watch_seconds"].to_numpy(), np.nan)[of_user]


def _places(lists: Lists, k: int) -> pl.DataFrame:
    """Columns row, rank, user_id, item_id: one row a filled place among the first `k`."""
    rows, columns = np.nonzero(lists.items[:, :k] >= 0)
    return pl.DataFrame(
        {
            "row": rows,
            "rank": columns + 1,
            "user_id": lists.queries["user_id"].gather(rows),
            "item_id": lists.item_ids.gather(lists.items[rows, columns]),
        }
    )


def _numbers(column: pl.Series) -> np.ndarray:
    return column.cast(pl.Float64).fill_null(np.nan).to_numpy()
