"""Splits inside the training rows of a split, asking what it asks: where options are chosen before the test is seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import polars as pl

from avrec_lib.data.dataset import Dataset
from avrec_lib.data.split import Split, SplitMethod, split_windows
from avrec_lib.data.split_rows import PAIR
from avrec_lib.errors import UsageError
from avrec_lib.schema import Event, Events, is_choice

MOMENT = [*PAIR, "timestamp"]
SAME_QUESTION: dict[str, SplitMethod] = {
    "global_time": "rolling_time",
    "rolling_time": "rolling_time",
    "leave_last_out": "leave_last_out",
    "random": "random",
    "user_holdout": "user_holdout",
    "cold_item": "cold_item",
    "cold_user": "cold_user",
}


def validation_splits(
    outer: Split | Sequence[Split], dataset: Dataset, *, windows: int = 3, test_share: float | None = None,
    seed: int | None = None,
) -> list[Split]:  # fmt: skip
    """Split the training rows of `outer` again, so that the same is asked of rows that no test will ask for.

    Of several outer splits (windows, orders of ties) only rows that all of them train on are taken. A split by time
    becomes `windows` rolling ones; `leave_last_out` stays (`windows` orders where ties are drawn), and so do the other
    methods, with another `seed` (default: the outer one + 1) where chance decides. `test_share` is the outer one, a
    fifth for `leave_last_out`; all other options are the outer ones, but for `k_core`, which the rows have passed.
    With one cut for all, what users skipped or disliked before it still counts as seen; else choices alone do.

    Raises UsageError for a split that does not say how it was made, DataError when the rows cannot be split again.
    """
    splits = [outer] if isinstance(outer, Split) else list(outer)
    if not splits or splits[0].protocol.get("method") not in SAME_QUESTION:
        raise UsageError(
            "Validation repeats the question of a split, but this one does not say how it was made.",
            hint="Make it with split_windows.",
        )
    protocol = splits[0].protocol
    cuts = [datetime.fromisoformat(one.protocol["cut"]) for one in splits if one.protocol["cut"]]
    cut = min(cuts) if cuts else None
    rows = splits[0].train
    for other in splits[1:]:
        rows = rows.join(other.train, on=MOMENT, how="semi", nulls_equal=True, maintain_order="left")
    if cut is not None:
        rows = pl.concat([rows, _passed_over(dataset, splits, cut, protocol["min_value"])])
    inner = dataset.with_events(rows.lazy(), "Training rows only, to choose options on.")
    options: dict[str, Any] = {
        "test_share": test_share or protocol["test_share"] or 0.2,
        "min_value": protocol["min_value"] if inner.has("value") else None,
        "exclude_seen": protocol["exclude_seen"],
        "graded": protocol["graded"],
        "tie_rule": protocol["tie_rule"] or "file_order",
        "seed": (protocol["seed"] or 0) + 1 if seed is None else seed,
        "windows": windows,
        "tie_orders": windows,
    }
    found = split_windows(inner, SAME_QUESTION[protocol["method"]], **options)
    return [_offered_before(split, inner, cut) for split in found]


def _passed_over(dataset: Dataset, splits: list[Split], cut: datetime, min_value: float | None) -> pl.DataFrame:
    """What is no choice and was met before `cut`, by users and of items that every split knows."""
    no_choice = ~is_choice(min_value) & (pl.col("event").cast(pl.String) != Event.IMPRESSION.value)
    rows = dataset.events.filter(no_choice, pl.col("timestamp") < cut).select(Events.column_names())
    for split in splits:
        rows = rows.join(split.seen.lazy(), on=PAIR, how="semi", maintain_order="left")
    return rows.collect(engine="streaming")


def _offered_before(split: Split, inner: Dataset, cut: datetime | None) -> Split:
    """`split` without candidates that nobody had met before the outer `cut` and that came out after it."""
    if cut is None or split.candidates is None or split.protocol["candidates_from"] != "on_offer":
        return split
    published = inner.items.filter(pl.col("published_at") < cut).select("item_id")
    known = pl.concat([inner.events.select("item_id"), published]).unique().collect(engine="streaming")
    candidates = split.candidates.filter(split.candidates.is_in(known["item_id"].implode()))
    return replace(split, candidates=candidates, protocol=split.protocol | {"candidates": candidates.len()})
