"""A network over the candidates of other models: the contract, what it cannot know, and when it learns nothing."""

from __future__ import annotations

import numpy as np
import pytest
from contract import RecommenderContract, checkerboard

from avrec_lib.errors import UsageError
from avrec_lib.models import EASE, Blend, ItemKNN, NetworkRanker, Popularity
from avrec_lib.models.candidate_features import Candidates
from avrec_lib.models.candidate_ranker import Taught
from avrec_lib.models.interactions import Interactions
from avrec_lib.protocols import Recommender


class TestNetworkRanker(RecommenderContract):
    def make(self) -> Recommender:
        return NetworkRanker(
            [ItemKNN(), EASE(regularisation=1.0)], questions=2, hidden=8, epochs=10, batch=512, learning_rate=0.02
        )

    def test_without_answers_to_learn_from_the_mean_of_the_sources_decides(self) -> None:
        train = checkerboard(6, 6, hide_diagonal=True)
        sources = [ItemKNN(), EASE(regularisation=1.0)]
        ranker, blend = (model.fit(train) for model in (NetworkRanker(sources), Blend(sources, [0.5, 0.5])))
        users = [f"u{user}" for user in range(6)]
        assert ranker.recommend(users, 5)["item_id"].equals(blend.recommend(users, 5)["item_id"])
        assert ranker.curves is None


class TestNetworkRankerWithVectorsOfItems(RecommenderContract):
    def make(self) -> Recommender:
        return NetworkRanker(
            [Popularity(), EASE(regularisation=1.0)], candidates=20, questions=2, hidden=8, embedding=4, epochs=10,
            batch=512, learning_rate=0.02, patience=None,
        )  # fmt: skip

    test_an_unknown_user_is_answered_like_any_other_unknown_user = None  # popularity is for strangers too


def judged(features: np.ndarray, is_answer: np.ndarray, queries: int) -> NetworkRanker:
    """A ranker that has learned from lists of equal length, with these `features` (pairs, columns)."""
    rows = np.repeat(np.arange(queries), len(features) // queries)
    names = ["mean score", *(f"feature {column}" for column in range(1, features.shape[1]))]
    found = Candidates(rows, np.zeros(len(rows), np.int64), features, names)
    ranker = NetworkRanker([EASE()], hidden=16, epochs=30, batch=256, learning_rate=0.01)
    ranker._learn_order(Taught(found, is_answer, rows, 1))
    return ranker


def lists_of_features(rng: np.random.Generator, queries: int = 200, size: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Two columns of noise; the answer of each query is the candidate with the highest second one."""
    features = rng.normal(size=(queries * size, 2)).astype(np.float32)
    is_answer = np.zeros(queries * size, dtype=bool)
    is_answer[np.arange(queries) * size + features[:, 1].reshape(queries, size).argmax(axis=1)] = True
    return features, is_answer


def test_it_finds_the_feature_that_tells_and_says_how_it_went() -> None:
    ranker = judged(*lists_of_features(np.random.default_rng(0)), 200)
    assert ranker.curves is not None
    last = ranker.curves.filter(curve="validation log-likelihood")["value"].max()
    assert last > np.log(1 / 5) / 2, "a guess among five has ln 1/5"


def test_features_that_are_unknown_or_infinite_are_learned_from_and_scored() -> None:
    rng = np.random.default_rng(0)
    features, is_answer = lists_of_features(rng)
    features[rng.random(len(features)) < 0.2, 0] = np.nan
    features[7, 0] = np.inf
    ranker = judged(features, is_answer, 200)
    assert np.isfinite(ranker.weights).all()
    assert ranker.shift[0] == pytest.approx(features[np.isfinite(features[:, 0]), 0].mean(), abs=1e-5)


def test_the_same_seed_learns_the_same_weights() -> None:
    drawn = lists_of_features(np.random.default_rng(0), queries=40)
    one, again = judged(*drawn, 40), judged(*drawn, 40)
    np.testing.assert_array_equal(one.weights, again.weights)


def test_what_is_no_candidate_follows_in_the_order_of_the_means() -> None:
    train = checkerboard(40, 40, hide_diagonal=True)
    sources = [Popularity(), EASE(regularisation=1.0)]
    ranker = NetworkRanker(sources, candidates=3, questions=2, hidden=8, epochs=3).fit(train)
    ranked = ranker.recommend(["u5"], 21)
    assert ranked.height == 21
    assert ranked["score"].is_sorted(descending=True)


def test_a_log_without_times_or_order_to_speak_of_is_learned_from() -> None:
    train = checkerboard(20, 20, hide_diagonal=True).drop("timestamp")
    ranker = NetworkRanker([EASE(regularisation=1.0)], questions=2, hidden=8, epochs=3).fit(train)
    assert np.isfinite(ranker.score_candidates(ranker.features(Interactions.of(train).past))).all()


@pytest.mark.parametrize(
    "options", [{"sources": []}, {"candidates": 0}, {"hidden": 0}, {"embedding": -1}, {"dropout": 1.0}, {"epochs": 0}]
)
def test_options_out_of_range_are_refused(options: dict) -> None:
    with pytest.raises(UsageError):
        NetworkRanker(**{"sources": [EASE()], **options})
