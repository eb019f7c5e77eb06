from __future__ import annotations

import polars as pl
import pytest
from small_logs import at, log, untimed

from avrec_lib.data.split import split_dataset
from avrec_lib.errors import DataError
from avrec_lib.models import Popularity

ROWS = [("a", "x", 0), ("b", "x", 1), ("b", "y", 2), ("a", "y", 5), ("a", "new", 6), ("c", "new", 7), ("c", "x", 8)]


def test_cold_items_are_those_first_chosen_after_the_cut() -> None:
    split = split_dataset(log(ROWS), "cold_item", test_share=0.5)
    assert split.protocol["cut"] == at(6).isoformat() and split.train.height == 4
    assert split.candidates is not None and split.candidates.to_list() == ["new"]
    assert split.truth.select("user_id", "item_id").rows() == [("a", "new"), ("c", "new")]
    assert split.warm_queries["user_id"].to_list() == ["a"] and split.cold_queries["user_id"].to_list() == ["c"]
    assert split.protocol["truth_of_unseen_items"] == 2


def test_an_item_only_skipped_before_the_cut_is_cold_but_not_for_who_skipped_it() -> None:
    skipped = log([("b", "new", 3), *ROWS, ("b", "new", 9)], ["skip", *["play"] * 8])
    split = split_dataset(skipped, "cold_item", test_share=0.5)
    assert split.truth.select("user_id", "item_id").rows() == [("a", "new"), ("c", "new")]
    assert split.protocol["repeats_dropped_from_truth"] == 1


def test_what_nobody_chose_but_was_on_offer_from_the_cut_on_may_be_ranked_too() -> None:
    later = [("b", "skipped", 6), ("c", "shown", 7), ("b", "x", 8)]
    before = [("b", "gone", 3), ("a", "both", 4), ("a", "both", 9)]
    data = log([*ROWS, *later, *before], [*["play"] * 7, "skip", "impression", "dislike", *["impression"] * 3])
    published = {"out": 6, "out before": 5, "x": 7, "undated": None}
    items = pl.DataFrame(
        {"item_id": list(published), "published_at": [None if day is None else at(day) for day in published.values()]}
    )
    object.__setattr__(data, "items", items.lazy())
    split = split_dataset(data, "cold_item", test_share=0.5)
    assert split.candidates is not None
    assert split.candidates.to_list() == ["both", "new", "out", "shown", "skipped"]
    assert split.truth.select("user_id", "item_id").rows() == [("a", "new"), ("c", "new")]
    assert (split.protocol["candidates"], split.protocol["candidates_from"]) == (5, "on_offer")
    core = split_dataset(data, "cold_item", test_share=0.5, k_core=2)
    assert core.candidates is not None and core.candidates.to_list() == ["new"]


def test_the_protocol_says_where_candidates_come_from() -> None:
    drawn = split_dataset(untimed([(user, item) for user in "abc" for item in "vwxyz"]), "cold_item", test_share=0.4)
    assert (drawn.protocol["candidates"], drawn.protocol["candidates_from"]) == (2, "drawn")
    everything = split_dataset(log(ROWS), "global_time", test_share=0.5).protocol
    assert (everything["candidates"], everything["candidates_from"]) == (None, None)


def test_without_times_some_items_leave_training() -> None:
    rows = [(user, item) for user in "abcdef" for item in "uvwxy"]
    split = split_dataset(untimed(rows), "cold_item", test_share=0.4)
    assert split.candidates is not None and split.candidates.len() == 2
    assert set(split.train["item_id"]) == set("uvwxy") - set(split.candidates)
    assert split.truth.height == 12 and set(split.truth["item_id"]) == set(split.candidates)
    assert split.protocol["cut"] is None and split.queries["cut"].null_count() == 6


def test_cold_users_come_with_nothing() -> None:
    split = split_dataset(log(ROWS), "cold_user", test_share=0.5)
    assert split.truth.select("user_id", "item_id").rows() == [("c", "new"), ("c", "x")]
    assert split.queries["history"].to_list() == [[]] and split.queries["cut"].to_list() == [at(6)]
    assert split.warm_queries.is_empty() and split.cold_queries.height == 1
    assert split.train.height == 4 and split.protocol["test_events_of_unseen_users"] == 2
    ranked = Popularity().fit(split.train).recommend(split.queries, 5, seen=split.seen)
    assert set(ranked["item_id"]) == {"x", "y"}


def test_a_user_who_skipped_something_before_the_cut_is_not_new() -> None:
    data = log([("c", "y", 3), ("d", "x", 9), *ROWS], ["skip", *["play"] * 8])
    assert split_dataset(data, "cold_user", test_share=0.5).queries["user_id"].to_list() == ["d"]


def test_without_times_some_users_leave_training() -> None:
    split = split_dataset(untimed([(user, item) for user in "abcde" for item in "xyz"]), "cold_user", test_share=0.4)
    assert split.truth.height == 6 and split.train["user_id"].n_unique() == 3
    assert not set(split.queries["user_id"]) & set(split.train["user_id"])
    assert split.queries["history"].list.len().to_list() == [0, 0]


def test_a_log_without_newcomers_is_refused() -> None:
    data = log([(user, item, minute) for minute, item in enumerate("xyxy") for user in "ab"])
    for method, kind in (("cold_item", "No item"), ("cold_user", "No user")):
        with pytest.raises(DataError, match=kind):
            split_dataset(data, method, test_share=0.5)
    with pytest.raises(DataError, match="holds 1 id"):
        split_dataset(untimed([("a", "x"), ("b", "x")]), "cold_item")
