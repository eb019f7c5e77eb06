"""The weights of a blend are chosen on validation, and on nothing else."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from avrec_lib.data.split import Split
from avrec_lib.errors import UsageError
from avrec_lib.evaluate.trial import known_values, run_trial
from avrec_lib.models import EASE, Blend, ItemKNN, Popularity
from avrec_lib.models.promises import checkerboard
from avrec_lib.training.stacking import stack


@pytest.fixture
def split() -> Split:
    """A checkerboard whose diagonal is to be found, and items that all like: popularity alone misleads."""
    board = checkerboard(14, 14)
    answer = pl.col("user_id").str.slice(1) == pl.col("item_id").str.slice(1)
    fans = pl.DataFrame({"user_id": [f"fan{n}" for n in range(60)], "item_id": [f"i{n % 2}" for n in range(60)]})
    train = pl.concat([board.filter(~answer), fans], how="diagonal_relaxed")
    truth = board.filter(answer).select("user_id", "item_id", query_id="user_id", relevance=pl.lit(1.0))
    queries = truth.select(
        "query_id", "user_id", cut=pl.lit(None, pl.Datetime("us", "UTC")), history=pl.lit(None, pl.List(pl.String))
    )
    return Split(train, queries, truth, train.select("user_id", "item_id"))


def test_the_model_that_finds_the_answers_gets_the_weight(split: Split) -> None:
    blend = stack([Popularity(), EASE(regularisation=1.0)], [split], k=1, budget=40)
    assert isinstance(blend, Blend)
    lists = blend.fit(split.train).recommend(split.queries, k=1)
    assert lists.select("user_id", "item_id").equals(split.truth.select("user_id", "item_id"))
    assert sum(blend.weights) == pytest.approx(1, abs=1e-3)


def test_what_is_tried_is_what_the_blend_does(split: Split) -> None:
    models = [Popularity(), ItemKNN(), EASE(regularisation=1.0)]
    best = known_values([run_trial(stack(models, [split], budget=60), split, 10)], k=[10], metrics=["ndcg"])
    alone = [known_values([run_trial(model, split, 10)], k=[10], metrics=["ndcg"]) for model in models]
    assert best["value"].mean() >= max(values["value"].mean() for values in alone) - 1e-9


def test_the_same_seed_chooses_the_same_weights(split: Split) -> None:
    weights = [stack([Popularity(), EASE()], [split], budget=20, seed=3).weights for _ in range(2)]
    np.testing.assert_array_equal(*weights)


def test_one_model_is_no_blend(split: Split) -> None:
    with pytest.raises(UsageError):
        stack([EASE()], [split])
    with pytest.raises(UsageError):
        stack([EASE(), Popularity()], [])
