"""Item transitions: the contract, and two answers that can be worked out by hand."""

from __future__ import annotations

import polars as pl
import pytest
from contract import RecommenderContract

from avrec_lib.errors import UsageError
from avrec_lib.models import ItemTransitions
from avrec_lib.protocols import Query, Recommender


def log(*histories: str) -> pl.DataFrame:
    rows = [(f"u{user}", item) for user, items in enumerate(histories) for item in items]
    return pl.DataFrame(rows, ["user_id", "item_id"], orient="row")


def scores(model: ItemTransitions, history: str) -> dict[str, float]:
    ranked = model.recommend([Query("q", "new", history=list(history))], k=9, exclude_seen=False)
    return dict(ranked.select("item_id", "score").rows())


class TestItemTransitions(RecommenderContract):
    test_the_withheld_item_ranks_first = None  # what comes first on the board follows nothing

    def make(self) -> Recommender:
        return ItemTransitions()

    def test_what_followed_counts_less_with_every_step(self) -> None:
        model = ItemTransitions(steps=2, decay=0.5, target_power=0, source_power=0).fit(log("xyz", "xz"))
        # x → y at one step; x → z at two steps (.5) and at one step (1)
        assert scores(model, "x") == {"z": pytest.approx(1.5), "y": pytest.approx(1.0)}

    def test_older_items_of_the_history_count_less_and_popular_targets_are_damped(self) -> None:
        model = ItemTransitions(steps=2, decay=0.5, target_power=1, source_power=0).fit(log("xa", "yb", "b"))
        # a: chosen by one user and follows x, the item before the last (.5); b: by two users (1/2), follows the last
        assert scores(model, "xy") == {"a": pytest.approx(0.5), "b": pytest.approx(0.5)}

    def test_both_ways_what_came_before_counts_too(self) -> None:
        model = ItemTransitions(target_power=0, source_power=0, both_ways=True).fit(log("xy"))
        assert scores(model, "y") == {"x": pytest.approx(1.0)}

    def test_a_popular_source_says_less(self) -> None:
        model = ItemTransitions(target_power=0, source_power=0.5).fit(log("xa", "x", "x", "x"))
        assert scores(model, "x") == {"a": pytest.approx(0.5)}  # x has 4 users: 1 / sqrt(4)

    def test_nothing_passes_from_one_user_to_the_next(self) -> None:
        assert scores(ItemTransitions().fit(log("x", "y")), "x") == {}


@pytest.mark.parametrize(
    "options", [{"steps": 0}, {"decay": 0}, {"decay": 1.1}, {"target_power": -1}, {"source_power": -1}]
)
def test_options_out_of_range_are_refused(options: dict) -> None:
    with pytest.raises(UsageError):
        ItemTransitions(**options)
