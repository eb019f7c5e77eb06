"""Permutation importance: what decides is found, what says nothing is not."""

from __future__ import annotations

import polars as pl
import pytest

from avrec_lib.data.split import Split
from avrec_lib.evaluate.trial import known_values, run_trial
from avrec_lib.models import EASE, LearnedRanker, Popularity
from avrec_lib.models.promises import checkerboard
from avrec_lib.training.importance import groups_of, permutation_importance


@pytest.fixture(scope="module")
def split() -> Split:
    board = checkerboard(40, 40)
    answer = pl.col("user_id").str.slice(1) == pl.col("item_id").str.slice(1)
    train = board.filter(~answer)
    truth = board.filter(answer).select("user_id", "item_id", query_id="user_id", relevance=pl.lit(1.0))
    empty = {"cut": pl.lit(None, pl.Datetime("us", "UTC")), "history": pl.lit(None, pl.List(pl.String))}
    return Split(train, truth.select("query_id", "user_id", **empty), truth, train.select("user_id", "item_id"))


def test_the_source_that_knows_the_answer_matters_most(split: Split) -> None:
    ranker = LearnedRanker([Popularity(), EASE(regularisation=1.0)], questions=2, trees=30).fit(split.train)
    table = permutation_importance(ranker, split, k=5)
    falls = dict(table.select("feature", "value").rows())
    assert falls["EASE"] + falls["mean score"] > 0.1 > abs(falls["popularity"])
    assert table["n"].unique().to_list() == [40]


def test_nothing_shuffled_is_what_the_evaluation_says(split: Split) -> None:
    from avrec_lib.training import importance

    ranker = LearnedRanker([EASE(regularisation=1.0)], questions=2, trees=20)
    values = known_values([run_trial(ranker, split, 5)], k=[5], metrics=["ndcg"])
    fitted = ranker.fit(split.train)
    found = fitted.features(fitted._fitted().histories(split.queries))
    own = importance._ndcg(found, fitted.score_candidates(found), split.queries, fitted._fitted(), split.truth, 5)
    assert own.tolist() == pytest.approx(values["value"].to_list())


def test_score_and_rank_of_a_source_go_together() -> None:
    assert groups_of(["mean score", "score of a", "rank of a", "popularity"]) == {
        "mean score": [0], "a": [1, 2], "popularity": [3],
    }  # fmt: skip
