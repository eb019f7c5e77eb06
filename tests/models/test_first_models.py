"""Popularity, item-KNN and EASE: the contract, and one answer each that can be worked out by hand."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from contract import RecommenderContract, checkerboard
from scipy import sparse

from avrec_lib.errors import DataError
from avrec_lib.models import EASE, ItemKNN, Popularity, ease
from avrec_lib.models.interactions import Interactions
from avrec_lib.protocols import Query, Recommender


class TestPopularity(RecommenderContract):
    personal = False
    test_the_withheld_item_ranks_first = None

    def make(self) -> Recommender:
        return Popularity()

    def test_the_item_with_more_users_comes_first(self) -> None:
        train = pl.DataFrame({"user_id": ["a", "b", "c", "a"], "item_id": ["x", "x", "y", "x"]})
        ranked = Popularity().fit(train).recommend(["new"], k=2)
        assert ranked.select("item_id", "score").rows() == [("x", 2.0), ("y", 1.0)]

    def test_an_item_nobody_chose_is_not_ranked(self) -> None:
        train = pl.DataFrame({"user_id": ["a"], "item_id": ["x"]})
        items = pl.DataFrame({"item_id": ["x", "unloved"]})
        assert Popularity().fit(train, items).recommend(["new"], k=2)["item_id"].to_list() == ["x"]


class TestItemKNN(RecommenderContract):
    def make(self) -> Recommender:
        return ItemKNN()

    def test_the_score_is_the_sum_of_cosines(self) -> None:
        train = pl.DataFrame({"user_id": ["a", "a", "b", "b", "c"], "item_id": ["x", "y", "x", "z", "x"]})
        ranked = ItemKNN().fit(train).recommend([Query("q", "new", history=["y", "z"])], k=1)
        # x has 3 users, y and z one each; x and y share one user, x and z share one: 2 · 1 / sqrt(3 · 1)
        assert ranked.select("item_id", "score").rows() == [("x", pytest.approx(2 / np.sqrt(3)))]

    def test_an_item_near_nothing_in_the_history_is_not_ranked(self) -> None:
        train = pl.DataFrame({"user_id": ["a", "a", "b"], "item_id": ["x", "y", "apart"]})
        assert ItemKNN().fit(train).recommend([Query("q", "new", history=["x"])], k=9)["item_id"].to_list() == ["y"]

    def test_only_the_nearest_neighbours_count(self) -> None:
        train = checkerboard(20, 20)
        model = ItemKNN(neighbours=3).fit(train)
        assert np.diff(model.similarity_starts).max() == 3


class TestEASE(RecommenderContract):
    def make(self) -> Recommender:
        return EASE(regularisation=1.0)

    def test_the_weights_are_those_of_the_closed_form(self) -> None:
        users, items = np.nonzero(np.random.default_rng(0).random((30, 8)) < 0.4)
        train = pl.DataFrame({"user_id": users, "item_id": items}).cast(pl.String)
        model = EASE(regularisation=2.0).fit(train)
        dense = Interactions.of(train).matrix().toarray().astype(float)
        precision = np.linalg.inv(dense.T @ dense + 2.0 * np.eye(8))
        expected = np.eye(8) - precision / np.diag(precision)
        np.testing.assert_allclose(model.weights, expected, atol=1e-6)

    @pytest.mark.parametrize(("users", "items"), [(8, 30), (30, 8)])
    def test_few_users_or_few_items_the_inverse_is_the_same(self, users: int, items: int) -> None:
        dense = (np.random.default_rng(1).random((users, items)) < 0.4).astype(float)
        expected = np.linalg.inv(dense.T @ dense + 3.0 * np.eye(items))
        for invert in (ease._inverse_by_users, ease._inverse_by_items):
            np.testing.assert_allclose(invert(sparse.csr_matrix(dense), 3.0), expected, atol=1e-10)

    def test_a_matrix_larger_than_the_free_memory_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ease.psutil, "virtual_memory", lambda: SimpleNamespace(available=100))
        with pytest.raises(DataError, match="Lower max_items"):
            EASE().fit(checkerboard(12, 12))

    def test_a_catalogue_above_the_limit_keeps_its_most_chosen_items(self) -> None:
        train = pl.DataFrame({"user_id": list("abcab"), "item_id": ["x", "x", "x", "y", "y"]})
        model = EASE(regularisation=1.0, max_items=2).fit(
            pl.concat([train, pl.DataFrame({"user_id": ["a"], "item_id": ["z"]})])
        )
        assert set(model.recommend(["c"], k=9, exclude_seen=False)["item_id"]) == {"x", "y"}
