from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avrec_lib.data.dataset import Dataset, DatasetCard
from avrec_lib.data.split import Split, split_dataset
from avrec_lib.errors import DataError, UsageError
from avrec_lib.schema import Events, is_choice, with_all_columns

START = datetime(2024, 1, 1, tzinfo=UTC)


class FakeDataset(Dataset):
    """A data set whose events are a table in memory."""

    def __init__(self, table: pl.DataFrame) -> None:
        filled = {column: table.height - table[column].null_count() for column in table.columns}
        card = DatasetCard("fake", "test", "none", "0", {}, {"events": filled})
        super().__init__(Path("nowhere"), card)
        typed = with_all_columns(table.lazy(), Events)
        object.__setattr__(self, "_table", typed.cast(Events.create_empty().schema))

    @property
    def events(self) -> pl.LazyFrame:  # type: ignore[override]
        return self._table  # type: ignore[attr-defined,no-any-return]


def log(rows: list[tuple[str, str, int]], event: str = "play") -> FakeDataset:
    return FakeDataset(
        pl.DataFrame(
            {
                "user_id": [user for user, _, _ in rows],
                "item_id": [item for _, item, _ in rows],
                "timestamp": [START + timedelta(minutes=minute) for _, _, minute in rows],
                "event": [event] * len(rows),
            },
            schema_overrides={"timestamp": pl.Datetime("us", "UTC")},
        )
    )


def test_the_cut_parts_the_log_and_everyone_alike() -> None:
    data = log([("a", "x", 0), ("b", "x", 1), ("a", "y", 2), ("c", "z", 3), ("b", "y", 4)])
    split = split_dataset(data, "global_time", test_share=0.4)
    assert split.train["item_id"].to_list() == ["x", "x", "y"]
    assert split.truth.select("user_id", "item_id").rows() == [("c", "z"), ("b", "y")]
    assert split.queries["cut"].unique().to_list() == [START + timedelta(minutes=3)]
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
    timed = log([("a", "x", 0), ("a", "y", 1), ("c", "y", 1)])
    untimed = FakeDataset(pl.DataFrame({"user_id": list("ab") * 20, "item_id": [f"i{n}" for n in range(40)],
                                        "event": ["play"] * 40}))  # fmt: skip
    assert split_dataset(timed).protocol["method"] == "global_time"
    assert split_dataset(untimed).protocol["method"] == "random"
    with pytest.raises(DataError, match="timestamp"):
        split_dataset(untimed, "global_time")


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


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("xyz"), st.integers(0, 20)), min_size=2, max_size=40),
    st.sampled_from([0.1, 0.2, 0.5]),
)
def test_no_training_row_is_at_or_after_its_querys_cut(rows: list[tuple[str, str, int]], share: float) -> None:
    split: Split
    try:
        split = split_dataset(log(rows), "global_time", test_share=share)
    except DataError:
        return
    assert split.queries.is_empty() or split.train["timestamp"].max() < split.queries["cut"].min()  # type: ignore[operator]
    known = split.truth.join(split.train, on=["user_id", "item_id"], how="semi")
    assert known.is_empty()
