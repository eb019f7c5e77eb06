"""What may a model learn from, what is it asked, and what was the answer: train, queries, truth.

Every split first cuts the log into rows, then makes queries; nothing is derived from rows after a query's cut.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args

import numpy as np
import polars as pl

from avrec_lib.data.dataset import Dataset, fingerprint
from avrec_lib.errors import DataError, UsageError
from avrec_lib.schema import NOT_A_CHOICE, TIME, Queries, Truth, check_table

SplitMethod = Literal["auto", "global_time", "random"]


@dataclass(frozen=True)
class Split:
    """`train` has the columns of `schema.Events`; `queries` and `truth` those of their schemas.

    `protocol` says in plain values how the rows were cut: what every number measured on this split must carry.
    """

    train: pl.DataFrame
    queries: pl.DataFrame
    truth: pl.DataFrame
    protocol: dict[str, Any] = field(default_factory=dict)

    @property
    def warm_queries(self) -> pl.DataFrame:
        """The queries of users that the training rows know."""
        return self.queries.join(self.train.select("user_id").unique(), on="user_id", how="semi", maintain_order="left")

    @property
    def cold_queries(self) -> pl.DataFrame:
        """The queries of users without a single training row."""
        return self.queries.join(self.train.select("user_id").unique(), on="user_id", how="anti", maintain_order="left")

    def fingerprints(self) -> dict[str, str]:
        """`split` (training rows) and `truth`: two runs may be paired only when their truth is the same."""
        known = self.train.select("user_id", "item_id", "timestamp").lazy()
        return {"split": fingerprint({"train": known}), "truth": fingerprint({"truth": self.truth.lazy()})}


def choices(events: pl.LazyFrame, min_value: float | None = None) -> pl.LazyFrame:
    """The events that say "this user wanted this item": an item, and not shown, skipped, disliked or searched.

    With `min_value` a row that carries a value (a rating, a play count) counts only from that value on.
    """
    wanted = events.filter(
        pl.col("item_id").is_not_null(),
        ~pl.col("event").cast(pl.String).is_in([str(event) for event in NOT_A_CHOICE]),
    )
    return wanted if min_value is None else wanted.filter(pl.col("value").is_null() | (pl.col("value") >= min_value))


def split_dataset(
    dataset: Dataset,
    method: SplitMethod = "auto",
    *,
    test_share: float = 0.2,
    min_value: float | None = None,
    exclude_seen: bool = True,
    seed: int = 0,
) -> Split:
    """Split the choices of `dataset` by `method`.

    `auto` is `global_time` where the log has times and `random` where it has none; `protocol["method"]` says which.
    `exclude_seen` drops from the truth what the user already has in training (a list that hides seen items cannot
    find it); the number dropped is in the protocol. Raises DataError when `global_time` is asked of a log without
    times, or when training or test would be empty.
    """
    if method not in get_args(SplitMethod):
        raise UsageError("There is no split named {name}.", hint="Known: {known}.", name=repr(method),
                         known=", ".join(get_args(SplitMethod)))  # fmt: skip
    if not 0 < test_share < 1:
        raise UsageError("test_share must lie between 0 and 1, but is {share}.", share=test_share)
    timed = dataset.has("timestamp")
    if method == "auto":
        method = "global_time" if timed else "random"
    if method == "global_time" and not timed:
        raise DataError(
            "A split by time needs the column 'timestamp', which {name} does not have.",
            hint="Use split=random, and read its numbers as optimistic.", name=dataset.name,
        )  # fmt: skip
    rows = choices(dataset.events, min_value)
    if method == "global_time":
        return _global_time(rows, test_share, exclude_seen)
    return _random(rows, test_share, exclude_seen, seed)


def _global_time(rows: pl.LazyFrame, test_share: float, exclude_seen: bool) -> Split:
    """Train strictly before one moment, test from that moment on, for all users alike."""
    events = rows.filter(pl.col("timestamp").is_not_null()).collect(engine="streaming")
    if events.is_empty():
        raise DataError("No event is left to split.", hint="Lower min_value, or look at `avrec data describe`.")
    times = events["timestamp"].sort()
    cut: datetime = times[min(math.ceil(times.len() * (1 - test_share)), times.len() - 1)]
    after = pl.col("timestamp") >= cut
    protocol = {"method": "global_time", "test_share": test_share, "cut": cut.isoformat()}
    return _assemble(events.filter(~after), events.filter(after), cut, exclude_seen, protocol)


def _random(rows: pl.LazyFrame, test_share: float, exclude_seen: bool, seed: int) -> Split:
    """Each user-item pair goes to the test with probability `test_share`: leaks the future, needs no times."""
    events = rows.collect(engine="streaming")
    pairs = events.select("user_id", "item_id").unique(maintain_order=True)
    drawn = pairs.with_columns(test=pl.Series(np.random.default_rng(seed).random(pairs.height) < test_share))
    events = events.join(drawn, on=["user_id", "item_id"], how="left", maintain_order="left")
    protocol = {"method": "random", "test_share": test_share, "seed": seed}
    train, test = (events.filter(pl.col("test") == side).drop("test") for side in (False, True))
    return _assemble(train, test, None, exclude_seen, protocol)


def _assemble(
    train: pl.DataFrame,
    test: pl.DataFrame,
    cut: datetime | None,
    exclude_seen: bool,
    protocol: dict[str, Any],
) -> Split:
    if train.is_empty() or test.is_empty():
        side = "train" if train.is_empty() else "test"
        raise DataError(
            "The split leaves no {side} rows ({train} train, {test} test).",
            hint="Change test_share, or bring a longer log.", side=side, train=train.height, test=test.height,
        )  # fmt: skip
    pairs = test.select("user_id", "item_id").unique(maintain_order=True)
    truth = pairs.join(train, on=["user_id", "item_id"], how="anti", maintain_order="left") if exclude_seen else pairs
    queries = truth.select("user_id").unique(maintain_order=True)
    queries = queries.select(
        query_id="user_id",
        user_id="user_id",
        cut=pl.lit(cut, dtype=TIME),
        history=pl.lit(None, dtype=pl.List(pl.String)),
    )
    truth = truth.select(query_id="user_id", user_id="user_id", item_id="item_id", relevance=pl.lit(1.0))
    warm_users = train.select("user_id").unique()
    protocol |= {
        "exclude_seen": exclude_seen,
        "train_events": train.height,
        "test_events": test.height,
        "test_events_of_unseen_users": test.join(warm_users, on="user_id", how="anti").height,
        "repeats_dropped_from_truth": pairs.height - truth.height,
    }
    return Split(train, check_table(queries, Queries, "queries"), check_table(truth, Truth, "truth"), protocol)
