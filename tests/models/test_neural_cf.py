"""CF and a deep network in one: the contract for each branch and both, labels of items, and logs too short for it."""

from __future__ import annotations

import polars as pl
import pytest
from boards import knowing_parity, parity
from contract import RecommenderContract, checkerboard

from avrec_lib.errors import DataError, UsageError
from avrec_lib.models import NeuralCF
from avrec_lib.networks.neural_cf import Branches
from avrec_lib.protocols import Query, Recommender


def tiny(branches: Branches = "both", **options: object) -> NeuralCF:
    settings = {"width": 8, "hidden": 8, "negatives": 24, "epochs": 40, "batch": 256, "learning_rate": 0.03}
    return NeuralCF(branches, in_order=False, dropout=0.1, **{**settings, **options})  # type: ignore[arg-type]


class OfTwoEvents(RecommenderContract):
    """A catalogue of one item has no user with two events: see the test of what is refused."""

    test_a_catalogue_of_one_item = None  # type: ignore[assignment]


class TestBothBranches(OfTwoEvents):
    def make(self) -> Recommender:
        return tiny()


class TestTheProductAlone(OfTwoEvents):
    def make(self) -> Recommender:
        return tiny("CF")


class TestTheDeepBranchAloneWithLabels(OfTwoEvents):
    def make(self) -> Recommender:
        return knowing_parity(tiny("deep", labels=True))


def test_a_log_in_which_nobody_has_two_events_is_refused() -> None:
    with pytest.raises(DataError, match="no user of this log has two events"):
        tiny().fit(pl.DataFrame({"user_id": ["a", "b"], "item_id": ["x", "y"]}))


def test_users_of_one_event_are_no_hindrance() -> None:
    train = pl.DataFrame({"user_id": ["a", "a", "b"], "item_id": ["x", "y", "z"]})
    model = tiny(epochs=2, patience=1).fit(train)
    assert model.recommend(["b"], k=3)["item_id"].is_in(["x", "y"]).all()


def test_items_that_nobody_chose_are_not_ranked() -> None:
    train = checkerboard(6, 6)
    items = pl.concat([parity(train), pl.DataFrame({"item_id": ["new"], "title": ["new"], "tags": [["odd"]]})])
    model = tiny(epochs=2).fit(train, items)
    assert "new" not in model.recommend(["u1"], k=10)["item_id"].to_list()


def test_an_item_whose_only_choice_is_held_out_is_not_ranked_by_vectors_drawn_by_lot() -> None:
    late = pl.DataFrame({"user_id": ["u0"], "item_id": ["late"]})
    train = pl.concat([checkerboard(6, 6).select("user_id", "item_id"), late])
    assert "late" not in tiny(epochs=2, patience=1).fit(train).recommend(["u1"], k=10)["item_id"].to_list()
    assert "late" in tiny(epochs=2).fit(train).recommend(["u1"], k=10)["item_id"].to_list()


def test_a_history_longer_than_is_read_is_known_by_its_end() -> None:
    model = tiny(length=2, epochs=2).fit(checkerboard(6, 6))
    lists = [
        model.recommend([Query("q", "new", history=history)], k=6, exclude_seen=False)["item_id"].to_list()
        for history in (["i1", "i2", "i3"], ["i5", "i2", "i3"])
    ]
    assert lists[0] == lists[1]


def test_order_matters_only_where_it_is_asked_for() -> None:
    train = checkerboard(6, 6)
    ways = [Query("q", "new", history=history) for history in (["i1", "i4"], ["i4", "i1"])]
    for in_order in (True, False):
        model = NeuralCF("CF", width=8, epochs=2, decay=0.5, in_order=in_order).fit(train)
        one, other = (model.score([way], ["i0", "i3"])["score"].to_list() for way in ways)
        assert (one != pytest.approx(other, rel=1e-4)) == in_order


def test_labels_join_the_deep_branch_alone() -> None:
    train = checkerboard(6, 6)
    known = {branches: tiny(branches, epochs=1).fit(train, parity(train)) for branches in ("CF", "deep")}
    assert known["CF"].label_columns.size == 0
    assert known["deep"].label_columns.size == 6, "each item is even or odd"
    assert tiny("deep", epochs=1, labels=False).fit(train, parity(train)).label_columns.size == 0


@pytest.mark.parametrize(
    "options",
    [
        {"branches": "half"},
        {"loss": "hinge"},
        {"width": 0},
        {"hidden": 1},
        {"decay": 0.0},
        {"dropout": 1.0},
        {"epochs": 0},
    ],
)  # fmt: skip
def test_options_out_of_range_are_refused(options: dict) -> None:
    with pytest.raises(UsageError):
        NeuralCF(**options)
