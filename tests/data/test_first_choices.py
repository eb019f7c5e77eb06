from __future__ import annotations

import pytest
from small_logs import log

from avrec_lib.data.first_choices import tell_first_choices
from avrec_lib.data.split import split_dataset
from avrec_lib.errors import DataError, UsageError

ROWS = [("old", "v", 0), ("old", "w", 1), ("new", "z", 12), ("new", "y", 11), ("new", "x", 10), ("one", "x", 13)]


def test_the_first_choices_are_told_by_time_and_the_rest_is_to_be_found() -> None:
    split = split_dataset(log(ROWS), "cold_user", test_share=0.7)
    for told, history in ((0, []), (1, ["x"]), (2, ["x", "y"])):
        asked = tell_first_choices(split, told, of=2)
        assert asked.queries.select("user_id", "history").rows() == [("new", history)]
        assert asked.truth.select("user_id", "item_id").rows() == [("new", "z")]
        assert {("new", "x"), ("new", "y")} <= set(asked.seen.select("user_id", "item_id").rows())
        assert asked.protocol["told"] == told


def test_what_cannot_be_told_is_refused() -> None:
    split = split_dataset(log(ROWS), "cold_user", test_share=0.7)
    with pytest.raises(UsageError, match="cannot be told"):
        tell_first_choices(split, 3, of=2)
    with pytest.raises(DataError, match="more than 3 items"):
        tell_first_choices(split, 0, of=3)
