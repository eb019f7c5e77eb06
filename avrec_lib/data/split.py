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
from avrec_lib.schema import TIME, Event, Queries, Truth, check_table, is_choice

SplitMethod = Literal["auto", "global_time", "random"]


@dataclass(frozen=True)
class Split:
    """`train` has the columns of `schema.Events`; `queries` and `truth` those of their schemas.

    `seen` (user_id, item_id) is all that a user met before the cut, chosen or not: skipped, disliked, rated too low.
    With `exclude_seen` it is neither in the truth nor to be recommended. `protocol` says in plain values how the rows
    were cut: what every number measured on this split must carry.
    """

    train: pl.DataFrame
    queries: pl.DataFrame
    truth: pl.DataFrame
    seen: pl.DataFrame
    exclude_seen: bool = True
    protocol: dict[str, Any] = field(default_factory=dict)

    @property
    def warm_queries(self) -> pl.DataFrame:
        """The queries of users that the training rows know."""
        return self._queries_of_trained_users("semi")

    @property
    def cold_queries(self) -> pl.DataFrame:
        """The queries of users without a single training row."""
        return self._queries_of_trained_users("anti")

    def _queries_of_trained_users(self, how: Literal["semi", "anti"]) -> pl.DataFrame:
        return self.queries.join(self.train, on="user_id", how=how, maintain_order="left")

    def fingerprints(self) -> dict[str, str]:
        """`split` (training rows) and `truth`: two runs may be paired only when their truth is the same."""
        known = self.train.select("user_id", "item_id", "timestamp").lazy()
        return {"split": fingerprint({"train": known}), "truth": fingerprint({"truth": self.truth.lazy()})}


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
    if min_value is not None and not dataset.has("value"):
        raise DataError(
            "min_value is {least}, but {name} has no values to hold against it.",
            hint="Leave min_value out.", least=min_value, name=dataset.name,
        )  # fmt: skip
    timed = dataset.has("timestamp")
    if method == "auto":
        method = "global_time" if timed else "random"
    if method == "global_time" and not timed:
        raise DataError(
            "A split by time needs the column 'timestamp', which {name} does not have.",
            hint="Use split=random, and read its numbers as optimistic.", name=dataset.name,
        )  # fmt: skip
    was_shown_only = pl.col("event").cast(pl.String) == Event.IMPRESSION.value
    met = dataset.events.filter(pl.col("item_id").is_not_null(), ~was_shown_only)
    rows = met.with_columns(chosen=is_choice(min_value)).collect(engine="streaming")
    if not rows["chosen"].any():
        raise DataError("No event is left to split.", hint="Lower min_value, or look at `avrec data describe`.")
    if method == "global_time":
        return _global_time(rows, test_share, exclude_seen)
    return _random(rows, test_share, exclude_seen, seed)


def _global_time(rows: pl.DataFrame, test_share: float, exclude_seen: bool) -> Split:
    """Train strictly before one moment, test from that moment on, for all users alike."""
    timed = rows.filter(pl.col("timestamp").is_not_null())
    times = timed.filter("chosen")["timestamp"].sort()
    if times.is_empty():
        raise DataError("No event is left to split.", hint="Lower min_value, or look at `avrec data describe`.")
    cut: datetime = times[min(math.ceil(times.len() * (1 - test_share)), times.len() - 1)]
    if times[0] == cut:
        raise DataError(
            "All training events would share the time {cut}, so there is no before and after.",
            hint="Use split=random, and read its numbers as optimistic.", cut=cut,
        )  # fmt: skip
    after = pl.col("timestamp") >= cut
    untimed = rows["chosen"].sum() - times.len()
    protocol = {
        "method": "global_time",
        "test_share": test_share,
        "cut": cut.isoformat(),
        "events_without_time": untimed,
    }
    return _assemble(timed.filter(~after), timed.filter(after), cut, exclude_seen, protocol)


def _random(rows: pl.DataFrame, test_share: float, exclude_seen: bool, seed: int) -> Split:
    """Each user-item pair goes to the test with probability `test_share`: leaks the future, needs no times.

    The pairs are drawn in the order of their ids, so that the order of the rows does not matter.
    """
    pairs = rows.filter("chosen").select("user_id", "item_id").unique().sort("user_id", "item_id")
    held_out = pairs.filter(pl.Series(np.random.default_rng(seed).random(pairs.height) < test_share))
    protocol = {"method": "random", "test_share": test_share, "seed": seed}
    on = ["user_id", "item_id"]
    train, test = (rows.join(held_out, on=on, how=how, maintain_order="left") for how in ("anti", "semi"))
    return _assemble(train, test, None, exclude_seen, protocol)


def _assemble(
    before: pl.DataFrame, after: pl.DataFrame, cut: datetime | None, exclude_seen: bool, protocol: dict[str, Any]
) -> Split:
    train, test = (side.filter("chosen").drop("chosen") for side in (before, after))
    if train.is_empty() or test.is_empty():
        side = "train" if train.is_empty() else "test"
        raise DataError(
            "The split leaves no {side} rows ({train} train, {test} test).",
            hint="Change test_share, or bring a longer log.", side=side, train=train.height, test=test.height,
        )  # fmt: skip
    on = ["user_id", "item_id"]
    seen, pairs = (rows.select(on).unique(maintain_order=True) for rows in (before, test))
    truth = pairs.join(seen, on=on, how="anti", maintain_order="left") if exclude_seen else pairs
    if truth.is_empty():
        raise DataError(
            "Every test row repeats what its user already had, so nothing is left to find.",
            hint="Use exclude_seen=false.",
        )
    if truth.join(train, on="user_id", how="semi").is_empty():
        raise DataError(
            "No user of the test is known from training, so no personal model can be judged.",
            hint="Change test_share, use split=random, or bring a longer log.",
        )
    no_history = pl.lit(None, dtype=pl.List(pl.String))
    users = truth.select("user_id").unique(maintain_order=True)
    queries = users.select(query_id="user_id", user_id="user_id", cut=pl.lit(cut, dtype=TIME), history=no_history)
    truth = truth.select(query_id="user_id", user_id="user_id", item_id="item_id", relevance=pl.lit(1.0))
    protocol |= {
        "train_events": train.height,
        "test_events": test.height,
        "test_events_of_unseen_users": test.join(train.select("user_id").unique(), on="user_id", how="anti").height,
        "test_pairs": pairs.height,
        "repeats_dropped_from_truth": pairs.height - truth.height,
        "truth_of_unseen_items": truth.join(train.select("item_id").unique(), on="item_id", how="anti").height,
    }
    queries, truth = check_table(queries, Queries, "queries"), check_table(truth, Truth, "truth")
    return Split(train, queries, truth, seen, exclude_seen, protocol)
