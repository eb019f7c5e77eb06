"""What every split promises, on random small logs."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_logs import log, untimed

from avrec_lib.data.split import Split, split_windows
from avrec_lib.errors import DataError

METHODS = ["global_time", "rolling_time", "leave_last_out", "random", "user_holdout", "cold_item", "cold_user"]
STRICT = ["global_time", "rolling_time", "cold_item", "cold_user"]
Rows = list[tuple[str, str, int | None]]

ROWS = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.sampled_from("uvwxyz"), st.integers(0, 12)), min_size=4, max_size=40
)
EVENTS = st.sampled_from(["play", "play", "like", "skip"])
OPTIONS = st.fixed_dictionaries(
    {
        "test_share": st.sampled_from([0.1, 0.3, 0.6]),
        "exclude_seen": st.booleans(),
        "tie_rule": st.sampled_from(["file_order", "item_id", "item_id_descending", "random"]),
        "windows": st.sampled_from([1, 2]),
        "tie_orders": st.just(2),
        "k_core": st.sampled_from([0, 0, 2]),
        "seed": st.integers(0, 3),
    }
)


def splits_of(rows: Rows, events: list[str], method, options: dict) -> list[Split]:
    """The splits, or none where the log is refused with a sentence."""
    try:
        return split_windows(log(rows, events), method, **options)
    except DataError as refused:
        assert str(refused)
        return []


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=60)
@given(rows=ROWS, data=st.data(), options=OPTIONS)
def test_every_split_keeps_its_promises(method, rows: Rows, data, options) -> None:
    events = data.draw(st.lists(EVENTS, min_size=len(rows), max_size=len(rows)))
    chosen = {(user, item) for (user, item, _), event in zip(rows, events, strict=True) if event != "skip"}
    for split in splits_of(rows, events, method, options):
        promises(split, chosen)
        own = split.queries.select("user_id", "cut").join(split.train, on="user_id")
        if method in STRICT:
            assert split.train["timestamp"].max() < split.queries["cut"].min()  # type: ignore[operator]
            assert split.protocol["future_share"] == 0
        if method in ("leave_last_out", "user_holdout"):
            assert own.filter(pl.col("timestamp") > pl.col("cut")).is_empty()
            assert all(told_by_then(split, rows, events))
        if method in ("user_holdout", "cold_user"):
            assert own.is_empty()
        if method == "leave_last_out":
            assert split.queries.height == split.truth.height


def promises(split: Split, chosen: set[tuple[str, str]]) -> None:
    truth, train = (table.select("user_id", "item_id") for table in (split.truth, split.train))
    assert set(truth.rows()) <= chosen and set(train.rows()) <= chosen
    assert truth.height and set(split.queries["query_id"]) == set(split.truth["query_id"])
    if split.exclude_seen:
        assert truth.join(split.seen, on=["user_id", "item_id"], how="semi").is_empty()
        told = split.queries.filter(pl.col("history").list.len() > 0).explode("history")
        assert truth.join(told, left_on=["user_id", "item_id"], right_on=["user_id", "history"], how="semi").is_empty()
    if split.candidates is not None:
        assert set(truth["item_id"]) <= set(split.candidates)
        assert not set(split.candidates) & set(train["item_id"])
    assert split.warm_queries.height + split.cold_queries.height == split.queries.height
    assert split.protocol["test_pairs"] == truth.height + split.protocol["repeats_dropped_from_truth"]


def told_by_then(split: Split, rows: Rows, events: list[str]):
    """Of each item told: was it chosen by its user at or before the cut?"""
    for user, cut, history in split.queries.select("user_id", "cut", "history").rows():
        own = log(
            [row for row in rows if row[0] == user], [e for r, e in zip(rows, events, strict=True) if r[0] == user]
        )
        known = own.events.filter(pl.col("timestamp") <= cut, pl.col("event") != "skip").collect()["item_id"]
        yield set(history) <= set(known)


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=20)
@given(rows=ROWS, options=OPTIONS, shuffle=st.randoms(use_true_random=False))
def test_the_seed_decides_and_the_order_of_rows_does_not(method, rows: Rows, options, shuffle) -> None:
    options |= {"tie_rule": "random" if options["tie_rule"] == "file_order" else options["tie_rule"]}
    shuffled = shuffle.sample(rows, len(rows))
    once, again = (splits_of(order, ["play"] * len(rows), method, options) for order in (rows, shuffled))
    assert [split.fingerprints() for split in once] == [split.fingerprints() for split in again]
    for one, other in zip(once, again, strict=True):
        assert one.protocol == other.protocol
        assert one.queries.sort("query_id").equals(other.queries.sort("query_id"))


@pytest.mark.parametrize("method", ["random", "user_holdout", "cold_item", "cold_user"])
@settings(max_examples=20)
@given(rows=ROWS, seed=st.integers(0, 3), exclude_seen=st.booleans())
def test_a_log_without_times_is_split_by_chance(method, rows: Rows, seed: int, exclude_seen: bool) -> None:
    try:
        splits = split_windows(
            untimed([row[:2] for row in rows]), method, test_share=0.5, seed=seed, exclude_seen=exclude_seen
        )
    except DataError:
        return
    for split in splits:
        promises(split, {row[:2] for row in rows})
        assert split.queries["cut"].null_count() == split.queries.height
        assert split.protocol["future_share"] is None and split.protocol["cut"] is None
        assert split.protocol["repeats_dropped_from_truth"] == 0
