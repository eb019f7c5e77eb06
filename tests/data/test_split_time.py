from __future__ import annotations

import pytest
from small_logs import at, log

from avrec_lib.data.split import fingerprints_of, split_dataset, split_windows
from avrec_lib.errors import DataError


def test_windows_share_the_end_of_the_log_equally_and_train_on_all_before() -> None:
    data = log([(user, f"i{minute}", minute) for minute in range(20) for user in "a"])
    splits = split_windows(data, "rolling_time", test_share=0.4, windows=4)
    assert [split.protocol["cut"] for split in splits] == [at(minute).isoformat() for minute in (12, 14, 16, 18)]
    assert [split.train.height for split in splits] == [12, 14, 16, 18]
    assert [split.truth["item_id"].to_list() for split in splits] == [
        ["i12", "i13"], ["i14", "i15"], ["i16", "i17"], ["i18", "i19"]
    ]  # fmt: skip
    assert [split.window for split in splits] == [0, 1, 2, 3]
    assert {split.protocol["windows"] for split in splits} == {4}


def test_a_later_window_knows_what_an_earlier_one_asked_for() -> None:
    data = log([("a", "v", 0), ("a", "w", 1), ("a", "x", 2), ("a", "x", 3), ("a", "y", 4)])
    second = split_windows(data, "rolling_time", test_share=0.6, windows=2)[1]
    assert second.truth["item_id"].to_list() == ["y"]
    assert second.protocol["repeats_dropped_from_truth"] == 1


def test_one_window_is_the_global_split() -> None:
    data = log([(user, f"i{minute}", minute) for minute in range(20) for user in "ab"])
    (rolling,) = split_windows(data, "rolling_time", windows=1)
    assert rolling.fingerprints() == split_dataset(data, "global_time").fingerprints()


def test_windows_that_would_be_empty_are_refused() -> None:
    data = log([("a", f"i{number}", min(number, 8)) for number in range(20)])
    with pytest.raises(DataError, match="leave 2 of them empty"):
        split_windows(data, "rolling_time", test_share=0.6, windows=3)
    with pytest.raises(DataError, match="leave 97 of them empty"):
        split_windows(log([("a", f"i{n}", n) for n in range(10)]), "rolling_time", test_share=0.3, windows=100)


def test_a_window_without_a_known_user_is_refused_with_a_way_out() -> None:
    data = log([("a", "x", 0), ("a", "y", 1), ("b", "x", 2), ("b", "z", 3), ("a", "z", 4)])
    with pytest.raises(DataError, match="Ask for fewer windows"):
        split_windows(data, "rolling_time", test_share=0.6, windows=2)


def test_the_test_rows_hold_what_was_skipped_while_it_lasted() -> None:
    played = [(user, f"i{minute}", minute) for minute in range(8) for user in "ab"]
    rows = [*played, ("a", "shunned", 7), ("a", "earlier", 2)]
    data = log(rows, event=[*["play"] * len(played), "skip", "skip"])
    first, last = split_windows(data, "rolling_time", windows=2, test_share=0.25)
    assert set(last.test["item_id"]) == {"i7", "shunned"}
    assert set(first.test["item_id"]) == {"i6"}
    assert "shunned" not in last.truth["item_id"].to_list()


def test_several_windows_have_a_fingerprint_together() -> None:
    data = log([(user, f"i{minute}", minute) for minute in range(20) for user in "ab"])
    first, last = split_windows(data, "rolling_time", windows=2)
    assert fingerprints_of([first]) == first.fingerprints()
    assert fingerprints_of([first, last]) != fingerprints_of([last, first])
