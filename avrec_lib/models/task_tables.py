"""Tables of impressions and choices as the arrays that networks of several tasks learn from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from avrec_lib.models.histories import NO_TIME, Histories
from avrec_lib.models.interactions import Interactions
from avrec_lib.networks.experts import PLACES
from avrec_lib.networks.task_learner import Impressions, Negatives, Requests
from avrec_lib.schema import TIME

REQUEST = ("user_id", "cut", "request_id", "platform")
_HOUR, _DAY = 3_600_000_000, 86_400_000_000
_MONDAY = 3  # 1970 began on a Thursday
_AT_ONCE = 20_000  # requests whose whole histories are in memory


def with_cuts(rows: pl.DataFrame) -> pl.DataFrame:
    """`rows` of impressions with `cut`: the first moment of their request, since what was chosen further up in the
    same slate was not known when it was made. Columns of `REQUEST` that they lack are null."""
    types: dict[str, Any] = {"timestamp": TIME, "request_id": pl.String, "platform": pl.String, "position": pl.Int32}
    lacking = [pl.lit(None, dtype=kind).alias(name) for name, kind in types.items() if name not in rows.columns]
    first = pl.col("timestamp").min().over("user_id", "request_id")
    return rows.with_columns(lacking).with_columns(
        cut=pl.when(pl.col("request_id").is_null()).then("timestamp").otherwise(first)
    )


def shown_on_requests(
    interactions: Interactions, rows: pl.DataFrame, tasks: Sequence[str], length: int, platforms: Sequence[str]
) -> tuple[Requests, Impressions, np.ndarray]:
    """Rows of `with_cuts` as arrays, by the time of their request; the third array is the row of `rows` of each.

    Rows whose item is not in the catalogue are left out. `tasks` are columns of labels (none: no labels), null where
    unknown. A history is the last `length` choices strictly before the cut.
    """
    placed = rows.with_row_index("row").join(interactions.item_rows, on="item_id", maintain_order="left")
    asked = placed.select(REQUEST).unique().sort("cut", "user_id", "request_id", "platform")
    numbered = placed.join(asked.with_row_index("request"), on=REQUEST, nulls_equal=True, maintain_order="left")
    numbered = numbered.sort("request", "position", "item_id", "row")
    labels = numbered.select(pl.col(task).cast(pl.Float32).fill_null(np.nan) for task in tasks)
    places = numbered["position"].cast(pl.Int64) + 1
    impressions = Impressions(
        numbered["request"].to_numpy().astype(np.int64), numbered["item_row"].to_numpy().astype(np.int64),
        places.fill_null(0).clip(0, PLACES - 1).to_numpy(),
        labels.to_numpy().reshape(numbered.height, len(tasks)),
    )  # fmt: skip
    return _requests(interactions, asked, length, platforms), impressions, numbered["row"].to_numpy()


def _requests(
    interactions: Interactions, asked: pl.DataFrame, length: int, platforms: Sequence[str]
) -> Requests:  # fmt: skip
    code = {name: place + 1 for place, name in enumerate(platforms)}
    platform = asked["platform"].replace_strict(code, default=0, return_dtype=pl.Int64).fill_null(0).to_numpy()
    nothing = pl.lit(None, dtype=pl.List(pl.String))
    queries = asked.select("user_id", "cut", history=nothing)
    parts = [interactions.histories(block).latest(length) for block in queries.iter_slices(_AT_ONCE)]
    lengths = np.concatenate([np.zeros(0, np.int64), *(part.lengths for part in parts)])
    items = np.concatenate([np.zeros(0, np.int32), *(part.items for part in parts)])
    cuts = asked["cut"].to_physical().fill_null(NO_TIME).to_numpy()
    return Requests(items, np.cumsum(lengths) - lengths, lengths, context_of(cuts, platform))


def choices_on_requests(
    interactions: Interactions, length: int, negatives: int
) -> tuple[Requests, Impressions, Negatives]:
    """Every first choice of an item by a user as a request that showed it, in order of time, labels (choices, 1) of 1;
    and what to draw beside each, `negatives` at a time from all items that anybody chose.

    A history is what the user chose before it in the order of the log, at most `length`.
    """
    past = interactions.past
    keys, chosen = np.unique(past.queries * past.catalogue + past.items, return_index=True)
    chosen = np.sort(chosen)
    chosen = chosen[np.argsort(past.times[chosen], kind="stable")]
    users = past.queries[chosen]
    first = np.maximum(past.starts[users], chosen - length)
    requests = Requests(past.items, first, chosen - first, context_of(past.times[chosen]))  # copies of none of them
    count = len(chosen)
    shown = Impressions(
        np.arange(count), past.items[chosen].astype(np.int64), np.zeros(count, np.int64),
        np.ones((count, 1), np.float32),
    )  # fmt: skip
    return requests, shown, Negatives(negatives, np.unique(past.items), users, keys, past.catalogue)


def requests_of(histories: Histories, length: int) -> Requests:
    """What queries may know as requests on an unknown platform."""
    latest = histories.latest(length)
    return Requests(latest.items, latest.starts[:-1], latest.lengths, context_of(histories.cuts))


def context_of(times: np.ndarray, platform: np.ndarray | None = None) -> np.ndarray:
    """(requests, 3) int64: hour of the day + 1, day of the week + 1 (both UTC), platform; 0 where it is unknown."""
    known = times != NO_TIME
    moment = np.where(known, times, 0)
    hour, weekday = moment % _DAY // _HOUR + 1, (moment // _DAY + _MONDAY) % 7 + 1
    where = np.zeros(len(times), np.int64) if platform is None else platform
    return np.column_stack([np.where(known, hour, 0), np.where(known, weekday, 0), where]).astype(np.int64)
