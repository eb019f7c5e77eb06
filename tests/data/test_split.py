from __future__ import annotations

import pickle
from dataclasses import replace

import polars as pl
import pytest
from small_logs import FakeDataset, at, log, untimed

from avrec_lib.data.split import split_dataset, split_windows
from avrec_lib.errors import DataError, UsageError
from avrec_lib.schema import is_choice


def test_the_cut_parts_the_log_and_everyone_alike() -> None:
    data = log([("a", "x", 0), ("b", "x", 1), ("a", "y", 2), ("c", "z", 3), ("b", "y", 4)])
    split = split_dataset(data, "global_time", test_share=0.4)
    assert split.train["item_id"].to_list() == ["x", "x", "y"]
    assert split.truth.select("user_id", "item_id").rows() == [("c", "z"), ("b", "y")]
    assert split.queries["cut"].unique().to_list() == [at(3)]
    assert split.warm_queries["user_id"].to_list() == ["b"]
    assert split.cold_queries["user_id"].to_list() == ["c"]


def test_events_at_the_very_moment_of_the_cut_are_all_test() -> None:
    split = split_dataset(
        log([("a", "x", 0), ("b", "x", 5), ("c", "x", 5), ("a", "y", 5)]), "global_time", test_share=0.4
    )
    assert (split.train.height, split.truth.height) == (1, 3)


def test_what_the_user_has_already_seen_leaves_the_truth_and_is_counted() -> None:
    data = log([("a", "x", 0), ("b", "y", 1), ("a", "x", 2), ("a", "y", 3)])
    hidden = split_dataset(data, "global_time", test_share=0.5)
    kept = split_dataset(data, "global_time", test_share=0.5, exclude_seen=False)
    assert (hidden.truth["item_id"].to_list(), hidden.protocol["repeats_dropped_from_truth"]) == (["y"], 1)
    assert (kept.truth["item_id"].to_list(), kept.protocol["repeats_dropped_from_truth"]) == (["x", "y"], 0)


def test_auto_takes_time_where_there_is_time_and_says_which_it_took() -> None:
    without_times = untimed([(user, f"i{number}") for number, user in enumerate("ab" * 20)])
    assert split_dataset(log([("a", "x", 0), ("a", "y", 1), ("c", "y", 1)])).protocol["method"] == "global_time"
    assert split_dataset(without_times).protocol["method"] == "random"
    for method in ("global_time", "rolling_time", "leave_last_out"):
        with pytest.raises(DataError, match="timestamp") as refused:
            split_windows(without_times, method)
        assert ("split=user_holdout" in str(refused.value)) == (method == "leave_last_out")


def test_a_few_times_do_not_make_a_log_with_times() -> None:
    pairs = [(user, item) for user in "abcdefgh" for item in "stuvwxyz"]
    for timed, method in ((3, "random"), (31, "random"), (32, "global_time"), (64, "global_time")):
        data = log([(*pair, place if place < timed else None) for place, pair in enumerate(pairs)])
        protocol = split_dataset(data, exclude_seen=False).protocol
        assert (timed, protocol["method"]) == (timed, method)
        assert protocol["events_without_time"] == (64 - timed if method == "global_time" else 0)
        for by_lot in ("user_holdout", "cold_item", "cold_user"):
            if timed < 32:
                assert split_dataset(data, by_lot).protocol["cut"] is None
                assert split_dataset(data, by_lot).protocol["events_without_time"] == 0


def test_known_and_new_users_are_told_apart_once_and_are_no_part_of_a_copy() -> None:
    split = split_dataset(log([("a", "x", 0), ("b", "x", 1), ("a", "y", 2), ("c", "z", 3), ("b", "y", 4)]))
    assert split.warm_queries is split.warm_queries and split.cold_queries is split.cold_queries
    again = pickle.loads(pickle.dumps(split))  # noqa: S301, it is our own
    assert not {"warm_queries", "cold_queries", "_is_warm"} & set(vars(again))
    assert again.warm_queries.equals(split.warm_queries) and again.protocol == split.protocol
    assert replace(split, queries=split.queries.clear()).warm_queries.is_empty()
    assert split in {split} and split != again and split.fingerprints() == again.fingerprints()


def test_what_was_met_but_not_chosen_is_neither_asked_for_nor_to_be_shown() -> None:
    data = log([("a", "x", 0), ("b", "z", 1), ("a", "x", 2), ("a", "y", 3), ("b", "y", 4)])
    rated = FakeDataset(data._table.collect().with_columns(value=pl.Series([1.0, 5.0, 5.0, 5.0, 5.0])))  # type: ignore[attr-defined]
    split = split_dataset(rated, "global_time", test_share=0.75, min_value=4)
    assert split.train["item_id"].to_list() == ["z"]
    assert ("a", "x") in split.seen.rows()
    assert split.truth.select("user_id", "item_id").rows() == [("a", "y"), ("b", "y")]


def test_the_random_split_does_not_depend_on_the_order_of_rows() -> None:
    rows = [(user, item, 0) for user in "abcdef" for item in "uvwxyz"]
    once, again = (split_dataset(log(order), "random") for order in (rows, rows[::-1]))
    assert set(once.truth.select("user_id", "item_id").rows()) == set(again.truth.select("user_id", "item_id").rows())


def test_a_test_of_repeats_alone_is_refused() -> None:
    with pytest.raises(DataError, match="exclude_seen"):
        split_dataset(log([("a", "x", 0), ("a", "x", 9)]), "global_time", test_share=0.5)


def test_impressions_and_skips_are_no_choices() -> None:
    rows = log([("a", "x", 0)], "impression").events
    assert pl.concat([rows, log([("a", "y", 0)], "skip").events, log([("a", "z", 0)]).events]).filter(
        is_choice()
    ).collect()["item_id"].to_list() == ["z"]


def test_values_below_the_least_are_left_out_and_missing_ones_stay() -> None:
    rows = log([("a", "x", 0), ("a", "y", 1), ("a", "z", 2)]).events.with_columns(value=pl.Series([1.0, 4.0, None]))
    assert rows.filter(is_choice(min_value=3)).collect()["item_id"].to_list() == ["y", "z"]


@pytest.mark.parametrize("share", [0, 1, -0.5])
def test_a_test_share_outside_zero_and_one_is_refused(share: float) -> None:
    with pytest.raises(UsageError):
        split_dataset(log([("a", "x", 0)]), test_share=share)


def test_a_log_too_short_to_split_is_refused() -> None:
    with pytest.raises(DataError, match="no before and after"):
        split_dataset(log([("a", "x", 0)]), "global_time")
    with pytest.raises(DataError, match="no test rows"):
        split_dataset(log([("a", "x", 0)]), "random")


def test_a_test_of_unknown_users_alone_is_refused() -> None:
    with pytest.raises(DataError, match="known from training"):
        split_dataset(log([("a", "x", 0), ("b", "y", 9)]), "global_time", test_share=0.5)


def test_a_least_value_needs_values() -> None:
    with pytest.raises(DataError, match="min_value"):
        split_dataset(log([("a", "x", 0), ("b", "y", 9)]), min_value=3)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"method": "leave_last"}, "Did you mean leave_last_out?"),
        ({"tie_rule": "item"}, "Did you mean item_id?"),
        ({"windows": 0}, "windows must be 1 or more, but is 0."),
        ({"tie_orders": 0}, "tie_orders must be 1 or more"),
        ({"k_core": -1}, "k_core must be 0 or more"),
        ({"seed": -1}, "seed must be 0 or more"),
        ({"test_share": float("nan")}, "between 0 and 1"),
    ],
)
def test_a_bad_option_is_refused_in_one_sentence(options: dict, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        split_windows(log([("a", "x", 0), ("a", "y", 1)]), **options)
    assert said in str(refused.value)


def test_one_split_is_not_chosen_in_silence_out_of_several() -> None:
    data = log([("a", item, minute) for minute, item in enumerate("uvwxyz")])
    with pytest.raises(UsageError, match="3 splits"):
        split_dataset(data, "rolling_time", windows=3, test_share=0.5)
    assert split_dataset(data, "rolling_time", windows=1, test_share=0.5).truth.height == 3


def test_graded_relevance_is_the_greatest_value_of_the_pair_in_the_test() -> None:
    rows = [("a", "w", 0), ("a", "x", 1), ("a", "x", 2), ("a", "y", 3)]
    data = log(rows, "rating", value=[5.0, 2.0, 4.0, 3.0])
    graded = split_dataset(data, "global_time", test_share=0.75, graded=True)
    assert graded.truth.select("item_id", "relevance").rows() == [("x", 4.0), ("y", 3.0)]
    assert split_dataset(data, "global_time", test_share=0.75).truth["relevance"].to_list() == [1.0, 1.0]
    assert graded.protocol["graded"]


@pytest.mark.parametrize("value", [None, 0.0, -1.0, float("nan")])
def test_a_grade_that_is_none_is_refused_and_counted(value: float | None) -> None:
    data = log([("a", "w", 0), ("a", "x", 1), ("a", "y", 2)], "rating", value=[5.0, 2.0, value])
    with pytest.raises(DataError, match="1 of 2 pairs have none"):
        split_dataset(data, "global_time", test_share=0.7, graded=True)
    with pytest.raises(DataError, match="graded asks for values, but fake has none"):
        split_dataset(log([("a", "w", 0), ("a", "x", 1)]), graded=True)


def test_the_future_share_of_a_random_split_on_a_log_with_times_is_told() -> None:
    """Brute force: of the training events, how many are later than each test event."""
    rows = [
        (user, item, 7 * number % 36) for number, (user, item) in enumerate((u, i) for u in "abcdef" for i in "uvwxyz")
    ]
    split = split_dataset(log(rows), "random", test_share=0.4)
    held_out = set(split.truth.select("user_id", "item_id").rows())
    train = [minute for user, item, minute in rows if (user, item) not in held_out]
    test = [minute for user, item, minute in rows if (user, item) in held_out]
    shares = [sum(later > minute for later in train) / len(train) for minute in test]
    assert split.protocol["future_share"] == pytest.approx(sum(shares) / len(shares))
    assert split_dataset(log(rows), "global_time").protocol["future_share"] == 0
    assert split_dataset(untimed([row[:2] for row in rows]), "random").protocol["future_share"] is None


def test_events_without_a_time_cannot_be_put_in_order_and_are_counted() -> None:
    data = log([("a", "x", 0), ("a", "y", 1), ("a", "z", None), ("b", "x", 2), ("b", "y", 3)])
    for method in ("global_time", "leave_last_out"):
        split = split_dataset(data, method)
        assert split.protocol["events_without_time"] == 1
        assert split.train.height + split.protocol["test_events"] == 4


def test_a_core_is_taken_before_the_split_and_named() -> None:
    rows = [(user, item, minute) for minute, (user, item) in enumerate((u, i) for i in "wxyz" for u in "abc")]
    split = split_dataset(log([*rows, ("d", "w", 99)]), "global_time", test_share=0.5, k_core=3)
    assert split.protocol["k_core"] == 3 and split.protocol["users"] == 3
    assert split.train.height + split.protocol["test_events"] == 12
    with pytest.raises(DataError, match="The largest k_core of this log is 3"):
        split_dataset(log(rows), "global_time", k_core=50)


def test_the_protocol_names_only_what_played_a_part() -> None:
    data = log([(user, item, minute) for minute, item in enumerate("uvwxyz") for user in "ab"])
    by_time, last = split_dataset(data, "global_time").protocol, split_dataset(data, "leave_last_out").protocol
    assert (by_time["test_share"], by_time["seed"], by_time["tie_rule"]) == (0.2, None, None)
    assert (last["test_share"], last["seed"], last["tie_rule"], last["cut"]) == (None, None, "file_order", None)
    assert split_dataset(data, "random", seed=5).protocol["seed"] == 5
