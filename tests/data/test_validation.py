"""Validation asks what the test asks, of rows that the test never asks for."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_logs import at, log, untimed

from avrec_lib.data.dataset import Dataset
from avrec_lib.data.split import Split, split_dataset, split_windows
from avrec_lib.data.validation import validation_splits
from avrec_lib.data.write import write_dataset
from avrec_lib.errors import AvrecError, DataError, UsageError

METHODS = ["global_time", "rolling_time", "leave_last_out", "random", "user_holdout", "cold_item", "cold_user"]
ROW = ["user_id", "item_id", "timestamp"]
ROWS = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.sampled_from("mnopqrstuvwxyz"), st.integers(0, 30)), min_size=40,
    max_size=70, unique=True,
)  # fmt: skip
OPTIONS = st.fixed_dictionaries(
    {
        "test_share": st.sampled_from([0.2, 0.4]),
        "exclude_seen": st.booleans(),
        "tie_rule": st.sampled_from(["file_order", "item_id", "random"]),
        "windows": st.just(2),
        "tie_orders": st.just(2),
        "k_core": st.sampled_from([0, 2]),
        "seed": st.integers(0, 3),
    }
)


def told(split: Split) -> pl.DataFrame:
    """All rows that a validation split holds: to learn from, or to find."""
    return pl.concat([split.train.select(ROW), split.test.select(ROW)])


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=20)
@given(rows=ROWS, data=st.data(), options=OPTIONS)
def test_no_row_of_the_test_is_in_a_validation_split(method, rows, data, options) -> None:
    events = data.draw(st.lists(st.sampled_from(["play", "play", "like", "skip"]), min_size=len(rows),
                                max_size=len(rows)))  # fmt: skip
    dataset = log(rows, events)
    try:
        outer = split_windows(dataset, method, **options)
        inner = validation_splits(outer, dataset, windows=2)
    except DataError:  # too small to be split twice
        return
    hidden = pl.concat(split.test.filter(pl.col("event").cast(pl.String) != "skip").select(ROW) for split in outer)
    cuts = [datetime.fromisoformat(split.protocol["cut"]) for split in outer if split.protocol["cut"]]
    for split in inner:
        rows_told = told(split)
        assert rows_told.join(hidden, on=ROW, how="semi").is_empty()
        for one in outer:
            assert split.train.select(ROW).join(one.train, on=ROW, how="anti").is_empty()
            assert split.truth.join(one.train, on=["user_id", "item_id"], how="anti").is_empty()
            if options["exclude_seen"] and method != "leave_last_out":
                pairs = one.truth.select("user_id", "item_id")
                assert split.truth.join(pairs, on=["user_id", "item_id"], how="semi").is_empty()
                assert split.seen.join(pairs, on=["user_id", "item_id"], how="semi").is_empty()
        if cuts:
            assert rows_told["timestamp"].max() < min(cuts)
            assert split.queries["cut"].max() < min(cuts)
        if method == "leave_last_out":
            both = split.queries.join(outer[0].queries, on="user_id")
            assert both.filter(pl.col("cut") > pl.col("cut_right")).is_empty()


PLAYS = log([(user, f"i{(place * 3 + minute) % 17}", minute) for minute in range(40)
             for place, user in enumerate("abcdefgh")])  # fmt: skip


@pytest.mark.parametrize(
    ("method", "again", "count"),
    [("global_time", "rolling_time", 3), ("rolling_time", "rolling_time", 3), ("leave_last_out", "leave_last_out", 1),
     ("random", "random", 1), ("user_holdout", "user_holdout", 1)],
)  # fmt: skip
def test_the_same_is_asked_again(method, again, count) -> None:
    outer = split_windows(PLAYS, method, exclude_seen=False, seed=4)
    inner = validation_splits(outer, PLAYS)
    assert {split.protocol["method"] for split in inner} == {again}
    assert [split.window for split in inner] == list(range(count))
    assert not any(split.exclude_seen for split in inner)
    if method in ("random", "user_holdout"):
        assert inner[0].protocol["seed"] == 5
        assert validation_splits(outer, PLAYS, seed=9)[0].protocol["seed"] == 9


def test_windows_end_where_the_test_begins() -> None:
    outer = split_dataset(PLAYS, "global_time", test_share=0.25, exclude_seen=False)
    inner = validation_splits(outer, PLAYS, windows=2, test_share=0.2)
    # 30 minutes train, the last six of them are asked for in two windows of three.
    assert outer.protocol["cut"] == at(30).isoformat()
    assert [split.protocol["cut"] for split in inner] == [at(24).isoformat(), at(27).isoformat()]
    assert inner[1].test["timestamp"].max() == at(29)


def test_the_tie_rule_stays_and_drawn_orders_are_as_many_as_windows() -> None:
    rows = [(user, item, minute // 2) for user in "abc" for minute, item in enumerate("uvwxyz")]
    outer = split_windows(log(rows), "leave_last_out", tie_rule="item_id_descending")
    (inner,) = validation_splits(outer, log(rows))
    assert inner.protocol["tie_rule"] == "item_id_descending"
    # Descending ids: of y and z at the end y comes last and is the test; z is the last that is left.
    assert outer[0].truth["item_id"].unique().to_list() == ["y"] and inner.truth["item_id"].unique().to_list() == ["z"]
    drawn = split_windows(log(rows), "leave_last_out", tie_rule="random", tie_orders=4)
    assert len(validation_splits(drawn, log(rows), windows=2)) == 2


def test_what_was_skipped_before_the_cut_still_counts_as_seen_but_not_after() -> None:
    plays = [(user, f"i{minute}", minute) for minute in range(20) for user in "ab"]
    rows = [*plays, ("a", "early", 1), ("a", "late", 19)]
    data = log(rows, [*["play"] * len(plays), "skip", "skip"])
    inner = validation_splits(split_dataset(data, "global_time", test_share=0.2), data, windows=1)[0]
    assert ("a", "early") in inner.seen.rows()
    assert "late" not in inner.seen["item_id"].to_list()
    assert "early" not in inner.train["item_id"].to_list()


def test_new_items_of_validation_are_those_on_offer_before_the_test(tmp_path: Path) -> None:
    rows = [(user, f"i{minute // 2}", at(minute)) for minute in range(40) for user in "abc"]
    events = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row").with_columns(
        event=pl.lit("play")
    )
    published = {"i3": at(2), "quiet": at(31), "future": at(39)}
    items = pl.DataFrame({"item_id": list(published), "published_at": list(published.values())})
    write_dataset(tmp_path / "log", {"events": events, "items": items}, name="log", source="here", licence="none")
    data = Dataset.open(tmp_path / "log")
    outer = split_dataset(data, "cold_item", test_share=0.2)
    (inner,) = validation_splits(outer, data, test_share=0.25)
    assert outer.protocol["cut"] == at(32).isoformat() and inner.protocol["cut"] == at(24).isoformat()
    assert set(inner.candidates) == {"i12", "i13", "i14", "i15", "quiet"}
    assert inner.protocol["candidates"] == 5


def test_logs_without_times_are_split_by_chance_again() -> None:
    data = untimed([(user, f"i{item}") for user in "abcdefgh" for item in range(10)])
    for method in ("random", "user_holdout", "cold_item", "cold_user"):
        outer = split_dataset(data, method, exclude_seen=False)
        (inner,) = validation_splits(outer, data)
        assert inner.train.join(outer.train, on=["user_id", "item_id"], how="anti").is_empty()


def test_a_split_made_by_hand_is_refused() -> None:
    split = split_dataset(PLAYS, "random", exclude_seen=False)
    with pytest.raises(UsageError, match="does not say how it was made"):
        validation_splits(Split(split.train, split.queries, split.truth, split.seen), PLAYS)
    with pytest.raises(AvrecError):
        validation_splits([], PLAYS)


def test_new_users_are_asked_for_again() -> None:
    data = log([(f"u{(minute + back) // 2}", f"i{minute % 5}", minute) for minute in range(60) for back in (0, 4)])
    outer = split_dataset(data, "cold_user")
    (inner,) = validation_splits(outer, data)
    assert set(inner.queries["user_id"]) & set(outer.queries["user_id"]) == set()
    assert set(inner.queries["user_id"]) & set(inner.train["user_id"]) == set()
    assert told(inner)["timestamp"].max() < datetime.fromisoformat(outer.protocol["cut"])
