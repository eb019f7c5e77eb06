"""A blend: the contract, and a sum that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from contract import RecommenderContract, checkerboard

from avrec_lib.errors import UsageError
from avrec_lib.models import EASE, IALS, Blend, ItemKNN, Popularity
from avrec_lib.models.blend import standard_scores
from avrec_lib.protocols import Recommender


class TestBlend(RecommenderContract):
    def make(self) -> Recommender:
        return Blend([ItemKNN(), EASE(regularisation=1.0)], weights=[1, 0.5])

    def test_it_is_the_weighted_sum_of_standard_scores(self) -> None:
        train = checkerboard(12, 12, hide_diagonal=True)
        items = [f"i{item}" for item in range(12)]
        parts = [EASE(regularisation=1.0), IALS(factors=4)]
        blend = Blend(parts, [2, 0.5]).fit(train)
        expected = np.zeros(12)
        for model, weight in zip(parts, (2, 0.5), strict=True):
            own = model.fit(train).score(["u5"], items)["score"].to_numpy()
            expected += weight * (own - own.mean()) / own.std()
        np.testing.assert_allclose(blend.score(["u5"], items)["score"].to_numpy(), expected, rtol=1e-4)

    def test_one_model_alone_keeps_its_order(self) -> None:
        train = checkerboard(12, 12, hide_diagonal=True)
        alone, blended = (model.fit(train).recommend(["u5"], k=9) for model in (EASE(), Blend([EASE()], [3])))
        assert blended["item_id"].equals(alone["item_id"])

    def test_a_seed_reaches_the_models_that_draw(self) -> None:
        blend = Blend([EASE(), IALS()])
        blend.seed = 7
        assert (blend.models[1].seed, blend.seed) == (7, 7)
        assert not hasattr(Blend([EASE()]), "seed")


def test_what_is_not_ranked_counts_as_the_lowest_score() -> None:
    scores = np.array([[1, 3, -np.inf], [5, 5, 5], [-np.inf, -np.inf, -np.inf]], dtype=np.float32)
    found = standard_scores(scores, scores > -np.inf)
    # 1, 3, 1: mean 5/3, deviation sqrt(8)/3
    np.testing.assert_allclose(found[0], np.array([-2, 4, -2]) / np.sqrt(8), rtol=1e-6)
    assert (found[1:] == 0).all()


def test_a_user_of_whom_one_model_knows_nothing_gets_the_list_of_the_other() -> None:
    blend = Blend([Popularity(), EASE()]).fit(pl.DataFrame({"user_id": ["a", "b", "b"], "item_id": ["x", "x", "y"]}))
    assert blend.recommend(["new"], k=2)["item_id"].to_list() == ["x", "y"]


@pytest.mark.parametrize("weights", [[1.0], [1.0, float("nan")], []])
def test_there_is_a_finite_weight_for_each_model(weights: list[float]) -> None:
    with pytest.raises(UsageError):
        Blend([EASE(), Popularity()], weights)
    with pytest.raises(UsageError):
        Blend([])
