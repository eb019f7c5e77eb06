"""User-KNN and the weightings of neighbour models: the contract, answers by hand, and a twin that reads dense rows."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from contract import RecommenderContract
from scipy import sparse

from avrec_lib.errors import UsageError
from avrec_lib.models import ItemKNN, UserKNN
from avrec_lib.models.interactions import Interactions
from avrec_lib.models.weighting import Weighting, rarity, weighted
from avrec_lib.protocols import Query, Recommender

TRAIN = pl.DataFrame({"user_id": list("aabbc"), "item_id": list("xyxzw")})  # a: x, y; b: x, z; c: w


class TestUserKNN(RecommenderContract):
    def make(self) -> Recommender:
        return UserKNN()

    def test_the_score_is_the_sum_of_the_cosines_of_those_who_chose_the_item(self) -> None:
        ranked = UserKNN().fit(TRAIN).recommend([Query("q", "new", history=["x", "y"])], k=9)
        # With a it shares both of two, with b one: 2 / (sqrt(2) · sqrt(2)) and 1 / 2; only b chose something else.
        assert ranked.select("item_id", "score").rows() == [("z", pytest.approx(0.5))]

    def test_nobody_is_a_neighbour_to_himself(self) -> None:
        model = UserKNN(neighbours=1).fit(TRAIN)
        ranked = model.recommend(["a"], k=9, exclude_seen=False)
        assert set(ranked["item_id"]) == {"x", "z"}  # what b chose: a's own y comes from a alone

    def test_late_events_say_more(self) -> None:
        model = UserKNN(decay=0.5).fit(TRAIN)
        ranked = model.recommend([Query("q", "new", history=["y", "x"])], k=9)
        # h = (y: ½, x: 1); with b: 1 / (sqrt(1.25) · sqrt(2))
        assert ranked.select("item_id", "score").rows() == [("z", pytest.approx(1 / np.sqrt(2.5)))]

    def test_only_the_nearest_count(self) -> None:
        ranked = UserKNN(neighbours=1).fit(TRAIN).recommend([Query("q", "new", history=["x", "y"])], k=9)
        assert ranked.is_empty()  # a is the nearest and has nothing else

    def test_blocks_of_queries_make_no_difference(self, monkeypatch: pytest.MonkeyPatch) -> None:
        users = [f"u{n}" for n in range(12)]
        together = self.fitted().recommend(users, k=5)
        monkeypatch.setattr("avrec_lib.models.user_knn.BLOCK_BYTES", 4 * 12 * 5)
        assert self.fitted().recommend(users, k=5).equals(together)

    def test_options_that_make_no_sense_are_refused(self) -> None:
        for options in ({"neighbours": 0}, {"decay": 0.0}, {"decay": 2.0}):
            with pytest.raises(UsageError, match="User-KNN takes"):
                UserKNN(**options)
        with pytest.raises(UsageError, match="bm25"):
            UserKNN(weighting="bm52")


class TestItemKNNWithBM25AndRecency(RecommenderContract):
    def make(self) -> Recommender:
        return ItemKNN(weighting="bm25", decay=0.8)

    def test_variants_have_names_of_their_own(self) -> None:
        models = (ItemKNN(), ItemKNN(weighting="tfidf"), self.make())
        assert [model.name for model in models] == ["item-KNN", "item-KNN TF-IDF", "item-KNN BM25, recency"]

    def test_late_events_say_more(self) -> None:
        ranked = ItemKNN(decay=0.5).fit(TRAIN).recommend([Query("q", "new", history=["z", "y"])], k=1)
        # cos(x, y) = cos(x, z) = 1 / sqrt(2 · 1); z is one event older
        assert ranked.select("item_id", "score").rows() == [("x", pytest.approx(1.5 / np.sqrt(2)))]

    def test_options_that_make_no_sense_are_refused(self) -> None:
        for options in ({"neighbours": 0}, {"shrinkage": -1.0}, {"decay": 0.0}):
            with pytest.raises(UsageError, match="Item-KNN takes"):
                ItemKNN(**options)


def dense(rows: np.ndarray, weighting: Weighting) -> np.ndarray:
    """The weights of a binary matrix, one entry at a time."""
    count, result = len(rows), np.zeros(rows.shape)
    for row, column in zip(*np.nonzero(rows), strict=True):
        having, length = rows[:, column].sum(), rows[row].sum() / rows.sum(axis=1).mean()
        result[row, column] = {
            "cosine": 1,
            "tfidf": np.log(1 + count / having),
            "bm25": np.log(1 + (count - having + 0.5) / (having + 0.5)) * 2.2 / (1 + 1.2 * (0.25 + 0.75 * length)),
        }[weighting]
    return result


@pytest.mark.parametrize("weighting", ["cosine", "tfidf", "bm25"])
def test_weights_are_those_of_the_formula(weighting: Weighting) -> None:
    rows = (np.random.default_rng(1).random((9, 7)) < 0.4).astype(np.float32)
    rows[:, 0] = 0  # a column nobody has
    found, norms = weighted(sparse.csr_matrix(rows), weighting)
    np.testing.assert_allclose(found.toarray(), dense(rows, weighting), rtol=1e-6)
    np.testing.assert_allclose(norms, 1 if weighting == "bm25" else np.linalg.norm(dense(rows, weighting), axis=1))
    assert rarity(sparse.csr_matrix(rows), weighting)[0] == 0


@pytest.mark.parametrize("weighting", ["cosine", "tfidf", "bm25"])
def test_both_models_say_what_dense_arithmetic_says(weighting: Weighting) -> None:
    users, items = np.nonzero(np.random.default_rng(0).random((15, 8)) < 0.4)
    train = pl.DataFrame({"user_id": users, "item_id": items}).cast(pl.String)
    log = Interactions.of(train)
    chosen = log.matrix().toarray()
    told = [str(item) for item in (1, 4, 6)]
    history = np.isin(log.item_ids, told).astype(float)
    by_item, by_user = dense(chosen.T, weighting), dense(chosen, weighting)
    if weighting != "bm25":
        by_item, by_user = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in (by_item, by_user))
    alike = by_item @ by_item.T
    np.fill_diagonal(alike, 0)
    rare = rarity(log.matrix(), weighting) * history
    near = by_user @ (rare if weighting == "bm25" else rare / np.linalg.norm(rare))
    for model, expected in (
        (ItemKNN(weighting=weighting), alike @ history),
        (UserKNN(weighting=weighting), near @ chosen),
    ):
        scores = model.fit(train).score([Query("q", "new", history=told)], log.item_ids.tolist())["score"]
        np.testing.assert_allclose(scores.fill_null(0), expected, rtol=1e-5)
